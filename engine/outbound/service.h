#pragma once
// All outbound channels: starts and stops their workers, swaps generations, tells how they fare and
// does what operators decide.
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/executor.h"
#include "outbound/feeder.h"
#include "outbound/worker.h"
#include "store/store.h"

namespace carestream::outbound {

struct ChannelStatus {
    std::string name;
    std::string destination;  // "mllp 10.1.2.3:2575"; "" = orphaned
    std::string state;        // idle, sending, retrying, held; orphaned: no such channel any more
    std::string why;          // of retrying and held
    Micros since = 0;
    store::OutboundDepth depth;  // as of a moment ago
};

// All outlive the service.
struct ServiceParts {
    store::Store& store;
    const fhir::Definitions& definitions;
    net::Executor& executor;
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
    std::vector<channel::DestinationType> destination_types;
};

// Makes every destination without starting it: what --check can find out beyond LoadGeneration.
[[nodiscard]] std::vector<Error> CheckDestinations(
    const channel::Generation& generation,
    const std::vector<channel::DestinationType>& destination_types, net::Executor& executor,
    telemetry::Log& log, telemetry::Metrics& metrics);

// Thread-safe.
class Service {
public:
    explicit Service(ServiceParts parts);
    ~Service();  // Stop()
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // What a generation would change. Errors: a destination cannot be made. Changes nothing.
    struct Plan {
        struct Entry {
            std::shared_ptr<const channel::OutboundChannel> channel;
            std::string fingerprint;                            // of the destination's settings
            std::unique_ptr<channel::Destination> destination;  // null: the running one is kept
        };
        std::shared_ptr<const channel::Generation> generation;
        std::vector<Entry> entries;
    };
    [[nodiscard]] Result<std::unique_ptr<Plan>> Prepare(
        std::shared_ptr<const channel::Generation> generation);
    // Brings a plan into force; the newest of Prepare. Destinations whose settings did not change
    // keep their links. Gives what changed, for people. The queue of a channel that is gone stays.
    std::vector<std::string> Apply(std::unique_ptr<Plan> plan);

    // Something was committed: an event or a message.
    void Wake();
    // Lets what is being sent get its answer for a bounded time. Idempotent.
    void Stop();

    [[nodiscard]] std::vector<ChannelStatus> Channels() const;
    // Why nothing is queued at the moment, "" = nothing is wrong.
    [[nodiscard]] std::string Trouble() const { return feeder_->Trouble(); }

    // For operators; blocking.
    [[nodiscard]] store::Outbound& queue() { return *queue_; }
    // Audited. Errors: kNotFound, kConflict (it does not fit the state), kInvalid (a replay of what
    // was never made).
    [[nodiscard]] Result<store::OutboundRow> Decide(std::int64_t number, Decision decision,
                                                    const std::string& actor);

private:
    struct Running {
        std::string name;
        std::string fingerprint;  // of the destination's settings
        std::string written;      // of all settings
        std::shared_ptr<Worker> worker;
    };
    void WakeChannel(const std::string& name);
    void FlagOrphans(const channel::Generation& generation);

    const ServiceParts parts_;
    const std::unique_ptr<store::Outbound> queue_;
    const std::unique_ptr<store::Events> events_;
    std::unique_ptr<Feeder> feeder_;

    std::mutex apply_mutex_;
    mutable std::mutex mutex_;  // guards what follows
    std::vector<Running> running_;
    bool started_ = false;
    bool stopped_ = false;
};

}  // namespace carestream::outbound
