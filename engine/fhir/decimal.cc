#include "fhir/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace carestream::fhir {
namespace {

constexpr int kDigitsMax = 36;
constexpr int kScaleMax = 30;

constexpr __int128 PowerOfTen(int exponent) {
    __int128 power = 1;
    for (int i = 0; i < exponent; ++i) power *= 10;
    return power;
}

constexpr __int128 kCoefficientMax = PowerOfTen(kDigitsMax);

bool InRange(__int128 value) {
    return value < kCoefficientMax && value > -kCoefficientMax;
}

// False on overflow.
bool ScaleUp(__int128& value, int digits) {
    if (digits > kDigitsMax) return value == 0;
    return !__builtin_mul_overflow(value, PowerOfTen(digits), &value) && InRange(value);
}

// Both at one scale; false when a coefficient would not fit.
bool Align(__int128& a, int scale_a, __int128& b, int scale_b) {
    if (scale_a < scale_b) return ScaleUp(a, scale_b - scale_a);
    return ScaleUp(b, scale_a - scale_b);
}

__int128 DivideRounded(__int128 value, __int128 divisor, Decimal::Rounding rounding) {
    const __int128 quotient = value / divisor;
    const __int128 rest = value % divisor;
    if (rest == 0) return quotient;
    const bool negative = (value < 0) != (divisor < 0);
    const __int128 magnitude = rest < 0 ? -rest : rest;
    const __int128 limit = divisor < 0 ? -divisor : divisor;
    switch (rounding) {
        case Decimal::Rounding::kTruncate:
            return quotient;
        case Decimal::Rounding::kFloor:
            return negative ? quotient - 1 : quotient;
        case Decimal::Rounding::kCeiling:
            return negative ? quotient : quotient + 1;
        case Decimal::Rounding::kHalfAway:
            break;
    }
    if (magnitude < limit - magnitude) return quotient;
    return negative ? quotient - 1 : quotient + 1;
}

void StripZeros(__int128& coefficient, int& scale, int scale_min) {
    while (scale > scale_min && coefficient % 10 == 0) {
        coefficient /= 10;
        --scale;
    }
}

}  // namespace

std::optional<Decimal> Decimal::Parse(std::string_view text) {
    std::size_t at = 0;
    const bool negative = !text.empty() && text[0] == '-';
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) ++at;
    __int128 coefficient = 0;
    int digits = 0;
    int significant = 0;
    int scale = 0;
    bool point = false;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '.' && !point && digits > 0) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        ++digits;
        if (significant > 0 || c != '0') ++significant;
        if (significant > kDigitsMax || scale >= kScaleMax) {
            if (!point) return std::nullopt;
            continue;  // digits beyond any use
        }
        coefficient = coefficient * 10 + (c - '0');
        if (point) ++scale;
    }
    if (digits == 0 || text[at - 1] == '.') return std::nullopt;
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        const char* begin = text.data() + at + 1;
        if (begin < text.data() + text.size() && *begin == '+') ++begin;
        int exponent = 0;
        const auto [end, error] = std::from_chars(begin, text.data() + text.size(), exponent);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        if (exponent < -kScaleMax || exponent > kDigitsMax) return std::nullopt;
        scale -= exponent;
        if (scale > kScaleMax) return std::nullopt;
        if (scale < 0) {
            if (!ScaleUp(coefficient, -scale)) return std::nullopt;
            scale = 0;
        }
    } else if (at != text.size()) {
        return std::nullopt;
    }
    return Decimal(negative ? -coefficient : coefficient, scale);
}

std::optional<Decimal> Decimal::FromDouble(double value) {
    if (!std::isfinite(value) || std::fabs(value) >= 1e20) return std::nullopt;
    char text[64];
    const auto [end, error] =
        std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 8);
    if (error != std::errc()) return std::nullopt;
    std::optional<Decimal> parsed = Parse(std::string_view(text, end));
    if (parsed) StripZeros(parsed->coefficient_, parsed->scale_, 0);
    return parsed;
}

