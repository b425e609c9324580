// Which profiles the resources of a message claim: those that they meet once what may be unknown is
// completed, and whose references point at resources that meet what is asked of them.
#include <algorithm>
#include <map>
#include <utility>

#include "mapping/internal/run.h"

namespace carestream::mapping::internal {

namespace {

using fhir::Profile;

bool Contains(const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

// A resource with what is claimed of it so far.
struct Claimant {
    Made* made = nullptr;
    fhir::Node node;                 // completed for the claims
    std::vector<std::string> given;  // its elements that were completed
    std::vector<const Profile*> claims;
    std::vector<std::string> notes;  // why others are not claimed
};

// The claims of one guide.
class Claims {
public:
    explicit Claims(const fhir::Profiles& guide) : guide_(guide) {}

    void Add(Made& made) {
        if (guide_.Candidates(made.node).empty()) return;
        by_reference_[made.type + "/" + made.id] = cases_.size();
        cases_.push_back({&made, {}, {}, {}, {}});
    }

    // Begins with all that the resources say of themselves; then takes away what refers to one that
    // does not meet what is asked, until nothing changes. Claims only ever become fewer.
    void Settle() {
        for (Claimant& one : cases_) Decide(one, {}, nullptr);
        const fhir::MeetsProfile meets = [this](std::string_view reference, const Profile& wanted) {
            return Meets(reference, wanted);
        };
        for (bool changed = true; changed;) {
            changed = false;
            for (Claimant& one : cases_) {
                if (one.claims.empty() || Holds(one, meets)) continue;
                const std::vector<const Profile*> before = one.claims;
                Decide(one, meets, &before);
                changed = true;
            }
        }
    }

    std::vector<Claimant>& cases() { return cases_; }

private:
    [[nodiscard]] bool Holds(const Claimant& one, const fhir::MeetsProfile& meets) const {
        return std::all_of(one.claims.begin(), one.claims.end(), [&](const Profile* claim) {
            return guide_.ValidateProfile(one.node, claim->name, meets, 1).empty();
        });
    }

    [[nodiscard]] bool Meets(std::string_view reference, const Profile& wanted) const {
        const auto found = by_reference_.find(reference);
        if (found == by_reference_.end()) return false;
        return Includes(cases_[found->second].claims, wanted);
    }

    // It, or one that narrows it.
    [[nodiscard]] bool Includes(const std::vector<const Profile*>& claims,
                                const Profile& wanted) const {
        return std::any_of(claims.begin(), claims.end(), [&](const Profile* claim) {
            while (claim != &wanted && !claim->base.empty()) claim = guide_.Find(claim->base);
            return claim == &wanted;
        });
    }

    // `limit`: nothing but what these include, unless null.
    void Decide(Claimant& one, const fhir::MeetsProfile& meets,
                const std::vector<const Profile*>* limit) const {
        one.node = one.made->node;
        one.given.clear();
        one.claims.clear();
        one.notes.clear();
        for (const Profile* profile : guide_.Candidates(one.made->node)) {
            Try(one, *profile, meets, limit);
        }
    }

    // The profile, or the nearest that it narrows.
    void Try(Claimant& one, const Profile& profile, const fhir::MeetsProfile& meets,
             const std::vector<const Profile*>* limit) const {
        for (const Profile* at = &profile; at != nullptr;
             at = at->base.empty() ? nullptr : guide_.Find(at->base)) {
            fhir::Node node = one.node;
            const std::vector<std::string> given = guide_.Complete(node, *at);
            const auto issues = guide_.ValidateProfile(node, at->name, meets, 1);
            if (issues.empty() && limit != nullptr && !Includes(*limit, *at)) continue;
            if (issues.empty()) {
                one.node = std::move(node);
                one.given.insert(one.given.end(), given.begin(), given.end());
                one.claims.push_back(at);
                return;
            }
            if (at != &profile) continue;
            one.notes.push_back(issues[0].expression + ": " + issues[0].message + "; " +
                                std::string(at->name) + " is not claimed");
        }
    }

    const fhir::Profiles& guide_;
    std::vector<Claimant> cases_;
    std::map<std::string, std::size_t, std::less<>> by_reference_;
};

// After resourceType and id, where readers expect it.
void PutClaim(fhir::Node& node, std::string_view url) {
    if (node.Find("meta") == nullptr) {
        auto& members = node.members();
        const auto place = std::min<std::size_t>(2, members.size());
        members.insert(members.begin() + static_cast<std::ptrdiff_t>(place),
                       fhir::Member{"meta", fhir::Node::Object()});
    }
    fhir::Node& list = node.At("meta").At("profile");
    const bool there = std::any_of(list.items().begin(), list.items().end(),
                                   [&](const fhir::Node& one) { return one.text() == url; });
    if (!there) list.Append(fhir::Node::String(std::string(url)));
}

void Take(Claimant& one, std::vector<std::string>& notes) {
    for (std::string& note : one.notes) {
        if (!Contains(notes, note)) notes.push_back(std::move(note));
    }
    if (one.claims.empty()) return;
    one.made->node = std::move(one.node);
    for (std::string& element : one.given) {
        // What the message nulls is unknown from now on; what it only lacks may be known already.
        if (Contains(one.made->cleared, element) || Contains(one.made->assumed, element)) continue;
        one.made->assumed.push_back(std::move(element));
    }
    for (const Profile* claim : one.claims) PutClaim(one.made->node, claim->url);
}

}  // namespace

void Run::ClaimProfiles() {
    for (const auto& guide : context_.profiles) {
        Claims claims(*guide);
        for (Made& made : made_) {
            if (made.dropped || made.contained || made.same_as != kNoResource ||
                made.mode == fhir::ChangeMode::kDelete) {
                continue;
            }
            claims.Add(made);
        }
        claims.Settle();
        for (Claimant& one : claims.cases()) Take(one, notes_);
    }
}

}  // namespace carestream::mapping::internal
