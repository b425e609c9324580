#include "fhir/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <vector>

namespace carestream::fhir {

namespace {

// Builds the tree from SAX events. The stack holds addresses of nodes under construction: a parent
// is not appended to while a child is open, so the addresses stay valid.
class Builder {
public:
    explicit Builder(const JsonLimits& limits) : limits_(limits) {}

    bool Null() { return Place(Node()); }
    bool Bool(bool value) { return Place(Node::Boolean(value)); }
    bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
        return Place(Node::Number(std::string(text, size)));
    }
    bool String(const char* text, rapidjson::SizeType size, bool) {
        return Place(Node::String(std::string(text, size)));
    }
    bool StartObject() { return Open(Node::Object()); }
    bool StartArray() { return Open(Node::Array()); }
    bool EndObject(rapidjson::SizeType) { return Unique(stack_.back()->members()) && Close(); }
    bool EndArray(rapidjson::SizeType) { return Close(); }
    bool Key(const char* text, rapidjson::SizeType size, bool) {
        std::vector<Member>& members = stack_.back()->members();
        members.push_back({std::string(text, size), Node()});
        pending_ = &members.back().value;
        return true;
    }
    // The reader is used with kParseNumbersAsStringsFlag, so these are never called.
    bool Int(int) { return false; }
    bool Uint(unsigned) { return false; }
    bool Int64(std::int64_t) { return false; }
    bool Uint64(std::uint64_t) { return false; }
    bool Double(double) { return false; }

    Node Take() { return std::move(root_); }
    const std::string& failure() const { return failure_; }
    bool limit_hit() const { return limit_hit_; }

private:
    Node* Store(Node node) {
        if (++nodes_ > limits_.nodes_max) {
            limit_hit_ = true;
            failure_ = "more values than allowed";
            return nullptr;
        }
        if (stack_.empty()) {
            root_ = std::move(node);
            return &root_;
        }
        Node& parent = *stack_.back();
        if (parent.IsArray()) return &parent.Append(std::move(node));
        *pending_ = std::move(node);
        return pending_;
    }
    bool Place(Node node) { return Store(std::move(node)) != nullptr; }
    bool Open(Node node) {
        if (stack_.size() >= limits_.depth_max) {
            limit_hit_ = true;
            failure_ = "nested deeper than allowed";
            return false;
        }
        Node* stored = Store(std::move(node));
        if (stored == nullptr) return false;
        stack_.push_back(stored);
        return true;
    }
    // At the end of an object, so that a big one costs no comparison of each pair.
    bool Unique(const std::vector<Member>& members) {
        const std::string* twice = nullptr;
        if (members.size() <= kFewMembers) {
            for (std::size_t i = 1; i < members.size(); ++i) {
                for (std::size_t j = 0; j < i; ++j) {
                    if (members[i].name == members[j].name) twice = &members[i].name;
                }
            }
        } else {
            std::vector<const std::string*> names;
            names.reserve(members.size());
            for (const Member& member : members) names.push_back(&member.name);
            std::sort(names.begin(), names.end(),
                      [](const auto* a, const auto* b) { return *a < *b; });
            const auto at = std::adjacent_find(
                names.begin(), names.end(), [](const auto* a, const auto* b) { return *a == *b; });
            if (at != names.end()) twice = *at;
        }
        if (twice == nullptr) return true;
        failure_ = "duplicate member '" + *twice + "'";
        return false;
    }
    bool Close() {
        stack_.pop_back();
        return true;
    }

    static constexpr std::size_t kFewMembers = 16;

    const JsonLimits& limits_;
    Node root_;
    std::vector<Node*> stack_;
    Node* pending_ = nullptr;
    std::size_t nodes_ = 0;
    std::string failure_;
    bool limit_hit_ = false;
};

// RapidJSON stops at a NUL as if the text ended there, so a NUL is refused before.
Result<void> CheckBytes(std::string_view text) {
    const auto nul = text.find('\0');
    if (nul == std::string_view::npos) return {};
    Error error{Code::kInvalid, "NUL byte in JSON text", {}, {}, nul, false};
    return Fail(std::move(error));
}

void Indent(std::size_t depth, std::string& out) {
    out.append(depth * 2, ' ');
}

void WritePretty(const Node& node, std::size_t depth, std::string& out) {
    const bool object = node.IsObject() && !node.members().empty();
    const bool array = node.IsArray() && !node.items().empty();
    if (!object && !array) return WriteJson(node, out);
    out += object ? "{\n" : "[\n";
    const std::size_t count = object ? node.members().size() : node.items().size();
    for (std::size_t i = 0; i < count; ++i) {
        Indent(depth + 1, out);
        if (object) {
            WriteJsonString(node.members()[i].name, out);
            out += ": ";
        }
        WritePretty(object ? node.members()[i].value : node.items()[i], depth + 1, out);
        out += i + 1 < count ? ",\n" : "\n";
    }
    Indent(depth, out);
    out += object ? '}' : ']';
}

}  // namespace

Result<Node> ParseJson(std::string_view text, const JsonLimits& limits) {
    CARESTREAM_TRY(CheckBytes(text));
    Builder builder(limits);
    rapidjson::MemoryStream memory(text.data(), text.size());
    rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(memory);
    rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>> reader;
    constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                                rapidjson::kParseValidateEncodingFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
    const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
    if (!result) {
        Error error;
        error.code = builder.limit_hit() ? Code::kLimit : Code::kInvalid;
        error.message = builder.failure().empty() ? rapidjson::GetParseError_En(result.Code())
                                                  : builder.failure();
        error.offset_bytes = result.Offset();
        error.message += " (byte " + std::to_string(result.Offset()) + ")";
        return Fail(std::move(error));
    }
    return builder.Take();
}

void WriteJsonString(std::string_view text, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, begin, i - begin);
        begin = i + 1;
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                out += "\\u00";
                out += kHex[c >> 4];
                out += kHex[c & 15];
        }
    }
    out.append(text, begin);
    out += '"';
}

void WriteJson(const Node& node, std::string& out) {
    switch (node.kind()) {
        case Kind::kNull:
            out += "null";
            return;
        case Kind::kBoolean:
        case Kind::kNumber:
            out += node.text();
            return;
        case Kind::kString:
            WriteJsonString(node.text(), out);
            return;
        case Kind::kArray: {
            out += '[';
            bool first = true;
            for (const Node& item : node.items()) {
                if (!first) out += ',';
                first = false;
                WriteJson(item, out);
            }
            out += ']';
            return;
        }
        case Kind::kObject: {
            out += '{';
            bool first = true;
            for (const Member& member : node.members()) {
                if (!first) out += ',';
                first = false;
                WriteJsonString(member.name, out);
                out += ':';
                WriteJson(member.value, out);
            }
            out += '}';
            return;
        }
    }
}

std::string ToJson(const Node& node) {
    std::string out;
    WriteJson(node, out);
    return out;
}

std::string ToPrettyJson(const Node& node) {
    std::string out;
    WritePretty(node, 0, out);
    return out;
}

}  // namespace carestream::fhir
