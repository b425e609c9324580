#include "mapping/internal/convert.h"

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/text.h"
#include "fhir/validator.h"

namespace carestream::mapping::internal {

namespace {

using fhir::Primitive;

bool IsBlank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void TrimInPlace(std::string& text) {
    std::size_t begin = 0;
    while (begin < text.size() && IsBlank(text[begin])) ++begin;
    while (text.size() > begin && IsBlank(text.back())) text.pop_back();
    if (begin > 0) text.erase(0, begin);
}

// FHIR strings hold no control characters but tab, CR and LF.
void DropControls(std::string& text) {
    const auto control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n';
    };
    text.erase(std::remove_if(text.begin(), text.end(), control), text.end());
}

void CollapseBlanks(std::string& text) {
    std::string out;
    for (const char c : text) {
        if (!IsBlank(c)) {
            out.push_back(c);
        } else if (!out.empty() && out.back() != ' ') {
            out.push_back(' ');
        }
    }
    text = std::move(out);
}

bool ToTime(Primitive primitive, std::string& text, Conversion& conversion,
            std::string_view& reason) {
    Moment moment;
    if (primitive == Primitive::kTime) {
        if (!ParseTime(text, moment, reason)) return false;
        text = FormatTime(moment);
        return true;
    }
    if (!ParseMoment(text, moment, reason)) return false;
    if (primitive == Primitive::kDate) {
        moment.precision = std::min(moment.precision, Moment::kDay);
        text = FormatDate(moment);
        return true;
    }
    if (primitive == Primitive::kInstant && moment.precision < Moment::kHour) {
        reason = "not precise enough for an instant";
        return false;
    }
    if (moment.precision >= Moment::kHour && !moment.offset_minutes) {
        if (!conversion.zone) {
            reason = "no offset from UTC and no time zone known";
            return false;
        }
        moment.offset_minutes =
            conversion.zone->OffsetMinutes(moment, conversion.dst, &conversion.unsure_offset);
        if (conversion.unsure_offset && conversion.dst == Dst::kReject) {
            reason = "local time that occurs twice or never";
            return false;
        }
    }
    text = FormatDateTime(moment);
    return true;
}

bool ToInteger(Primitive primitive, std::string& text, std::string_view& reason) {
    reason = "not a whole number";
    if (!NormalizeNumber(text)) return false;
    const std::size_t point = text.find('.');
    if (point != std::string::npos) {
        if (text.find_first_not_of('0', point + 1) != std::string::npos) return false;
        text.resize(point);
    }
    const bool negative = text[0] == '-';
    const std::string_view digits = std::string_view(text).substr(negative ? 1 : 0);
    if (!IsDigits(digits)) return false;
    if (digits.size() > 10 || (digits.size() == 10 && digits > "2147483647")) {
        reason = "number out of range";
        return false;
    }
    if (negative && digits == "0") text = "0";
    if ((primitive == Primitive::kUnsignedInt && text[0] == '-') ||
        (primitive == Primitive::kPositiveInt && (text[0] == '-' || text == "0"))) {
        reason = "number out of range";
        return false;
    }
    return true;
}

bool ToBoolean(std::string& text, std::string_view& reason) {
    const std::string word = ToLowerAscii(text);
    for (const std::string_view yes : {"y", "true", "1", "yes"}) {
        if (word == yes) {
            text = "true";
            return true;
        }
    }
    for (const std::string_view no : {"n", "false", "0", "no"}) {
        if (word == no) {
            text = "false";
            return true;
        }
    }
    reason = "not yes or no";
    return false;
}

}  // namespace

bool NormalizeNumber(std::string& text) {
    TrimInPlace(text);
    std::size_t at = 0;
    bool negative = false;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) negative = text[at++] == '-';
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    std::string whole = text.substr(begin, at - begin);
    std::string fraction;
    if (at < text.size() && text[at] == '.') {
        ++at;
        const std::size_t start = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
        fraction = text.substr(start, at - start);
    }
    if (at != text.size() || (whole.empty() && fraction.empty())) return false;
    const std::size_t first = whole.find_first_not_of('0');
    whole = first == std::string::npos ? "0" : whole.substr(first);
    if (whole.size() + fraction.size() > 64) return false;
    text = (negative ? "-" : "") + whole + (fraction.empty() ? "" : "." + fraction);
    return true;
}

