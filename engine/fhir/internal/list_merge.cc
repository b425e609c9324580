#include "fhir/internal/list_merge.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace carestream::fhir::internal {

namespace {

bool InOrder(const PlacedEntry& a, const PlacedEntry& b) {
    return std::pair(a.position, a.slot) < std::pair(b.position, b.slot);
}

}  // namespace

Result<std::vector<PlacedEntry>> PlacedEntries(const MergeState& state, std::uint8_t element,
                                               std::string_view name, const Node& resource) {
    std::vector<PlacedEntry> placed;
    for (const ListSlot& slot : state.List(element)) {
        for (const std::uint32_t position : slot.positions) {
            placed.push_back({position, slot.id, {}});
        }
    }
    std::stable_sort(placed.begin(), placed.end(), InOrder);
    Pair pair;
    pair.name = name;
    pair.value = resource.Find(name);
    pair.sibling = resource.Find('_' + std::string(name));
    CARESTREAM_ASSIGN(entries, EntriesOf(pair, {}));
    if (entries.size() != placed.size()) {
        return Fail(Code::kInternal, "merge stamps do not fit the list", std::string(name));
    }
    for (std::size_t i = 0; i < entries.size(); ++i) placed[i].entry = entries[i];
    return placed;
}

Result<void> AdoptLists(const Definitions& definitions, const TypeDefinition& type,
                        const Node& resource, const Stamp& stamp, MergeState& state) {
    CARESTREAM_ASSIGN(pairs, PairsOf(definitions, type, resource, type.name));
    for (const Pair& pair : pairs) {
        if (!IsList(pair.resolved)) continue;
        CARESTREAM_ASSIGN(entries, EntriesOf(pair, type.name));
        ListSlot slot;
        slot.element = static_cast<std::uint8_t>(pair.element);
        slot.id = kRestSlot;
        slot.stamp = stamp;
        for (std::size_t i = 0; i < entries.size(); ++i) {
            slot.positions.push_back(static_cast<std::uint32_t>(i));
        }
        state.PutList(std::move(slot));
    }
    return {};
}

ListMerge::ListMerge(MergeState& state, ElementPath path, std::string_view name)
    : state_(state), path_(path), element_(path.At(0)), name_(name) {}

Result<void> ListMerge::Open(const Node& resource) {
    CARESTREAM_ASSIGN(placed, PlacedEntries(state_, element_, name_, resource));
    before_ = std::move(placed);
    after_ = before_;
    return {};
}

ListMerge::Outcome ListMerge::Compare(std::uint64_t slot, const Stamp& stamp) const {
    const ListSlot* stored = state_.FindList(element_, slot);
    if (stamp < state_.StampOf(path_)) return Outcome::kOlder;
    if (stored == nullptr || stored->stamp < stamp) return Outcome::kNewer;
    return stored->stamp == stamp ? Outcome::kSame : Outcome::kOlder;
}

void ListMerge::Drop(std::uint64_t slot) {
    std::erase_if(after_, [&](const PlacedEntry& placed) { return placed.slot == slot; });
    touched_ = true;
}

std::uint64_t ListMerge::FloorId(std::uint32_t group) const {
    return std::uint64_t{element_} << 32 | group;
}

Stamp ListMerge::GroupFloor(std::uint32_t group) const {
    const ListSlot* floor = group == 0 ? nullptr : state_.FindList(kGroupFloors, FloorId(group));
    return floor == nullptr ? kNever : floor->stamp;
}

