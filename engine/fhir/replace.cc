// Replace: the difference between what is stored and what a client sent, as stamps.
#include <algorithm>
#include <utility>

#include "fhir/apply.h"
#include "fhir/internal/element_access.h"
#include "fhir/internal/list_merge.h"
#include "fhir/internal/merge_state.h"

namespace carestream::fhir {

namespace {

using internal::ElementPath;
using internal::Entry;
using internal::Equal;
using internal::kNever;
using internal::kRestSlot;
using internal::ListSlot;
using internal::MergeState;
using internal::Pair;
using internal::PlacedEntry;

// Entries a client adds at the end come after those of any message.
constexpr std::uint32_t kRestPosition = 1u << 16;
// Pairs of entries compared with each other at most; beyond, only the same places are compared.
constexpr std::size_t kComparisonsMax = 100'000;

class Differ {
public:
    Differ(const Definitions& definitions, const Stamp& stamp, MergeState& state)
        : definitions_(definitions), stamp_(stamp), state_(state) {}

    Result<void> Run(const TypeDefinition& type, const Node& before, Node& after) {
        CARESTREAM_TRY(Object(type, before, after, {}, kNever));
        Sort(type, after, 0);
        return {};
    }
    bool changed() const { return changed_; }

private:
    Result<void> Object(const TypeDefinition& type, const Node& before, const Node& after,
                        ElementPath path, Stamp floor);
    Result<void> Element(const Pair* before, const Pair* after, const Node& before_object,
                         ElementPath path, Stamp floor);
    Result<void> List(const Pair* after, std::string_view name, const Node& before_object,
                      ElementPath path);
    void StampSlots(ElementPath path, const std::vector<PlacedEntry>& before,
                    const std::vector<PlacedEntry>& after);
    void RemoveList(ElementPath path);
    void RemoveSplit(ElementPath path, Stamp floor);
    void Sort(const TypeDefinition& type, Node& object, int level);

