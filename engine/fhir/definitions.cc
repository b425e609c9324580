#include "fhir/definitions.h"

#include <string>
#include <utility>

#include "base/file.h"
#include "fhir/internal/code_table.h"
#include "fhir/internal/search_table.h"
#include "fhir/internal/table.h"
#include "fhir/internal/type_table.h"

namespace carestream::fhir {

namespace {

class Tables final : public Definitions {
public:
    Result<void> Read(const std::filesystem::path& folder) {
        const auto read = [&](std::string& text, const char* file, auto&& load) -> Result<void> {
            auto content = ReadFile(folder / file);
            if (!content) return Fail(std::move(content).error());
            text = std::move(*content);
            return load(std::string_view(text), std::string_view(file));
        };
        CARESTREAM_TRY(read(types_text_, "types.tsv",
                            [&](auto text, auto file) { return types_.Load(text, file); }));
        CARESTREAM_TRY(read(search_text_, "search_parameters.tsv", [&](auto text, auto file) {
            return search_.LoadParameters(text, file);
        }));
        CARESTREAM_TRY(read(compartments_text_, "compartments.tsv", [&](auto text, auto file) {
            return search_.LoadCompartments(text, file);
        }));
        CARESTREAM_TRY(read(systems_text_, "code_systems.tsv",
                            [&](auto text, auto file) { return codes_.LoadSystems(text, file); }));
        return read(value_sets_text_, "value_sets.tsv",
                    [&](auto text, auto file) { return codes_.LoadValueSets(text, file); });
    }

    const TypeDefinition* FindType(std::string_view name) const override {
        return types_.Find(name);
    }
    std::span<const std::string_view> ResourceTypes() const override {
        return types_.resource_types();
    }
    int ResourceTypeNumber(std::string_view type) const override {
        return types_.ResourceNumber(type);
    }
    ResolvedElement Resolve(const TypeDefinition& type, std::string_view member) const override {
        return types_.Resolve(type, member);
    }

    std::vector<const SearchParameter*> SearchParameters(
        std::string_view resource_type) const override {
        std::vector<const SearchParameter*> found;
        for (std::string_view base = resource_type; !base.empty(); base = BaseOf(base)) {
            for (const SearchParameter& parameter : search_.OfBase(base)) {
                found.push_back(&parameter);
            }
        }
        return found;
    }
    const SearchParameter* FindSearchParameter(std::string_view resource_type,
                                               std::string_view code) const override {
        for (std::string_view base = resource_type; !base.empty(); base = BaseOf(base)) {
            if (const SearchParameter* found = search_.Find(base, code)) return found;
        }
        return nullptr;
    }

    std::span<const std::string_view> CompartmentParameters(
        std::string_view compartment, std::string_view resource_type) const override {
        return search_.Compartment(compartment, resource_type);
    }
    Membership InValueSet(std::string_view value_set, std::string_view system,
                          std::string_view code) const override {
        return codes_.InValueSet(value_set, system, code);
    }
    Membership InCodeSystem(std::string_view system, std::string_view code) const override {
        return codes_.InCodeSystem(system, code);
    }
    std::string_view Display(std::string_view system, std::string_view code) const override {
        return codes_.Display(system, code);
    }

private:
    std::string_view BaseOf(std::string_view type) const {
        const TypeDefinition* definition = types_.Find(type);
        return definition == nullptr ? std::string_view() : definition->base;
    }

    std::string types_text_, search_text_, compartments_text_, systems_text_, value_sets_text_;
    internal::TypeTable types_;
    internal::SearchTable search_;
    internal::CodeTable codes_;
};

}  // namespace

void* Definitions::Keep(std::type_index type, Kept (*make)()) const {
    const std::lock_guard lock(kept_mutex_);
    Kept& kept = kept_[type];
    if (kept == nullptr) kept = make();
    return kept.get();
}

Result<std::shared_ptr<const Definitions>> Definitions::Load(
    const std::filesystem::path& schemas_fhir_r4) {
    auto tables = std::make_shared<Tables>();
    CARESTREAM_TRY(tables->Read(schemas_fhir_r4));
    return std::shared_ptr<const Definitions>(std::move(tables));
}

}  // namespace carestream::fhir
