#include "fhir/internal/merge_state.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace carestream::fhir::internal {

namespace {

// Version 1: byte 1; distinct stamps ascending (differences of order time and seq); single slots
// (path, number of the stamp); list slots (element, id, number of the stamp, positions). All
// numbers are varints but the id, 8 bytes little endian, and path bytes, 7 bits with a mark for
// "goes on".
// Version 2: a list slot ends with its group. Written only where there is one.
constexpr char kVersion = 1;
constexpr char kVersionWithGroups = 2;

void PutNumber(std::uint64_t value, std::string& out) {
    while (value >= 0x80) {
        out += static_cast<char>(value | 0x80);
        value >>= 7;
    }
    out += static_cast<char>(value);
}

void PutFixed(std::uint64_t value, std::string& out) {
    for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift);
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    std::uint64_t Number() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint8_t byte = Byte();
            value |= std::uint64_t{byte & 0x7Fu} << shift;
            if (byte < 0x80) return value;
        }
        good_ = false;
        return 0;
    }
    // A count of things that take at least a byte each.
    std::size_t Count() {
        const std::uint64_t count = Number();
        if (count > bytes_.size()) good_ = false;
        return good_ ? static_cast<std::size_t>(count) : 0;
    }
    std::uint64_t Fixed() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 8) value |= std::uint64_t{Byte()} << shift;
        return value;
    }
    std::uint8_t Byte() {
        if (bytes_.empty()) {
            good_ = false;
            return 0;
        }
        const auto byte = static_cast<std::uint8_t>(bytes_.front());
        bytes_.remove_prefix(1);
        return byte;
    }
    void Break() { good_ = false; }
    bool good() const { return good_; }
    bool AtEnd() const { return good_ && bytes_.empty(); }

private:
    std::string_view bytes_;
    bool good_ = true;
};

void PutPath(ElementPath path, std::string& out) {
    for (int level = 0; level < path.levels(); ++level) {
        const bool last = level + 1 == path.levels();
        out += static_cast<char>(path.At(level) | (last ? 0 : 0x80));
    }
}

ElementPath ReadPath(Reader& in) {
    ElementPath path;
    while (in.good()) {
        if (path.levels() == ElementPath::kLevelsMax) {
            in.Break();
            break;
        }
        const std::uint8_t byte = in.Byte();
        path = path.Child(byte & 0x7F);
        if (byte < 0x80) break;
    }
    return path;
}

// Positions that count up from 0 are the common case and cost nothing: low bit 1.
void PutPositions(const std::vector<std::uint32_t>& positions, std::string& out) {
    bool plain = true;
    for (std::size_t i = 0; i < positions.size(); ++i) plain = plain && positions[i] == i;
    PutNumber(positions.size() * 2 + (plain ? 1 : 0), out);
    if (plain) return;
    std::uint32_t before = 0;
    for (const std::uint32_t position : positions) {
        PutNumber(position - before, out);
        before = position;
    }
}

void ReadPositions(Reader& in, std::vector<std::uint32_t>& positions) {
    const std::uint64_t head = in.Number();
    if (head / 2 > 1'000'000) in.Break();
    if (!in.good()) return;
    positions.resize(static_cast<std::size_t>(head / 2));
    std::uint32_t at = 0;
    for (std::size_t i = 0; i < positions.size() && in.good(); ++i) {
        at = head % 2 == 1 ? static_cast<std::uint32_t>(i)
                           : at + static_cast<std::uint32_t>(in.Number());
        positions[i] = at;
    }
}

std::uint64_t Difference(std::int64_t later, std::int64_t earlier) {
    return static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier);
}

std::uint64_t ZigZag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t UnZigZag(std::uint64_t value) {
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

}  // namespace

std::uint64_t SourceSlot(std::string_view source) {
    const std::uint64_t id = Fnv64(source) ^ 0x5bd1e9955bd1e995ull;
    return id == kRestSlot ? 1 : id;
}

std::uint64_t KeySlot(std::string_view key) {
    const std::uint64_t id = Fnv64(key);
    return id == kRestSlot ? 1 : id;
}

std::uint32_t GroupOf(std::string_view name) {
    constexpr std::uint32_t kBits = 0xFFFFF;  // three bytes each; a resource has a handful
    if (name.empty()) return 0;
    const auto group = static_cast<std::uint32_t>(Fnv64(name) & kBits);
    return group == 0 ? 1 : group;
}

Result<MergeState> MergeState::Parse(std::string_view bytes) {
    MergeState state;
    if (bytes.empty()) return state;
    Reader in(bytes);
    const char version = static_cast<char>(in.Byte());
    const bool groups = version == kVersionWithGroups;
    if (version != kVersion && !groups)
        return Fail(Code::kInternal, "merge stamps of an unknown version");
    std::vector<Stamp> stamps(in.Count());
    Stamp before{0, 0};
    for (Stamp& stamp : stamps) {
        stamp.order_time =
            static_cast<Micros>(static_cast<std::uint64_t>(before.order_time) + in.Number());
        stamp.seq = static_cast<std::int64_t>(static_cast<std::uint64_t>(before.seq) +
                                              static_cast<std::uint64_t>(UnZigZag(in.Number())));
        before = stamp;
    }
    const auto stamp_at = [&](std::uint64_t number) {
        if (number < stamps.size()) return stamps[static_cast<std::size_t>(number)];
        in.Break();
        return Stamp{};
    };
    state.slots_.resize(in.Count());
    for (SlotStamp& slot : state.slots_) {
        slot.path = ReadPath(in);
        slot.stamp = stamp_at(in.Number());
    }
    state.lists_.resize(in.Count());
    for (ListSlot& slot : state.lists_) {
        slot.element = in.Byte();
        slot.id = in.Fixed();
        slot.stamp = stamp_at(in.Number());
        ReadPositions(in, slot.positions);
        if (groups) slot.group = static_cast<std::uint32_t>(in.Number());
    }
    if (!in.AtEnd()) return Fail(Code::kInternal, "damaged merge stamps");
    return state;
}

