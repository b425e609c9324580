#include "store/internal/feed_apply.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "crypto/keys.h"
#include "fhir/apply.h"
#include "store/internal/patient_link.h"
#include "store/internal/snapshot.h"
#include "store/internal/visit_move.h"

namespace carestream::store {
namespace {

using Renames = std::unordered_map<std::string, std::string>;

std::string ReferenceTo(std::string_view type, std::string_view id) {
    return std::string(type).append("/").append(id);
}

// Whether a reference is the one to this resource; makes no text of it.
bool Names(std::string_view reference, const Entry& entry) {
    const std::string_view type = entry.type, id = entry.id;
    return reference.size() == type.size() + 1 + id.size() && reference.starts_with(type) &&
           reference[type.size()] == '/' && reference.ends_with(id);
}

// Identifiers that we gave out ourselves, when we told somebody of a resource: the value is its id.
// (mappings/outbound: Appointment.SCH.yaml)
constexpr std::string_view kOwnSystem = "urn:carestream:authority:CARESTREAM";

bool IsOwn(const fhir::IdentityKey& key) {
    const std::string_view system = key.system;
    return system.starts_with(kOwnSystem) &&
           (system.size() == kOwnSystem.size() || system[kOwnSystem.size()] == '|');
}

// The resource that an identifier of our own names.
Entry* FindOwn(const FeedWrite& write, const fhir::Change& change, WriteContext& context,
               WorkingSet& set) {
    for (const fhir::IdentityKey& key : change.keys) {
        if (!IsOwn(key)) continue;
        Entry* entry = set.FindId(write.tenant, context.TypeNumber(change.type), key.value);
        if (entry != nullptr) return entry;
    }
    return nullptr;
}

// A message at work. Lives for one ApplyFeed.
class FeedApplier {
public:
    FeedApplier(const FeedWrite& write, WriteContext& context, WorkingSet& set)
        : write_(write),
          context_(context),
          set_(set),
          stamp_{write.changes.order_time != 0 ? write.changes.order_time : write.received,
                 write.seq} {}

    Result<FeedResult> Run() {
        CARESTREAM_TRY(Resolve());
        CARESTREAM_TRY(ApplyChanges(false));
        for (const fhir::Snapshot& snapshot : write_.changes.snapshots) {
            CARESTREAM_TRY(EndLeftOut(snapshot));
        }
        for (const fhir::PatientLink& link : write_.changes.links) CARESTREAM_TRY(Link(link));
        for (const fhir::Move& move : write_.changes.moves) CARESTREAM_TRY(Move(move));
        // Provenance of a message that changed nothing would say that it did.
        if (changed_) CARESTREAM_TRY(ApplyChanges(true));
        Report();
        return std::move(result_);
    }

private:
    // What a change means: `raw` by its keys, `target` after links.
    struct Meaning {
        Entry* raw = nullptr;
        Entry* target = nullptr;  // null: there is nothing to change, and nothing is made
        std::vector<IdentityName> names;
        std::vector<const fhir::IdentityKey*> foreign;  // lead to another resource
    };

    [[nodiscard]] static bool OnlyWithOthers(const fhir::Change& change) {
        return change.only_with_others || change.type == "Provenance";
    }

    Result<void> Resolve() {
        const auto& changes = write_.changes.changes;
        meanings_.resize(changes.size());
        const bool merges = !write_.changes.links.empty();
        for (std::size_t i = 0; i < changes.size(); ++i) {
            if (context_.TypeNumber(changes[i].type) == 0) {
                return Fail(Code::kInvalid, "not a resource type of FHIR R4", changes[i].type);
            }
            ResolveOne(changes[i], meanings_[i]);
            // Before the next one is resolved, which may have an identifier in common.
            if (!merges) CARESTREAM_TRY(FollowLinks(changes[i], i));
        }
        for (std::size_t i = 0; i < changes.size(); ++i) {
            if (merges) CARESTREAM_TRY(FollowLinks(changes[i], i));
            const Entry* target = meanings_[i].target;
            const std::string made = target == nullptr ? "" : target->id;
            if (made == changes[i].provisional_id) continue;
            renames_[ReferenceTo(changes[i].type, changes[i].provisional_id)] =
                target == nullptr ? "" : ReferenceTo(target->type, target->id);
        }
        return {};
    }

