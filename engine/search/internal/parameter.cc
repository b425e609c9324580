#include "search/internal/parameter.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <utility>

namespace carestream::search {
namespace {

constexpr std::string_view kComponentStep = "component.";

std::string Joined(const std::vector<fhir::PlainStep>& steps, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) out += '.';
        out += steps[i].member;
    }
    return out;
}

// Parts of a name or an address are found through the whole name or address.
std::size_t SpaceSteps(const std::vector<fhir::PlainStep>& steps, Prefixes& prefixes) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].type == "HumanName" || steps[i].type == "Address") {
            prefixes = steps[i].type == "Address" ? Prefixes::kAddressWords : Prefixes::kNameWords;
            return i + 1;
        }
    }
    const std::string_view last = steps.empty() ? std::string_view() : steps.back().member;
    const bool named = last == "name" || last == "alias" || last == "title";
    prefixes = named ? Prefixes::kNameWords : Prefixes::kStart;
    return steps.size();
}

std::string_view BindingOf(const fhir::Definitions& definitions, std::string_view root,
                           const std::vector<fhir::PlainStep>& steps) {
    const fhir::TypeDefinition* type = definitions.FindType(root);
    std::string_view value_set;
    for (const fhir::PlainStep& step : steps) {
        if (type == nullptr) return {};
        const fhir::ResolvedElement resolved = definitions.Resolve(*type, step.member);
        if (resolved.element == nullptr) return {};
        value_set = resolved.element->value_set;
        type = resolved.definition;
    }
    return value_set;
}

Source MakeSource(const fhir::Definitions& definitions, std::string_view root,
                  const fhir::PlainPath& path, ParameterKind kind) {
    Source source;
    source.steps = path.steps;
    source.type = path.type;
    source.leaf = LeafOf(path.type);
    std::size_t count = path.steps.size();
    if (kind == ParameterKind::kString) count = SpaceSteps(path.steps, source.prefixes);
    source.space = std::string(root) + "." + Joined(path.steps, count);
    for (const fhir::PlainStep& step : path.steps) {
        source.repeats = source.repeats || step.repeats;
        source.conditional = source.conditional || !step.where_member.empty();
    }
    if (source.leaf == Leaf::kText) source.value_set = BindingOf(definitions, root, path.steps);
    return source;
}

bool IsPrivate(const Source& source) {
    const std::string_view last =
        source.steps.empty() ? std::string_view() : std::string_view(source.steps.back().member);
    return last == "birthDate" || last == "deceasedDateTime";
}

// The rows of a measurement and of its components share one space, so that the combo parameters
// find both at once; the others then re-check.
void SetRangeSpace(Compiled& compiled, std::string_view type) {
    std::set<std::string> whole;
    std::set<std::string> merged;
    for (const Source& source : compiled.sources) {
        std::string path = Joined(source.steps, source.steps.size());
        whole.insert(path);
        if (path.starts_with(kComponentStep)) path.erase(0, kComponentStep.size());
        merged.insert(std::move(path));
    }
    compiled.range_space = std::string(type) + ".";
    for (const std::string& path : merged) {
        if (path != *merged.begin()) compiled.range_space += '|';
        compiled.range_space += path;
    }
    if (compiled.general) compiled.range_space = compiled.general_space;
    compiled.range_id = Fnv32(compiled.range_space);
    const fhir::SearchParameter& parameter = *compiled.parameter;
    const bool has_twin = type == "Observation" && parameter.type == "quantity";
    compiled.range_shared = has_twin && whole.size() != 2 * merged.size();
}

bool IsRange(ParameterKind kind) {
    return kind == ParameterKind::kDate || kind == ParameterKind::kNumber ||
           kind == ParameterKind::kQuantity;
}

void CompileSources(const fhir::Definitions& definitions, std::string_view type, Compiled& out,
                    std::string_view expression) {
    Result<fhir::FhirPath> path = fhir::FhirPath::Compile(expression);
    if (!path) {
        out.kind = ParameterKind::kSpecial;
        return;
    }
    const auto plain = fhir::PlainPaths(*path, definitions, type);
    if (!plain) {
        out.general = std::move(*path);
        out.general_space = std::string(type) + "." + std::string(out.parameter->code);
        return;
    }
    for (const fhir::PlainPath& each : *plain) {
        out.sources.push_back(MakeSource(definitions, type, each, out.kind));
    }
}

std::shared_ptr<const Compiled> CompileComponent(const fhir::Definitions& definitions,
                                                 std::string_view type, std::string_view base_type,
                                                 const fhir::SearchComponent& component) {
    const fhir::SearchParameter* parameter = definitions.FindSearchParameter(type, component.code);
    if (parameter == nullptr) return nullptr;
    auto out = std::make_shared<Compiled>();
    out->parameter = parameter;
    out->kind = KindOf(*parameter);
    out->root_type = base_type;
    CompileSources(definitions, base_type, *out, component.expression);
    if (out->kind == ParameterKind::kSpecial || out->kind == ParameterKind::kComposite)
        return nullptr;
    return out;
}