std::string MergeState::ToBytes() const {
    std::vector<Stamp> stamps;
    const auto collect = [&](const Stamp& stamp) {
        const auto at = std::lower_bound(stamps.begin(), stamps.end(), stamp);
        if (at == stamps.end() || *at != stamp) stamps.insert(at, stamp);
    };
    for (const SlotStamp& slot : slots_) collect(slot.stamp);
    for (const ListSlot& slot : lists_) collect(slot.stamp);
    const auto number = [&](const Stamp& stamp) {
        return static_cast<std::uint64_t>(std::lower_bound(stamps.begin(), stamps.end(), stamp) -
                                          stamps.begin());
    };

    std::string out;
    out.reserve(16 + stamps.size() * 12 + slots_.size() * 3 + lists_.size() * 12);
    const bool groups = std::any_of(lists_.begin(), lists_.end(),
                                    [](const ListSlot& slot) { return slot.group != 0; });
    out += groups ? kVersionWithGroups : kVersion;
    PutNumber(stamps.size(), out);
    Stamp before{0, 0};
    for (const Stamp& stamp : stamps) {
        PutNumber(Difference(stamp.order_time, before.order_time), out);
        PutNumber(ZigZag(static_cast<std::int64_t>(Difference(stamp.seq, before.seq))), out);
        before = stamp;
    }
    PutNumber(slots_.size(), out);
    for (const SlotStamp& slot : slots_) {
        PutPath(slot.path, out);
        PutNumber(number(slot.stamp), out);
    }
    PutNumber(lists_.size(), out);
    for (const ListSlot& slot : lists_) {
        out += static_cast<char>(slot.element);
        PutFixed(slot.id, out);
        PutNumber(number(slot.stamp), out);
        PutPositions(slot.positions, out);
        if (groups) PutNumber(slot.group, out);
    }
    return out;
}

std::size_t MergeState::Place(ElementPath path) const {
    const auto at =
        std::lower_bound(slots_.begin(), slots_.end(), path,
                         [](const SlotStamp& slot, ElementPath p) { return slot.path < p; });
    return static_cast<std::size_t>(at - slots_.begin());
}

Stamp MergeState::StampOf(ElementPath path) const {
    const std::size_t at = Place(path);
    return at < slots_.size() && slots_[at].path == path ? slots_[at].stamp : kNever;
}

Stamp MergeState::NewestAt(ElementPath path) const {
    Stamp newest = kNever;
    for (const SlotStamp& slot : slots_) {
        if (slot.path == path || slot.path.IsBelow(path)) newest = std::max(newest, slot.stamp);
    }
    return newest;
}

void MergeState::Set(ElementPath path, const Stamp& stamp) {
    const std::size_t at = Place(path);
    if (at < slots_.size() && slots_[at].path == path) {
        slots_[at].stamp = stamp;
    } else {
        slots_.insert(slots_.begin() + static_cast<std::ptrdiff_t>(at), {path, stamp});
    }
}

void MergeState::ForgetBelow(ElementPath path, const Stamp& stamp) {
    std::erase_if(slots_, [&](const SlotStamp& slot) {
        return slot.path.IsBelow(path) && slot.stamp < stamp;
    });
}

std::size_t MergeState::ListPlace(std::uint8_t element, std::uint64_t id) const {
    const auto at = std::lower_bound(lists_.begin(), lists_.end(), std::pair(element, id),
                                     [](const ListSlot& slot, const auto& key) {
                                         return std::pair(slot.element, slot.id) < key;
                                     });
    return static_cast<std::size_t>(at - lists_.begin());
}

std::span<const ListSlot> MergeState::List(std::uint8_t element) const {
    const std::size_t begin = ListPlace(element, 0);
    std::size_t end = begin;
    while (end < lists_.size() && lists_[end].element == element) ++end;
    return {lists_.data() + begin, end - begin};
}

const ListSlot* MergeState::FindList(std::uint8_t element, std::uint64_t id) const {
    const std::size_t at = ListPlace(element, id);
    const bool found = at < lists_.size() && lists_[at].element == element && lists_[at].id == id;
    return found ? &lists_[at] : nullptr;
}

void MergeState::PutList(ListSlot slot) {
    if (slot.id == kRestSlot && slot.positions.empty()) return EraseList(slot.element, slot.id);
    const std::size_t at = ListPlace(slot.element, slot.id);
    if (at < lists_.size() && lists_[at].element == slot.element && lists_[at].id == slot.id) {
        lists_[at] = std::move(slot);
    } else {
        lists_.insert(lists_.begin() + static_cast<std::ptrdiff_t>(at), std::move(slot));
    }
}

void MergeState::EraseList(std::uint8_t element, std::uint64_t id) {
    const std::size_t at = ListPlace(element, id);
    if (at < lists_.size() && lists_[at].element == element && lists_[at].id == id) {
        lists_.erase(lists_.begin() + static_cast<std::ptrdiff_t>(at));
    }
}

}  // namespace carestream::fhir::internal
