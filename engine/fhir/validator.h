#pragma once
// Structural validation against base R4: unknown elements, types, cardinalities, primitive formats,
// required bindings, codes of FHIR's own code systems, empty elements, choices, "_name" siblings,
// extensions, contained resources, targets of references, relative `system` URIs, sizes of
// attachments and the narrative's XHTML. No profiles, no terminology beyond what is shipped, no
// invariants but ele-1, ext-1, dom-2. Source: FHIR R4 2.6.2 (JSON), 2.24 (data types), 2.4
// (narrative), 2.5.0 (extensibility).
#include <string>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::fhir {

struct Issue {
    std::string code;  // OperationOutcome issue type: structure, required, value, code-invalid, ...
    std::string expression;  // FHIRPath of the place: "Patient.name[0].use"
    std::string message;     // what is wrong and what is allowed; never the value
};

// Empty = valid. Stops after `issues_max`. Depth is bounded whatever the tree; for text that came
// from outside, ParseJson has found duplicate members and syntax errors before.
[[nodiscard]] std::vector<Issue> Validate(const Definitions& definitions, const Node& resource,
                                          std::size_t issues_max = 50);

// Does `text` have the lexical form of the primitive ("date", "instant", "decimal", "id", "code",
// ...)? False for a type that is not primitive.
[[nodiscard]] bool IsPrimitive(std::string_view type, std::string_view text);
[[nodiscard]] bool IsPrimitive(Primitive type, std::string_view text);

}  // namespace carestream::fhir
