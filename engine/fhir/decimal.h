#pragma once
// Exact decimal numbers as FHIR and FHIRPath need them: 1.50 is not 1.5 when precision has a
// meaning. Source: FHIRPath 2.0.0, 4.1.4 (28 digits, 8 of them fractional, at the least). Pure
// values.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carestream::fhir {

// coefficient / 10^scale with up to 36 digits. Operations that leave the range give nullopt.
class Decimal {
public:
    Decimal() = default;
    explicit Decimal(std::int64_t value) : coefficient_(value) {}

    // A JSON number or a decimal literal, optional sign and exponent; nothing else.
    [[nodiscard]] static std::optional<Decimal> Parse(std::string_view text);
    // From a computed value, 8 fractional digits at the most; nullopt for NaN, infinity, too large.
    [[nodiscard]] static std::optional<Decimal> FromDouble(double value);

    // Digits after the point, as written.
    [[nodiscard]] int scale() const { return scale_; }
    [[nodiscard]] bool IsZero() const { return coefficient_ == 0; }
    [[nodiscard]] bool IsNegative() const { return coefficient_ < 0; }
    [[nodiscard]] bool IsInteger() const;
    // Digits that carry the precision: 1.58700 has 6, 120 has 3.
    [[nodiscard]] int SignificantDigits() const;

    [[nodiscard]] std::string ToString() const;  // no exponent, scale kept
    [[nodiscard]] double ToDouble() const;
    [[nodiscard]] std::optional<std::int64_t> ToInteger() const;  // of integers only

    // -1, 0, 1; the scale does not matter.
    [[nodiscard]] static int Compare(const Decimal& a, const Decimal& b);
    [[nodiscard]] static std::optional<Decimal> Add(const Decimal& a, const Decimal& b);
    [[nodiscard]] static std::optional<Decimal> Subtract(const Decimal& a, const Decimal& b);
    [[nodiscard]] static std::optional<Decimal> Multiply(const Decimal& a, const Decimal& b);
    // Up to 16 fractional digits, rounded; nullopt for a zero divisor.
    [[nodiscard]] static std::optional<Decimal> Divide(const Decimal& a, const Decimal& b);
    [[nodiscard]] Decimal Negated() const;

    enum class Rounding { kHalfAway, kTruncate, kFloor, kCeiling };
    // To `scale` digits after the point (0..28); fewer digits stay fewer unless `pad`.
    [[nodiscard]] Decimal Rounded(int scale, Rounding rounding, bool pad = false) const;
    // Half of the last written digit's unit: what 5.4 leaves open is 0.05.
    [[nodiscard]] Decimal HalfUnit() const;

private:
    Decimal(__int128 coefficient, int scale) : coefficient_(coefficient), scale_(scale) {}
    __int128 coefficient_ = 0;
    int scale_ = 0;
};

}  // namespace carestream::fhir
