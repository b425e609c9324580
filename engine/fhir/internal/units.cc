#include "fhir/internal/units.h"

#include <cmath>
#include <cstdlib>
#include <string>

namespace carestream::fhir {
namespace {

struct Atom {
    std::string_view code;
    bool metric;
    double factor;
    std::array<std::int8_t, 8> dimensions;
};

constexpr std::array<std::int8_t, 8> kNone{};
constexpr std::array<std::int8_t, 8> kLength{1};
constexpr std::array<std::int8_t, 8> kTime{0, 1};
constexpr std::array<std::int8_t, 8> kMass{0, 0, 1};
constexpr std::array<std::int8_t, 8> kVolume{3};
constexpr std::array<std::int8_t, 8> kPressure{-1, -2, 1};
constexpr std::array<std::int8_t, 8> kEnergy{2, -2, 1};
constexpr std::array<std::int8_t, 8> kAmount{0, 0, 0, 0, 0, 0, 0, 1};

constexpr Atom kAtoms[] = {
    {"m", true, 1, kLength},
    {"s", true, 1, kTime},
    {"g", true, 1, kMass},
    {"rad", true, 1, {0, 0, 0, 1}},
    {"K", true, 1, {0, 0, 0, 0, 1}},
    {"C", true, 1, {0, 0, 0, 0, 0, 1}},
    {"cd", true, 1, {0, 0, 0, 0, 0, 0, 1}},
    {"mol", true, 1, kAmount},
    {"eq", true, 1, kAmount},
    {"osm", true, 1, kAmount},
    {"min", false, 60, kTime},
    {"h", false, 3600, kTime},
    {"d", false, 86400, kTime},
    {"wk", false, 604800, kTime},
    {"mo", false, 2629800, kTime},
    {"a", false, 31557600, kTime},
    {"L", true, 1e-3, kVolume},
    {"l", true, 1e-3, kVolume},
    {"%", false, 1e-2, kNone},
    {"10*", false, 10, kNone},
    {"10^", false, 10, kNone},
    {"[ppth]", false, 1e-3, kNone},
    {"[ppm]", false, 1e-6, kNone},
    {"[ppb]", false, 1e-9, kNone},
    {"[in_i]", false, 0.0254, kLength},
    {"[ft_i]", false, 0.3048, kLength},
    {"[yd_i]", false, 0.9144, kLength},
    {"[mi_i]", false, 1609.344, kLength},
    {"[lb_av]", false, 453.59237, kMass},
    {"[oz_av]", false, 28.349523125, kMass},
    {"[gr]", false, 0.06479891, kMass},
    {"u", true, 1.66053906660e-24, kMass},
    {"t", true, 1e6, kMass},
    {"Pa", true, 1e3, kPressure},
    {"bar", true, 1e8, kPressure},
    {"m[Hg]", true, 133322387.415, kPressure},
    {"m[H2O]", true, 9806650, kPressure},
    {"N", true, 1e3, {1, -2, 1}},
    {"J", true, 1e3, kEnergy},
    {"cal", true, 4184, kEnergy},
    {"[Cal]", false, 4184000, kEnergy},
    {"W", true, 1e3, {2, -3, 1}},
    {"Hz", true, 1, {0, -1}},
    {"Bq", true, 1, {0, -1}},
    {"Gy", true, 1, {2, -2}},
    {"Sv", true, 1, {2, -2}},
    {"kat", true, 1, {0, -1, 0, 0, 0, 0, 0, 1}},
    {"U", true, 1e-6 / 60, {0, -1, 0, 0, 0, 0, 0, 1}},
    {"V", true, 1e3, {2, -2, 1, 0, 0, -1}},
    {"A", true, 1, {0, -1, 0, 0, 0, 1}},
    {"Ohm", true, 1e3, {2, -1, 1, 0, 0, -2}},
};

struct Prefix {
    std::string_view code;
    double factor;
};
constexpr Prefix kPrefixes[] = {{"da", 1e1},  {"Y", 1e24},  {"Z", 1e21},  {"E", 1e18}, {"P", 1e15},
                                {"T", 1e12},  {"G", 1e9},   {"M", 1e6},   {"k", 1e3},  {"h", 1e2},
                                {"d", 1e-1},  {"c", 1e-2},  {"m", 1e-3},  {"u", 1e-6}, {"n", 1e-9},
                                {"p", 1e-12}, {"f", 1e-15}, {"a", 1e-18}, {"z", 1e-21}};

std::optional<Unit> FindAtom(std::string_view code) {
    for (const Atom& atom : kAtoms) {
        if (atom.code == code) return Unit{atom.factor, atom.dimensions};
    }
    for (const Prefix& prefix : kPrefixes) {
        if (!code.starts_with(prefix.code)) continue;
        for (const Atom& atom : kAtoms) {
            if (atom.metric && atom.code == code.substr(prefix.code.size())) {
                return Unit{atom.factor * prefix.factor, atom.dimensions};
            }
        }
    }
    return std::nullopt;
}

class UnitParser {
public:
    explicit UnitParser(std::string_view text) : text_(text) {}

