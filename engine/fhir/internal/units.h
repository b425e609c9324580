#pragma once
// A practical part of UCUM: enough to compare quantities of one kind. Source: UCUM 2.1, tables 1-4
// and common clinical units. Units with an offset (Celsius) and arbitrary units compare with
// themselves.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carestream::fhir {

// factor * m^d0 * s^d1 * g^d2 * rad^d3 * K^d4 * C^d5 * cd^d6 * mol^d7.
struct Unit {
    double factor = 1;
    std::array<std::int8_t, 8> dimensions{};
    [[nodiscard]] bool Comparable(const Unit& other) const {
        return dimensions == other.dimensions;
    }
};

// nullopt for what is not understood.
[[nodiscard]] std::optional<Unit> ParseUnit(std::string_view ucum);

}  // namespace carestream::fhir
