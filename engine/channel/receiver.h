#pragma once
// The receiving end of one channel: decides, journals, answers.
//
// A frame is answered when its journal row is committed. While the store cannot commit, frames are
// held (so the source stops reading: its frames under way are bounded) in the order of their
// arrival; after the channel's `ack_hold` each gets what `on_store_down` says. An AA or CA is never
// sent for a frame that is not committed.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "channel/decision.h"
#include "channel/dispatcher.h"
#include "channel/generation.h"
#include "channel/spi.h"
#include "store/journal.h"

namespace carestream::channel {

struct ReceiverStatus {
    std::int64_t received = 0;  // since the start
    std::int64_t duplicates = 0;
    std::int64_t refused = 0;
    std::size_t held = 0;
    Micros last_received = 0;
};

// Thread-safe. Lives as long as its channel's name is configured, across generations. Owned by
// shared_ptr, because callbacks of the journal may outlive the channel.
class Receiver final : public Sink, public std::enable_shared_from_this<Receiver> {
public:
    struct Parts {
        store::Journal& journal;
        Dispatcher& dispatcher;
        const Clock& clock;
        telemetry::Log& log;
        telemetry::Metrics& metrics;
    };
    Receiver(Parts parts, std::shared_ptr<const Channel> channel);
    ~Receiver() override;

    // Frames that arrive from now on are decided by this generation of the channel.
    void Use(std::shared_ptr<const Channel> channel);

    void Receive(std::string payload, std::shared_ptr<Exchange> exchange) override;
    void Oversized(std::string_view head, std::shared_ptr<Exchange> exchange) override;

    // Called a few times a second: tries held frames again, answers those that waited too long.
    void Tick();
    // Closes what is held; nothing of it was acknowledged.
    void Stop();

    [[nodiscard]] ReceiverStatus Status() const;

private:
    struct Arrival;
    using ArrivalPtr = std::shared_ptr<Arrival>;
    struct Meters;

    [[nodiscard]] std::shared_ptr<const Channel> Current() const;
    void Submit(const ArrivalPtr& arrival);
    void Hold(const ArrivalPtr& arrival);
    void OnReceipt(const ArrivalPtr& arrival, Result<store::JournalReceipt> receipt);
    void Answer(const ArrivalPtr& arrival, const store::JournalReceipt& receipt);
    void AwaitOutcome(const ArrivalPtr& arrival, const store::JournalReceipt& receipt);
    void Repeat(const ArrivalPtr& arrival, const store::JournalReceipt& receipt);
    void AnswerOutcome(const ArrivalPtr& arrival, const store::JournalReceipt& receipt,
                       const Processed& outcome);
    void GiveUp(const ArrivalPtr& arrival);
    void Send(const ArrivalPtr& arrival, hl7::AckCode code, std::string ack, bool follows = false);
    // Ends the link of a frame that no acknowledgment can name.
    void CloseUnanswered(Exchange& exchange, std::string_view why);
    void CountRefused(std::string_view why);

    const Parts parts_;
    const std::unique_ptr<Meters> meters_;

    mutable std::mutex mutex_;  // guards what follows
    std::shared_ptr<const Channel> channel_;
    std::map<std::uint64_t, ArrivalPtr> held_;  // by order of arrival
    bool holding_ = false;                      // newcomers queue behind what is held
    bool stopped_ = false;
    std::uint64_t failures_ = 0;

    std::atomic<std::uint64_t> arrivals_ = 0;
    std::atomic<std::int64_t> duplicates_ = 0;
    std::atomic<std::int64_t> refused_ = 0;
    std::atomic<Micros> last_received_ = 0;
};

}  // namespace carestream::channel