    // Whom a message names as an end of a merge is the one that its identifiers say, not the one
    // that an earlier merge made of it: the loser always, the survivor if that merge is taken back.
    bool IsItself(std::size_t index) {
        return std::any_of(write_.changes.links.begin(), write_.changes.links.end(),
                           [&](const fhir::PatientLink& link) {
                               if (link.loser == index) return true;
                               if (link.survivor != index || link.loser >= meanings_.size())
                                   return false;
                               Entry* survivor = meanings_[index].raw;
                               return survivor != nullptr &&
                                      &set_.Canonical(*survivor) == meanings_[link.loser].raw;
                           });
    }

    // When it was last said whether this patient is another one; nullopt: never.
    Result<std::optional<fhir::Stamp>> LinkedAt(Entry& entry) {
        CARESTREAM_ASSERT(entry.loaded || !entry.row_stored);
        CARESTREAM_TRY(set_.Open(entry));
        return fhir::MarkedAt(entry.stamps, kLinkMark);
    }

    // Who an identifier means to this message: only what is newer than a link follows it.
    Result<Entry*> CanonicalNow(Entry& entry) {
        Entry* at = &entry;
        Entry* next = set_.LinkOf(*at);
        for (int step = 0; next != nullptr && step < kLinkSteps; ++step) {
            CARESTREAM_ASSIGN(linked, LinkedAt(*at));
            if (linked && *linked > stamp_) break;
            at = next;
            next = set_.LinkOf(*at);
        }
        return at;
    }

    void ResolveOne(const fhir::Change& change, Meaning& meaning) {
        const std::int16_t type = context_.TypeNumber(change.type);
        std::vector<IdentityName>& names = meaning.names;
        names.reserve(change.keys.size());
        for (const fhir::IdentityKey& key : change.keys) {
            const IdentityName name =
                names.emplace_back(context_.NameOf(write_.tenant, change.type, key));
            Entry* found = set_.FindIdentity(name);
            if (found == nullptr) continue;
            if (meaning.raw == nullptr) {
                meaning.raw = found;
            } else if (&set_.Canonical(*found) != &set_.Canonical(*meaning.raw)) {
                Conflict(change, set_.Canonical(*meaning.raw), set_.Canonical(*found));
                meaning.foreign.push_back(&key);
            }
        }
        if (meaning.raw == nullptr) meaning.raw = FindOwn(write_, change, context_, set_);
        if (meaning.raw == nullptr) {
            meaning.raw = set_.FindId(write_.tenant, type, change.provisional_id);
        }
        const bool must_exist = change.mode == fhir::ChangeMode::kUpdateOnly ||
                                change.mode == fhir::ChangeMode::kDelete;
        if (meaning.raw == nullptr && !must_exist) {
            meaning.raw =
                &set_.AddNew(write_.tenant, type, change.provisional_id, context_.NewPk());
        }
    }

    Result<void> FollowLinks(const fhir::Change& change, std::size_t index) {
        Meaning& meaning = meanings_[index];
        if (meaning.raw == nullptr) return {};
        CARESTREAM_ASSIGN(canonical, CanonicalNow(*meaning.raw));
        meaning.target = IsItself(index) ? meaning.raw : canonical;
        const bool must_exist = change.mode == fhir::ChangeMode::kUpdateOnly ||
                                change.mode == fhir::ChangeMode::kDelete;
        if (must_exist && !meaning.target->Exists()) {
            meaning.target = nullptr;
            return {};
        }
        for (const IdentityName& name : meaning.names) {
            set_.AddIdentity(name, *meaning.target, true);
        }
        return {};
    }

    void Conflict(const fhir::Change& change, const Entry& kept, const Entry& other) {
        set_.new_conflicts.push_back(
            {write_.tenant, kept.type_number, kept.pk, other.pk, write_.seq});
        const std::string text = change.type +
                                 ": identifiers of the message lead to two stored resources; "
                                 "the strongest identifier decided, nothing was merged";
        if (result_.reason.find(text) == std::string::npos) {
            if (!result_.reason.empty()) result_.reason += "; ";
            result_.reason += text;
        }
        ++result_.identity_conflicts;
    }

