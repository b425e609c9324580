#pragma once
// Values of search parameters, parsed. Source: FHIR R4 3.1.1.4, escapes 3.1.1.4.16.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "search/internal/parameter.h"
#include "search/query.h"

namespace carestream::search {

enum class Modifier : std::uint8_t { kNone, kMissing, kNot, kExact, kContains, kType };

// One alternative of a parameter; which fields count depends on its kind.
struct Wanted {
    // Tokens: code (any_code: "system|"), system (any_system: no bar; neither: "|code").
    // Quantities: unit in `code`, any_system unless one was given, any_code: no unit at all.
    std::string system;
    std::string code;
    bool any_system = false;
    bool any_code = false;
    std::string text;    // strings and URIs as written; canonicals with their version
    std::string folded;  // strings
    std::vector<std::string> references;  // any of
    RangeProbe range;
    std::vector<Wanted> parts;  // composites
};

struct CriterionDetail {
    std::shared_ptr<const Compiled> compiled;  // nullptr: a compartment
    Modifier modifier = Modifier::kNone;
    bool wants_missing = false;
    std::vector<Wanted> wanted;
    std::vector<std::shared_ptr<const Compiled>> compartment;
};

// Splits at `separator` where no backslash stands before it; escapes stay.
[[nodiscard]] std::vector<std::string_view> SplitEscaped(std::string_view text, char separator);
[[nodiscard]] std::string Unescape(std::string_view text);

// `type_modifier`: of references ("Patient" of subject:Patient). Error kInvalid, kUnsupported; the
// parameter's name is the caller's to add.
[[nodiscard]] Result<Wanted> ParseWanted(const fhir::Definitions& definitions,
                                         const Compiled& compiled, std::string_view value,
                                         std::string_view type_modifier, const QueryLimits& limits);
// A date with its prefix.
[[nodiscard]] Result<RangeProbe> ParseDateRange(std::string_view value, const QueryLimits& limits);

// Does a value fulfil one alternative? Kinds other than reference and composite.
[[nodiscard]] bool ValueMatches(const fhir::Definitions& definitions, const Compiled& compiled,
                                Modifier modifier, const Wanted& wanted, const fhir::Node& node,
                                Leaf leaf, const Source* source);

}  // namespace carestream::search
