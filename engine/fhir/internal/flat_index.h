#pragma once
// A write-once hash index from a composed key to a row number: open addressing, no deletes. The
// caller keeps the rows and says whether a row has the key, so that keys are not copied.
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/assert.h"

namespace carestream::fhir::internal {

// Mixes eight bytes a step: names and canonical URLs of 5 to 60 bytes are hashed on hot paths.
[[nodiscard]] inline std::uint64_t HashText(std::string_view text, std::uint64_t seed = 0) {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15ull;
    std::uint64_t hash = (seed + text.size()) * kMultiplier;
    const char* at = text.data();
    std::size_t left = text.size();
    const auto mix = [&](std::uint64_t word) { hash = std::rotl((hash ^ word) * kMultiplier, 29); };
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        mix(word);
    }
    if (left > 0) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, left);
        mix(word);
    }
    return hash ^ (hash >> 32);
}

class FlatIndex {
public:
    static constexpr std::uint32_t kNone = 0xFFFFFFFF;

    FlatIndex() = default;
    // Room for `rows` insertions; more are a bug.
    explicit FlatIndex(std::size_t rows)
        : mask_(std::bit_ceil(rows * 2 + 2) - 1), slots_(mask_ + 1) {}

    void Insert(std::uint64_t hash, std::uint32_t row) {
        std::size_t at = hash & mask_;
        while (slots_[at].row != kNone) at = (at + 1) & mask_;
        slots_[at] = {static_cast<std::uint32_t>(hash >> 32), row};
        CARESTREAM_ASSERT(++used_ <= mask_ / 2 + 1);
    }

    // The first inserted row with this hash for which `matches(row)` holds, or kNone.
    template <typename Matches>
    [[nodiscard]] std::uint32_t Find(std::uint64_t hash, Matches&& matches) const {
        const auto tag = static_cast<std::uint32_t>(hash >> 32);
        for (std::size_t at = hash & mask_; slots_[at].row != kNone; at = (at + 1) & mask_) {
            if (slots_[at].tag == tag && matches(slots_[at].row)) return slots_[at].row;
        }
        return kNone;
    }

private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t row = kNone;
    };
    std::size_t mask_ = 0;
    std::size_t used_ = 0;
    std::vector<Slot> slots_ = std::vector<Slot>(1);
};

}  // namespace carestream::fhir::internal