    Result<void> ApplyChanges(bool only_with_others) {
        const auto& changes = write_.changes.changes;
        for (std::size_t i = 0; i < changes.size(); ++i) {
            if (OnlyWithOthers(changes[i]) != only_with_others) continue;
            Entry* target = meanings_[i].target;
            if (target == nullptr) {
                result_.skipped.push_back(changes[i].type);
                continue;
            }
            CARESTREAM_TRY(ApplyOne(changes[i], meanings_[i]));
        }
        return {};
    }

    Result<void> ApplyOne(const fhir::Change& change, const Meaning& meaning) {
        Entry& entry = *meaning.target;
        if (change.mode == fhir::ChangeMode::kFindOrCreate && entry.Exists()) return {};
        if (change.mode == fhir::ChangeMode::kDelete) return Delete(entry);
        const bool has_targets =
            change.type == "Provenance" && change.resource.Find("target") != nullptr;
        if (renames_.empty() && meaning.foreign.empty() && !has_targets)
            return Merge(change, entry, stamp_);
        fhir::Change own = change;
        if (!renames_.empty()) DropEmptied(own);
        RewriteReferences(own.resource, renames_);
        for (const fhir::IdentityKey* key : meaning.foreign) DropIdentifier(own, *key);
        if (has_targets && !KeepChangedTargets(own)) return {};
        return Merge(own, entry, stamp_);
    }

    // A Provenance names what its message made or changed, and the patient whom that is about, not
    // what the message only repeated. False if nothing is left to name.
    [[nodiscard]] bool KeepChangedTargets(fhir::Change& provenance) const {
        DropEntries(provenance, "target", [this](const fhir::Node& target) {
            const std::string_view reference = target.TextOf("reference");
            return std::any_of(meanings_.begin(), meanings_.end(), [&](const Meaning& one) {
                return one.target != nullptr && one.target->type != "Patient" &&
                       !one.target->dirty && !one.target->gone && Names(reference, *one.target);
            });
        });
        const fhir::Node* targets = provenance.resource.Find("target");
        return targets != nullptr && !targets->items().empty();
    }

    // Takes entries out of a list, and with each the key and the part that go with it.
    template <typename Unwanted>
    static void DropEntries(fhir::Change& change, const std::string& element, Unwanted unwanted) {
        fhir::Node* list = change.resource.Find(element);
        if (list == nullptr) return;
        const auto policy =
            std::find_if(change.lists.begin(), change.lists.end(),
                         [&](const fhir::ListChange& one) { return one.element == element; });
        for (std::size_t i = list->items().size(); i-- > 0;) {
            if (!unwanted(list->items()[i])) continue;
            const std::size_t size = list->items().size();
            const auto at = static_cast<std::ptrdiff_t>(i);
            list->items().erase(list->items().begin() + at);
            if (policy == change.lists.end()) continue;
            for (auto* beside : {&policy->keys, &policy->parts}) {
                if (beside->size() == size) beside->erase(beside->begin() + at);
            }
        }
    }

    // Entries of which nothing is left once their references are rewritten.
    void DropEmptied(fhir::Change& change) const {
        for (const fhir::ListChange& list : change.lists) {
            DropEntries(change, list.element, [this](const fhir::Node& entry) {
                if (!entry.IsObject()) return false;
                fhir::Node rewritten = entry;
                RewriteReferences(rewritten, renames_);
                return rewritten.members().empty();
            });
        }
    }

    // What identifies another resource stays there until a person has decided.
    static void DropIdentifier(fhir::Change& change, const fhir::IdentityKey& key) {
        DropEntries(change, "identifier", [&](const fhir::Node& identifier) {
            return identifier.TextOf("system") == key.system &&
                   identifier.TextOf("value") == key.value;
        });
    }

    // Older than the deletion, or, of a deletion, older than the newest change?
    bool TooOld(const Entry& entry) {
        if (stamp_ >= entry.newest) return false;
        result_.superseded.push_back(ReferenceTo(entry.type, entry.id));
        return true;
    }

    Result<void> Delete(Entry& entry) {
        CARESTREAM_ASSERT(entry.loaded);
        CARESTREAM_TRY(set_.Open(entry));
        if (!entry.Exists() || TooOld(entry)) return {};
        set_.Touch(entry);
        entry.gone = true;
        entry.stamps.clear();
        entry.newest = stamp_;
        changed_ = true;
        return {};
    }

