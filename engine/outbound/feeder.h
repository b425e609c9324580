#pragma once
// Fills the queues: reads what changed and what arrived, composes the messages, queues them with
// the cursors of their channels. A thread of its own.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "outbound/compose.h"
#include "store/events.h"
#include "store/outbound.h"
#include "store/reader.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::outbound {

// All outlive the feeder.
struct FeederParts {
    store::Outbound& queue;
    store::Events& events;
    store::Reader& reader;
    const fhir::Definitions& definitions;
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
    // Something was queued for this channel, or settled from outside. Not under a lock.
    std::function<void(const std::string& channel)> queued;
};

// Thread-safe.
class Feeder {
public:
    using Channels = std::vector<std::shared_ptr<const channel::OutboundChannel>>;

    explicit Feeder(FeederParts parts);
    ~Feeder();  // Stop()
    Feeder(const Feeder&) = delete;
    Feeder& operator=(const Feeder&) = delete;

    void Start();
    // Those channels from now on; new ones begin at the end of what there is when this returns,
    // unless the store does not answer: then as soon as it does.
    void Use(Channels channels);
    void Wake();
    void Stop();  // idempotent

    // Composes once more what could not be made, now that its map may be right: as a message of its
    // own, behind those that wait. Errors: kConflict (it is not such a one, no such channel, the
    // channel takes it no more), kNotFound (its cause is gone).
    [[nodiscard]] Result<store::OutboundRow> MakeAgain(const store::OutboundRow& row);

    // As of a moment ago.
    [[nodiscard]] std::vector<store::OutboundDepth> Depths() const;
    // Why nothing is queued at the moment, "" = nothing is wrong.
    [[nodiscard]] std::string Trouble() const;

private:
    struct Follower {
        std::shared_ptr<const channel::OutboundChannel> channel;
        store::OutboundCursor cursor;
    };
    using Group = std::vector<Follower*>;  // that came equally far; never empty

    void Run();
    [[nodiscard]] Result<void> Follow();
    [[nodiscard]] Result<bool> Pass();
    [[nodiscard]] Result<bool> PassEvents(const Group& group);
    [[nodiscard]] Result<bool> PassArrived(const Group& group);
    [[nodiscard]] Result<bool> PassConcluded(const Group& group);
    [[nodiscard]] Result<void> Settle(const channel::OutboundChannel& channel,
                                      const store::ArrivedMessage& arrived);
    [[nodiscard]] Result<void> Queue(const std::vector<store::OutboundMessage>& messages,
                                     const Group& group, std::int64_t to);
    [[nodiscard]] Result<std::optional<store::OutboundMessage>> ComposeAgain(
        const channel::OutboundChannel& channel, const store::OutboundRow& row);
    [[nodiscard]] std::vector<Group> Groups(store::OutboundCause kind);
    [[nodiscard]] Result<Label> NextLabel();
    [[nodiscard]] Result<std::string> Lookup(store::Tenant tenant, const std::string& type,
                                             const std::string& id);
    void RefreshDepths();
    void Prune();
    void SetTrouble(const std::string& trouble);

    const FeederParts parts_;
    const std::string prefix_;

    std::atomic<int> callers_ = 0;  // that want work_mutex_; passes let them in
    std::mutex work_mutex_;         // guards what follows
    Channels channels_;
    std::vector<Follower> followers_;
    bool following_ = true;  // the followers are those of channels_
    std::int64_t next_number_ = 0;
    std::int64_t numbers_end_ = 0;
    Micros depths_at_ = 0;
    Micros prune_at_ = 0;
    std::map<std::string, std::int64_t> waiting_;

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable wake_;
    bool woken_ = false;
    bool stop_ = false;
    std::vector<store::OutboundDepth> depths_;
    std::string trouble_;

    std::thread thread_;
};

}  // namespace carestream::outbound
