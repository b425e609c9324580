#pragma once
// A search parameter of a type, compiled: where its values are and in which spaces the index holds
// them.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "fhir/definitions.h"
#include "fhir/fhirpath.h"
#include "fhir/plain_path.h"
#include "search/internal/values.h"

namespace carestream::search {

enum class ParameterKind : std::uint8_t {
    kToken,
    kString,
    kReference,
    kDate,         // rows of intervals
    kPrivateDate,  // birth and death: tokens
    kNumber,
    kQuantity,
    kUri,
    kComposite,
    kSpecial,  // no expression: not offered
};

// How the prefixes of a string are stored.
enum class Prefixes : std::uint8_t {
    kNameWords,     // each word at 2, 3, 4, 6, 8 characters
    kAddressWords,  // each word at 2, 4, 6
    kStart,         // the beginning of the whole text at 3, 8
};

// One place where values are found. `steps` keep their conditions: the index leaves those aside, so
// what has any is re-checked.
struct Source {
    std::vector<fhir::PlainStep> steps;
    std::string_view type;
    Leaf leaf = Leaf::kOther;
    std::string space;
    Prefixes prefixes = Prefixes::kStart;
    bool repeats = false;      // may hold several values
    bool conditional = false;  // a condition other than on a reference's type
    // Binding of a plain code: the systems of a code are known through it.
    std::string_view value_set;
};

struct Compiled;

struct Component {
    std::shared_ptr<const Compiled>
        parameter;  // of the component: its kind and sources are relative
};

struct Compiled {
    const fhir::SearchParameter* parameter = nullptr;  // lives as long as the Definitions
    ParameterKind kind = ParameterKind::kSpecial;
    std::vector<Source> sources;
    std::optional<fhir::FhirPath> general;  // where `sources` cannot say it
    std::string general_space;
    std::string_view root_type;
    // Of dates, numbers and quantities: the space of their rows.
    std::string range_space;
    std::uint32_t range_id = 0;
    bool range_shared = false;  // rows of other elements stand in the same space
    // Of composites: one list per source of the base.
    std::vector<std::vector<Component>> components;
};

[[nodiscard]] ParameterKind KindOf(const fhir::SearchParameter& parameter);

// Never null; what cannot be compiled is kSpecial. `parameter` is one of the definitions'; it is
// compiled once for each type.
[[nodiscard]] std::shared_ptr<const Compiled> CompileParameter(
    const fhir::Definitions& definitions, std::string_view type,
    const fhir::SearchParameter& parameter);

// Where the patient of a resource stands: sources of the parameter that names its one patient, for
// as long as the definitions live. Empty for types outside the Patient compartment and for Patient.
[[nodiscard]] std::span<const Source> PatientSources(const fhir::Definitions& definitions,
                                                     std::string_view type);
[[nodiscard]] bool InPatientCompartment(const fhir::Definitions& definitions,
                                        std::string_view type);
// "date" of most types, else the nearest to it, in order of preference.
[[nodiscard]] std::vector<std::shared_ptr<const Compiled>> MainDates(
    const fhir::Definitions& definitions, std::string_view type);

// Calls `visit(node, leaf, space, source or nullptr)` with each value of the parameter.
template <typename Visit>
void VisitValues(const fhir::Definitions& definitions, const Compiled& compiled,
                 const fhir::Node& root, const Visit& visit) {
    for (const Source& source : compiled.sources) {
        const fhir::PlainStep* begin = source.steps.data();
        fhir::FollowSteps(root, begin, begin + source.steps.size(), true,
                          [&](const fhir::Node& node) {
                              visit(node, source.leaf, std::string_view(source.space), &source);
                          });
    }
    if (!compiled.general) return;
    const auto result = compiled.general->Evaluate(definitions, root, compiled.root_type);
    if (!result) return;  // a value that cannot be read by a parameter is left out
    for (const fhir::PathItem& item : result->items) {
        visit(*item.node, LeafOf(item.type), std::string_view(compiled.general_space),
              static_cast<const Source*>(nullptr));
    }
}

}  // namespace carestream::search