    Result<void> Merge(const fhir::Change& change, Entry& entry, const fhir::Stamp& stamp) {
        CARESTREAM_ASSERT(entry.loaded);
        CARESTREAM_TRY(set_.Parse(entry));
        if (entry.deleted && TooOld(entry)) return {};
        set_.Touch(entry);
        const bool was_there = entry.Exists() || entry.dirty;
        fhir::Node current = std::move(*entry.node);
        entry.node.reset();
        CARESTREAM_ASSIGN(applied, fhir::Apply(context_.definitions(), std::move(current),
                                               entry.stamps, change, stamp, write_.changes.source));
        for (const std::string& element : applied.superseded) {
            result_.superseded.push_back(ReferenceTo(entry.type, entry.id) + "." + element);
        }
        entry.node = std::move(applied.resource);
        entry.node->Set("resourceType", fhir::Node::String(std::string(entry.type)));
        entry.node->Set("id", fhir::Node::String(entry.id));
        entry.stamps = std::move(applied.stamps);
        entry.newest = std::max(entry.newest, stamp);
        entry.stamps_changed |= applied.stamps_changed;
        entry.gone = false;
        if (applied.changed || !was_there) {
            CARESTREAM_TRY(Label(entry, stamp));
            entry.dirty = true;
            changed_ = true;
        }
        return {};
    }

    // What messages bring leaves the labels of what was there as they are.
    Result<void> Label(Entry& entry, const fhir::Stamp& stamp) {
        const auto& label = context_.parts().label;
        const auto& types = context_.parts().label_elements;
        if (!label) return {};
        const bool elements = std::find(types.begin(), types.end(), entry.type) != types.end();
        const fhir::Node merged = elements ? *entry.node : fhir::Node();
        label(fhir::Node(), *entry.node, context_.Now());
        if (!elements || *entry.node == merged) return {};
        CARESTREAM_ASSIGN(labelled, fhir::Replace(context_.definitions(), merged, entry.stamps,
                                                  std::move(*entry.node), stamp));
        entry.node = std::move(labelled.resource);
        entry.stamps = std::move(labelled.stamps);
        return {};
    }

    Result<void> Note(Entry& entry, const std::string& mark) {
        set_.Touch(entry);
        CARESTREAM_ASSIGN(stamps, fhir::Mark(entry.stamps, mark, stamp_));
        entry.stamps_changed |= stamps != entry.stamps;
        entry.stamps = std::move(stamps);
        return {};
    }

    // Ends what the source named before its newest snapshot and not in it: of a late message that
    // may be an entry of its own.
    Result<void> EndLeftOut(const fhir::Snapshot& snapshot) {
        if (snapshot.owner >= meanings_.size()) {
            return Fail(Code::kInternal, "a snapshot names no change");
        }
        Entry* owner = meanings_[snapshot.owner].target;
        if (owner == nullptr || (!owner->Exists() && !owner->dirty)) return {};
        const std::string mark = SnapshotMark(snapshot.type, write_.changes.source);
        CARESTREAM_TRY(set_.Open(*owner));
        if (owner->stamps.empty()) {
            fhir::Change nothing;  // gives the lists of what came over REST their slots
            nothing.type = std::string(owner->type);
            CARESTREAM_TRY(Merge(nothing, *owner, stamp_));
        }
        if (!snapshot.additive) {
            CARESTREAM_TRY(Note(*owner, mark));
            owner->newest = std::max(owner->newest, stamp_);
        }
        CARESTREAM_ASSIGN(newest, fhir::MarkedAt(owner->stamps, mark));
        std::vector<std::int64_t>& held =
            set_.held[{owner->pk, context_.TypeNumber(snapshot.type)}];
        for (const std::size_t index : snapshot.entries) {
            if (index >= meanings_.size()) {
                return Fail(Code::kInternal, "a snapshot names no change");
            }
            Entry* entry = meanings_[index].target;
            if (entry == nullptr || entry->stamps.empty()) continue;
            CARESTREAM_TRY(Note(*entry, mark));
            if (std::find(held.begin(), held.end(), entry->pk) == held.end()) {
                held.push_back(entry->pk);
            }
        }
        fhir::Change ended;
        ended.type = snapshot.type;
        ended.resource = snapshot.ended;
        for (const std::int64_t pk : held) {
            Entry* entry = set_.FindPk(pk);
            if (entry == nullptr || (!entry->Exists() && !entry->dirty)) continue;
            CARESTREAM_TRY(set_.Open(*entry));
            CARESTREAM_ASSIGN(named, fhir::MarkedAt(entry->stamps, mark));
            if (newest && named && *named < *newest) CARESTREAM_TRY(Merge(ended, *entry, *newest));
        }
        return {};
    }

