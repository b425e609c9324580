#include "fhir/internal/profile_select.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>

namespace carestream::fhir::internal {

namespace {

// How specific the constraints are by which a profile was chosen; less is more specific.
using Rank = std::size_t;
constexpr Rank kByPattern = 0;
constexpr Rank kByNothing = std::numeric_limits<Rank>::max();

class Selection {
public:
    Selection(const ProfileReader& reader, const Node& resource, const TypeDefinition& type,
              bool alone)
        : reader_(reader), resource_(resource), type_(type), alone_(alone) {}

    // Nothing when the resource is no case of the profile.
    std::optional<Rank> Try(const ProfileEntry& entry) {
        rank_ = kByNothing;
        if (entry.when && !Fulfils(*entry.when)) return std::nullopt;
        for (const ProfileElement& element : entry.root.children) {
            if (!Has(element, OccurrencesOf(reader_.definitions(), resource_, type_, element))) {
                return std::nullopt;
            }
        }
        // Of several profiles one that nothing tells from the others says nothing.
        if (!alone_ && rank_ == kByNothing) return std::nullopt;
        return rank_;
    }

private:
    using Values = std::vector<Occurrence>;

    [[nodiscard]] bool Fulfils(const FhirPath& when) const {
        const auto found = when.Evaluate(reader_.definitions(), resource_, type_.name);
        return found && found->items.size() == 1 && found->items.front().node->boolean();
    }

    bool Has(const ProfileElement& element, const Values& values) {
        if (element.name != "category" && element.name != "code") return true;
        if (element.HasValue() && !AnyIs(element, values)) return false;
        if (element.HasValue()) rank_ = kByPattern;
        return HasCode(element, values) && HasSlices(element, values) && HasNested(element, values);
    }

    static bool AnyIs(const ProfileElement& element, const Values& values) {
        return std::any_of(values.begin(), values.end(),
                           [&](const Occurrence& value) { return HasItsValue(element, value); });
    }

    // Codes of a set that is known whole say what the profile is about, however strong the binding.
    bool HasCode(const ProfileElement& element, const Values& values) {
        const bool bound = element.name == "code" && element.strength != BindingStrength::kNone;
        if (!bound || alone_ || !reader_.table().codes().CountOf(element.value_set)) return true;
        const bool found = std::any_of(values.begin(), values.end(), [&](const Occurrence& value) {
            return reader_.BestOf(element.value_set, value) == Definitions::Membership::kIn;
        });
        if (found) rank_ = kByPattern;
        return found;
    }

    bool HasSlices(const ProfileElement& element, const Values& values) {
        for (const ProfileElement& slice : element.slices) {
            const bool by_value_set =
                !slice.HasValue() && slice.children.empty() && !slice.value_set.empty();
            // A value set of categories tells profiles apart even where it is optional.
            const bool first = &slice == &element.slices.front();
            if (slice.min == 0 && (!by_value_set || !first || alone_)) continue;
            const bool found = std::any_of(
                values.begin(), values.end(),
                [&](const Occurrence& value) { return reader_.IsOf(slice, element, value); });
            if (!found) return false;
            const Rank rank =
                by_value_set
                    ? reader_.table().codes().CountOf(slice.value_set).value_or(kByNothing - 1)
                    : kByPattern;
            rank_ = std::min(rank_, rank);
        }
        return true;
    }

    // Slices of the codings of a code.
    bool HasNested(const ProfileElement& element, const Values& values) {
        for (const ProfileElement& child : element.children) {
            if (child.slices.empty()) continue;
            Values below;
            for (const Occurrence& value : values) {
                if (value.value == nullptr) continue;
                const Values more =
                    OccurrencesOf(reader_.definitions(), *value.value, *value.type, child);
                below.insert(below.end(), more.begin(), more.end());
            }
            if (!HasSlices(child, below)) return false;
        }
        return true;
    }

    const ProfileReader& reader_;
    const Node& resource_;
    const TypeDefinition& type_;
    const bool alone_;  // the one profile of its type: it needs no telling apart
    Rank rank_ = kByNothing;
};

struct Chosen {
    const ProfileEntry* entry = nullptr;
    Rank rank = kByNothing;
};

bool Narrows(const ProfileTable& table, const Profile& profile, std::string_view base) {
    for (const Profile* at = &profile; !at->base.empty();) {
        if (at->base == base) return true;
        at = &table.Find(at->base)->profile;
    }
    return false;
}

// Those that another of them narrows say nothing more.
void DropWider(const ProfileTable& table, std::vector<Chosen>& chosen) {
    const std::vector<Chosen> all = chosen;
    std::erase_if(chosen, [&](const Chosen& one) {
        return std::any_of(all.begin(), all.end(), [&](const Chosen& other) {
            return Narrows(table, other.entry->profile, one.entry->profile.name);
        });
    });
}

}  // namespace

std::vector<const Profile*> SelectProfiles(const ProfileReader& reader, const Node& resource) {
    const std::string_view name = resource.TextOf("resourceType");
    const TypeDefinition* type = reader.definitions().FindType(name);
    if (type == nullptr || type->kind != TypeKind::kResource) return {};
    std::vector<const ProfileEntry*> all;
    for (const ProfileEntry& entry : reader.table().entries()) {
        if (entry.profile.type == name) all.push_back(&entry);
    }
    Selection selection(reader, resource, *type, all.size() == 1);
    std::vector<Chosen> chosen;
    for (const ProfileEntry* entry : all) {
        if (const auto rank = selection.Try(*entry)) chosen.push_back({entry, *rank});
    }
    DropWider(reader.table(), chosen);
    Rank best = kByNothing;
    for (const Chosen& one : chosen) best = std::min(best, one.rank);
    std::vector<const Profile*> profiles;
    for (const Chosen& one : chosen) {
        if (one.rank == best) profiles.push_back(&one.entry->profile);
    }
    return profiles;
}

}  // namespace carestream::fhir::internal
