// The matcher: criteria decided on the resource itself.
#include <algorithm>
#include <set>
#include <utility>

#include "search/internal/wanted.h"
#include "search/query.h"

namespace carestream::search {
namespace {

bool InAny(const std::vector<RangeProbe>& ranges, const Interval& value) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const RangeProbe& range) { return InRange(range, value); });
}

// References of criteria may have been widened to linked patients: probes and ids count, not what
// was written.
bool ReferenceWanted(const Criterion& criterion, std::string_view reference,
                     std::string_view space) {
    if (reference.starts_with("Patient/") &&
        std::find(criterion.ids.begin(), criterion.ids.end(), reference.substr(8)) !=
            criterion.ids.end()) {
        return true;
    }
    return std::any_of(
        criterion.tokens.begin(), criterion.tokens.end(),
        [&](const TokenProbe& probe) { return probe.space == space && probe.value == reference; });
}

bool CompartmentHolds(const fhir::Node& resource, std::string_view type,
                      const Criterion& criterion) {
    const auto listed = [&](std::string_view id) {
        return std::find(criterion.ids.begin(), criterion.ids.end(), id) != criterion.ids.end();
    };
    if (type == "Patient" && listed(resource.TextOf("id"))) return true;
    bool found = false;
    const auto visit = [&](const fhir::Node& node, const Source& source) {
        found = found || ReferenceWanted(criterion, ReferenceOf(node, source.leaf), source.space);
    };
    for (const auto& compiled : criterion.detail->compartment) {
        for (const Source& source : compiled->sources) {
            const fhir::PlainStep* begin = source.steps.data();
            fhir::FollowSteps(resource, begin, begin + source.steps.size(), true,
                              [&](const fhir::Node& node) { visit(node, source); });
        }
    }
    return found;
}

bool CompositeMatches(const fhir::Definitions& definitions, const Compiled& compiled,
                      const Wanted& wanted, const fhir::Node& resource) {
    for (std::size_t i = 0; i < compiled.sources.size(); ++i) {
        const Source& base = compiled.sources[i];
        const std::vector<Component>& row = compiled.components[i];
        bool found = false;
        const auto holds = [&](const fhir::Node& item, std::size_t part) {
            bool any = false;
            const Compiled& component = *row[part].parameter;
            VisitValues(
                definitions, component, item,
                [&](const fhir::Node& node, Leaf leaf, std::string_view, const Source* source) {
                    any = any || ValueMatches(definitions, component, Modifier::kNone,
                                              wanted.parts[part], node, leaf, source);
                });
            return any;
        };
        const fhir::PlainStep* begin = base.steps.data();
        fhir::FollowSteps(resource, begin, begin + base.steps.size(), true,
                          [&](const fhir::Node& item) {
                              bool all = !found;
                              for (std::size_t k = 0; all && k < row.size(); ++k)
                                  all = holds(item, k);
                              found = found || all;
                          });
        if (found) return true;
    }
    return false;
}

bool ParameterMatches(const fhir::Definitions& definitions, const fhir::Node& resource,
                      const Criterion& criterion) {
    const CriterionDetail& detail = *criterion.detail;
    const Compiled& compiled = *detail.compiled;
    if (compiled.kind == ParameterKind::kComposite && detail.modifier != Modifier::kMissing) {
        return std::any_of(detail.wanted.begin(), detail.wanted.end(), [&](const Wanted& wanted) {
            return CompositeMatches(definitions, compiled, wanted, resource);
        });
    }
    bool found = false;
    VisitValues(
        definitions, compiled, resource,
        [&](const fhir::Node& node, Leaf leaf, std::string_view space, const Source* source) {
            if (found) return;
            if (detail.modifier == Modifier::kMissing) {
                found = true;
                return;
            }
            if (compiled.kind == ParameterKind::kReference &&
                !ReferenceWanted(criterion, ReferenceOf(node, leaf), space)) {
                return;
            }
            // Linked patients are no written value, so a reference is done here; a canonical
            // still has its version.
            if (compiled.kind == ParameterKind::kReference && leaf == Leaf::kReference) {
                found = true;
                return;
            }
            found =
                std::any_of(detail.wanted.begin(), detail.wanted.end(), [&](const Wanted& wanted) {
                    return ValueMatches(definitions, compiled, detail.modifier, wanted, node, leaf,
                                        source);
                });
        });
    return found;
}

}  // namespace

bool Matches(const fhir::Definitions& definitions, const fhir::Node& resource,
             std::string_view type, const Criterion& criterion) {
    if (criterion.kind == CriterionKind::kId) {
        const std::string_view id = resource.TextOf("id");
        return std::find(criterion.ids.begin(), criterion.ids.end(), id) != criterion.ids.end();
    }
    if (criterion.kind == CriterionKind::kLastUpdated) {
        const fhir::Node* meta = resource.Find("meta");
        const fhir::Node* time = meta == nullptr ? nullptr : meta->Find("lastUpdated");
        const auto interval = time == nullptr ? std::nullopt : DateInterval(*time, Leaf::kDate);
        return interval && InAny(criterion.ranges, *interval);
    }
    if (criterion.detail == nullptr) return false;
    if (criterion.detail->compiled == nullptr) {
        return CompartmentHolds(resource, type, criterion) &&
               (!criterion.besides || criterion.besides(resource));
    }
    return ParameterMatches(definitions, resource, criterion) != criterion.negated;
}

std::vector<std::string> IncludedReferences(const fhir::Definitions& definitions,
                                            const fhir::Node& resource, const Include& include) {
    const fhir::SearchParameter* parameter =
        definitions.FindSearchParameter(include.source, include.parameter);
    if (include.reverse || parameter == nullptr || parameter->type != "reference" ||
        resource.TextOf("resourceType") != include.source) {
        return {};
    }
    const auto compiled = CompileParameter(definitions, include.source, *parameter);
    std::set<std::string> out;
    VisitValues(definitions, *compiled, resource,
                [&](const fhir::Node& node, Leaf leaf, std::string_view, const Source*) {
                    const std::string_view reference = ReferenceOf(node, leaf);
                    const std::size_t slash = reference.find('/');
                    if (leaf != Leaf::kReference || slash == std::string_view::npos) return;
                    const std::string_view type = reference.substr(0, slash);
                    if (definitions.ResourceTypeNumber(type) == 0) return;
                    if (!include.target.empty() && type != include.target) return;
                    out.emplace(reference);
                });
    return {out.begin(), out.end()};
}

}  // namespace carestream::search
