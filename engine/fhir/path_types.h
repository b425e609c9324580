#pragma once
// What a FHIRPath expression can give, told from its names alone: so that a misspelt element is
// found when a file is read and not when a message comes. Pure; nothing is evaluated.
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/fhirpath.h"

namespace carestream::fhir {

struct PathTypes {
    // FHIR type codes, those of choice elements each on its own; "System.Boolean" and the like for
    // computed values. Without repetitions.
    std::vector<std::string_view> types;
    bool known = true;  // false: anything may come
};

// `variables` are the further %names of EvaluateLimits with their FHIR types ("" = any). Error
// kInvalid: a name that none of the types has which can stand there, or an unknown variable or
// type; it names the nearest, and offset_bytes is where the name stands in `text`, the expression.
[[nodiscard]] Result<PathTypes> TypesOf(
    const FhirPath& path, std::string_view text, const Definitions& definitions,
    std::string_view root,
    const std::vector<std::pair<std::string_view, std::string_view>>& variables = {});

}  // namespace carestream::fhir
