#include "store/internal/lock.h"

#include <chrono>
#include <thread>

namespace carestream::store {
namespace {

// First half of the lock's name; any other program on this database has another.
constexpr std::int32_t kLockSpace = 0x43535452;  // "CSTR"
constexpr std::chrono::milliseconds kPoll{50};

const pg::Statement kTryLock{"try_lock", "select pg_try_advisory_lock($1::int4, $2::int4)"};
const pg::Statement kUnlock{"unlock", "select pg_advisory_unlock($1::int4, $2::int4)"};

}  // namespace

Result<void> AcquireLock(pg::Connection& connection, LockRole role, int wait_ms) {
    pg::Params params;
    params.Int4(kLockSpace).Int4(static_cast<std::int32_t>(role));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
    for (;;) {
        CARESTREAM_ASSIGN(rows, connection.Run(kTryLock, params));
        if (rows.Bool(0, 0)) return {};
        if (std::chrono::steady_clock::now() >= deadline) break;
        std::this_thread::sleep_for(kPoll);
    }
    return FailRetryable(
        "another daemon is active on this database; stop it, or give this one a "
        "database of its own",
        Code::kConflict);
}

Result<void> ReleaseLock(pg::Connection& connection, LockRole role) {
    pg::Params params;
    params.Int4(kLockSpace).Int4(static_cast<std::int32_t>(role));
    CARESTREAM_TRY(connection.Run(kUnlock, params));
    return {};
}

}  // namespace carestream::store
