// Functions on strings. Source: FHIRPath 2.0.0, section 5.6 (and the STU additions of its test
// suite). Indexes count characters (code points), not bytes.
#include <unicode/locid.h>
#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "fhir/internal/path_eval.h"

namespace carestream::fhir::path {
namespace {

bool Continues(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::int64_t Length(std::string_view text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return !Continues(c); });
}

// The byte where character `index` begins; the size when there are fewer.
std::size_t ByteOf(std::string_view text, std::int64_t index) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        if (!Continues(text[at]) && index-- == 0) break;
    }
    return at;
}

std::string ToUtf8(const icu::UnicodeString& text) {
    std::string out;
    text.toUTF8String(out);
    return out;
}

std::string ReplaceAll(std::string_view text, std::string_view pattern, std::string_view with) {
    std::string out;
    if (pattern.empty()) {
        for (const char c : text) {
            if (!Continues(c)) out += with;
            out += c;
            if (out.size() > kTextResultMax) return out;
        }
        return out += with;
    }
    std::size_t at = 0;
    while (out.size() <= kTextResultMax) {
        const std::size_t found = text.find(pattern, at);
        out += text.substr(at, found - at);
        if (found == std::string_view::npos) break;
        out += with;
        at = found + pattern.size();
    }
    return out;
}

struct Escape {
    std::string_view plain;
    std::string_view escaped;
};
constexpr Escape kHtml[] = {
    {"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}};
constexpr Escape kJson[] = {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"},
                            {"\r", "\\r"},  {"\t", "\\t"},  {"\f", "\\f"}};

std::string Escaped(std::string_view text, std::span<const Escape> table, bool back) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto found = std::find_if(table.begin(), table.end(), [&](const Escape& entry) {
            return text.substr(at).starts_with(back ? entry.escaped : entry.plain);
        });
        if (found == table.end()) {
            out += text[at++];
            continue;
        }
        out += back ? found->plain : found->escaped;
        at += (back ? found->escaped : found->plain).size();
    }
    return out;
}

}  // namespace

bool Evaluator::TextArgument(const Call& call, std::size_t index, std::optional<std::string>& out) {
    Items items;
    out.reset();
    if (!Argument(call, index, items)) return false;
    if (items.empty()) return true;
    const Value value = ReadValue(items[0]);
    if (items.size() > 1 || value.kind != System::kString) {
        return Failed(Code::kInvalid, call.expr.text + "() needs a string");
    }
    out = std::string(value.text);
    return true;
}

bool Evaluator::TextInput(const Call& call, std::optional<std::string_view>& out) {
    const Item* item = nullptr;
    out.reset();
    if (!OneInput(call, item)) return false;
    if (item == nullptr) return true;
    const Value value = ReadValue(*item);
    if (value.kind != System::kString) {
        return Failed(Code::kInvalid, call.expr.text + "() is for strings");
    }
    out = value.text;
    return Step(value.text.size() / 16);
}

bool Evaluator::Text(const Call& call, Items& out) {
    std::optional<std::string_view> input;
    if (!TextInput(call, input)) return false;
    if (!input) return true;
    const std::string& name = call.expr.text;
    if (name == "length") return PutInteger(out, Length(*input));
    if (name == "trim") return PutText(out, std::string(Trim(*input)));
    if (name == "toChars") {
        for (std::size_t at = 0; at < input->size();) {
            std::size_t end = at + 1;
            while (end < input->size() && Continues((*input)[end])) ++end;
            if (!PutText(out, std::string(input->substr(at, end - at)))) return false;
            at = end;
        }
        return true;
    }
    icu::UnicodeString text = icu::UnicodeString::fromUTF8(*input);
    return PutText(out, ToUtf8(name == "upper" ? text.toUpper(icu::Locale::getRoot())
                                               : text.toLower(icu::Locale::getRoot())));
}

bool Evaluator::TextWith(const Call& call, Items& out) {
    std::optional<std::string_view> input;
    std::optional<std::string> argument;
    std::optional<std::string> second = std::string();
    if (!TextInput(call, input) || !TextArgument(call, 0, argument)) return false;
    if (call.expr.kids.size() > 1 && !TextArgument(call, 1, second)) return false;
    if (!input || !argument || !second) return true;
    const std::string& name = call.expr.text;
    if (name == "startsWith") return PutBoolean(out, input->starts_with(*argument));
    if (name == "endsWith") return PutBoolean(out, input->ends_with(*argument));
    if (name == "contains") {
        return PutBoolean(out, input->find(*argument) != std::string_view::npos);
    }
    if (name == "replace") return PutText(out, ReplaceAll(*input, *argument, *second));
    if (name == "split") {
        if (argument->empty()) return PutText(out, std::string(*input));
        for (std::size_t at = 0; at <= input->size();) {
            const std::size_t end = std::min(input->find(*argument, at), input->size());
            if (!PutText(out, std::string(input->substr(at, end - at)))) return false;
            at = end + argument->size();
        }
        return true;
    }
    const std::size_t found = name == "indexOf" ? input->find(*argument) : input->rfind(*argument);
    return PutInteger(out, found == std::string_view::npos ? -1 : Length(input->substr(0, found)));
}

