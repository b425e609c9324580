#include "fhir/apply.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "fhir/internal/element_access.h"
#include "fhir/internal/list_merge.h"
#include "fhir/internal/merge_state.h"
#include "fhir/profiles.h"

namespace carestream::fhir {

namespace {

using internal::ElementPath;
using internal::Entry;
using internal::kNever;
using internal::ListSlot;
using internal::MergeState;
using internal::Pair;

// More than all of calendar time, so that what is assumed is older than what is stated.
constexpr Micros kAssumedShift = 1'000'000'000'000'000'000;

Stamp AsAssumed(const Stamp& stamp) {
    return {stamp.order_time - kAssumedShift, stamp.seq};
}

bool IsUnmerged(const TypeDefinition& type, std::string_view name) {
    return type.kind == TypeKind::kResource && (name == "id" || name == "meta");
}

const ListChange* PolicyOf(const Change& change, std::string_view element) {
    for (const ListChange& list : change.lists) {
        if (list.element == element) return &list;
    }
    return nullptr;
}

// Merges one change into a resource that it owns.
class Merger {
public:
    Merger(const Definitions& definitions, const Change& change, const Stamp& stamp,
           std::string_view source, MergeState& state)
        : definitions_(definitions),
          change_(change),
          stamp_(stamp),
          source_(source),
          source_slot_(internal::SourceSlot(source)),
          source_group_(internal::GroupOf("source\n" + std::string(source))),
          state_(state) {}

    Result<void> Run(const TypeDefinition& type, Node& target);
    bool changed() const { return changed_; }
    std::vector<std::string> TakeSuperseded() { return std::move(superseded_); }

private:
    [[nodiscard]] bool IsAssumed(const Pair& pair, ElementPath path) const;
    Result<void> Object(const Node& incoming, const TypeDefinition& type, ElementPath path,
                        Stamp floor, const std::string& name, Node& target);
    Result<void> Split(const Pair& pair, ElementPath path, Stamp floor, const std::string& name,
                       Node& target);
    void Single(const Pair& pair, const TypeDefinition& type, ElementPath path, Stamp floor,
                const std::string& name, Node& target);
    void RemoveOtherTypes(const Pair& pair, const TypeDefinition& type, Node& target);
    Result<void> List(const Pair& pair, const TypeDefinition& type, ElementPath path, Node& target);
    [[nodiscard]] std::uint64_t PartSlot(const std::string& part) const;
    Result<void> NulledParts(const TypeDefinition& type, Node& target);
    Result<void> EmptiedLists(const TypeDefinition& type, Node& target);
    Result<void> Clear(std::string_view name, const TypeDefinition& type, Node& target);
    void ClearSplit(const TypeDefinition& type, ElementPath path, const std::string& name,
                    Node& target);
    Result<void> ClearList(const ElementDefinition& element, ElementPath path, Node& target);
    void RemoveOlder(const TypeDefinition& type, ElementPath path, Node& target);
    void Superseded(std::string_view name);

