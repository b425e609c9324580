// The lexical forms of R4's primitive types (2.24.0.1), without regular expressions: every value of
// every resource passes here.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "fhir/validator.h"

namespace carestream::fhir {

namespace {

using std::string_view;

bool IsSpace(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Reads parts of a date or time from the left; every method fails for good once one has failed.
class Cursor {
public:
    explicit Cursor(string_view text) : text_(text) {}

    // Exactly `digits` digits with a value in [low, high].
    Cursor& Digits(std::size_t digits, int low, int high, int* value = nullptr) {
        int number = 0;
        for (std::size_t i = 0; i < digits; ++i, ++at_) {
            if (at_ >= text_.size() || !IsDigit(text_[at_])) return Break();
            number = number * 10 + (text_[at_] - '0');
        }
        if (number < low || number > high) return Break();
        if (value != nullptr) *value = number;
        return *this;
    }
    Cursor& Char(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return Break();
        ++at_;
        return *this;
    }
    bool At(char c) const { return good_ && at_ < text_.size() && text_[at_] == c; }
    bool AtEnd() const { return good_ && at_ == text_.size(); }
    bool good() const { return good_; }

    // hh:mm:ss with any fraction; a leap second is allowed.
    Cursor& Time() {
        Digits(2, 0, 23).Char(':').Digits(2, 0, 59).Char(':').Digits(2, 0, 60);
        if (At('.')) {
            ++at_;
            const std::size_t begin = at_;
            while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
            if (at_ == begin) return Break();
        }
        return *this;
    }
    // Z or +-hh:mm up to 14:00.
    Cursor& Offset() {
        if (At('Z')) return Char('Z');
        if (!At('+') && !At('-')) return Break();
        ++at_;
        int hours = 0;
        int minutes = 0;
        Digits(2, 0, 14, &hours).Char(':').Digits(2, 0, 59, &minutes);
        return hours == 14 && minutes != 0 ? Break() : *this;
    }
    // A full date, or with `partial` also yyyy and yyyy-mm. `days` tells whether a day was given.
    Cursor& Date(bool partial, bool& day_given) {
        int year = 0;
        int month = 0;
        int day = 0;
        day_given = false;
        Digits(4, 1, 9999, &year);
        if (partial && AtEnd()) return *this;
        Char('-').Digits(2, 1, 12, &month);
        if (partial && AtEnd()) return *this;
        Char('-').Digits(2, 1, 31, &day);
        if (!good_ || day > DaysIn(year, month)) return Break();
        day_given = true;
        return *this;
    }

private:
    Cursor& Break() {
        good_ = false;
        at_ = text_.size();
        return *this;
    }
    static int DaysIn(int year, int month) {
        if (month == 2) {
            return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
        }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    string_view text_;
    std::size_t at_ = 0;
    bool good_ = true;
};

bool IsDate(string_view text) {
    bool day = false;
    return Cursor(text).Date(true, day).AtEnd();
}

bool IsDateTime(string_view text) {
    bool day = false;
    Cursor cursor(text);
    cursor.Date(true, day);
    if (cursor.AtEnd()) return true;
    return day && cursor.Char('T').Time().Offset().AtEnd();
}

bool IsInstant(string_view text) {
    bool day = false;
    return Cursor(text).Date(false, day).Char('T').Time().Offset().AtEnd();
}

// [-]digits without leading zeros, in [low, 2^31 - 1].
bool IsInteger(string_view text, std::int64_t low) {
    const bool negative = text.starts_with('-') || text.starts_with('+');
    const string_view digits = text.substr(negative ? 1 : 0);
    if (digits.empty() || digits.size() > 10 || (digits.size() > 1 && digits[0] == '0')) {
        return false;
    }
    std::int64_t value = 0;
    for (const char c : digits) {
        if (!IsDigit(c)) return false;
        value = value * 10 + (c - '0');
    }
    if (negative && value == 0) return false;  // the standard's form has no signed zero
    if (text.starts_with('-')) value = -value;
    return value >= low && value <= INT32_MAX;
}

bool IsDecimal(string_view text) {
    std::size_t at = text.starts_with('-') ? 1 : 0;
    const auto digits = [&] {
        const std::size_t begin = at;
        while (at < text.size() && IsDigit(text[at])) ++at;
        return at - begin;
    };
    const std::size_t first = at;
    const std::size_t whole = digits();
    if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
    if (at < text.size() && text[at] == '.') {
        ++at;
        if (digits() == 0) return false;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (digits() == 0) return false;
    }
    return at == text.size();
}

bool IsOidBody(string_view text) {
    if (text.empty() || text[0] < '0' || text[0] > '2' || text.size() < 3) return false;
    for (std::size_t at = 1; at < text.size();) {
        if (text[at] != '.') return false;
        const std::size_t begin = ++at;
        while (at < text.size() && IsDigit(text[at])) ++at;
        if (at == begin || (at - begin > 1 && text[begin] == '0')) return false;
    }
    return true;
}

bool IsUuidBody(string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !(IsDigit(c) || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

constexpr string_view kOidPrefix = "urn:oid:";
constexpr string_view kUuidPrefix = "urn:uuid:";

// No white space; urn:oid: and urn:uuid: in their own form (2.24.0.1, uri).
bool IsUri(string_view text) {
    if (text.empty()) return false;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ') return false;
    }
    if (text.starts_with(kOidPrefix)) return IsOidBody(text.substr(kOidPrefix.size()));
    if (text.starts_with(kUuidPrefix)) return IsUuidBody(text.substr(kUuidPrefix.size()));
    return true;
}

bool IsId(string_view text) {
    if (text.empty() || text.size() > 64) return false;
    for (const char c : text) {
        if (!IsDigit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-' &&
            c != '.') {
            return false;
        }
    }
    return true;
}

// Words of any characters but white space, separated by single white spaces.
bool IsCode(string_view text) {
    bool gap = true;
    for (const char c : text) {
        const bool space = IsSpace(c);
        if (space && gap) return false;
        if (!space && static_cast<unsigned char>(c) < ' ') return false;
        gap = space;
    }
    return !gap;
}

// At least one character, at most 1 MiB, no control characters but tab, CR and LF.
bool IsString(string_view text, std::size_t bytes_max) {
    if (text.empty() || text.size() > bytes_max) return false;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < ' ' && !IsSpace(c)) return false;
    }
    return true;
}

bool IsBase64(string_view text) {
    std::size_t count = 0;
    std::size_t padding = 0;
    for (const char c : text) {
        if (IsSpace(c)) continue;
        if (c == '=') {
            ++padding;
        } else if (padding > 0 || !(IsDigit(c) || (c >= 'a' && c <= 'z') ||
                                    (c >= 'A' && c <= 'Z') || c == '+' || c == '/')) {
            return false;
        }
        ++count;
    }
    return count > 0 && count % 4 == 0 && padding <= 2;
}

}  // namespace

bool IsPrimitive(Primitive type, string_view text) {
    constexpr std::size_t kStringBytesMax = 1u << 20;
    constexpr std::size_t kNoLimit = SIZE_MAX;
    switch (type) {
        case Primitive::kNone:
            return false;
        case Primitive::kBase64Binary:
            return IsBase64(text);
        case Primitive::kBoolean:
            return text == "true" || text == "false";
        case Primitive::kCanonical:
        case Primitive::kUri:
        case Primitive::kUrl:
            return IsUri(text);
        case Primitive::kCode:
            return IsCode(text);
        case Primitive::kDate:
            return IsDate(text);
        case Primitive::kDateTime:
            return IsDateTime(text);
        case Primitive::kDecimal:
            return IsDecimal(text);
        case Primitive::kId:
            return IsId(text);
        case Primitive::kInstant:
            return IsInstant(text);
        case Primitive::kInteger:
            return IsInteger(text, INT32_MIN);
        case Primitive::kMarkdown:
        case Primitive::kString:
            return IsString(text, kStringBytesMax);
        case Primitive::kOid:
            return text.starts_with(kOidPrefix) && IsOidBody(text.substr(kOidPrefix.size()));
        case Primitive::kPositiveInt:
            return IsInteger(text, 1);
        case Primitive::kTime:
            return Cursor(text).Time().AtEnd();
        case Primitive::kUnsignedInt:
            return IsInteger(text, 0);
        case Primitive::kUuid:
            return text.starts_with(kUuidPrefix) && IsUuidBody(text.substr(kUuidPrefix.size()));
        case Primitive::kXhtml:
            return IsString(text, kNoLimit);
    }
    return false;
}

bool IsPrimitive(string_view type, string_view text) {
    return IsPrimitive(PrimitiveOf(type), text);
}

}  // namespace carestream::fhir
