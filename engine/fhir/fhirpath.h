#pragma once
// FHIRPath over resource trees. Source: FHIRPath 2.0.0 (N1), FHIR R4 2.1.14 (as used by search
// parameters). Compiled once, evaluated often; bounded, so that any expression may come from
// outside.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::fhir {

// A node of the result with what FHIRPath must know of it.
struct PathItem {
    const Node* node = nullptr;     // the value; never null
    const Node* sibling = nullptr;  // "_name" of a primitive, or nullptr
    // FHIR type code ("string", "HumanName", "Patient.contact", ...); "System.Integer" and the like
    // for literals and computed values.
    std::string_view type;
};

struct EvaluateLimits {
    std::size_t steps_max = 1'000'000;
    std::size_t items_max = 100'000;
    // What now(), today() and timeOfDay() give, in UTC; without it they are kUnsupported.
    std::optional<Micros> now;
    // A name that the type does not have is kInvalid instead of empty.
    bool strict = false;
    // What resolve() finds behind a reference ("Patient/1", "#a"); nullptr: only its type is known.
    std::function<const Node*(std::string_view reference)> resolve;
    // Further %names: a resource by its resourceType, anything else as a string.
    std::vector<std::pair<std::string_view, const Node*>> variables;
};

class FhirPath {
public:
    // Error kInvalid with offset_bytes; kLimit for depth > 64 or text > 16 KiB.
    [[nodiscard]] static Result<FhirPath> Compile(std::string_view expression);
    FhirPath(FhirPath&&) noexcept;
    FhirPath& operator=(FhirPath&&) noexcept;
    ~FhirPath();

    // The values owned by the evaluation (literals, computed ones) live in `Evaluation`.
    class Evaluation {
    public:
        std::vector<PathItem> items;
        // Keeps computed nodes alive.
        std::vector<std::unique_ptr<Node>> owned;
    };
    // `root` is a resource or element of FHIR type `type`. resolve() gives items that carry only
    // the type named by the reference ("Patient/1" is a Patient), which is what search needs,
    // unless `limits.resolve` finds more; a contained resource ("#a") is found. Errors: kInvalid
    // (types or cardinalities do not fit), kLimit, kUnsupported.
    [[nodiscard]] Result<Evaluation> Evaluate(const Definitions& definitions, const Node& root,
                                              std::string_view type,
                                              const EvaluateLimits& limits = {}) const;
    // The same for an element `focus` of the resource `root`, which stays what %resource and
    // references to contained resources mean: how an invariant of an element is evaluated.
    [[nodiscard]] Result<Evaluation> EvaluateAt(const Definitions& definitions, const Node& root,
                                                std::string_view type, const PathItem& focus,
                                                const EvaluateLimits& limits = {}) const;

    struct Tree;  // for plain_path.h
    [[nodiscard]] const Tree& tree() const { return *tree_; }

private:
    explicit FhirPath(std::unique_ptr<Tree> tree);
    std::unique_ptr<Tree> tree_;
};

}  // namespace carestream::fhir