    const Definitions& definitions_;
    const Stamp stamp_;
    MergeState& state_;
    bool changed_ = false;
};

Result<void> Differ::Object(const TypeDefinition& type, const Node& before, const Node& after,
                            ElementPath path, Stamp floor) {
    CARESTREAM_ASSIGN(old_pairs, internal::PairsOf(definitions_, type, before, type.name));
    CARESTREAM_ASSIGN(new_pairs, internal::PairsOf(definitions_, type, after, type.name));
    std::vector<const Pair*> old_of(type.elements.size(), nullptr);
    std::vector<bool> kept(type.elements.size(), false);
    for (const Pair& pair : old_pairs) old_of[pair.element] = &pair;
    const auto merged = [&](const Pair& pair) {
        return type.kind != TypeKind::kResource || (pair.name != "id" && pair.name != "meta");
    };
    for (const Pair& pair : new_pairs) {
        kept[pair.element] = true;
        if (!merged(pair)) continue;
        CARESTREAM_TRY(
            Element(old_of[pair.element], &pair, before, path.Child(pair.element), floor));
    }
    for (const Pair& pair : old_pairs) {
        if (kept[pair.element] || !merged(pair)) continue;
        CARESTREAM_TRY(Element(&pair, nullptr, before, path.Child(pair.element), floor));
    }
    return {};
}

Result<void> Differ::Element(const Pair* before, const Pair* after, const Node& before_object,
                             ElementPath path, Stamp floor) {
    const Pair& any = after != nullptr ? *after : *before;
    if (path.levels() == 1 && internal::IsList(any.resolved)) {
        return List(after, any.name, before_object, path);
    }
    if (internal::IsSplit(any.resolved) && path.levels() < ElementPath::kLevelsMax) {
        if (after == nullptr) {
            RemoveSplit(path, floor);
            return {};
        }
        if (after->value == nullptr) {
            return Fail(Code::kInvalid, "must be a JSON object", std::string(any.name));
        }
        const Node nothing = Node::Object();
        const bool had = before != nullptr && before->value != nullptr;
        return Object(*any.resolved.definition, had ? *before->value : nothing, *after->value, path,
                      std::max(floor, state_.StampOf(path)));
    }
    if (before != nullptr && after != nullptr && before->name == after->name &&
        Equal(before->value, after->value) && Equal(before->sibling, after->sibling)) {
        return {};
    }
    changed_ = true;
    state_.Set(path, std::max({stamp_, floor, state_.StampOf(path)}));
    return {};
}

void Differ::RemoveSplit(ElementPath path, Stamp floor) {
    changed_ = true;
    const Stamp newest = std::max({stamp_, floor, state_.NewestAt(path)});
    state_.Set(path, newest);
    state_.ForgetBelow(path, newest);
}

void Differ::RemoveList(ElementPath path) {
    const std::uint8_t element = path.At(0);
    Stamp newest = std::max(stamp_, state_.StampOf(path));
    std::vector<std::uint64_t> ids;
    for (const ListSlot& slot : state_.List(element)) {
        newest = std::max(newest, slot.stamp);
        ids.push_back(slot.id);
    }
    for (const std::uint64_t id : ids) state_.EraseList(element, id);
    state_.Set(path, newest);
}

// Which entry before each entry after was, by number; -1 = none. Equal entries first, then, taken
// as edited, what stands at the same place.
std::vector<std::ptrdiff_t> Match(const std::vector<PlacedEntry>& before,
                                  const std::vector<Entry>& after) {
    std::vector<std::ptrdiff_t> match(after.size(), -1);
    std::vector<bool> used(before.size(), false);
    const auto take = [&](std::size_t to, std::size_t from) {
        match[to] = static_cast<std::ptrdiff_t>(from);
        used[from] = true;
    };
    const std::size_t common = std::min(before.size(), after.size());
    for (std::size_t i = 0; i < common; ++i) {
        if (Equal(before[i].entry, after[i])) take(i, i);
    }
    std::size_t comparisons = 0;
    for (std::size_t to = 0; to < after.size() && comparisons < kComparisonsMax; ++to) {
        for (std::size_t from = 0; match[to] < 0 && from < before.size(); ++from) {
            if (used[from]) continue;
            if (++comparisons > kComparisonsMax) break;
            if (Equal(before[from].entry, after[to])) take(to, from);
        }
    }
    for (std::size_t i = 0; i < common; ++i) {
        if (match[i] < 0 && !used[i]) take(i, i);
    }
    return match;
}

// Gives the entries after their slots and positions: those they had, or REST's at the end; where
// that is not the client's order, the places they stand at.
std::vector<PlacedEntry> PlaceAfter(const std::vector<PlacedEntry>& before,
                                    const std::vector<Entry>& after,
                                    const std::vector<std::ptrdiff_t>& match) {
    std::uint32_t next = kRestPosition;
    for (const PlacedEntry& placed : before) next = std::max(next, placed.position + 1);
    std::vector<PlacedEntry> result(after.size());
    bool ordered = true;
    for (std::size_t i = 0; i < after.size(); ++i) {
        if (match[i] >= 0) {
            const PlacedEntry& was = before[static_cast<std::size_t>(match[i])];
            result[i] = {was.position, was.slot, after[i]};
        } else {
            result[i] = {next++, kRestSlot, after[i]};
        }
        ordered = ordered && (i == 0 || std::pair(result[i - 1].position, result[i - 1].slot) <
                                            std::pair(result[i].position, result[i].slot));
    }
    if (!ordered) {
        for (std::size_t i = 0; i < result.size(); ++i) {
            result[i].position = static_cast<std::uint32_t>(i);
        }
    }
    return result;
}

Result<void> Differ::List(const Pair* after, std::string_view name, const Node& before_object,
                          ElementPath path) {
    const std::uint8_t element = path.At(0);
    CARESTREAM_ASSIGN(before, internal::PlacedEntries(state_, element, name, before_object));
    std::vector<Entry> entries;
    if (after != nullptr) {
        CARESTREAM_ASSIGN(read, internal::EntriesOf(*after, {}));
        entries = std::move(read);
    }
    const bool same =
        std::equal(before.begin(), before.end(), entries.begin(), entries.end(),
                   [](const PlacedEntry& a, const Entry& b) { return Equal(a.entry, b); });
    if (same) return {};
    changed_ = true;
    if (entries.empty()) {
        RemoveList(path);
        return {};
    }
    StampSlots(path, before, PlaceAfter(before, entries, Match(before, entries)));
    return {};
}

// A slot is stamped if its entries or their positions are not what they were.
void Differ::StampSlots(ElementPath path, const std::vector<PlacedEntry>& before,
                        const std::vector<PlacedEntry>& after) {
    const std::uint8_t element = path.At(0);
    const auto by_slot = [](std::vector<PlacedEntry> list) {
        std::stable_sort(list.begin(), list.end(), [](const PlacedEntry& a, const PlacedEntry& b) {
            return a.slot < b.slot;
        });
        return list;
    };
    const std::vector<PlacedEntry> was = by_slot(before);
    const std::vector<PlacedEntry> is = by_slot(after);
    for (auto a = was.begin(), b = is.begin(); a != was.end() || b != is.end();) {
        const std::uint64_t id =
            b == is.end() || (a != was.end() && a->slot < b->slot) ? a->slot : b->slot;
        const auto other = [id](const PlacedEntry& entry) { return entry.slot != id; };
        const auto a_end = std::find_if(a, was.end(), other);
        const auto b_end = std::find_if(b, is.end(), other);
        if (!std::equal(a, a_end, b, b_end, [](const PlacedEntry& x, const PlacedEntry& y) {
                return x.position == y.position && Equal(x.entry, y.entry);
            })) {
            const ListSlot* stored = state_.FindList(element, id);
            ListSlot slot;
            slot.element = element;
            slot.id = id;
            slot.group = stored ? stored->group : 0;
            slot.stamp = std::max({stamp_, state_.StampOf(path), stored ? stored->stamp : kNever});
            for (auto entry = b; entry != b_end; ++entry) slot.positions.push_back(entry->position);
            state_.PutList(std::move(slot));
        }
        a = a_end;
        b = b_end;
    }
}

void Differ::Sort(const TypeDefinition& type, Node& object, int level) {
    internal::SortMembers(definitions_, type, object);
    for (Member& member : object.members()) {
        const ResolvedElement resolved = definitions_.Resolve(type, member.name);
        if (resolved.element != nullptr && internal::IsSplit(resolved) && member.value.IsObject() &&
            level + 1 < ElementPath::kLevelsMax) {
            Sort(*resolved.definition, member.value, level + 1);
        }
    }
}

// What a client can say in meta; the rest is the server's.
bool SameMeta(const Node* before, const Node* after) {
    const auto of_client = [](const Node* meta) {
        Node copy = meta != nullptr ? *meta : Node::Object();
        copy.Remove("versionId");
        copy.Remove("lastUpdated");
        return copy;
    };
    return of_client(before) == of_client(after);
}

// Older messages do not label again what a person labelled, or took a label from.
bool SameSecurity(const Node& before, const Node& after) {
    const auto of_sources = [](const Node& resource) {
        std::vector<Node> labels = internal::SecurityOf(resource).items();
        std::erase_if(labels, internal::IsServersLabel);
        return labels;
    };
    return of_sources(before) == of_sources(after);
}

}  // namespace

Result<Applied> Replace(const Definitions& definitions, const Node& current,
                        std::string_view stamps, Node replacement, const Stamp& stamp) {
    const std::string_view name = replacement.TextOf("resourceType");
    const TypeDefinition* type = definitions.FindType(name);
    if (type == nullptr || type->kind != TypeKind::kResource || type->abstract) {
        return Fail(Code::kInvalid, "no resource type of FHIR R4", "resourceType");
    }
    if (!current.IsNull() && current.TextOf("resourceType") != name) {
        return Fail(Code::kInvalid, "the stored resource is of another type", "resourceType");
    }
    CARESTREAM_ASSIGN(state, MergeState::Parse(stamps));
    const Node nothing = Node::Object();
    const Node& before = current.IsNull() ? nothing : current;
    if (!current.IsNull() && stamps.empty()) {
        CARESTREAM_TRY(internal::AdoptLists(definitions, *type, current, kNever, state));
    }
    Differ differ(definitions, stamp, state);
    CARESTREAM_TRY(differ.Run(*type, before, replacement));
    if (!SameSecurity(before, replacement)) internal::NoteMark(internal::kSecurity, stamp, state);
    Applied applied;
    applied.changed = current.IsNull() || differ.changed() ||
                      !SameMeta(before.Find("meta"), replacement.Find("meta"));
    applied.resource = std::move(replacement);
    applied.stamps = state.ToBytes();
    applied.stamps_changed = applied.stamps != stamps;
    return applied;
}

}  // namespace carestream::fhir
