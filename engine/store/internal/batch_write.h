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
    SentAck ack;
};

struct IndexChange {
    const Entry* entry = nullptr;
    IndexDifference difference;
};

// A batch as statements: nothing of the working set is looked at any more.
struct BatchPlan {
    struct Step {
        const pg::Statement* statement = nullptr;
        std::vector<pg::Array> arrays;   // its parameters
        std::int64_t rows_expected = 0;  // negative: any number
    };
    // A version of the batch: it is there, or nothing of the batch is.
    struct Sample {
        std::int64_t pk = 0;  // 0: the batch makes no version
        std::int32_t version = 0;
        Micros updated = 0;
    };
    // A booking of the batch, likewise.
    struct BookingSample {
        Tenant tenant = 1;
        std::string appointment;  // "": the batch changes no booking
        std::int32_t revision = 0;
        Micros updated = 0;
    };
    std::vector<Step> steps;
    BookingSample booking;
    Step events;  // without a statement: no event
    Sample sample;
    bool links = false;                 // changes whom patients are linked with
    std::vector<std::int64_t> changed;  // resources that get a version, by pk
};

[[nodiscard]] BatchPlan MakePlan(WriteContext& context, WorkingSet& set,
                                 const std::vector<IndexChange>& index,
                                 const std::vector<Outcome>& outcomes);

// Queues the beginning of a transaction.
[[nodiscard]] Result<void> BeginBatch(pg::Connection& connection);

// Runs in the transaction that was begun and does not end it. Retryable errors also when another
// writer took an identity or an id meanwhile, or changed a row that the plan changes: the batch
// must be resolved again.
[[nodiscard]] Result<void> RunPlan(pg::Connection& connection, const BatchPlan& plan);

// Events and COMMIT, one round trip. Gives the highest event number, 0 when there is no event.
[[nodiscard]] Result<std::int64_t> CommitPlan(pg::Connection& connection, const BatchPlan& plan);

// Which of these messages have an outcome.
[[nodiscard]] Result<std::vector<std::int64_t>> DoneMessages(
    pg::Connection& connection, const std::vector<const FeedWrite*>& writes);
// Highest event number so far.
[[nodiscard]] Result<std::int64_t> EventHead(pg::Connection& connection);
// Is this version of this time stored?
[[nodiscard]] Result<bool> HasVersion(pg::Connection& connection, const BatchPlan::Sample& sample);

}  // namespace carestream::store
