#pragma once
// From the journal to the writer: parse and map on worker threads, hand over in journal order.
//
// Mapping is pure, so it runs in parallel; a reorder buffer restores the order of the journal,
// which is stronger than an order per patient and needs no lanes. Memory is bounded by a window:
// what does not fit stays in the journal and is read from there once there is room. A message that
// cannot be parsed or mapped becomes a dead letter in its place and holds nobody up.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "channel/generation.h"
#include "store/journal.h"
#include "store/writer.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::channel {

struct DispatcherLimits {
    std::size_t messages_max = 1024;    // between journal and outcome, in memory
    std::size_t bytes_max = 64u << 20;  // of their raw text
    int workers = 0;                    // 0 = one per core
};

// What became of a message, for senders that wait (ack_after: processing).
struct Processed {
    store::OutcomeStatus status = store::OutcomeStatus::kProcessed;
    std::string path;
    std::string reason;
    store::SentAck ack;  // kept by the writer
};

struct DispatcherStatus {
    std::size_t in_flight = 0;
    bool reading_backlog = false;  // more waits in the journal than memory holds
    Micros oldest_received = 0;    // of those in memory; 0 = none
    std::int64_t processed = 0;    // since the start
    std::int64_t dead_letters = 0;
};

// Thread-safe. Journal, writer, clock, log and metrics outlive it.
class Dispatcher {
public:
    using CurrentGeneration = std::function<std::shared_ptr<const Generation>()>;

    Dispatcher(store::Journal& journal, store::Writer& writer, CurrentGeneration current,
               const Clock& clock, telemetry::Log& log, telemetry::Metrics& metrics,
               DispatcherLimits limits);
    ~Dispatcher();  // Stop()
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    // Reads what the journal holds without an outcome, then follows.
    void Start();
    // Takes nothing more; what is in flight stays pending in the journal. Idempotent.
    void Stop();

    // A message that has just been committed, in the order of the journal.
    void Accepted(store::PendingMessage message);
    // An append failed: whether its commit took place is unknown, so the journal is asked.
    void Resynchronise();
    // Messages that were reopened: pending again, and read by seq.
    void Replay(const std::vector<std::int64_t>& seqs);
    // Calls `done` when this message gets its outcome, on a thread of the store; at once, on the
    // caller's, if it got it a moment ago. Call it before Accepted. Forgotten at Stop.
    void Await(std::int64_t seq, std::function<void(const Processed&)> done);

    [[nodiscard]] DispatcherStatus Status() const;

private:
    struct Core;
    std::shared_ptr<Core> core_;
};

// Parse and map one message; never fails: what cannot be used becomes kDeadLetter. Pure. `channel`
// null: no channel of that name is configured any more.
[[nodiscard]] store::FeedWrite Process(store::PendingMessage message, const Channel* channel);

}  // namespace carestream::channel