bool ToPrimitive(Primitive primitive, std::string& text, Conversion& conversion,
                 std::string_view& reason) {
    TrimInPlace(text);
    switch (primitive) {
        case Primitive::kDate:
        case Primitive::kDateTime:
        case Primitive::kInstant:
        case Primitive::kTime:
            return ToTime(primitive, text, conversion, reason);
        case Primitive::kDecimal:
            reason = "not a number";
            return NormalizeNumber(text);
        case Primitive::kInteger:
        case Primitive::kPositiveInt:
        case Primitive::kUnsignedInt:
            return ToInteger(primitive, text, reason);
        case Primitive::kBoolean:
            return ToBoolean(text, reason);
        case Primitive::kBase64Binary:
            reason = "not base64";
            return CleanBase64(text);
        case Primitive::kCode:
            DropControls(text);
            CollapseBlanks(text);
            reason = "not a code";
            return !text.empty();
        case Primitive::kString:
        case Primitive::kMarkdown:
            DropControls(text);
            reason = "no text";
            return !text.empty();
        case Primitive::kUri:
        case Primitive::kUrl:
        case Primitive::kCanonical:
            reason = "not a URI (blanks)";
            return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
                return static_cast<unsigned char>(c) <= 0x20;
            });
        case Primitive::kId:
            reason = "not an id";
            return fhir::IsPrimitive("id", text);
        case Primitive::kOid:
            reason = "not an OID";
            return fhir::IsPrimitive("oid", text);
        case Primitive::kUuid:
            reason = "not a UUID";
            return fhir::IsPrimitive("uuid", text);
        case Primitive::kXhtml:
        case Primitive::kNone:
            break;
    }
    reason = "nothing can be written there";
    return false;
}

fhir::Node PrimitiveNode(Primitive primitive, std::string text) {
    switch (primitive) {
        case Primitive::kBoolean:
            return fhir::Node::Boolean(text == "true");
        case Primitive::kDecimal:
        case Primitive::kInteger:
        case Primitive::kPositiveInt:
        case Primitive::kUnsignedInt:
            return fhir::Node::Number(std::move(text));
        default:
            return fhir::Node::String(std::move(text));
    }
}

std::string UrnPart(std::string_view text) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out.push_back(c);
        } else {
            out += {'%', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
    return out;
}

bool IsUri(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon < 2 || colon + 1 == text.size()) return false;
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), letter)) {
        return false;
    }
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) <= 0x20; });
}

bool IsOid(std::string_view text) {
    if (text.size() < 3 || text[0] < '0' || text[0] > '2' || text[1] != '.') return false;
    for (const std::string_view part : Split(text, '.')) {
        if (!IsDigits(part) || (part.size() > 1 && part[0] == '0')) return false;
    }
    return true;
}

// Only the last group of `first` is touched: a document of many lines stays linear.
std::string AppendBase64(std::string first, std::string_view between, std::string_view second) {
    const std::size_t whole = first.size() < 4 ? 0 : first.size() - 4;
    std::string bytes;
    bool good = FromBase64(std::string_view(first).substr(whole), bytes);
    good = FromBase64(second, bytes.append(between)) && good;
    CARESTREAM_ASSERT(good);
    first.resize(whole);
    return first += ToBase64(bytes);
}

bool CleanBase64(std::string& text) {
    std::size_t to = 0;
    std::size_t padding = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (IsBlank(c)) continue;
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                            (c >= '0' && c <= '9') || c == '+' || c == '/';
        if (c == '=') {
            ++padding;
        } else if (!letter || padding > 0) {
            return false;
        }
        text[to++] = c;
    }
    text.resize(to);
    return to > 0 && to % 4 == 0 && padding <= 2;
}

}  // namespace carestream::mapping::internal
