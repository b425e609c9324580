#include "fhir/profiles.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "fhir/internal/profile_check.h"
#include "fhir/internal/profile_complete.h"
#include "fhir/internal/profile_select.h"
#include "fhir/internal/profile_table.h"

namespace carestream::fhir {

namespace {

struct Guide {
    std::string_view name;
    std::string_view folder;  // below schemas/fhir
};
constexpr Guide kGuides[] = {{"us-core", "us-core/6.1.0"}};

class Tables final : public Profiles {
public:
    explicit Tables(std::shared_ptr<const Definitions> definitions)
        : definitions_(std::move(definitions)), reader_(table_, *definitions_) {}

    Result<void> Read(const std::filesystem::path& folder) {
        const auto read = [&](std::string& text, const char* file) -> Result<void> {
            CARESTREAM_ASSIGN(content, ReadFile(folder / file));
            text = std::move(content);
            return {};
        };
        CARESTREAM_TRY(read(systems_text_, "code_systems.tsv"));
        CARESTREAM_TRY(read(value_sets_text_, "value_sets.tsv"));
        CARESTREAM_TRY(read(profiles_text_, "profiles.tsv"));
        CARESTREAM_TRY(table_.codes().LoadSystems(systems_text_, "code_systems.tsv"));
        CARESTREAM_TRY(table_.codes().LoadValueSets(value_sets_text_, "value_sets.tsv"));
        return table_.LoadProfiles(profiles_text_, "profiles.tsv");
    }

    const Profile* Find(std::string_view name_or_url) const override {
        const internal::ProfileEntry* entry = table_.Find(name_or_url);
        return entry == nullptr ? nullptr : &entry->profile;
    }

    std::vector<const Profile*> All() const override {
        std::vector<const Profile*> all;
        for (const internal::ProfileEntry& entry : table_.entries()) all.push_back(&entry.profile);
        return all;
    }

    std::vector<const Profile*> Candidates(const Node& resource) const override {
        return internal::SelectProfiles(reader_, resource);
    }

    std::vector<Issue> ValidateProfile(const Node& resource, std::string_view profile,
                                       const MeetsProfile& meets,
                                       std::size_t issues_max) const override {
        internal::ProfileChecker checker(reader_, resource, meets, issues_max);
        if (const internal::ProfileEntry* entry = table_.Find(profile)) {
            checker.Check(*entry);
        } else if (profile == resource.TextOf("resourceType")) {
            for (const Profile* candidate : Candidates(resource)) {
                checker.Check(*table_.Find(candidate->name));
            }
        } else {
            return {Unknown(resource)};
        }
        return checker.Take();
    }

    std::vector<std::string> Complete(Node& resource, const Profile& profile) const override {
        const internal::ProfileEntry* entry = table_.Find(profile.name);
        if (entry == nullptr) return {};
        return internal::CompleteProfile(reader_, *entry, resource);
    }

private:
    static Issue Unknown(const Node& resource) {
        return {"not-found", std::string(resource.TextOf("resourceType")),
                "the profile is unknown here"};
    }

    std::shared_ptr<const Definitions> definitions_;
    std::string systems_text_;
    std::string value_sets_text_;
    std::string profiles_text_;
    internal::ProfileTable table_;
    internal::ProfileReader reader_;
};

}  // namespace

Result<std::shared_ptr<const Profiles>> Profiles::Load(
    const std::filesystem::path& folder, std::shared_ptr<const Definitions> definitions) {
    auto tables = std::make_shared<Tables>(std::move(definitions));
    CARESTREAM_TRY(tables->Read(folder));
    return std::shared_ptr<const Profiles>(std::move(tables));
}

std::span<const std::string_view> GuideNames() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all;
        for (const Guide& guide : kGuides) all.push_back(guide.name);
        return all;
    }();
    return names;
}

Result<std::shared_ptr<const Profiles>> Guides::Get(std::string_view name) {
    const auto known = loaded_.find(name);
    if (known != loaded_.end()) return known->second;
    const auto* guide = std::find_if(std::begin(kGuides), std::end(kGuides),
                                     [&](const Guide& one) { return one.name == name; });
    if (guide == std::end(kGuides)) {
        return Fail(Code::kNotFound,
                    "no profiles '" + std::string(name) + "'" + DidYouMean(name, GuideNames()));
    }
    CARESTREAM_ASSIGN(profiles, Profiles::Load(folder_ / guide->folder, definitions_));
    return loaded_.emplace(name, std::move(profiles)).first->second;
}

}  // namespace carestream::fhir
