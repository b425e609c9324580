#pragma once
// One attempt to bring a batch of writes into the database: resolve, lock, apply, index, write,
// commit. Feeds and REST share it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/internal/batch_write.h"
#include "store/internal/booking_write.h"
#include "store/internal/pg.h"
#include "store/internal/search_run.h"
#include "store/internal/write_context.h"
#include "store/writer.h"

namespace carestream::store {

// Exactly one of the three is set. A result stands once the attempt that made it has committed.
struct WriteJob {
    std::optional<FeedWrite> feed;
    std::optional<RestWrite> rest;
    std::optional<RestTransaction> transaction;
    Callback<FeedResult> feed_done;
    Callback<RestResult> rest_done;
    Callback<std::vector<RestResult>> transaction_done;
    Result<FeedResult> feed_result;
    Result<RestResult> rest_result;
    Result<std::vector<RestResult>> transaction_result;
};

// Prepares and runs batches. One call at a time; Prepare may overlap the Commit of the plan before.
class BatchRunner {
public:
    explicit BatchRunner(WriteContext& context)
        : context_(context), searcher_(context.parts(), context.shared_codec()) {}

    // All of it on one session, in one transaction, the rows locked before they are read.
    // Everything or nothing. Error, retryable: run the batch again. Error, not retryable: one of
    // the jobs is at fault (its data, not its conditions: those are in its result).
    [[nodiscard]] Result<void> Run(pg::Connection& connection, const std::vector<WriteJob*>& jobs);

    // The same in two halves. Prepare reads without locks, outside of the transaction that Commit
    // will be, and takes what `set` knows instead of asking; afterwards `set` is ready for the next
    // batch. Commit fails (retryable) when another writer changed what Prepare saw: `set` is then
    // worthless. Results of the jobs hold once Commit succeeded.
    [[nodiscard]] Result<BatchPlan> Prepare(pg::Connection& connection,
                                            const std::vector<WriteJob*>& jobs, WorkingSet& set);
    [[nodiscard]] Result<void> Commit(pg::Connection& connection, const BatchPlan& plan);

    // The session was lost while it committed: did it? Afterwards false until the next Run.
    [[nodiscard]] bool in_doubt() const { return in_doubt_; }
    [[nodiscard]] Result<bool> DidCommit(pg::Connection& connection,
                                         const std::vector<WriteJob*>& jobs);
    // Of the last committed batch; 0 = no event.
    [[nodiscard]] std::int64_t event_seq() const { return event_seq_; }
    // Resources that the last committed Run changed, by pk.
    [[nodiscard]] const std::vector<std::int64_t>& changed() const { return changed_; }

private:
    [[nodiscard]] Result<void> Load(pg::Connection& connection, const std::vector<WriteJob*>& jobs,
                                    WorkingSet& set, bool lock);
    [[nodiscard]] Result<BatchPlan> Plan(pg::Connection& connection,
                                         const std::vector<WriteJob*>& jobs, WorkingSet& set);
    void ApplyTransaction(WriteJob& job, WorkingSet& set);
    [[nodiscard]] Result<void> Finish(pg::Connection& connection, const BatchPlan& plan);
    [[nodiscard]] Result<void> Apply(pg::Connection& connection, const std::vector<WriteJob*>& jobs,
                                     WorkingSet& set);
    // If-None-Exist: true when the job is answered without a write.
    [[nodiscard]] Result<bool> Exists(pg::Connection& connection, WriteJob& job);
    [[nodiscard]] Result<std::vector<IndexChange>> Index(pg::Connection& connection,
                                                         WorkingSet& set);
    [[nodiscard]] Result<void> FindSubjects(pg::Connection& connection, WorkingSet& set,
                                            const std::vector<Wanted::Id>& patients);
    [[nodiscard]] std::vector<Outcome> Outcomes(const std::vector<WriteJob*>& jobs) const;

    WriteContext& context_;
    Searcher searcher_;
    bool in_doubt_ = false;
    std::int64_t event_seq_ = 0;
    BatchPlan::Sample doubt_;  // of the batch in doubt, like the next
    BatchPlan::BookingSample doubt_booking_;
    BookingSet bookings_;  // of the running batch
    std::vector<std::int64_t> changed_;
};

}  // namespace carestream::store
