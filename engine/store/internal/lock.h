#pragma once
// One active daemon per database: each writing session holds its own advisory lock for as long as
// it lives, so a session that died unseen ends before its successor writes.
#include "base/result.h"
#include "store/internal/pg.h"

namespace carestream::store {

enum class LockRole : std::int32_t { kMigrate = 1, kJournal = 2, kFeedWriter = 3, kRestWriter = 4 };

// Waits at most `wait_ms`. Errors: kConflict (another session holds it; retryable), kUnavailable.
[[nodiscard]] Result<void> AcquireLock(pg::Connection& connection, LockRole role, int wait_ms);
// Only for kMigrate; the others end with their session.
[[nodiscard]] Result<void> ReleaseLock(pg::Connection& connection, LockRole role);

}  // namespace carestream::store
