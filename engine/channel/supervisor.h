#pragma once
// All channels of the daemon: starts and stops their sources, swaps generations, feeds the
// dispatcher.
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "channel/dispatcher.h"
#include "channel/generation.h"
#include "channel/receiver.h"

namespace carestream::channel {

struct ChannelStatus {
    std::string name;
    std::string source;  // "mllp 127.0.0.1:2575"
    bool listening = false;
    int connections = 0;
    ReceiverStatus receiver;
};

// All outlive the supervisor.
struct SupervisorParts {
    store::Journal& journal;
    store::Writer& writer;
    net::Executor& executor;
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
    std::vector<SourceType> source_types;
    DispatcherLimits limits;
};

// Makes every channel's source without starting it: what --check can find out beyond
// LoadGeneration.
[[nodiscard]] std::vector<Error> CheckSources(const Generation& generation,
                                              const std::vector<SourceType>& source_types,
                                              net::Executor& executor, telemetry::Log& log,
                                              telemetry::Metrics& metrics);

// Thread-safe; Apply calls are serialised.
class Supervisor {
public:
    explicit Supervisor(SupervisorParts parts);
    ~Supervisor();  // Stop()
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    // Makes this generation the current one: whole or not at all. Sources whose settings did not
    // change keep their sockets and links. Gives what changed, for people. Errors: a source cannot
    // start; the old generation is then in force again. The first call also starts the dispatcher.
    [[nodiscard]] Result<std::vector<std::string>> Apply(
        std::shared_ptr<const Generation> generation);

    // Sources first, then what is under way. Idempotent.
    void Stop();

    // Reopened messages (store::Messages::Reopen).
    void Replay(const std::vector<std::int64_t>& seqs) { dispatcher_.Replay(seqs); }

    [[nodiscard]] std::shared_ptr<const Generation> generation() const;
    [[nodiscard]] std::vector<ChannelStatus> Channels() const;
    [[nodiscard]] DispatcherStatus Dispatching() const { return dispatcher_.Status(); }

private:
    struct Running {
        std::shared_ptr<const Channel> channel;
        std::shared_ptr<Receiver> receiver;
        std::unique_ptr<Source> source;
        std::string fingerprint;  // of the source's settings
        bool listening = false;
    };
    struct Plan;

    [[nodiscard]] Result<Plan> MakePlan(const Generation& generation);
    [[nodiscard]] Result<void> Switch(Plan& plan);
    void Tick();

    const SupervisorParts parts_;
    std::mutex apply_mutex_;
    mutable std::mutex mutex_;  // guards what follows
    std::shared_ptr<const Generation> generation_;
    std::vector<std::shared_ptr<Running>> running_;
    bool started_ = false;
    bool stopped_ = false;

    Dispatcher dispatcher_;
    std::jthread ticker_;
};

}  // namespace carestream::channel
