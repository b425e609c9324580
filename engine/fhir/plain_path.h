#pragma once
// The many FHIRPath expressions that only walk members, taken apart so that they can be followed
// without the evaluator: `Observation.subject.where(resolve() is Patient)` is one member and one
// condition.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/fhirpath.h"

namespace carestream::fhir {

struct PlainStep {
    std::string member;     // as in JSON: "valueQuantity"
    std::string_view type;  // FHIR type that stands there; lives as long as the Definitions
    bool repeats = false;   // a JSON array
    // Conditions on what stands there; "" = none.
    std::string refers_to;     // a reference to this type
    std::string where_member;  // an object whose string member ...
    std::string where_value;   // ... has this value
};

struct PlainPath {
    std::vector<PlainStep> steps;  // empty: the root itself
    std::string_view type;         // FHIR type of the end
    const TypeDefinition* definition = nullptr;
};

// The paths whose values together are the expression's, in its order; a choice gives one per type.
// nullopt when the expression needs the evaluator. `type` is the root's.
[[nodiscard]] std::optional<std::vector<PlainPath>> PlainPaths(const FhirPath& path,
                                                               const Definitions& definitions,
                                                               std::string_view type);

// Calls `visit(const Node&)` for each value at the end of `steps` below `node`.
template <typename Visit>
void FollowSteps(const Node& node, const PlainStep* step, const PlainStep* end, bool conditions,
                 const Visit& visit);

[[nodiscard]] bool StepHolds(const PlainStep& step, const Node& value);
// "Patient" of "Patient/1", "http://a.b/fhir/Patient/1/_history/2"; "" when it names no type.
[[nodiscard]] std::string_view ReferenceType(std::string_view reference);

template <typename Visit>
void FollowSteps(const Node& node, const PlainStep* step, const PlainStep* end, bool conditions,
                 const Visit& visit) {
    if (step == end) {
        visit(node);
        return;
    }
    const Node* value = node.Find(step->member);
    if (value == nullptr) return;
    const auto enter = [&](const Node& item) {
        if (item.IsNull() || (conditions && !StepHolds(*step, item))) return;
        FollowSteps(item, step + 1, end, conditions, visit);
    };
    if (!value->IsArray()) {
        enter(*value);
        return;
    }
    for (const Node& item : value->items()) enter(item);
}

}  // namespace carestream::fhir
