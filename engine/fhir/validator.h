#pragma once
// Structural validation against base R4: unknown elements, types, cardinalities, primitive formats,
// required bindings, empty elements, resourceType and references' form. No profiles, no invariants.
#include <string>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::fhir {

struct Issue {
    std::string code;        // OperationOutcome issue type: structure, required, value, code-invalid, ...
    std::string expression;  // FHIRPath of the place: "Patient.name[0].use"
    std::string message;     // what is wrong and what is allowed; never the value
};

// Empty = valid. Stops after `issues_max`.
[[nodiscard]] std::vector<Issue> Validate(const Definitions& definitions, const Node& resource,
                                          std::size_t issues_max = 50);

// Does `text` have the lexical form of the primitive ("date", "instant", "decimal", "id", "code", ...)?
[[nodiscard]] bool IsPrimitive(std::string_view type, std::string_view text);

}  // namespace carestream::fhir
