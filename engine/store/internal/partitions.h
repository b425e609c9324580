#pragma once
// The weekly partitions of journal, outcome and message_key.
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "store/internal/pg.h"

namespace carestream::store {

// Receipt times outside of this range come from a broken clock and are moved to its edge: a message
// must not be lost because no partition can hold it.
inline constexpr Micros kReceivedMin = 0;
inline constexpr Micros kReceivedMax = 7'258'118'400'000'000;  // 2200-01-01

// Weeks begin on Monday, UTC. The start of the one that holds `time`.
[[nodiscard]] Micros WeekStart(Micros time);
inline constexpr Micros kWeekMicros = 7LL * 86'400 * 1'000'000;
// "journal_20261123"; `start` is a WeekStart.
[[nodiscard]] std::string PartitionName(std::string_view table, Micros start);
// The start of the week whose partition of `journal` has this name, if it is one.
[[nodiscard]] std::optional<Micros> PartitionStart(std::string_view name);

// Knows which weeks exist. Thread-safe; shared by all who make and drop them.
class Partitions {
public:
    // Makes the partitions of the week that holds `time` unless they exist. Outside of
    // transactions.
    [[nodiscard]] Result<void> Ensure(pg::Connection& connection, Micros time);
    // The next Ensure looks again: a week was dropped, here or by another process.
    void Forget();

private:
    std::mutex mutex_;
    std::set<Micros> weeks_;  // guarded by mutex_
};

}  // namespace carestream::store
