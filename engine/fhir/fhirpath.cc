#include "fhir/fhirpath.h"

#include <utility>

#include "fhir/internal/path_eval.h"
#include "fhir/internal/path_tree.h"

namespace carestream::fhir {

FhirPath::FhirPath(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
FhirPath::FhirPath(FhirPath&&) noexcept = default;
FhirPath& FhirPath::operator=(FhirPath&&) noexcept = default;
FhirPath::~FhirPath() = default;

Result<FhirPath> FhirPath::Compile(std::string_view expression) {
    CARESTREAM_ASSIGN(root, path::Parse(expression));
    auto tree = std::make_unique<Tree>();
    tree->root = std::move(root);
    return FhirPath(std::move(tree));
}

namespace {

path::Item ItemOf(const Definitions& definitions, const PathItem& of) {
    path::Item item;
    item.node = of.node;
    item.sibling = of.sibling;
    item.definition = definitions.FindType(of.type);
    item.type = item.definition != nullptr ? item.definition->name : of.type;
    return item;
}

}  // namespace

Result<FhirPath::Evaluation> FhirPath::Evaluate(const Definitions& definitions, const Node& root,
                                                std::string_view type,
                                                const EvaluateLimits& limits) const {
    return EvaluateAt(definitions, root, type, {&root, nullptr, type}, limits);
}

Result<FhirPath::Evaluation> FhirPath::EvaluateAt(const Definitions& definitions, const Node& root,
                                                  std::string_view type, const PathItem& focus,
                                                  const EvaluateLimits& limits) const {
    const path::Item item = ItemOf(definitions, focus);
    path::Evaluator evaluator(definitions, limits, ItemOf(definitions, {&root, nullptr, type}));
    path::Items items;
    path::Scope scope;
    scope.self = path::Span(&item, 1);
    if (!evaluator.Eval(tree_->root, scope.self, scope, items)) return Fail(evaluator.TakeError());
    Evaluation out;
    out.items.reserve(items.size());
    for (const path::Item& found : items) {
        const std::string_view name =
            found.system == path::System::kNone ? found.type : path::SystemTypeName(found.system);
        out.items.push_back({found.node, found.sibling, name});
    }
    out.owned = evaluator.TakeOwned();
    return out;
}

}  // namespace carestream::fhir
