#include "channel/supervisor.h"

#include <algorithm>

#include "base/assert.h"

namespace carestream::channel {

namespace {

constexpr auto kTick = std::chrono::milliseconds(50);

const SourceType* FindType(const std::vector<SourceType>& types, const std::string& name) {
    for (const SourceType& type : types) {
        if (type.field.key == name) return &type;
    }
    return nullptr;
}

Result<std::unique_ptr<Source>> MakeSource(const Settings& settings,
                                           const std::vector<SourceType>& types,
                                           const SourceParts& parts) {
    const SourceType* type = FindType(types, settings.source_type);
    CARESTREAM_ASSERT(type != nullptr);
    auto source = type->make(settings.source, parts);
    if (source) return source;
    Error error = std::move(source).error();
    if (error.position.line == 0) error.position = settings.values.PositionOf("source");
    return Fail(std::move(error));
}

std::string FingerprintOf(const Settings& settings) {
    return settings.source_type + ":" + settings.source.Fingerprint();
}

}  // namespace

// What a change of generation does to the running channels.
struct Supervisor::Plan {
    std::vector<std::shared_ptr<Running>> kept;      // same source; the channel may differ
    std::vector<std::shared_ptr<Running>> stopping;  // gone, or with another source
    std::vector<std::shared_ptr<Running>> starting;
    std::vector<std::shared_ptr<const Channel>> kept_channels;  // the new ones, like `kept`
    std::vector<std::string> changes;
};

std::vector<Error> CheckSources(const Generation& generation,
                                const std::vector<SourceType>& source_types,
                                net::Executor& executor, telemetry::Log& log,
                                telemetry::Metrics& metrics) {
    std::vector<Error> errors;
    for (const auto& channel : generation.channels) {
        const auto source = MakeSource(
            channel->settings, source_types,
            {channel->settings.name, executor, log, metrics, channel->settings.file.parent_path()});
        if (!source) errors.push_back(source.error());
    }
    return errors;
}

Supervisor::Supervisor(SupervisorParts parts)
    : parts_(std::move(parts)),
      generation_(std::make_shared<const Generation>()),
      dispatcher_(
          parts_.journal, parts_.writer, [this] { return generation(); }, parts_.clock, parts_.log,
          parts_.metrics, parts_.limits) {}

Supervisor::~Supervisor() {
    Stop();
}

std::shared_ptr<const Generation> Supervisor::generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
}

Result<Supervisor::Plan> Supervisor::MakePlan(const Generation& generation) {
    Plan plan;
    std::vector<std::shared_ptr<Running>> old;
    {
        const std::lock_guard lock(mutex_);
        old = running_;
    }
    for (const auto& channel : generation.channels) {
        const Settings& settings = channel->settings;
        const auto same = std::find_if(old.begin(), old.end(), [&](const auto& running) {
            return running->channel->settings.name == settings.name;
        });
        const std::string fingerprint = FingerprintOf(settings);
        if (same != old.end() && (*same)->fingerprint == fingerprint) {
            if ((*same)->channel->settings.values.Fingerprint() != settings.values.Fingerprint()) {
                plan.changes.push_back("channel " + settings.name + ": changed, links stay open");
            }
            plan.kept.push_back(*same);
            plan.kept_channels.push_back(channel);
            old.erase(same);
            continue;
        }
        auto running = std::make_shared<Running>();
        running->channel = channel;
        running->fingerprint = fingerprint;
        if (same == old.end()) {
            plan.changes.push_back("channel " + settings.name + ": added");
            running->receiver = std::make_shared<Receiver>(
                Receiver::Parts{parts_.journal, dispatcher_, parts_.clock, parts_.log,
                                parts_.metrics},
                channel);
        } else {
            plan.changes.push_back("channel " + settings.name + ": source changed, links close");
            running->receiver = (*same)->receiver;
            plan.stopping.push_back(*same);
            old.erase(same);
        }
        CARESTREAM_ASSIGN(source, MakeSource(settings, parts_.source_types,
                                             {settings.name, parts_.executor, parts_.log,
                                              parts_.metrics, settings.file.parent_path()}));
        running->source = std::move(source);
        plan.starting.push_back(std::move(running));
    }
    for (const auto& gone : old) {
        plan.changes.push_back("channel " + gone->channel->settings.name + ": removed");
        plan.stopping.push_back(gone);
    }
    return plan;
}

// Ports may pass from one channel to another, so what stops does so before anything starts.
Result<void> Supervisor::Switch(Plan& plan) {
    for (const auto& running : plan.stopping) {
        running->source->Stop();
        running->listening = false;
    }
    for (std::size_t i = 0; i < plan.starting.size(); ++i) {
        Running& running = *plan.starting[i];
        running.receiver->Use(running.channel);
        const auto started = running.source->Start(*running.receiver);
        if (started) {
            running.listening = true;
            continue;
        }
        for (std::size_t j = 0; j < i; ++j) plan.starting[j]->source->Stop();
        for (const auto& old : plan.stopping) {
            old->receiver->Use(old->channel);
            const auto back = old->source->Start(*old->receiver);
            old->listening = back.has_value();
            if (!back) parts_.log.Error("channel.not_restarted", back.error().ToString());
        }
        Error error = started.error();
        error.position = running.channel->settings.source.PositionOf("listen");
        return Fail(std::move(error));
    }
    return {};
}

Result<std::vector<std::string>> Supervisor::Apply(std::shared_ptr<const Generation> generation) {
    const std::lock_guard apply_lock(apply_mutex_);
    CARESTREAM_ASSIGN(plan, MakePlan(*generation));
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return Fail(Code::kUnavailable, "the daemon stops");
    }
    CARESTREAM_TRY(Switch(plan));
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < plan.kept.size(); ++i) {
            plan.kept[i]->channel = plan.kept_channels[i];
            plan.kept[i]->receiver->Use(plan.kept_channels[i]);
        }
        running_ = std::move(plan.kept);
        running_.insert(running_.end(), plan.starting.begin(), plan.starting.end());
        generation_ = std::move(generation);
        first = !started_;
        started_ = true;
    }
    if (first) {
        dispatcher_.Start();
        ticker_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                Tick();
                std::this_thread::sleep_for(kTick);
            }
        });
    }
    return plan.changes;
}

void Supervisor::Tick() {
    std::vector<std::shared_ptr<Running>> running;
    {
        const std::lock_guard lock(mutex_);
        running = running_;
    }
    for (const auto& one : running) one->receiver->Tick();
}

void Supervisor::Stop() {
    const std::lock_guard apply_lock(apply_mutex_);
    std::vector<std::shared_ptr<Running>> running;
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        stopped_ = true;
        running = running_;
    }
    if (ticker_.joinable()) {
        ticker_.request_stop();
        ticker_.join();
    }
    for (const auto& one : running) {
        one->receiver->Stop();
        one->source->Stop();
        const std::lock_guard lock(mutex_);
        one->listening = false;
    }
    dispatcher_.Stop();
}

std::vector<ChannelStatus> Supervisor::Channels() const {
    const std::lock_guard lock(mutex_);
    std::vector<ChannelStatus> all;
    for (const auto& running : running_) {
        all.push_back({running->channel->settings.name,
                       running->channel->settings.source_type + " " + running->source->Describe(),
                       running->listening, running->source->connections(),
                       running->receiver->Status()});
    }
    return all;
}

}  // namespace carestream::channel