void CompileComposite(const fhir::Definitions& definitions, std::string_view type, Compiled& out) {
    for (const Source& base : out.sources) {
        std::vector<Component> row;
        for (const fhir::SearchComponent& component : out.parameter->components) {
            auto compiled = CompileComponent(definitions, type, base.type, component);
            if (compiled == nullptr) {
                out.kind = ParameterKind::kSpecial;
                return;
            }
            row.push_back({std::move(compiled)});
        }
        out.components.push_back(std::move(row));
    }
    if (out.general || out.components.empty()) out.kind = ParameterKind::kSpecial;
}

std::shared_ptr<const Compiled> CompileNew(const fhir::Definitions& definitions,
                                           const fhir::TypeDefinition& root,
                                           const fhir::SearchParameter& parameter) {
    auto out = std::make_shared<Compiled>();
    out->parameter = &parameter;
    out->kind = KindOf(parameter);
    if (out->kind == ParameterKind::kSpecial) return out;
    out->root_type = root.name;
    CompileSources(definitions, root.name, *out, parameter.expression);
    if (out->kind == ParameterKind::kComposite) CompileComposite(definitions, root.name, *out);
    if (out->kind == ParameterKind::kDate && !out->sources.empty() &&
        std::all_of(out->sources.begin(), out->sources.end(), IsPrivate)) {
        out->kind = ParameterKind::kPrivateDate;
    }
    if (IsRange(out->kind)) SetRangeSpace(*out, root.name);
    return out;
}

// Each request would compile what the one before it did.
class CompiledParameters {
public:
    std::shared_ptr<const Compiled> Of(const fhir::Definitions& definitions,
                                       const fhir::TypeDefinition& root,
                                       const fhir::SearchParameter& parameter) {
        const Key key{&root, &parameter};
        {
            const std::shared_lock lock(mutex_);
            const auto found = compiled_.find(key);
            if (found != compiled_.end()) return found->second;
        }
        auto made = CompileNew(definitions, root, parameter);
        const std::lock_guard lock(mutex_);
        return compiled_.emplace(key, std::move(made)).first->second;
    }

private:
    using Key = std::pair<const fhir::TypeDefinition*, const fhir::SearchParameter*>;

    std::shared_mutex mutex_;
    std::map<Key, std::shared_ptr<const Compiled>> compiled_;
};

}  // namespace

ParameterKind KindOf(const fhir::SearchParameter& parameter) {
    constexpr std::array<std::pair<std::string_view, ParameterKind>, 8> kKinds = {{
        {"token", ParameterKind::kToken},
        {"string", ParameterKind::kString},
        {"reference", ParameterKind::kReference},
        {"date", ParameterKind::kDate},
        {"number", ParameterKind::kNumber},
        {"quantity", ParameterKind::kQuantity},
        {"uri", ParameterKind::kUri},
        {"composite", ParameterKind::kComposite},
    }};
    if (parameter.expression.empty() || parameter.code == "phonetic")
        return ParameterKind::kSpecial;
    for (const auto& [name, kind] : kKinds) {
        if (name == parameter.type) return kind;
    }
    return ParameterKind::kSpecial;
}

std::shared_ptr<const Compiled> CompileParameter(const fhir::Definitions& definitions,
                                                 std::string_view type,
                                                 const fhir::SearchParameter& parameter) {
    const fhir::TypeDefinition* root = definitions.FindType(type);
    if (root == nullptr) {
        auto none = std::make_shared<Compiled>();
        none->parameter = &parameter;
        return none;
    }
    return definitions.Derived<CompiledParameters>().Of(definitions, *root, parameter);
}

bool InPatientCompartment(const fhir::Definitions& definitions, std::string_view type) {
    return type == "Patient" || !definitions.CompartmentParameters("Patient", type).empty();
}

std::span<const Source> PatientSources(const fhir::Definitions& definitions,
                                       std::string_view type) {
    const auto parameters = definitions.CompartmentParameters("Patient", type);
    if (type == "Patient" || parameters.empty()) return {};
    std::vector<std::string_view> candidates = {"patient", "subject"};
    candidates.insert(candidates.end(), parameters.begin(), parameters.end());
    for (const std::string_view code : candidates) {
        const fhir::SearchParameter* parameter = definitions.FindSearchParameter(type, code);
        if (parameter == nullptr || parameter->type != "reference") continue;
        const auto compiled = CompileParameter(definitions, type, *parameter);
        if (!compiled->general && !compiled->sources.empty()) return compiled->sources;
    }
    return {};
}

std::vector<std::shared_ptr<const Compiled>> MainDates(const fhir::Definitions& definitions,
                                                       std::string_view type) {
    // The first that the type has; of a Condition both, for many have no onset.
    constexpr std::array<std::string_view, 16> kCodes = {
        "authored",   "authoredon",     "authored-on",    "date", "onset-date", "recorded-date",
        "effective",  "effective-time", "whenhandedover", "sent", "collected",  "created",
        "start-date", "started",        "recorded",       "start"};
    std::vector<std::shared_ptr<const Compiled>> out;
    for (const std::string_view code : kCodes) {
        const fhir::SearchParameter* parameter = definitions.FindSearchParameter(type, code);
        if (parameter == nullptr || parameter->type != "date") continue;
        auto compiled = CompileParameter(definitions, type, *parameter);
        if (compiled->kind != ParameterKind::kDate) continue;
        out.push_back(std::move(compiled));
        if (code != "onset-date") break;
    }
    return out;
}

}  // namespace carestream::search
