#pragma once
// The stamps of a resource in memory and as bytes. Values live in the body alone: a record says who
// won a slot last, and a slot with a record and without a value was removed.
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/change_set.h"

namespace carestream::fhir::internal {

// Older than everything.
constexpr Stamp kNever{std::numeric_limits<Micros>::min(),
                       std::numeric_limits<std::int64_t>::min()};

// Element numbers (places in TypeDefinition::elements) from the resource downwards, one byte each
// from the left, plus one: paths sort in definition order, a parent before its members.
class ElementPath {
public:
    static constexpr int kLevelsMax = 8;

    [[nodiscard]] ElementPath Child(std::size_t element) const {
        ElementPath child = *this;
        child.bits_ |= (std::uint64_t{element} + 1) << (56 - 8 * levels_);
        ++child.levels_;
        return child;
    }
    [[nodiscard]] int levels() const { return levels_; }
    [[nodiscard]] std::uint64_t bits() const { return bits_; }
    // Element number at a level.
    [[nodiscard]] std::uint8_t At(int level) const {
        return static_cast<std::uint8_t>((bits_ >> (56 - 8 * level)) - 1);
    }
    [[nodiscard]] bool IsBelow(ElementPath parent) const {
        return levels_ > parent.levels_ &&
               (parent.levels_ == 0 || (bits_ ^ parent.bits_) >> (64 - 8 * parent.levels_) == 0);
    }
    bool operator==(const ElementPath&) const = default;
    auto operator<=>(const ElementPath&) const = default;

private:
    std::uint64_t bits_ = 0;
    int levels_ = 0;
};

// Of a single element: who wrote or removed it. Of a split element or a list: nothing older than
// this lives below it.
struct SlotStamp {
    ElementPath path;
    Stamp stamp;
};

// The entries of a list that are won together. `id` names the source or the key; 0 = REST.
struct ListSlot {
    std::uint8_t element = 0;
    std::uint64_t id = 0;
    Stamp stamp = kNever;
    std::vector<std::uint32_t> positions;  // of its entries in the message that won, ascending
    std::uint32_t group = 0;  // who can null it: a part of messages, or the source; 0 = nobody
};

constexpr std::uint64_t kRestSlot = 0;
// The element number under which marks (apply.h) stand; no type has so many elements.
constexpr std::uint8_t kMarks = 0xFF;
// Likewise the floors of groups: entries that a group gave earlier are not there.
constexpr std::uint8_t kGroupFloors = 0xFE;
// What meta.security is won by is noted as a mark: meta has no slots.
constexpr std::string_view kSecurity = "meta.security";
[[nodiscard]] std::uint64_t SourceSlot(std::string_view source);
[[nodiscard]] std::uint64_t KeySlot(std::string_view key);
[[nodiscard]] std::uint32_t GroupOf(std::string_view name);  // 0 for ""

class MergeState {
public:
    // Empty text: an empty state. Error: kInternal.
    [[nodiscard]] static Result<MergeState> Parse(std::string_view bytes);
    // The same state gives the same bytes.
    [[nodiscard]] std::string ToBytes() const;

    [[nodiscard]] Stamp StampOf(ElementPath path) const;  // kNever = none
    // The newest record of the path or below it; kNever = none.
    [[nodiscard]] Stamp NewestAt(ElementPath path) const;
    void Set(ElementPath path, const Stamp& stamp);
    // Forgets records below `path` that are older than `stamp`.
    void ForgetBelow(ElementPath path, const Stamp& stamp);

    // Slots of a list, by id. Invalidated by PutList.
    [[nodiscard]] std::span<const ListSlot> List(std::uint8_t element) const;
    [[nodiscard]] const ListSlot* FindList(std::uint8_t element, std::uint64_t id) const;
    // Replaces or adds. An empty REST slot is dropped: no message can be older than it and have it.
    void PutList(ListSlot slot);
    void EraseList(std::uint8_t element, std::uint64_t id);

private:
    [[nodiscard]] std::size_t Place(ElementPath path) const;
    [[nodiscard]] std::size_t ListPlace(std::uint8_t element, std::uint64_t id) const;

    std::vector<SlotStamp> slots_;  // sorted by path
    std::vector<ListSlot> lists_;   // sorted by (element, id)
};

// Notes in the marks that something happened at `stamp`; false: a newer one is there already.
bool NoteMark(std::string_view name, const Stamp& stamp, MergeState& state);
// meta.security; an empty array when there is none.
[[nodiscard]] const Node& SecurityOf(const Node& resource);
// Labels that this server sets and takes away itself (holds): messages do not speak of them.
[[nodiscard]] bool IsServersLabel(const Node& label);

}  // namespace carestream::fhir::internal
