#pragma once
// One attempt to bring a batch of writes into the database: resolve, lock, apply, index, write,
// commit. Feeds and REST share it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/internal/batch_write.h"
#include "store/internal/pg.h"
#include "store/internal/search_run.h"
#include "store/internal/write_context.h"
#include "store/writer.h"

namespace carestream::store {

// Exactly one of the two is set. A result stands once the attempt that made it has committed.
struct WriteJob {
    std::optional<FeedWrite> feed;
    std::optional<RestWrite> rest;
    Callback<FeedResult> feed_done;
    Callback<RestResult> rest_done;
    Result<FeedResult> feed_result;
    Result<RestResult> rest_result;
};

// Runs batches on one session. Confined to one thread.
class BatchRunner {
public:
    explicit BatchRunner(WriteContext& context)
        : context_(context), searcher_(context.parts(), context.shared_codec()) {}

    // Everything or nothing. Error, retryable: run the batch again. Error, not retryable: one of
    // the jobs is at fault (its data, not its conditions: those are in its result).
    [[nodiscard]] Result<void> Run(pg::Connection& connection, const std::vector<WriteJob*>& jobs);

    // The session was lost while it committed: did it? Afterwards false until the next Run.
    [[nodiscard]] bool in_doubt() const { return in_doubt_; }
    [[nodiscard]] Result<bool> DidCommit(pg::Connection& connection,
                                         const std::vector<WriteJob*>& jobs);
    // Of the last committed Run; 0 = no event.
    [[nodiscard]] std::int64_t event_seq() const { return event_seq_; }

private:
    [[nodiscard]] Result<void> Load(pg::Connection& connection, const std::vector<WriteJob*>& jobs,
                                    WorkingSet& set);
    [[nodiscard]] Result<void> Apply(pg::Connection& connection, const std::vector<WriteJob*>& jobs,
                                     WorkingSet& set);
    // If-None-Exist: true when the job is answered without a write.
    [[nodiscard]] Result<bool> Exists(pg::Connection& connection, WriteJob& job);
    [[nodiscard]] Result<std::vector<IndexChange>> Index(pg::Connection& connection,
                                                         WorkingSet& set);
    [[nodiscard]] Result<void> FindSubjects(pg::Connection& connection, WorkingSet& set,
                                            const std::vector<Wanted::Id>& patients);
    [[nodiscard]] std::vector<Outcome> Outcomes(const std::vector<WriteJob*>& jobs) const;
    void Remember(const WorkingSet& set);

    WriteContext& context_;
    Searcher searcher_;
    bool in_doubt_ = false;
    std::int64_t event_seq_ = 0;
    // A version of the batch in doubt: there, or nothing of the batch is.
    std::int64_t doubt_pk_ = 0;
    std::int32_t doubt_version_ = 0;
    Micros doubt_updated_ = 0;
};

}  // namespace carestream::store
