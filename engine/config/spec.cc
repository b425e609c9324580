#include "config/spec.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "base/assert.h"
#include "base/text.h"
#include "config/units.h"

namespace carestream::config {

namespace {

const char* NameOf(Type type) {
    switch (type) {
        case Type::kString:
            return "text";
        case Type::kInteger:
            return "a number";
        case Type::kBoolean:
            return "true or false";
        case Type::kBytes:
            return "a size";
        case Type::kDuration:
            return "a duration";
        case Type::kChoice:
            return "one word";
        case Type::kPath:
            return "a path";
        case Type::kAddress:
            return "host:port";
        case Type::kNetwork:
            return "a network";
        case Type::kSecret:
            return "text";
        case Type::kObject:
            return "a map";
    }
    return "a value";
}

std::string Listed(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::vector<std::string_view> Views(const std::vector<std::string>& words) {
    return {words.begin(), words.end()};
}

std::string BoundText(Type type, std::int64_t bound) {
    std::string text = std::to_string(bound);
    if (type == Type::kBytes) text += " bytes";
    if (type == Type::kDuration) text += "ms";
    return text;
}

Result<std::int64_t> CheckedBounds(const Field& field, std::int64_t number) {
    if (number < field.min) {
        return Fail(Code::kInvalid, "must be at least " + BoundText(field.type, field.min));
    }
    if (number > field.max) {
        return Fail(Code::kInvalid, "must be at most " + BoundText(field.type, field.max));
    }
    return number;
}

// Checks the text against the type; the number it stands for, or 0.
Result<std::int64_t> Interpret(const Field& field, const std::string& text) {
    switch (field.type) {
        case Type::kInteger: {
            std::int64_t number = 0;
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), number);
            if (error != std::errc() || end != text.data() + text.size()) {
                return Fail(Code::kInvalid, "'" + text + "' is not a whole number");
            }
            return CheckedBounds(field, number);
        }
        case Type::kBoolean:
            if (text != "true" && text != "false") {
                return Fail(Code::kInvalid, "'" + text + "' is neither true nor false");
            }
            return text == "true" ? 1 : 0;
        case Type::kBytes: {
            CARESTREAM_ASSIGN(number, ParseBytes(text));
            return CheckedBounds(field, number);
        }
        case Type::kDuration: {
            const auto& words = field.choices;
            if (std::find(words.begin(), words.end(), text) != words.end()) return field.max;
            CARESTREAM_ASSIGN(number, ParseDurationMs(text));
            return CheckedBounds(field, number);
        }
        case Type::kChoice: {
            const auto& choices = field.choices;
            if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
                return Fail(Code::kInvalid, "'" + text + "' is none of " + Listed(choices) +
                                                DidYouMean(text, Views(choices)));
            }
            return 0;
        }
        case Type::kAddress:
            CARESTREAM_TRY(CheckAddress(text));
            return 0;
        case Type::kNetwork:
            CARESTREAM_TRY(Network::Parse(text));
            return 0;
        default:
            return 0;
    }
}

}  // namespace

// Walks Spec and YAML side by side; collects every mistake.
class SpecReader {
public:
    SpecReader(std::shared_ptr<const Spec> spec, const References& references,
               std::vector<Error>& errors)
        : spec_(std::move(spec)), references_(references), errors_(errors) {}

    Values ReadMap(const std::vector<Field>& fields, bool one_of, const Yaml& yaml) {
        Values values;
        values.spec_ = spec_;
        values.position_ = yaml.position();
        if (!yaml.IsMap() && !yaml.IsNull()) {
            Complain(yaml.position(), "a map of keys is expected here");
            return values;
        }
        std::vector<std::string_view> known;
        for (const Field& field : fields) known.push_back(field.key);
        for (const YamlEntry& entry : yaml.entries()) {
            if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
            const std::string near = DidYouMean(entry.key, known);
            std::string keys;
            for (const std::string_view key : known) (keys += keys.empty() ? "" : ", ") += key;
            Complain(entry.position, "unknown key '" + entry.key + "'" +
                                         (near.empty() ? "; known here: " + keys : near));
        }
        std::size_t present = 0;
        for (const Field& field : fields) {
            const Yaml* written = yaml.Find(field.key);
            if (written != nullptr && !written->IsNull()) ++present;
            values.values_.push_back(ReadField(field, written, yaml.position()));
        }
        if (one_of && present != 1) {
            std::string keys;
            for (const std::string_view key : known) (keys += keys.empty() ? "" : ", ") += key;
            Complain(yaml.position(), "exactly one of these is expected here: " + keys);
        }
        return values;
    }

private:
    Values::Value ReadField(const Field& field, const Yaml* written, const Position& parent) {
        Values::Value value;
        value.field = &field;
        value.position = parent;
        if (written == nullptr || written->IsNull()) {
            if (field.required) {
                Complain(parent, "'" + field.key + "' is missing" +
                                     (field.example.empty()
                                          ? ""
                                          : ", for example " + field.key + ": " + field.example));
                return value;
            }
            if (!field.default_text.empty()) {
                auto parsed = Yaml::Parse(field.default_text, "default of " + field.key);
                CARESTREAM_ASSERT(parsed.has_value());
                Fill(field, *parsed, value);
            } else if (field.type == Type::kObject && !field.list && !field.map && !field.one_of) {
                // Members with defaults exist even when the object is not written.
                if (AllOptional(field))
                    value.objects.push_back(ReadMap(field.fields, false, Empty()));
            }
            return value;
        }
        value.position = written->position();
        value.written = written->text();
        Fill(field, *written, value);
        return value;
    }

