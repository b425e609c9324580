#pragma once
// The audit's thread: takes what has queued, writes it with one statement, commits.
#include <cstddef>
#include <memory>

#include "crypto/keys.h"
#include "store/access_audit.h"
#include "store/internal/pg.h"

namespace carestream::store {

struct AccessAuditParts {
    pg::ConnectOptions connect;
    const crypto::KeyRing& keys;  // outlives it
    LogLine log = {};
    std::size_t queue_bytes_max = 16u << 20;
};

// Rows that wait when it is destroyed are written; if that fails, their number is logged.
[[nodiscard]] std::unique_ptr<AccessAudit> MakeAccessAudit(AccessAuditParts parts);

}  // namespace carestream::store
