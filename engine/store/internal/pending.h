#pragma once
// Reads of the journal beside its writer: what still waits, one message by number; and the
// watermark below which nothing waits. A session of its own, made again when it was lost.
#include <mutex>
#include <vector>

#include "base/result.h"
#include "crypto/keys.h"
#include "store/internal/partitions.h"
#include "store/internal/pg.h"
#include "store/internal/session.h"
#include "store/journal.h"

namespace carestream::store {

// Thread-safe: one caller at a time, the others wait.
class PendingReader {
public:
    // `partitions` outlives it.
    PendingReader(const pg::ConnectOptions& options, const crypto::KeyRing& keys,
                  Partitions& partitions);

    [[nodiscard]] Result<std::vector<PendingMessage>> Pending(std::int64_t after, int limit);
    [[nodiscard]] Result<PendingMessage> Load(std::int64_t seq);
    // Moves the watermark up to the first message that waits.
    [[nodiscard]] Result<void> AdvanceWatermark();
    // Makes the partitions around `now` and of the coming week.
    [[nodiscard]] Result<void> PreparePartitions(Micros now);

private:
    [[nodiscard]] PendingMessage Read(const pg::Rows& rows, int row) const;

    const crypto::KeyRing& keys_;
    std::mutex mutex_;
    Session session_;  // guarded by mutex_
    Partitions& partitions_;
};

}  // namespace carestream::store