bool Decimal::IsInteger() const {
    return coefficient_ % PowerOfTen(scale_) == 0;
}

int Decimal::SignificantDigits() const {
    int digits = 0;
    for (__int128 rest = coefficient_; rest != 0; rest /= 10) ++digits;
    return std::max(digits, 1);
}

std::string Decimal::ToString() const {
    std::string reversed;
    __int128 rest = coefficient_ < 0 ? -coefficient_ : coefficient_;
    for (int i = 0; rest != 0 || i <= scale_; ++i) {
        if (i == scale_ && scale_ > 0) reversed += '.';
        reversed += static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    }
    if (coefficient_ < 0) reversed += '-';
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
}

double Decimal::ToDouble() const {
    const std::string text = ToString();
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<std::int64_t> Decimal::ToInteger() const {
    if (!IsInteger()) return std::nullopt;
    const __int128 value = coefficient_ / PowerOfTen(scale_);
    if (value > std::numeric_limits<std::int64_t>::max() ||
        value < std::numeric_limits<std::int64_t>::min()) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(value);
}

int Decimal::Compare(const Decimal& a, const Decimal& b) {
    __int128 left = a.coefficient_;
    __int128 right = b.coefficient_;
    if (!Align(left, a.scale_, right, b.scale_)) {
        const double x = a.ToDouble();
        const double y = b.ToDouble();
        return x < y ? -1 : x > y ? 1 : 0;
    }
    return left < right ? -1 : left > right ? 1 : 0;
}

std::optional<Decimal> Decimal::Add(const Decimal& a, const Decimal& b) {
    __int128 left = a.coefficient_;
    __int128 right = b.coefficient_;
    if (!Align(left, a.scale_, right, b.scale_)) return std::nullopt;
    if (!InRange(left + right)) return std::nullopt;
    return Decimal(left + right, std::max(a.scale_, b.scale_));
}

std::optional<Decimal> Decimal::Subtract(const Decimal& a, const Decimal& b) {
    return Add(a, b.Negated());
}

std::optional<Decimal> Decimal::Multiply(const Decimal& a, const Decimal& b) {
    __int128 product = 0;
    if (__builtin_mul_overflow(a.coefficient_, b.coefficient_, &product)) return std::nullopt;
    int scale = a.scale_ + b.scale_;
    if (scale > kScaleMax) {
        product = DivideRounded(product, PowerOfTen(scale - kScaleMax), Rounding::kHalfAway);
        scale = kScaleMax;
    }
    if (!InRange(product)) return std::nullopt;
    return Decimal(product, scale);
}

std::optional<Decimal> Decimal::Divide(const Decimal& a, const Decimal& b) {
    if (b.coefficient_ == 0) return std::nullopt;
    __int128 divisor = b.coefficient_;
    int divisor_scale = b.scale_;
    StripZeros(divisor, divisor_scale, 0);
    for (int scale = 16; scale >= 0; --scale) {
        const int shift = scale - a.scale_ + divisor_scale;
        __int128 dividend = a.coefficient_;
        if (shift > 0 && !ScaleUp(dividend, shift)) continue;
        __int128 by = divisor;
        if (shift < 0 && !ScaleUp(by, -shift)) continue;
        __int128 quotient = DivideRounded(dividend, by, Rounding::kHalfAway);
        int result_scale = scale;
        StripZeros(quotient, result_scale, 0);
        return Decimal(quotient, result_scale);
    }
    return std::nullopt;
}

Decimal Decimal::Negated() const {
    return Decimal(-coefficient_, scale_);
}

Decimal Decimal::Rounded(int scale, Rounding rounding, bool pad) const {
    if (scale < scale_) {
        return Decimal(DivideRounded(coefficient_, PowerOfTen(scale_ - scale), rounding), scale);
    }
    __int128 coefficient = coefficient_;
    if (!pad || !ScaleUp(coefficient, scale - scale_)) return *this;
    return Decimal(coefficient, scale);
}

Decimal Decimal::HalfUnit() const {
    return Decimal(__int128{5}, scale_ + 1);
}

}  // namespace carestream::fhir
