#pragma once
// The journal's writer: one thread, one session, one commit at a time; what queues meanwhile goes
// out with the next. A second, slow thread keeps house: partitions, watermark, free disk.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "store/internal/crowd.h"
#include "store/internal/pg.h"
#include "store/journal.h"

namespace carestream::store {

// References outlive the journal.
struct JournalParts {
    pg::ConnectOptions connect;
    const crypto::KeyRing& keys;
    const Clock& clock;
    LogLine log;
    std::function<void(double seconds, std::size_t messages)> committed;
    std::filesystem::path disk_folder;  // whose file system must not fill up
    std::uint64_t disk_free_min_bytes = 0;
    std::size_t queue_bytes_max = 256u << 20;
    int lock_wait_ms = 10'000;
    Micros journal_keep = 0;  // 0 = forever
    Crowd* crowd = nullptr;   // is told of each commit
};

// Connects, takes the advisory lock, finds the next number. The destructor commits what is queued,
// or answers it kUnavailable during an outage. Errors: kUnavailable, kConflict (another daemon is
// active).
[[nodiscard]] Result<std::unique_ptr<Journal>> MakeJournal(JournalParts parts);

}  // namespace carestream::store
