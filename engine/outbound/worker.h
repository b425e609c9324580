#pragma once
// One outbound channel at work: takes the first of its line, sends it, keeps what became of it.
//
// A message is marked as being sent before its first byte leaves, so that after a crash it is known
// which one may have arrived. A thread of its own, because the store's answers may take a while;
// what a receiver does holds up this channel only.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "channel/generation.h"
#include "channel/spi.h"
#include "outbound/acknowledgment.h"
#include "outbound/policy.h"
#include "store/outbound.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::outbound {

struct WorkerStatus {
    std::string state;  // idle, sending, retrying, held
    std::string why;    // of retrying and held
    Micros since = 0;   // of this state
};

// Thread-safe. The parts outlive it.
class Worker final : public channel::AnswerSink {
public:
    struct Parts {
        store::Outbound& queue;
        const Clock& clock;
        telemetry::Log& log;
        telemetry::Metrics& metrics;
    };
    Worker(Parts parts, std::shared_ptr<const channel::OutboundChannel> channel,
           std::unique_ptr<channel::Destination> destination);
    ~Worker() override;  // Stop()

    void Start();
    // From now on by these policies.
    void Use(std::shared_ptr<const channel::OutboundChannel> channel);
    // Something was queued or decided.
    void Wake();
    // Takes up nothing more; the first of two steps where several stop.
    void RequestStop();
    // Lets what is being sent get its answer for a bounded time, then ends it. Idempotent.
    void Stop();

    bool Answer(std::string message) override;

    [[nodiscard]] WorkerStatus Status() const;
    [[nodiscard]] std::string Describe() const;  // "mllp 10.1.2.3:2575"

private:
    struct Answered {
        Acknowledgment ack;
        std::string raw;
    };
    struct Meters;

    void Run();
    [[nodiscard]] bool Fill();
    void TakeFirst();
    void Attempt();
    [[nodiscard]] bool MarkSending(store::OutboundRow& row);
    [[nodiscard]] store::OutboundUpdate SendNow(const store::OutboundDetail& detail,
                                                const store::OutboundRow& row);
    [[nodiscard]] Result<void> OpenNow();
    [[nodiscard]] bool Flush();
    void NoteEnd(const store::OutboundUpdate& update);
    void TakeLate();
    void TakeOverdue();
    void Unmatched(const char* what);
    // Until woken, or for so long; then the line is read again.
    void Pause(Micros time);
    void Enter(const char* state, const std::string& why = {});
    [[nodiscard]] bool Stopping() const;
    [[nodiscard]] std::shared_ptr<const channel::OutboundChannel> Channel() const;

    const Parts parts_;
    const std::unique_ptr<Meters> meters_;
    const std::unique_ptr<channel::Destination> destination_;

    // Of the thread.
    std::deque<store::OutboundDetail> line_;
    std::optional<store::OutboundUpdate> carried_;  // saved with the next mark, or by Flush
    Micros overdue_at_ = 0;

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable wake_;
    std::shared_ptr<const channel::OutboundChannel> channel_;
    bool woken_ = false;
    bool stop_ = false;
    bool busy_ = false;      // a Send is under way
    std::string in_flight_;  // MSH-10 of what is being sent
    std::optional<Answered> answer_;
    std::optional<Result<void>> opened_;
    std::optional<channel::Sending> sent_;
    std::deque<Answered> late_;
    WorkerStatus status_;
    Micros said_at_ = 0;  // when the log last heard of an unmatched answer

    std::thread thread_;
};

}  // namespace carestream::outbound
