#pragma once
// A list at the top level of a resource under merge: its entries in the body, and the slots they
// are won by. Entries stand in the order of (position, slot id), whatever the stamps.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/internal/element_access.h"
#include "fhir/internal/merge_state.h"

namespace carestream::fhir::internal {

struct PlacedEntry {
    std::uint32_t position = 0;
    std::uint64_t slot = 0;
    Entry entry;
};

// The entries of the list `element` of `resource` with their places. Error: kInternal if the state
// knows more or fewer. Pointers into `resource`.
[[nodiscard]] Result<std::vector<PlacedEntry>> PlacedEntries(const MergeState& state,
                                                             std::uint8_t element,
                                                             std::string_view name,
                                                             const Node& resource);

// Gives every list of a resource that has no stamps to the REST slot.
Result<void> AdoptLists(const Definitions& definitions, const TypeDefinition& type,
                        const Node& resource, const Stamp& stamp, MergeState& state);

// Between Open and Close the resource must not change; entries written must outlive Close.
class ListMerge {
public:
    ListMerge(MergeState& state, ElementPath path, std::string_view name);

    Result<void> Open(const Node& resource);
    // The entries, each for the slot and of the group at the same index. False if one of the slots
    // has a newer stamp. What is older than the floor of its group wins its slot and is not there.
    bool Write(const std::vector<std::uint64_t>& slots, const std::vector<std::uint32_t>& groups,
               const std::vector<Entry>& entries, const Stamp& stamp);
    // Nothing for this slot. False if it has a newer stamp.
    bool Empty(std::uint64_t slot, const Stamp& stamp);
    // Nothing older than `stamp` of this group. False if it was nulled by a newer one.
    bool NullGroup(std::uint32_t group, const Stamp& stamp);
    // Nothing older than `stamp` in the whole list. False if the list was emptied by a newer one.
    bool RaiseFloor(const Stamp& stamp);
    // Writes the list back if it differs; true if so.
    bool Close(Node& resource);

private:
    enum class Outcome { kNewer, kSame, kOlder };
    [[nodiscard]] Outcome Compare(std::uint64_t slot, const Stamp& stamp) const;
    void Drop(std::uint64_t slot);
    [[nodiscard]] Stamp GroupFloor(std::uint32_t group) const;
    [[nodiscard]] std::uint64_t FloorId(std::uint32_t group) const;
    // A message with the same value takes an entry over from an earlier REST write.
    void TakeOverFromRest(const std::vector<Entry>& entries, const Stamp& stamp);

    MergeState& state_;
    const ElementPath path_;
    const std::uint8_t element_;
    const std::string_view name_;
    std::vector<PlacedEntry> before_;
    std::vector<PlacedEntry> after_;
    bool touched_ = false;
};

}  // namespace carestream::fhir::internal
