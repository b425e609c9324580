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
//   "c" code alone, "sc" system|code, "r" reference "Patient/1" (another server's: the URL),
//   "p2" "p3" "p4" "p6" "p8" folded word prefix of so many characters, "p1" a word of one
//   character, "u" uri, "d" birth or death date as precise as it is known (at most the day), "m"
//   month, "y" year.
// A reference to the patient that `IndexEntries::patient_id` names is no token: see CriterionKind.
struct TokenEntry {
    std::string_view space;  // lives as long as the Indexer
    std::string_view form;   // static
    std::string value;
};

// The open ends of a Period: 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
constexpr Micros kDateOpenLow = -62'135'596'800'000'000;
constexpr Micros kDateOpenHigh = 253'402'300'799'999'999;

// A clinical date as the closed interval that its precision means. A date without an offset is UTC.
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
    // The patient it is about: the one whom its subject or patient names (a Patient's own id), or
    // "" when there is none or more than one; then, and in all other places, patients are "r"
    // tokens.
    std::string patient_id;
    bool has_main_date = false;
    Micros main_date = 0;  // the date that a patient's list is sorted by; low end
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
