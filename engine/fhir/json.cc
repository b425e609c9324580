#include "fhir/json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/text.h"

namespace carestream::fhir {

namespace {

// Bytes at which the text of a string stops being plain: quote, backslash, control characters.
constexpr auto kStops = [] {
    std::array<bool, 256> stops{};
    for (std::size_t c = 0; c < 0x20; ++c) stops[c] = true;
    stops['"'] = stops['\\'] = true;
    return stops;
}();

}  // namespace

namespace internal {

// Builds the tree while it reads. The stack holds addresses of the containers under construction: a
// parent is not appended to while a child is open, so the addresses stay valid.
class JsonReader {
public:
    JsonReader(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

    Result<Node> Run() {
        constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
        if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
        SkipSpace();
        bool good = Value(root_);
        while (good && !stack_.empty()) good = Continue();
        SkipSpace();
        if (good && at_ < text_.size()) good = Break("more text after the document");
        if (good) return std::move(root_);
        Error error;
        error.code = limit_hit_ ? Code::kLimit : Code::kInvalid;
        error.message = std::move(failure_) + " (byte " + std::to_string(at_) + ")";
        error.offset_bytes = at_;
        return Fail(std::move(error));
    }

private:
    bool Continue();
    bool NextMember(Node& object);
    bool Value(Node& place);
    bool Open(Node& place, Kind kind);
    bool Close(bool object);
    bool Word(std::string_view word, Node& place, Kind kind);
    bool Number(Node& place);
    bool String(std::string& out);
    bool Escape(std::string& out);
    bool Unicode(std::uint32_t& unit);
    bool Unique(const std::vector<Member>& members);

    bool Break(std::string message) {
        failure_ = std::move(message);
        return false;
    }
    bool BreakLimit(std::string message) {
        limit_hit_ = true;
        return Break(std::move(message));
    }
    void SkipSpace() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' ||
                                      text_[at_] == '\r' || text_[at_] == '\t')) {
            ++at_;
        }
    }
    bool At(char c) const { return at_ < text_.size() && text_[at_] == c; }
    bool Take(char c) {
        if (!At(c)) return false;
        ++at_;
        return true;
    }

    static constexpr std::size_t kFewMembers = 16;

    const std::string_view text_;
    const JsonLimits& limits_;
    Node root_;
    std::vector<Node*> stack_;
    std::size_t at_ = 0;
    std::size_t nodes_ = 0;
    std::string failure_;
    bool limit_hit_ = false;
};

// The next item or member of the innermost container, or its end.
bool JsonReader::Continue() {
    Node& container = *stack_.back();
    const bool object = container.IsObject();
    const bool first = object ? container.members().empty() : container.items().empty();
    SkipSpace();
    if (Take(object ? '}' : ']')) return Close(object);
    if (!first) {
        if (!Take(',')) return Break(object ? "expected ',' or '}'" : "expected ',' or ']'");
        SkipSpace();
    }
    if (object) return NextMember(container);
    if (first) container.items().reserve(4);
    container.items().emplace_back();
    return Value(container.items().back());
}

bool JsonReader::NextMember(Node& object) {
    std::vector<Member>& members = object.members();
    if (members.empty()) members.reserve(stack_.size() == 1 ? kFewMembers : 4);
    if (!At('"')) return Break("expected a member name in quotes");
    members.emplace_back();
    if (!String(members.back().name)) return false;
    SkipSpace();
    if (!Take(':')) return Break("expected ':' after a member name");
    SkipSpace();
    return Value(members.back().value);
}

bool JsonReader::Value(Node& place) {
    if (++nodes_ > limits_.nodes_max) return BreakLimit("more values than allowed");
    if (at_ >= text_.size()) return Break("the text ends before the document does");
    switch (text_[at_]) {
        case '{':
            return Open(place, Kind::kObject);
        case '[':
            return Open(place, Kind::kArray);
        case '"':
            place.kind_ = Kind::kString;
            return String(place.text_);
        case 't':
            return Word("true", place, Kind::kBoolean);
        case 'f':
            return Word("false", place, Kind::kBoolean);
        case 'n':
            return Word("null", place, Kind::kNull);
        default:
            return Number(place);
    }
}