bool Evaluator::Substring(const Call& call, Items& out) {
    std::optional<std::string_view> input;
    std::optional<std::int64_t> start;
    std::optional<std::int64_t> length;
    if (!TextInput(call, input) || !IntegerArgument(call, 0, start)) return false;
    if (call.expr.kids.size() > 1 && !IntegerArgument(call, 1, length)) return false;
    if (!input || !start || *start < 0) return true;
    const std::size_t from = ByteOf(*input, *start);
    if (from >= input->size()) return true;
    const std::string_view rest = input->substr(from);
    if (!length) return PutText(out, std::string(rest));
    const std::int64_t count = std::max<std::int64_t>(*length, 0);
    return PutText(out, std::string(rest.substr(0, ByteOf(rest, count))));
}

bool Evaluator::Join(const Call& call, Items& out) {
    std::optional<std::string> separator = std::string();
    if (!call.expr.kids.empty() && !TextArgument(call, 0, separator)) return false;
    if (call.input.empty()) return true;
    std::string text;
    for (const Item& item : call.input) {
        const Value value = ReadValue(item);
        if (value.kind != System::kString) {
            return Failed(Code::kInvalid, "join() is for strings");
        }
        if (&item != call.input.data()) text += separator.value_or("");
        text += value.text;
        if (text.size() > kTextResultMax) break;
    }
    return PutText(out, std::move(text));
}

// ICU's matcher has a stack and a time limit, so a hostile pattern ends.
bool Evaluator::Matches(const Call& call, Items& out) {
    std::optional<std::string_view> input;
    std::optional<std::string> pattern;
    std::optional<std::string> with = std::string();
    const bool replace = call.expr.text == "replaceMatches";
    if (!TextInput(call, input) || !TextArgument(call, 0, pattern)) return false;
    if (replace && !TextArgument(call, 1, with)) return false;
    if (!input || !pattern || !with) return true;
    if (replace && pattern->empty()) return PutText(out, std::string(*input));
    if (!Step(50 + pattern->size())) return false;
    UErrorCode status = U_ZERO_ERROR;
    const icu::UnicodeString text = icu::UnicodeString::fromUTF8(*input);
    icu::RegexMatcher matcher(icu::UnicodeString::fromUTF8(*pattern), UREGEX_DOTALL, status);
    if (U_FAILURE(status)) return Failed(Code::kInvalid, "not a regular expression");
    matcher.setTimeLimit(100, status);
    matcher.setStackLimit(1 << 20, status);
    matcher.reset(text);
    if (replace) {
        const icu::UnicodeString result =
            matcher.replaceAll(icu::UnicodeString::fromUTF8(*with), status);
        if (U_SUCCESS(status)) return PutText(out, ToUtf8(result));
    } else {
        const bool found = call.expr.text == "matchesFull" ? matcher.matches(status) != 0
                                                           : matcher.find(0, status) != 0;
        if (U_SUCCESS(status)) return PutBoolean(out, found);
    }
    return Failed(Code::kLimit, "regular expression too costly");
}

bool Evaluator::Encoding(const Call& call, Items& out) {
    std::optional<std::string_view> input;
    std::optional<std::string> format;
    if (!TextInput(call, input) || !TextArgument(call, 0, format)) return false;
    if (!input || !format) return true;
    const std::string& name = call.expr.text;
    if (name == "escape" || name == "unescape") {
        const bool back = name == "unescape";
        if (*format == "html") return PutText(out, Escaped(*input, kHtml, back));
        if (*format == "json") return PutText(out, Escaped(*input, kJson, back));
        return true;
    }
    const bool encode = name == "encode";
    std::string bytes;
    if (*format == "hex") {
        if (encode) return PutText(out, ToHex(*input));
        return !FromHex(*input, bytes) || !IsUtf8(bytes) || PutText(out, std::move(bytes));
    }
    if (*format != "base64" && *format != "urlbase64") return true;
    const std::string_view alphabet = *format == "base64" ? kBase64 : kBase64Url;
    if (encode) return PutText(out, ToBase64(*input, alphabet));
    return !FromBase64(*input, bytes, alphabet) || !IsUtf8(bytes) || PutText(out, std::move(bytes));
}

}  // namespace carestream::fhir::path