    const Definitions& definitions_;
    const Change& change_;
    Stamp stamp_;  // of the value at hand: older than all that is stated if it is assumed
    const std::string_view source_;
    const std::uint64_t source_slot_;
    const std::uint32_t source_group_;  // of its slots for parts
    MergeState& state_;
    bool changed_ = false;
    std::vector<std::string> superseded_;
};

std::string Below(const std::string& path, std::string_view name) {
    std::string out;
    out.reserve(path.size() + name.size() + 1);
    out = path;
    if (!out.empty()) out += '.';
    out += name;
    return out;
}

Result<void> Merger::Run(const TypeDefinition& type, Node& target) {
    if (!change_.resource.IsNull()) {
        CARESTREAM_TRY(Object(change_.resource, type, {}, kNever, {}, target));
    }
    CARESTREAM_TRY(EmptiedLists(type, target));
    CARESTREAM_TRY(NulledParts(type, target));
    for (const std::string& name : change_.cleared) CARESTREAM_TRY(Clear(name, type, target));
    internal::SortMembers(definitions_, type, target);
    return {};
}

void Merger::Superseded(std::string_view name) {
    if (std::find(superseded_.begin(), superseded_.end(), name) == superseded_.end()) {
        superseded_.emplace_back(name);
    }
}

Result<void> Merger::Object(const Node& incoming, const TypeDefinition& type, ElementPath path,
                            Stamp floor, const std::string& name, Node& target) {
    CARESTREAM_ASSIGN(pairs, internal::PairsOf(definitions_, type, incoming, name));
    for (const Pair& pair : pairs) {
        if (IsUnmerged(type, pair.name)) continue;
        const ElementPath here = path.Child(pair.element);
        const bool whole = path.levels() == 0 &&
                           (internal::IsList(pair.resolved) || internal::IsSplit(pair.resolved));
        const bool assumed = whole && IsAssumed(pair, here);
        if (assumed && target.Find(pair.name) != nullptr) continue;
        const Stamp stated = stamp_;
        if (assumed) stamp_ = AsAssumed(stamp_);
        if (path.levels() == 0 && internal::IsList(pair.resolved)) {
            CARESTREAM_TRY(List(pair, type, here, target));
        } else if (internal::IsSplit(pair.resolved) && here.levels() < ElementPath::kLevelsMax) {
            CARESTREAM_TRY(Split(pair, here, floor, Below(name, pair.name), target));
        } else {
            Single(pair, type, here, floor, name, target);
        }
        stamp_ = stated;
    }
    return {};
}

Result<void> Merger::Split(const Pair& pair, ElementPath path, Stamp floor, const std::string& name,
                           Node& target) {
    if (pair.value == nullptr) return Fail(Code::kInvalid, "must be a JSON object", name);
    floor = std::max(floor, state_.StampOf(path));
    Node* present = target.Find(pair.name);
    Node fresh = Node::Object();
    Node& child = present != nullptr ? *present : fresh;
    CARESTREAM_TRY(Object(*pair.value, *pair.resolved.definition, path, floor, name, child));
    internal::SortMembers(definitions_, *pair.resolved.definition, child);
    if (child.members().empty()) {
        target.Remove(pair.name);
    } else if (present == nullptr) {
        target.Set(pair.name, std::move(fresh));
    }
    return {};
}

bool Merger::IsAssumed(const Pair& pair, ElementPath path) const {
    return path.levels() == 1 && std::find(change_.assumed.begin(), change_.assumed.end(),
                                           pair.name) != change_.assumed.end();
}

void Merger::Single(const Pair& pair, const TypeDefinition& type, ElementPath path, Stamp floor,
                    const std::string& name, Node& target) {
    const Stamp stored = state_.StampOf(path);
    const bool assumed = IsAssumed(pair, path);
    const Stamp stamp = assumed ? AsAssumed(stamp_) : stamp_;
    // A value without a stamp came over REST, and so was stated.
    if (assumed && (stamp < stored || (stored == kNever && target.Find(pair.name) != nullptr))) {
        return;
    }
    if (stamp < floor || stamp < stored) {
        return Superseded(Below(name, pair.resolved.element->name));
    }
    if (stamp == stored) return;
    if (pair.resolved.element->choice) RemoveOtherTypes(pair, type, target);
    changed_ = internal::SetPair(target, pair.name, pair.value, pair.sibling) || changed_;
    state_.Set(path, stamp);
}

// value[x]: the members of the same element under other names go.
void Merger::RemoveOtherTypes(const Pair& pair, const TypeDefinition& type, Node& target) {
    changed_ =
        std::erase_if(target.members(),
                      [&](const Member& member) {
                          std::string_view other = member.name;
                          if (other.starts_with('_')) other.remove_prefix(1);
                          return other != pair.name &&
                                 other.starts_with(pair.resolved.element->name) &&
                                 definitions_.Resolve(type, other).element == pair.resolved.element;
                      }) > 0 ||
        changed_;
}

Result<void> Merger::List(const Pair& pair, const TypeDefinition& type, ElementPath path,
                          Node& target) {
    const ListChange* policy = PolicyOf(change_, pair.name);
    CARESTREAM_ASSIGN(entries, internal::EntriesOf(pair, type.name));
    internal::ListMerge merge(state_, path, pair.name);
    CARESTREAM_TRY(merge.Open(target));
    const bool merged = policy != nullptr && policy->policy == ListPolicy::kMerge;
    if (merged && policy->keys.size() != entries.size()) {
        return Fail(Code::kInvalid, "needs one key for each entry",
                    Below(std::string(type.name), pair.name));
    }
    const bool parts = policy != nullptr && !policy->parts.empty();
    if (parts && policy->parts.size() != entries.size()) {
        return Fail(Code::kInvalid, "needs one part for each entry",
                    Below(std::string(type.name), pair.name));
    }
    std::vector<std::uint64_t> slots(entries.size(), source_slot_);
    std::vector<std::uint32_t> groups(entries.size(), 0);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const bool known = parts && !policy->parts[i].empty();
        if (merged) {
            slots[i] = internal::KeySlot(policy->keys[i]);
            if (known) groups[i] = internal::GroupOf(policy->parts[i]);
        } else if (known) {
            slots[i] = PartSlot(policy->parts[i]);
            groups[i] = source_group_;
        }
    }
    bool older = !merge.Write(slots, groups, entries, stamp_);
    if (!merged && entries.empty()) {
        older = !merge.Empty(source_slot_, stamp_);
        older = !merge.NullGroup(source_group_, stamp_) || older;
    }
    if (older) Superseded(pair.name);
    changed_ = merge.Close(target) || changed_;
    return {};
}

std::uint64_t Merger::PartSlot(const std::string& part) const {
    return internal::SourceSlot(std::string(source_) + "\n" + part);
}

Result<void> Merger::NulledParts(const TypeDefinition& type, Node& target) {
    for (const ListChange& list : change_.lists) {
        if (list.nulled.empty()) continue;
        const ResolvedElement resolved = definitions_.Resolve(type, list.element);
        const ElementPath path =
            ElementPath().Child(static_cast<std::size_t>(resolved.element - type.elements.data()));
        internal::ListMerge merge(state_, path, list.element);
        CARESTREAM_TRY(merge.Open(target));
        for (const std::string& part : list.nulled) {
            const bool newest = list.policy == ListPolicy::kMerge
                                    ? merge.NullGroup(internal::GroupOf(part), stamp_)
                                    : merge.Empty(PartSlot(part), stamp_);
            if (!newest) Superseded(list.element);
        }
        changed_ = merge.Close(target) || changed_;
    }
    return {};
}

// A list that the source says it has, and has no entries in: kSnapshot of nothing.
Result<void> Merger::EmptiedLists(const TypeDefinition& type, Node& target) {
    for (const ListChange& list : change_.lists) {
        const ResolvedElement resolved = definitions_.Resolve(type, list.element);
        if (resolved.element == nullptr || !internal::IsList(resolved)) {
            return Fail(Code::kInvalid, "is no list of the type",
                        Below(std::string(type.name), list.element));
        }
        if (list.policy != ListPolicy::kSnapshot || !list.nulled.empty() ||
            change_.resource.Find(list.element) != nullptr) {
            continue;
        }
        Node nothing = Node::Array();
        Pair pair;
        pair.name = list.element;
        pair.value = &nothing;
        pair.resolved = resolved;
        pair.element = static_cast<std::size_t>(resolved.element - type.elements.data());
        CARESTREAM_TRY(List(pair, type, ElementPath().Child(pair.element), target));
    }
    return {};
}

// Applied after the values, so that a value of the same change, having the same stamp, stays.
Result<void> Merger::Clear(std::string_view name, const TypeDefinition& type, Node& target) {
    if (name == internal::kSecurity) return {};  // see TakeSecurity
    const TypeDefinition* owner = &type;
    Node* object = &target;
    Node absent = Node::Object();
    ElementPath path;
    Stamp floor = kNever;
    std::string prefix;
    for (std::string_view rest = name;;) {
        const std::size_t dot = rest.find('.');
        std::string_view step = rest.substr(0, dot);
        if (step.ends_with("[x]")) step.remove_suffix(3);
        ResolvedElement resolved = definitions_.Resolve(*owner, step);
        for (const ElementDefinition& element : owner->elements) {
            if (resolved.element == nullptr && element.choice && element.name == step) {
                resolved = {&element, {}, nullptr};
            }
        }
        if (resolved.element == nullptr || IsUnmerged(*owner, step)) {
            return Fail(Code::kInvalid, "no such element in FHIR R4, or not to be cleared",
                        Below(std::string(type.name), name));
        }
        path = path.Child(static_cast<std::size_t>(resolved.element - owner->elements.data()));
        const bool split = internal::IsSplit(resolved) && path.levels() < ElementPath::kLevelsMax;
        if (dot == std::string_view::npos) {
            if (path.levels() == 1 && internal::IsList(resolved)) {
                return ClearList(*resolved.element, path, target);
            }
            if (stamp_ < floor) {
                Superseded(name);
            } else if (split) {
                ClearSplit(*resolved.definition, path, std::string(step), *object);
            } else {
                Pair nothing;
                nothing.name = resolved.element->name;
                nothing.resolved = resolved;
                Single(nothing, *owner, path, floor, prefix, *object);
            }
            break;
        }
        if (!split) {
            return Fail(Code::kInvalid, "lies in an element that is merged whole",
                        Below(std::string(type.name), name));
        }
        floor = std::max(floor, state_.StampOf(path));
        prefix = Below(prefix, step);
        Node* child = object->Find(step);
        object = child != nullptr ? child : &absent;
        owner = resolved.definition;
        rest.remove_prefix(dot + 1);
    }
    internal::RemoveEmptyObjects(name, target);
    return {};
}

void Merger::ClearSplit(const TypeDefinition& type, ElementPath path, const std::string& name,
                        Node& target) {
    if (stamp_ <= state_.StampOf(path)) {
        if (stamp_ < state_.StampOf(path)) Superseded(name);
        return;
    }
    if (Node* child = target.Find(name)) RemoveOlder(type, path, *child);
    state_.Set(path, stamp_);
    state_.ForgetBelow(path, stamp_);
}

// Removes the values below a split element that are older than the stamp of this change.
void Merger::RemoveOlder(const TypeDefinition& type, ElementPath path, Node& target) {
    changed_ = std::erase_if(
                   target.members(),
                   [&](Member& member) {
                       std::string_view name = member.name;
                       if (name.starts_with('_')) name.remove_prefix(1);
                       const ResolvedElement resolved = definitions_.Resolve(type, name);
                       if (resolved.element == nullptr) return false;
                       const ElementPath here = path.Child(
                           static_cast<std::size_t>(resolved.element - type.elements.data()));
                       if (internal::IsSplit(resolved) && here.levels() < ElementPath::kLevelsMax) {
                           RemoveOlder(*resolved.definition, here, member.value);
                           return member.value.members().empty();
                       }
                       return state_.StampOf(here) < stamp_;
                   }) > 0 ||
               changed_;
}

Result<void> Merger::ClearList(const ElementDefinition& element, ElementPath path, Node& target) {
    const ListChange* policy = PolicyOf(change_, element.name);
    internal::ListMerge merge(state_, path, element.name);
    CARESTREAM_TRY(merge.Open(target));
    const bool whole = policy != nullptr && policy->policy == ListPolicy::kMerge;
    bool newest = whole ? merge.RaiseFloor(stamp_) : merge.Empty(source_slot_, stamp_);
    if (!whole) newest = merge.NullGroup(source_group_, stamp_) && newest;
    if (!newest) {
        Superseded(element.name);
    }
    changed_ = merge.Close(target) || changed_;
    return {};
}

}  // namespace