bool ListMerge::Write(const std::vector<std::uint64_t>& slots,
                      const std::vector<std::uint32_t>& groups, const std::vector<Entry>& entries,
                      const Stamp& stamp) {
    // Entries with the same key share a slot: they are taken together, in their order.
    std::vector<std::uint32_t> order(slots.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return slots[a] < slots[b]; });
    bool all = true;
    std::vector<std::uint64_t> written;  // ascending
    std::vector<PlacedEntry> fresh;
    for (auto at = order.begin(); at != order.end();) {
        ListSlot slot;
        slot.element = element_;
        slot.id = slots[*at];
        slot.stamp = stamp;
        slot.group = groups[*at];
        const bool nulled = stamp < GroupFloor(slot.group);
        const Outcome outcome = Compare(slot.id, stamp);
        all = all && outcome != Outcome::kOlder && !nulled;
        for (; at != order.end() && slots[*at] == slot.id; ++at) {
            if (outcome != Outcome::kNewer || nulled) continue;
            slot.positions.push_back(*at);
            fresh.push_back({*at, slot.id, entries[*at]});
        }
        if (outcome != Outcome::kNewer) continue;
        written.push_back(slot.id);
        state_.PutList(std::move(slot));
    }
    if (!written.empty()) {
        touched_ = true;
        std::erase_if(after_, [&](const PlacedEntry& placed) {
            return std::binary_search(written.begin(), written.end(), placed.slot);
        });
        after_.insert(after_.end(), fresh.begin(), fresh.end());
    }
    TakeOverFromRest(entries, stamp);
    return all;
}

void ListMerge::TakeOverFromRest(const std::vector<Entry>& entries, const Stamp& stamp) {
    const ListSlot* rest = state_.FindList(element_, kRestSlot);
    if (rest == nullptr || stamp < rest->stamp) return;
    ListSlot left = *rest;
    const auto gone = std::erase_if(after_, [&](const PlacedEntry& placed) {
        if (placed.slot != kRestSlot ||
            std::none_of(entries.begin(), entries.end(),
                         [&](const Entry& entry) { return Equal(entry, placed.entry); })) {
            return false;
        }
        std::erase(left.positions, placed.position);
        return true;
    });
    if (gone == 0) return;
    touched_ = true;
    state_.PutList(std::move(left));
}

bool ListMerge::Empty(std::uint64_t slot, const Stamp& stamp) {
    const Outcome outcome = Compare(slot, stamp);
    if (outcome == Outcome::kNewer) {
        Drop(slot);
        ListSlot empty;
        empty.element = element_;
        empty.id = slot;
        empty.stamp = stamp;
        state_.PutList(std::move(empty));
    }
    return outcome != Outcome::kOlder;
}

bool ListMerge::NullGroup(std::uint32_t group, const Stamp& stamp) {
    const Stamp floor = GroupFloor(group);
    if (stamp <= floor) return stamp == floor;
    ListSlot raised;
    raised.element = kGroupFloors;
    raised.id = FloorId(group);
    raised.stamp = stamp;
    state_.PutList(std::move(raised));
    std::vector<ListSlot> older;
    for (const ListSlot& slot : state_.List(element_)) {
        const bool goes = slot.group == group && slot.stamp < stamp && !slot.positions.empty();
        if (goes) older.push_back(slot);
    }
    for (ListSlot& slot : older) {
        Drop(slot.id);
        slot.positions.clear();
        state_.PutList(std::move(slot));
    }
    return true;
}

bool ListMerge::RaiseFloor(const Stamp& stamp) {
    const Stamp floor = state_.StampOf(path_);
    if (stamp <= floor) return stamp == floor;
    state_.Set(path_, stamp);
    std::vector<std::uint64_t> older;
    for (const ListSlot& slot : state_.List(element_)) {
        if (slot.stamp < stamp) older.push_back(slot.id);
    }
    for (const std::uint64_t id : older) {
        Drop(id);
        state_.EraseList(element_, id);
    }
    return true;
}

bool ListMerge::Close(Node& resource) {
    if (!touched_) return false;
    std::sort(after_.begin(), after_.end(), InOrder);
    const bool same = std::equal(
        before_.begin(), before_.end(), after_.begin(), after_.end(),
        [](const PlacedEntry& a, const PlacedEntry& b) { return Equal(a.entry, b.entry); });
    if (same) return false;
    std::vector<Entry> entries;
    entries.reserve(after_.size());
    for (const PlacedEntry& placed : after_) entries.push_back(placed.entry);
    SetEntries(resource, name_, entries);
    return true;
}

}  // namespace carestream::fhir::internal