    static bool AllOptional(const Field& field) {
        return std::none_of(field.fields.begin(), field.fields.end(),
                            [](const Field& member) { return member.required; });
    }

    static const Yaml& Empty() {
        static const Yaml empty;
        return empty;
    }

    void Fill(const Field& field, const Yaml& yaml, Values::Value& value) {
        value.present = true;
        if (field.list) return FillList(field, yaml, value);
        if (field.map) return FillMap(field, yaml, value);
        if (field.type == Type::kObject) {
            value.objects.push_back(ReadMap(field.fields, field.one_of, yaml));
            return;
        }
        ReadScalar(field, yaml, value.text, value.number, value.secret);
    }

    void FillList(const Field& field, const Yaml& yaml, Values::Value& value) {
        if (!yaml.IsSequence()) {
            Complain(yaml.position(),
                     "'" + field.key + "' is a list, like [" + field.example + "]");
            return;
        }
        for (const Yaml& item : yaml.items()) {
            value.item_positions.push_back(item.position());
            if (field.type == Type::kObject) {
                value.objects.push_back(ReadMap(field.fields, field.one_of, item));
                continue;
            }
            std::int64_t number = 0;
            value.items.emplace_back();
            ReadScalar(field, item, value.items.back(), number, value.secret);
        }
    }

    void FillMap(const Field& field, const Yaml& yaml, Values::Value& value) {
        if (!yaml.IsMap()) {
            Complain(yaml.position(), "'" + field.key + "' is a map of names");
            return;
        }
        for (const YamlEntry& entry : yaml.entries()) {
            std::int64_t number = 0;
            ReadScalar(field, entry.value, value.map[entry.key], number, value.secret);
        }
    }

    void ReadScalar(const Field& field, const Yaml& yaml, std::string& text, std::int64_t& number,
                    bool& secret) {
        if (!yaml.IsScalar()) {
            Complain(yaml.position(), "'" + field.key + "' wants " + NameOf(field.type));
            return;
        }
        auto resolved = Resolve(yaml.text(), references_);
        if (!resolved) {
            Error error = std::move(resolved).error();
            error.position = yaml.position();
            errors_.push_back(std::move(error));
            return;
        }
        secret = secret || resolved->secret || field.type == Type::kSecret;
        text = std::move(resolved->text);
        const auto interpreted = Interpret(field, text);
        if (!interpreted) {
            Complain(yaml.position(), "'" + field.key + "': " + interpreted.error().message);
            return;
        }
        number = *interpreted;
    }

    void Complain(const Position& position, std::string message) {
        errors_.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
    }

    std::shared_ptr<const Spec> spec_;
    const References& references_;
    std::vector<Error>& errors_;
};

Read ReadSpec(const Spec& spec, const Yaml& yaml, const References& references) {
    Read read;
    auto kept = std::make_shared<const Spec>(spec);
    SpecReader reader(kept, references, read.errors);
    read.values = reader.ReadMap(kept->fields, false, yaml);
    std::stable_sort(read.errors.begin(), read.errors.end(), [](const Error& a, const Error& b) {
        return std::pair(a.position.line, a.position.column) <
               std::pair(b.position.line, b.position.column);
    });
    return read;
}

const Values::Value& Values::Get(std::string_view key) const {
    static const Value kAbsent;
    if (spec_ == nullptr) return kAbsent;  // an object that was not written
    for (const Value& value : values_) {
        if (value.field->key == key) return value;
    }
    AssertionFailed("undeclared key asked of a Spec", __FILE__, __LINE__);
}

bool Values::Has(std::string_view key) const {
    return Get(key).present;
}
const std::string& Values::String(std::string_view key) const {
    return Get(key).text;
}
std::int64_t Values::Integer(std::string_view key) const {
    return Get(key).number;
}
bool Values::Boolean(std::string_view key) const {
    return Get(key).number != 0;
}
const std::string& Values::Written(std::string_view key) const {
    return Get(key).written;
}
const std::vector<std::string>& Values::Strings(std::string_view key) const {
    return Get(key).items;
}
const Values& Values::Object(std::string_view key) const {
    static const Values kNone;
    const Value& value = Get(key);
    return value.objects.empty() ? kNone : value.objects.front();
}
const std::vector<Values>& Values::Objects(std::string_view key) const {
    return Get(key).objects;
}
const std::map<std::string, std::string>& Values::Map(std::string_view key) const {
    return Get(key).map;
}
const Position& Values::PositionOf(std::string_view key) const {
    return Get(key).position;
}
const Position& Values::ItemPosition(std::string_view key, std::size_t index) const {
    const Value& value = Get(key);
    return index < value.item_positions.size() ? value.item_positions[index] : value.position;
}

std::string Values::Fingerprint() const {
    std::string out;
    const auto add = [&out](std::string_view text) {
        out += std::to_string(text.size());
        out += ':';
        out += text;
    };
    for (const Value& value : values_) {
        add(value.field->key);
        add(value.text);
        out += 'i';
        for (const std::string& item : value.items) add(item);
        out += 'm';
        for (const auto& [name, text] : value.map) add(name), add(text);
        out += 'o';
        for (const Values& object : value.objects) add(object.Fingerprint());
    }
    return out;
}

}  // namespace carestream::config
