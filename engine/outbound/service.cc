#include "outbound/service.h"

#include <algorithm>

#include "base/assert.h"

namespace carestream::outbound {

namespace {

using channel::Destination;
using channel::DestinationType;
using channel::OutboundSettings;

Result<std::unique_ptr<Destination>> MakeDestination(const OutboundSettings& settings,
                                                     const std::vector<DestinationType>& types,
                                                     const channel::DestinationParts& parts) {
    const auto type = std::find_if(types.begin(), types.end(), [&](const DestinationType& one) {
        return one.field.key == settings.destination_type;
    });
    CARESTREAM_ASSERT(type != types.end());
    auto made = type->make(settings.destination, parts);
    if (made) return made;
    Error error = std::move(made).error();
    if (error.position.line == 0) error.position = settings.values.PositionOf("destination");
    return Fail(std::move(error));
}

std::string FingerprintOf(const OutboundSettings& settings) {
    return settings.destination_type + ":" + settings.destination.Fingerprint();
}

}  // namespace

std::vector<Error> CheckDestinations(const channel::Generation& generation,
                                     const std::vector<DestinationType>& destination_types,
                                     net::Executor& executor, telemetry::Log& log,
                                     telemetry::Metrics& metrics) {
    std::vector<Error> errors;
    for (const auto& channel : generation.outbound) {
        const OutboundSettings& settings = channel->settings;
        const auto made =
            MakeDestination(settings, destination_types,
                            {settings.name, executor, log, metrics, settings.file.parent_path()});
        if (!made) errors.push_back(made.error());
    }
    return errors;
}

Service::Service(ServiceParts parts)
    : parts_(std::move(parts)),
      queue_(parts_.store.MakeOutbound()),
      events_(parts_.store.MakeEvents()),
      feeder_(std::make_unique<Feeder>(FeederParts{
          *queue_, *events_, parts_.store.reader(), parts_.definitions, parts_.clock, parts_.log,
          parts_.metrics, [this](const std::string& name) { WakeChannel(name); }})) {}

Service::~Service() {
    Stop();
}

Result<std::unique_ptr<Service::Plan>> Service::Prepare(
    std::shared_ptr<const channel::Generation> generation) {
    auto plan = std::make_unique<Plan>();
    for (const auto& channel : generation->outbound) {
        const OutboundSettings& settings = channel->settings;
        Plan::Entry entry{channel, FingerprintOf(settings), nullptr};
        bool kept = false;
        {
            const std::lock_guard lock(mutex_);
            kept = std::any_of(running_.begin(), running_.end(), [&](const Running& running) {
                return running.name == settings.name && running.fingerprint == entry.fingerprint;
            });
        }
        if (!kept) {
            CARESTREAM_ASSIGN(made, MakeDestination(settings, parts_.destination_types,
                                                    {settings.name, parts_.executor, parts_.log,
                                                     parts_.metrics, settings.file.parent_path()}));
            entry.destination = std::move(made);
        }
        plan->entries.push_back(std::move(entry));
    }
    plan->generation = std::move(generation);
    return plan;
}

std::vector<std::string> Service::Apply(std::unique_ptr<Plan> plan) {
    const std::lock_guard apply(apply_mutex_);
    std::vector<std::string> changes;
    std::vector<Running> old;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return changes;
        old = running_;
        first = !std::exchange(started_, true);
    }
    if (first) FlagOrphans(*plan->generation);
    feeder_->Use(plan->generation->outbound);
    std::vector<Running> next;
    for (Plan::Entry& entry : plan->entries) {
        const OutboundSettings& settings = entry.channel->settings;
        const auto same = std::find_if(old.begin(), old.end(), [&](const Running& running) {
            return running.name == settings.name;
        });
        Running running{settings.name, entry.fingerprint, settings.values.Fingerprint(), nullptr};
        if (entry.destination == nullptr) {
            CARESTREAM_ASSERT(same != old.end());
            running.worker = same->worker;
            running.worker->Use(entry.channel);
            if (same->written != running.written) {
                changes.push_back("outbound channel " + settings.name +
                                  ": changed, its link stays open");
            }
        } else {
            changes.push_back("outbound channel " + settings.name +
                              (same == old.end() ? ": added" : ": destination changed"));
            // Two workers of one line would send the same message twice.
            if (same != old.end()) same->worker->Stop();
            running.worker = std::make_shared<Worker>(
                Worker::Parts{*queue_, parts_.clock, parts_.log, parts_.metrics}, entry.channel,
                std::move(entry.destination));
            running.worker->Start();
        }
        if (same != old.end()) old.erase(same);
        next.push_back(std::move(running));
    }
    for (const Running& gone : old) {
        changes.push_back("outbound channel " + gone.name + ": removed, its queue stays");
        gone.worker->Stop();
    }
    {
        const std::lock_guard lock(mutex_);
        running_ = std::move(next);
        // What was queued for a new one meanwhile woke nobody.
        for (const Running& running : running_) running.worker->Wake();
    }
    if (first) feeder_->Start();
    return changes;
}