namespace internal {

bool NoteMark(std::string_view name, const Stamp& stamp, MergeState& state) {
    const std::uint64_t id = KeySlot(name);
    const ListSlot* noted = state.FindList(kMarks, id);
    if (noted != nullptr && noted->stamp >= stamp) return false;
    ListSlot mark;
    mark.element = kMarks;
    mark.id = id;
    mark.stamp = stamp;
    state.PutList(std::move(mark));
    return true;
}

const Node& SecurityOf(const Node& resource) {
    static const Node none = Node::Array();
    const Node* meta = resource.Find("meta");
    const Node* security = meta == nullptr ? nullptr : meta->Find("security");
    return security == nullptr ? none : *security;
}

bool IsServersLabel(const Node& label) {
    return label.TextOf("system").starts_with("urn:carestream:");
}

}  // namespace internal

namespace {

std::vector<std::string> ClaimsOf(const Node& resource) {
    std::vector<std::string> claims;
    const Node* meta = resource.Find("meta");
    const Node* profiles = meta == nullptr ? nullptr : meta->Find("profile");
    if (profiles == nullptr) return claims;
    for (const Node& profile : profiles->items()) claims.push_back(profile.text());
    return claims;
}

// A profile of the change's guides that the merged resource does not meet is no claim of it.
bool MeetsClaim(const Change& change, const Node& resource, const std::string& claim) {
    return std::all_of(change.profiles.begin(), change.profiles.end(), [&](const auto& guide) {
        return guide->Find(claim) == nullptr ||
               guide->ValidateProfile(resource, claim, {}, 1).empty();
    });
}

// What was claimed before and what the change claims, as far as it holds after the merge. True:
// meta.profile is another.
bool KeepClaims(const Change& change, Node& resource) {
    const std::vector<std::string> before = ClaimsOf(resource);
    std::vector<std::string> claims = before;
    for (std::string& claim : ClaimsOf(change.resource)) {
        if (std::find(claims.begin(), claims.end(), claim) == claims.end()) {
            claims.push_back(std::move(claim));
        }
    }
    std::erase_if(claims,
                  [&](const std::string& claim) { return !MeetsClaim(change, resource, claim); });
    if (claims == before) return false;
    Node list = Node::Array();
    for (std::string& claim : claims) list.Append(Node::String(std::move(claim)));
    Node& meta = resource.At("meta");
    if (claims.empty()) {
        meta.Remove("profile");
    } else {
        meta.Set("profile", std::move(list));
    }
    if (meta.members().empty()) resource.Remove("meta");
    return true;
}

// In the order of the definitions, wherever it was put.
void SortMeta(const Definitions& definitions, Node& resource) {
    const TypeDefinition* type = definitions.FindType(resource.TextOf("resourceType"));
    const TypeDefinition* meta_type = definitions.FindType("Meta");
    if (type != nullptr) internal::SortMembers(definitions, *type, resource);
    Node* meta = resource.Find("meta");
    if (meta != nullptr && meta_type != nullptr) {
        internal::SortMembers(definitions, *meta_type, *meta);
    }
}

// How confidential a resource is: what the newest message that speaks of it says. True:
// meta.security is another.
bool TakeSecurity(const Definitions& definitions, const Change& change, const Stamp& stamp,
                  Node& resource, MergeState& state, std::vector<std::string>& superseded) {
    const Node& incoming = internal::SecurityOf(change.resource);
    const bool nulled = std::find(change.cleared.begin(), change.cleared.end(),
                                  internal::kSecurity) != change.cleared.end();
    if (incoming.items().empty() && !nulled) return false;
    const ListSlot* noted =
        state.FindList(internal::kMarks, internal::KeySlot(internal::kSecurity));
    if (noted != nullptr && noted->stamp >= stamp) {
        if (noted->stamp > stamp) superseded.emplace_back(internal::kSecurity);
        return false;
    }
    internal::NoteMark(internal::kSecurity, stamp, state);
    Node labels = Node::Array();
    for (const Node& label : internal::SecurityOf(resource).items()) {
        if (internal::IsServersLabel(label)) labels.Append(label);
    }
    for (const Node& label : incoming.items()) labels.Append(label);
    if (labels.items() == internal::SecurityOf(resource).items()) return false;
    Node& meta = resource.At("meta");
    if (labels.items().empty()) {
        meta.Remove("security");
    } else {
        meta.Set("security", std::move(labels));
    }
    if (meta.members().empty()) resource.Remove("meta");
    SortMeta(definitions, resource);
    return true;
}

}  // namespace