    std::optional<Unit> Parse() {
        if (text_.empty() || text_.size() > 64) return std::nullopt;
        Unit unit;
        bool divide = text_[0] == '/';
        if (divide) ++at_;
        while (true) {
            std::optional<Unit> component = Component();
            if (!component || !Combine(unit, *component, divide)) return std::nullopt;
            if (at_ == text_.size()) return unit;
            if (text_[at_] != '.' && text_[at_] != '/') return std::nullopt;
            divide = text_[at_++] == '/';
        }
    }

private:
    static bool Combine(Unit& unit, const Unit& other, bool divide) {
        unit.factor = divide ? unit.factor / other.factor : unit.factor * other.factor;
        for (std::size_t i = 0; i < unit.dimensions.size(); ++i) {
            const int sum = unit.dimensions[i] + other.dimensions[i] * (divide ? -1 : 1);
            if (sum < -60 || sum > 60) return false;
            unit.dimensions[i] = static_cast<std::int8_t>(sum);
        }
        return true;
    }

    // An atom with its exponent, a whole number, or an annotation alone.
    std::optional<Unit> Component() {
        std::string_view rest = text_.substr(at_);
        std::size_t end = 0;
        int bracket = 0;
        while (end < rest.size() && (bracket > 0 || (rest[end] != '.' && rest[end] != '/'))) {
            if (rest[end] == '[' || rest[end] == '{') ++bracket;
            if (rest[end] == ']' || rest[end] == '}') --bracket;
            ++end;
        }
        at_ += end;
        std::string_view code = rest.substr(0, end);
        if (const std::size_t note = code.find('{'); note != std::string_view::npos) {
            if (code.back() != '}') return std::nullopt;
            code = code.substr(0, note);
            if (code.empty()) return Unit{};
        }
        if (code.empty()) return std::nullopt;
        return WithExponent(code);
    }

    static std::optional<Unit> WithExponent(std::string_view code) {
        if (code.find_first_not_of("0123456789") == std::string_view::npos) {
            if (code.size() > 15) return std::nullopt;
            return Unit{static_cast<double>(std::atoll(std::string(code).c_str())), kNone};
        }
        std::size_t digits = code.size();
        while (digits > 0 && code[digits - 1] >= '0' && code[digits - 1] <= '9') --digits;
        std::string_view number = code.substr(digits);
        std::size_t stem = digits;
        const bool signed_exponent =
            !number.empty() && stem > 1 && (code[stem - 1] == '-' || code[stem - 1] == '+');
        const bool negative = signed_exponent && code[stem - 1] == '-';
        if (signed_exponent) --stem;
        const std::optional<Unit> atom = FindAtom(code.substr(0, stem));
        if (!atom || number.size() > 2) return std::nullopt;
        if (number.empty()) return atom;
        int exponent = std::atoi(std::string(number).c_str());
        if (negative) exponent = -exponent;
        Unit unit{std::pow(atom->factor, exponent), kNone};
        for (std::size_t i = 0; i < unit.dimensions.size(); ++i) {
            const int value = atom->dimensions[i] * exponent;
            if (value < -60 || value > 60) return std::nullopt;
            unit.dimensions[i] = static_cast<std::int8_t>(value);
        }
        return unit;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::optional<Unit> ParseUnit(std::string_view ucum) {
    return UnitParser(ucum).Parse();
}

}  // namespace carestream::fhir
