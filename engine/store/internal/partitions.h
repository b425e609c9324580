#pragma once
// The weekly partitions of journal, outcome and message_key.
#include <cstdint>
#include <set>

#include "base/clock.h"
#include "base/result.h"
#include "store/internal/pg.h"

namespace carestream::store {

// Receipt times outside of this range come from a broken clock and are moved to its edge: a message
// must not be lost because no partition can hold it.
inline constexpr Micros kReceivedMin = 0;
inline constexpr Micros kReceivedMax = 7'258'118'400'000'000;  // 2200-01-01

// Knows which weeks exist; one for each session that makes them. Not thread-safe.
class Partitions {
public:
    // Makes the partitions of the week that holds `time` unless they exist. Outside of
    // transactions.
    [[nodiscard]] Result<void> Ensure(pg::Connection& connection, Micros time);

private:
    std::set<std::int64_t> weeks_;
};

}  // namespace carestream::store
