#pragma once
// What of a resource can be searched: plain values, hashed by the store before they are written.
// Source: FHIR R4 3.1.1 (search), search parameter expressions of schemas/fhir/r4.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::search {

// A value that is found by equality. `space` is the element's home ("Observation.code"), shared by
// all parameters over that element; `form` tells how the value was normalised:
//   "c" code alone, "sc" system|code, "r" reference "Patient/1", "s" whole folded string,
//   "p<n>" folded prefix of n characters, "u" uri, "d" birth or death day, "m" month, "y" year,
//   "+" the parameter is present.
struct TokenEntry {
    std::string_view space;  // lives as long as the Indexer
    std::string_view form;   // static
    std::string value;
};

// A clinical date as the closed interval that its precision means.
struct DateEntry {
    std::uint32_t parameter = 0;  // Fnv32 of the space
    Micros low = 0;
    Micros high = 0;
};

struct NumberEntry {
    std::uint32_t parameter = 0;
    double value = 0;
};

struct IndexEntries {
    std::vector<TokenEntry> tokens;  // sorted, without doubles
    std::vector<DateEntry> dates;
    std::vector<NumberEntry> numbers;
    std::string patient_id;          // id of the one patient whose compartment holds it, or ""
    bool has_main_date = false;
    Micros main_date = 0;            // the date that a patient's list is sorted by; low end
    // All references in the resource, "Type/id", for includes and link checks; without doubles.
    std::vector<std::string> references;
};

// Compiles every expression of the types once. Immutable; thread-safe.
class Indexer {
public:
    [[nodiscard]] static Result<std::shared_ptr<const Indexer>> Create(
        std::shared_ptr<const fhir::Definitions> definitions);
    virtual ~Indexer() = default;
    // `resource` is valid R4. A value that cannot be read by a parameter is left out.
    [[nodiscard]] virtual IndexEntries Extract(const fhir::Node& resource) const = 0;
};

}  // namespace carestream::search