    Result<void> Link(const fhir::PatientLink& link) {
        if (link.loser >= meanings_.size() || link.survivor >= meanings_.size()) {
            return Fail(Code::kInternal, "a link names no change");
        }
        Entry* loser = meanings_[link.loser].raw;
        Entry* survivor = meanings_[link.survivor].raw;
        if (loser == nullptr || survivor == nullptr || loser == survivor) return {};
        CARESTREAM_ASSERT(loser->loaded && survivor->loaded);
        // The newest word on each of them counts, whatever the order of arrival.
        CARESTREAM_ASSIGN(linked, LinkedAt(*loser));
        CARESTREAM_ASSIGN(reversed, LinkedAt(*survivor));
        const bool swapped = &set_.Canonical(*survivor) == loser;
        if ((linked && *linked > stamp_) || (swapped && reversed && *reversed > stamp_)) {
            result_.superseded.push_back(ReferenceTo(loser->type, loser->id) + ".link");
            return {};
        }
        CARESTREAM_TRY(Note(*loser, kLinkMark));
        if (swapped) CARESTREAM_TRY(Note(*survivor, kLinkMark));
        CARESTREAM_ASSIGN(changes, ChangePatientLink(context_.definitions(), set_, write_.tenant,
                                                     *loser, *survivor, link.remove, stamp_));
        changed_ |= changes;
        return {};
    }

    Result<void> Move(const fhir::Move& move) {
        if (move.visit >= meanings_.size() || move.patient >= meanings_.size()) {
            return Fail(Code::kInternal, "a move names no change");
        }
        Entry* visit = meanings_[move.visit].target;
        const Entry* patient = meanings_[move.patient].target;
        if (visit == nullptr || patient == nullptr) return {};
        CARESTREAM_ASSERT(visit->loaded);
        CARESTREAM_ASSIGN(changes,
                          MoveVisit(context_.definitions(), set_, *visit, *patient, stamp_));
        changed_ |= changes;
        return {};
    }

    // What the message brought and a newer one had decided already, by element: an operator who
    // looks for a value finds why it is not there.
    void ReportSuperseded() {
        constexpr std::size_t kNamedMax = 12;
        std::vector<std::string> elements;
        for (const std::string& one : result_.superseded) {
            const std::size_t id = one.find('/');
            const std::size_t rest = one.find('.', id);
            std::string element = one.substr(0, id) + (rest == one.npos ? "" : one.substr(rest));
            if (std::find(elements.begin(), elements.end(), element) == elements.end()) {
                elements.push_back(std::move(element));
            }
        }
        if (elements.empty()) return;
        std::string text = "superseded by newer messages: ";
        for (std::size_t i = 0; i < std::min(elements.size(), kNamedMax); ++i) {
            text += (i == 0 ? "" : ", ") + elements[i];
        }
        if (elements.size() > kNamedMax) {
            text += " and " + std::to_string(elements.size() - kNamedMax) + " more";
        }
        result_.reason += (result_.reason.empty() ? "" : "; ") + text;
    }

    void Report() {
        ReportSuperseded();
        for (const Entry* entry : set_.Finish(write_.seq, context_.Now())) {
            result_.resources.push_back({std::string(entry->type), entry->id, entry->version,
                                         entry->versions.back().kind == EventKind::kCreated});
        }
    }