// What a crash left as being sent, of channels that are no more: nobody else looks at it.
void Service::FlagOrphans(const channel::Generation& generation) {
    const auto rows = queue_->Sending();
    if (!rows) return;
    channel::OutboundPolicy policy;
    policy.on_ambiguous = channel::OnAmbiguous::kFlag;
    std::vector<store::OutboundUpdate> updates;
    for (const store::OutboundRow& row : *rows) {
        const bool known =
            std::any_of(generation.outbound.begin(), generation.outbound.end(),
                        [&](const auto& channel) { return channel->settings.name == row.channel; });
        if (known) continue;
        updates.push_back(AfterAttempt(policy, row, End::kInDoubt,
                                       "the daemon ended while it was sent", parts_.clock.Now()));
    }
    if (!updates.empty()) (void)queue_->Save(updates);
}

void Service::WakeChannel(const std::string& name) {
    const std::lock_guard lock(mutex_);
    for (const Running& running : running_) {
        if (running.name == name) running.worker->Wake();
    }
}

void Service::Wake() {
    feeder_->Wake();
}

void Service::Stop() {
    const std::lock_guard apply(apply_mutex_);
    std::vector<Running> running;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(stopped_, true)) return;
        running = running_;
    }
    feeder_->Stop();
    for (const Running& one : running) one.worker->RequestStop();
    for (const Running& one : running) one.worker->Stop();
}

std::vector<ChannelStatus> Service::Channels() const {
    std::vector<store::OutboundDepth> depths = feeder_->Depths();
    std::vector<ChannelStatus> all;
    const std::lock_guard lock(mutex_);
    for (const Running& running : running_) {
        WorkerStatus status = running.worker->Status();
        ChannelStatus one{running.name,
                          running.worker->Describe(),
                          std::move(status.state),
                          std::move(status.why),
                          status.since,
                          {}};
        const auto depth = std::find_if(depths.begin(), depths.end(), [&](const auto& candidate) {
            return candidate.channel == running.name;
        });
        if (depth != depths.end()) {
            one.depth = *depth;
            depths.erase(depth);
        }
        all.push_back(std::move(one));
    }
    for (store::OutboundDepth& depth : depths) {
        all.push_back({depth.channel, "", "orphaned", "", 0, depth});
    }
    return all;
}

Result<store::OutboundRow> Service::Decide(std::int64_t number, Decision decision,
                                           const std::string& actor) {
    CARESTREAM_ASSIGN(row, queue_->Row(number));
    if (decision == Decision::kReplay && !row.made) {
        CARESTREAM_ASSIGN(again, feeder_->MakeAgain(row));
        CARESTREAM_ASSIGN(skip, AfterDecision(row, Decision::kSkip));
        CARESTREAM_TRY(queue_->Decide(skip, "make again", actor));
        return again;
    }
    CARESTREAM_ASSIGN(update, AfterDecision(row, decision));
    constexpr const char* kActions[] = {"resend", "skip", "acked", "replay"};
    CARESTREAM_TRY(queue_->Decide(update, kActions[static_cast<std::size_t>(decision)], actor));
    WakeChannel(row.channel);
    return queue_->Row(number);
}

}  // namespace carestream::outbound
