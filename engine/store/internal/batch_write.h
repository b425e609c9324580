#pragma once
// The writing half of a batch: everything in few multi-row statements, event numbers last.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/internal/index_rows.h"
#include "store/internal/pg.h"
#include "store/internal/working_set.h"
#include "store/internal/write_context.h"
#include "store/writer.h"

namespace carestream::store {

// What became of a message, as it is written.
struct Outcome {
    const FeedWrite* write = nullptr;
    OutcomeStatus status = OutcomeStatus::kProcessed;
    std::string stage;
    std::string path;
    std::string reason;
    const std::vector<ChangedResource>* resources = nullptr;  // null = none
};

struct IndexChange {
    const Entry* entry = nullptr;
    IndexDifference difference;
};

// Runs in the transaction of LockAndLoad. Retryable errors also when another writer took an
// identity or an id meanwhile: the batch must be resolved again.
[[nodiscard]] Result<void> WriteBatch(pg::Connection& connection, WriteContext& context,
                                      WorkingSet& set, const std::vector<IndexChange>& index,
                                      const std::vector<Outcome>& outcomes);

// Events and COMMIT, one round trip. Gives the highest event number, 0 when there is no event.
[[nodiscard]] Result<std::int64_t> CommitBatch(pg::Connection& connection, WorkingSet& set);

// Which of these messages have an outcome.
[[nodiscard]] Result<std::vector<std::int64_t>> DoneMessages(
    pg::Connection& connection, const std::vector<const FeedWrite*>& writes);
// Highest event number so far.
[[nodiscard]] Result<std::int64_t> EventHead(pg::Connection& connection);
// Is this version of this time stored?
[[nodiscard]] Result<bool> HasVersion(pg::Connection& connection, std::int64_t pk,
                                      std::int32_t version, Micros updated);

}  // namespace carestream::store