Result<Applied> Apply(const Definitions& definitions, Node current, std::string_view stamps,
                      const Change& change, const Stamp& stamp, std::string_view source) {
    const TypeDefinition* type = definitions.FindType(change.type);
    if (type == nullptr || type->kind != TypeKind::kResource || type->abstract) {
        return Fail(Code::kInvalid, "no resource type of FHIR R4", change.type);
    }
    CARESTREAM_ASSIGN(state, MergeState::Parse(stamps));
    Applied applied;
    applied.changed = current.IsNull();
    if (current.IsNull()) {
        current = Node::Object();
        current.members().reserve(change.resource.members().size() + 1);
        current.Set("resourceType", Node::String(change.type));
        const Node* id = change.resource.Find("id");
        if (id != nullptr) {
            current.Set("id", *id);
        } else if (!change.provisional_id.empty()) {
            current.Set("id", Node::String(change.provisional_id));
        }
        if (const Node* meta = change.resource.Find("meta")) current.Set("meta", *meta);
    } else if (current.TextOf("resourceType") != change.type) {
        return Fail(Code::kInvalid, "the stored resource is of another type", change.type);
    } else if (stamps.empty()) {
        CARESTREAM_TRY(internal::AdoptLists(definitions, *type, current, kNever, state));
    }
    Merger merger(definitions, change, stamp, source, state);
    CARESTREAM_TRY(merger.Run(*type, current));
    applied.resource = std::move(current);
    applied.changed = applied.changed || merger.changed();
    if (!change.profiles.empty() && KeepClaims(change, applied.resource)) applied.changed = true;
    applied.superseded = merger.TakeSuperseded();
    if (TakeSecurity(definitions, change, stamp, applied.resource, state, applied.superseded)) {
        applied.changed = true;
    }
    applied.stamps = state.ToBytes();
    applied.stamps_changed = applied.stamps != stamps;
    return applied;
}

Result<std::string> Mark(std::string_view stamps, std::string_view name, const Stamp& stamp) {
    CARESTREAM_ASSIGN(state, MergeState::Parse(stamps));
    if (!internal::NoteMark(name, stamp, state)) return std::string(stamps);
    return state.ToBytes();
}

Result<std::optional<Stamp>> MarkedAt(std::string_view stamps, std::string_view name) {
    CARESTREAM_ASSIGN(state, MergeState::Parse(stamps));
    const ListSlot* noted = state.FindList(internal::kMarks, internal::KeySlot(name));
    if (noted == nullptr) return std::optional<Stamp>();
    return std::optional<Stamp>(noted->stamp);
}

}  // namespace carestream::fhir
