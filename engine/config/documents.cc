#include "config/documents.h"

#include <cstdio>

namespace carestream::config {

namespace {

std::string Quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            (out += '\\') += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char buffer[8];
            std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
            out += buffer;
        } else {
            out += c;
        }
    }
    return out + '"';
}

// Collects "key": value members with indentation.
class JsonObject {
public:
    explicit JsonObject(int indent) : indent_(indent) {}
    void Add(std::string_view key, const std::string& value) {
        members_ += (members_.empty() ? "" : ",") + Line(indent_ + 1) + Quoted(key) + ": " + value;
    }
    std::string Text() const { return "{" + members_ + Line(indent_) + "}"; }

private:
    static std::string Line(int indent) {
        return "\n" + std::string(static_cast<std::size_t>(indent) * 2, ' ');
    }
    int indent_;
    std::string members_;
};

std::string ObjectSchema(const std::vector<Field>& fields, bool one_of,
                         const std::string& description, int indent);

void AddScalar(const Field& field, JsonObject& json) {
    const std::string reference = "{\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}";
    if (field.type == Type::kInteger) {
        std::string number = "{\"type\": \"integer\", \"minimum\": " + std::to_string(field.min);
        if (field.max != std::numeric_limits<std::int64_t>::max()) {
            number += ", \"maximum\": " + std::to_string(field.max);
        }
        json.Add("anyOf", "[" + number + "}, " + reference + "]");
    } else if (field.type == Type::kBoolean) {
        json.Add("anyOf", "[{\"type\": \"boolean\"}, " + reference + "]");
    } else if (field.type == Type::kChoice) {
        std::string choices;
        for (const std::string& choice : field.choices) {
            choices += (choices.empty() ? "" : ", ") + Quoted(choice);
        }
        json.Add("anyOf", "[{\"enum\": [" + choices + "]}, " + reference + "]");
    } else if (field.type == Type::kBytes) {
        json.Add("anyOf",
                 "[{\"type\": \"integer\"}, {\"type\": \"string\", \"pattern\": "
                 "\"^[0-9]+ ?(B|KiB|MiB|GiB|kB|MB|GB)?$\"}, " +
                     reference + "]");
    } else if (field.type == Type::kDuration) {
        std::string words;
        for (const std::string& word : field.choices) words += word + "|";
        json.Add("anyOf", "[{\"const\": 0}, {\"type\": \"string\", \"pattern\": \"^(" + words +
                              "none|0|[0-9]+ ?(ms|s|m|h|d))$\"}, " + reference + "]");
    } else {
        json.Add("type", field.type == Type::kString || field.type == Type::kSecret
                             ? "[\"string\", \"number\", \"boolean\"]"
                             : "\"string\"");
    }
}

std::string ValueSchema(const Field& field, const std::string& description, int indent) {
    if (field.type == Type::kObject) {
        return ObjectSchema(field.fields, field.one_of, description, indent);
    }
    JsonObject json(indent);
    if (!description.empty()) json.Add("description", Quoted(description));
    AddScalar(field, json);
    return json.Text();
}

std::string FieldSchema(const Field& field, int indent) {
    std::string description = field.description;
    if (!field.default_text.empty()) description += " Default: " + field.default_text + ".";
    if (!field.list && !field.map) return ValueSchema(field, description, indent);
    JsonObject json(indent);
    json.Add("description", Quoted(description));
    json.Add("type", field.list ? "\"array\"" : "\"object\"");
    json.Add(field.list ? "items" : "additionalProperties", ValueSchema(field, "", indent + 1));
    return json.Text();
}

std::string ObjectSchema(const std::vector<Field>& fields, bool one_of,
                         const std::string& description, int indent) {
    JsonObject json(indent);
    if (!description.empty()) json.Add("description", Quoted(description));
    json.Add("type", "\"object\"");
    json.Add("additionalProperties", "false");
    std::string required;
    JsonObject properties(indent + 1);
    for (const Field& field : fields) {
        properties.Add(field.key, FieldSchema(field, indent + 2));
        if (field.required) required += (required.empty() ? "" : ", ") + Quoted(field.key);
    }
    if (!required.empty()) json.Add("required", "[" + required + "]");
    if (one_of) json.Add("minProperties", "1"), json.Add("maxProperties", "1");
    json.Add("properties", properties.Text());
    return json.Text();
}

