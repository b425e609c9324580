#pragma once
// auth.audit.keep: removes rows of the audit of accesses that are older, on a thread of its own, a
// bounded batch a transaction with a rest between: who writes the audit waits for nobody.
#include <memory>

#include "base/clock.h"
#include "store/internal/pg.h"
#include "store/types.h"

namespace carestream::store {

struct AccessRetentionOptions {
    pg::ConnectOptions connect;
    Micros keep = 0;  // 0 = forever: there is no thread then
    LogLine log = {};
    int every_ms = 60 * 60'000;  // also after an outage
    int rest_ms = 100;           // between batches
    int batch_rows = 2'000;
};

// `clock` outlives it. Its destruction waits for the batch under way.
class AccessRetention {
public:
    AccessRetention(AccessRetentionOptions options, const Clock& clock);
    ~AccessRetention();
    AccessRetention(const AccessRetention&) = delete;
    AccessRetention& operator=(const AccessRetention&) = delete;

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace carestream::store