bool JsonReader::Open(Node& place, Kind kind) {
    if (stack_.size() >= limits_.depth_max) return BreakLimit("nested deeper than allowed");
    ++at_;
    place.kind_ = kind;
    stack_.push_back(&place);
    return true;
}

bool JsonReader::Close(bool object) {
    if (object && !Unique(stack_.back()->members())) return false;
    stack_.pop_back();
    return true;
}

bool JsonReader::Word(std::string_view word, Node& place, Kind kind) {
    if (!text_.substr(at_).starts_with(word)) return Break("not a JSON value");
    at_ += word.size();
    place.kind_ = kind;
    if (kind == Kind::kBoolean) place.text_ = word;
    return true;
}

bool JsonReader::Number(Node& place) {
    const std::size_t begin = at_;
    const auto digits = [&] {
        const std::size_t first = at_;
        while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
        return at_ > first;
    };
    Take('-');
    if (!Take('0') && !digits()) {
        return Break(at_ > begin ? "not a JSON number" : "not a JSON value");
    }
    if (Take('.') && !digits()) return Break("a number needs a digit after '.'");
    if (Take('e') || Take('E')) {
        if (!Take('+')) Take('-');
        if (!digits()) return Break("a number needs a digit in its exponent");
    }
    place.kind_ = Kind::kNumber;
    place.text_ = text_.substr(begin, at_ - begin);
    return true;
}

// At the opening quote.
bool JsonReader::String(std::string& out) {
    const std::size_t quote = at_++;
    while (true) {
        const std::size_t begin = at_;
        std::uint8_t bits = 0;
        while (at_ < text_.size() && !kStops[static_cast<std::uint8_t>(text_[at_])]) {
            bits |= static_cast<std::uint8_t>(text_[at_++]);
        }
        const std::string_view plain = text_.substr(begin, at_ - begin);
        if (bits >= 0x80 && !IsUtf8(plain)) {
            at_ = begin;
            return Break("a string is not valid UTF-8");
        }
        out += plain;
        if (at_ >= text_.size()) {
            at_ = quote;
            return Break("a string is not closed");
        }
        if (Take('"')) return true;
        if (!Take('\\')) return Break("a string holds a control character");
        if (!Escape(out)) return false;
    }
}

// After the backslash.
bool JsonReader::Escape(std::string& out) {
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    switch (c) {
        case '"':
        case '\\':
        case '/':
            out += c;
            return true;
        case 'b':
            out += '\b';
            return true;
        case 'f':
            out += '\f';
            return true;
        case 'n':
            out += '\n';
            return true;
        case 'r':
            out += '\r';
            return true;
        case 't':
            out += '\t';
            return true;
        case 'u':
            break;
        default:
            return Break("a string holds an unknown escape");
    }
    std::uint32_t code = 0;
    if (!Unicode(code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return Break("an escape is half of a surrogate pair");
    if (code >= 0xD800 && code <= 0xDBFF) {
        std::uint32_t low = 0;
        if (!Take('\\') || !Take('u')) return Break("an escape is half of a surrogate pair");
        if (!Unicode(low)) return false;
        if (low < 0xDC00 || low > 0xDFFF) return Break("an escape is half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(code, out);
    return true;
}

bool JsonReader::Unicode(std::uint32_t& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i) {
        const int value = at_ < text_.size() ? HexValue(text_[at_]) : -1;
        if (value < 0) return Break("an escape needs four hexadecimal digits");
        unit = unit << 4 | static_cast<std::uint32_t>(value);
        ++at_;
    }
    return true;
}

// At the end of an object, so that a big one costs no comparison of each pair of names.
bool JsonReader::Unique(const std::vector<Member>& members) {
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
        std::sort(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a < *b; });
        const auto at = std::adjacent_find(names.begin(), names.end(),
                                           [](const auto* a, const auto* b) { return *a == *b; });
        if (at != names.end()) twice = *at;
    }
    return twice == nullptr || Break("duplicate member '" + *twice + "'");
}

}  // namespace internal

namespace {

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
    return internal::JsonReader(text, limits).Run();
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