const char* TypeWord(Type type) {
    switch (type) {
        case Type::kString:
            return "text";
        case Type::kInteger:
            return "number";
        case Type::kBoolean:
            return "true or false";
        case Type::kBytes:
            return "size";
        case Type::kDuration:
            return "duration";
        case Type::kChoice:
            return "choice";
        case Type::kPath:
            return "path";
        case Type::kAddress:
            return "host:port";
        case Type::kNetwork:
            return "network";
        case Type::kSecret:
            return "secret";
        case Type::kObject:
            return "map";
    }
    return "";
}

std::string Cell(std::string text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

std::string TypeCell(const Field& field) {
    std::string text = field.type == Type::kChoice ? "" : TypeWord(field.type);
    for (const std::string& choice : field.choices) {
        text += (text.empty() ? "`" : ", `") + choice + "`";
    }
    if (field.list) return "list of " + text;
    if (field.map) return "map of names to " + text;
    return text;
}

void AppendTable(const std::vector<Field>& fields, const std::string& path, std::string& out) {
    out += "| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const Field& field : fields) {
        std::string fallback = field.required ? "required" : "";
        if (!field.default_text.empty()) fallback = "`" + field.default_text + "`";
        std::string meaning = field.description;
        if (!field.example.empty()) meaning += " Example: `" + field.example + "`.";
        out += "| `" + field.key + "` | " + Cell(TypeCell(field)) + " | " + Cell(fallback) + " | " +
               Cell(meaning) + " |\n";
    }
    for (const Field& field : fields) {
        if (field.type != Type::kObject) continue;
        const std::string name = path.empty() ? field.key : path + "." + field.key;
        out += "\n### `" + name + "`\n\n";
        if (!field.description.empty()) out += field.description + "\n\n";
        if (field.one_of) out += "Exactly one of these:\n\n";
        AppendTable(field.fields, name, out);
    }
}

}  // namespace

std::string JsonSchema(const Spec& spec) {
    const std::string body = ObjectSchema(spec.fields, false, spec.description, 0);
    return "{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n  \"title\": " +
           Quoted(spec.title) + "," + body.substr(1) + "\n";
}

std::string ReferencePage(const Spec& spec) {
    std::string out = "## " + spec.title + "\n\n" + spec.description + "\n\n";
    AppendTable(spec.fields, "", out);
    return out;
}

// Prints what was read, defaults included.
class ValueDumper {
public:
    static void Append(const Values& values, int indent, std::string& out) {
        const std::string margin(static_cast<std::size_t>(indent) * 2, ' ');
        for (const Values::Value& value : values.values_) {
            if (!value.present && value.objects.empty()) continue;
            out += margin + value.field->key + ":";
            if (value.field->type == Type::kObject) {
                AppendObjects(value, indent, out);
            } else if (value.field->list) {
                AppendList(value, out);
            } else if (value.field->map) {
                out += "\n";
                for (const auto& [name, text] : value.map) {
                    out += margin + "  " + Quoted(name) + ": " + Shown(value, text) + "\n";
                }
            } else {
                out += " " + Shown(value, value.text) + "\n";
            }
        }
    }

private:
    static std::string Shown(const Values::Value& value, const std::string& text) {
        if (value.secret) return "\"***\"";
        const Type type = value.field->type;
        const bool plain = type == Type::kInteger || type == Type::kBoolean ||
                           type == Type::kChoice || type == Type::kBytes || type == Type::kDuration;
        return plain && !text.empty() ? text : Quoted(text);
    }
    static void AppendList(const Values::Value& value, std::string& out) {
        out += " [";
        for (std::size_t i = 0; i < value.items.size(); ++i) {
            out += (i == 0 ? "" : ", ") + Shown(value, value.items[i]);
        }
        out += "]\n";
    }
    static void AppendObjects(const Values::Value& value, int indent, std::string& out) {
        out += "\n";
        const std::string margin(static_cast<std::size_t>(indent) * 2, ' ');
        for (const Values& object : value.objects) {
            if (!value.field->list) {
                Append(object, indent + 1, out);
                continue;
            }
            std::string lines;
            Append(object, indent + 2, lines);
            if (lines.size() > margin.size() + 4) lines[margin.size() + 2] = '-';
            out += lines;
        }
    }
};

std::string DumpYaml(const Values& values) {
    std::string out;
    ValueDumper::Append(values, 0, out);
    return out;
}

}  // namespace carestream::config