    const FeedWrite& write_;
    WriteContext& context_;
    WorkingSet& set_;
    const fhir::Stamp stamp_;
    std::vector<Meaning> meanings_;
    Renames renames_;
    bool changed_ = false;
    FeedResult result_;
};

}  // namespace

void RewriteReferences(fhir::Node& node, const Renames& renames) {
    for (fhir::Node& item : node.items()) RewriteReferences(item, renames);
    auto& members = node.members();
    for (auto member = members.begin(); member != members.end();) {
        if (member->name == "reference" && member->value.IsString()) {
            const auto found = renames.find(member->value.text());
            if (found == renames.end()) {
                ++member;
            } else if (found->second.empty()) {
                member = members.erase(member);
            } else {
                member->value = fhir::Node::String(found->second);
                ++member;
            }
            continue;
        }
        const bool was_empty = member->value.IsEmpty();
        RewriteReferences(member->value, renames);
        if (!was_empty && member->value.IsEmpty()) {
            member = members.erase(member);
        } else {
            ++member;
        }
    }
    std::erase_if(node.items(),
                  [](const fhir::Node& item) { return item.IsObject() && item.members().empty(); });
}

void WantFeed(const FeedWrite& write, WriteContext& context, Wanted& wanted) {
    if (write.status != OutcomeStatus::kProcessed) return;
    for (const fhir::Change& change : write.changes.changes) {
        const std::int16_t type = context.TypeNumber(change.type);
        if (type == 0) continue;  // ApplyFeed refuses it
        for (const fhir::IdentityKey& key : change.keys) {
            wanted.identities.push_back(context.NameOf(write.tenant, change.type, key));
        }
    }
    // Each may be new, and name a patient who is not stored yet.
    wanted.resources_max += 2 * write.changes.changes.size();
}

void WantIds(const FeedWrite& write, WriteContext& context, WorkingSet& set,
             std::vector<Wanted::Id>& ids) {
    if (write.status != OutcomeStatus::kProcessed) return;
    for (const fhir::Change& change : write.changes.changes) {
        const std::int16_t type = context.TypeNumber(change.type);
        const bool known =
            std::any_of(change.keys.begin(), change.keys.end(), [&](const fhir::IdentityKey& key) {
                return set.FindIdentity(context.NameOf(write.tenant, change.type, key)) != nullptr;
            });
        if (type == 0 || known) continue;
        ids.push_back({write.tenant, type, change.provisional_id});
        for (const fhir::IdentityKey& key : change.keys) {
            if (IsOwn(key)) ids.push_back({write.tenant, type, key.value});
        }
    }
}

void LockFeed(const FeedWrite& write, WriteContext& context, WorkingSet& set,
              const std::function<void(Entry&)>& mark) {
    if (write.status != OutcomeStatus::kProcessed) return;
    const auto owns_snapshot = [&](const fhir::Change& change) {
        const auto& snapshots = write.changes.snapshots;
        return std::any_of(snapshots.begin(), snapshots.end(), [&](const fhir::Snapshot& one) {
            return one.owner < write.changes.changes.size() &&
                   &write.changes.changes[one.owner] == &change;
        });
    };
    const auto consider = [&](const fhir::Change& change, Entry* found) {
        if (found == nullptr) return;
        Entry& target = set.Canonical(*found);
        const bool only_found = change.mode == fhir::ChangeMode::kFindOrCreate && target.Exists();
        if (!only_found || owns_snapshot(change)) mark(target);
        // When each was linked decides whom the message means.
        for (Entry* linked = found; linked != nullptr && linked != &target;
             linked = set.LinkOf(*linked)) {
            mark(*linked);
        }
        if (!write.changes.links.empty()) {
            mark(*found);
            mark(target);
        }
    };
    for (const fhir::Change& change : write.changes.changes) {
        for (const fhir::IdentityKey& key : change.keys) {
            consider(change, set.FindIdentity(context.NameOf(write.tenant, change.type, key)));
        }
        consider(change, FindOwn(write, change, context, set));
        consider(change,
                 set.FindId(write.tenant, context.TypeNumber(change.type), change.provisional_id));
    }
    for (const fhir::Snapshot& snapshot : write.changes.snapshots) {
        const Entry* owner = FindOwner(write, snapshot, context, set);
        if (owner == nullptr) continue;
        const auto held = set.held.find({owner->pk, context.TypeNumber(snapshot.type)});
        if (held == set.held.end()) continue;
        for (const std::int64_t pk : held->second) {
            if (Entry* entry = set.FindPk(pk)) mark(*entry);
        }
    }
}

Result<FeedResult> ApplyFeed(const FeedWrite& write, WriteContext& context, WorkingSet& set) {
    set.Begin();
    Result<FeedResult> result = FeedApplier(write, context, set).Run();
    if (!result) set.Undo();
    return result;
}

}  // namespace carestream::store
