#include "outbound/feeder.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <set>

#include "outbound/settle.h"

namespace carestream::outbound {

namespace {

using store::OutboundCause;
using store::OutboundCursor;
using store::OutboundMessage;

constexpr int kBatch = 128;          // causes read at once
constexpr Micros kPoll = 2'000'000;  // looks again without being woken
constexpr Micros kLetIn = 1'000;     // for who waits for the work's lock
constexpr Micros kDepthsEvery = 2'000'000;
constexpr Micros kPruneEvery = 600'000'000;
constexpr int kPruneMax = 10'000;
constexpr auto kLookupWait = std::chrono::seconds(30);

// The work's lock, before the next pass takes it.
class Turn {
public:
    Turn(std::atomic<int>& callers, std::mutex& mutex) : callers_(callers) {
        ++callers_;
        lock_ = std::unique_lock(mutex);
        --callers_;
    }

private:
    std::atomic<int>& callers_;
    std::unique_lock<std::mutex> lock_;
};

bool Contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Feeder::Feeder(FeederParts parts) : parts_(std::move(parts)), prefix_(ControlPrefix()) {}

Feeder::~Feeder() {
    Stop();
}

void Feeder::Start() {
    thread_ = std::thread([this] { Run(); });
}

void Feeder::Use(Channels channels) {
    const Turn turn(callers_, work_mutex_);
    channels_ = std::move(channels);
    following_ = false;
    if (const auto followed = Follow(); !followed) SetTrouble(followed.error().ToString());
}

void Feeder::Wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_all();
}

void Feeder::Stop() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

std::vector<store::OutboundDepth> Feeder::Depths() const {
    const std::lock_guard lock(mutex_);
    return depths_;
}

std::string Feeder::Trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

void Feeder::SetTrouble(const std::string& trouble) {
    {
        const std::lock_guard lock(mutex_);
        if (trouble_ == trouble) return;
        trouble_ = trouble;
    }
    if (!trouble.empty()) parts_.log.Error("outbound.feeder", trouble);
}

void Feeder::Run() {
    for (;;) {
        Result<bool> moved = false;
        {
            const std::lock_guard work(work_mutex_);
            moved = Pass();
            RefreshDepths();
            Prune();
        }
        SetTrouble(moved ? std::string() : moved.error().ToString());
        std::unique_lock lock(mutex_);
        if (stop_) return;
        const bool more = moved && *moved;
        if (more && callers_ == 0) continue;
        const Micros pause = more ? kLetIn : kPoll;
        wake_.wait_for(lock, std::chrono::microseconds(pause), [this] { return woken_ || stop_; });
        if (stop_) return;
        woken_ = false;
    }
}

Result<void> Feeder::Follow() {
    if (following_) return {};
    std::vector<OutboundCursor> wanted;
    for (const auto& channel : channels_) {
        const channel::OutboundSettings& settings = channel->settings;
        if (settings.renders()) wanted.push_back({settings.name, OutboundCause::kEvent, 0});
        if (settings.forwards() || !settings.application_ack_from.empty()) {
            wanted.push_back({settings.name, OutboundCause::kMessage, 0});
        }
        if (!settings.acknowledges.empty()) {
            wanted.push_back({settings.name, OutboundCause::kOutcome, 0});
        }
    }
    CARESTREAM_ASSIGN(cursors, parts_.queue.Follow(wanted));
    followers_.clear();
    for (OutboundCursor& cursor : cursors) {
        const auto channel = std::find_if(
            channels_.begin(), channels_.end(),
            [&](const auto& candidate) { return candidate->settings.name == cursor.channel; });
        followers_.push_back({*channel, std::move(cursor)});
    }
    following_ = true;
    return {};
}

// True: there may be more.
Result<bool> Feeder::Pass() {
    CARESTREAM_TRY(Follow());
    bool more = false;
    for (const Group& group : Groups(OutboundCause::kEvent)) {
        CARESTREAM_ASSIGN(moved, PassEvents(group));
        more = more || moved;
    }
    for (const Group& group : Groups(OutboundCause::kMessage)) {
        CARESTREAM_ASSIGN(moved, PassArrived(group));
        more = more || moved;
    }
    for (const Group& group : Groups(OutboundCause::kOutcome)) {
        CARESTREAM_ASSIGN(moved, PassConcluded(group));
        more = more || moved;
    }
    return more;
}

// Those that have room in their queue, by how far they came: one that is behind holds up no other.
std::vector<Feeder::Group> Feeder::Groups(OutboundCause kind) {
    std::map<std::int64_t, Group> groups;
    for (Follower& follower : followers_) {
        const channel::OutboundSettings& settings = follower.channel->settings;
        if (follower.cursor.kind != kind || waiting_[settings.name] >= settings.queue_max) continue;
        groups[follower.cursor.seq].push_back(&follower);
    }
    std::vector<Group> all;
    for (auto& [seq, group] : groups) all.push_back(std::move(group));
    return all;
}

Result<bool> Feeder::PassEvents(const Group& group) {
    CARESTREAM_ASSIGN(events, parts_.events.Read(group.front()->cursor.seq, kBatch));
    if (events.empty()) return false;
    std::vector<OutboundMessage> messages;
    for (const store::Event& event : events) {
        const Composer composer(parts_.definitions,
                                [&](const std::string& type, const std::string& id) {
                                    return Lookup(event.tenant, type, id);
                                });
        std::optional<ReadEvent> read;
        for (const Follower* follower : group) {
            if (!read) read.emplace(event);
            const std::string name = composer.EventOf(*follower->channel, *read);
            if (name.empty()) continue;
            CARESTREAM_ASSIGN(label, NextLabel());
            CARESTREAM_ASSIGN(made, composer.Render(*follower->channel, *read, name, label));
            messages.push_back(std::move(made));
        }
    }
    CARESTREAM_TRY(Queue(messages, group, events.back().seq));
    return true;
}

Result<bool> Feeder::PassArrived(const Group& group) {
    std::set<std::string> names;
    for (const Follower* follower : group) {
        const channel::OutboundSettings& settings = follower->channel->settings;
        if (settings.forwards()) names.insert(settings.from_channel);
        names.insert(settings.application_ack_from.begin(), settings.application_ack_from.end());
    }
    const std::int64_t from = group.front()->cursor.seq;
    CARESTREAM_ASSIGN(arrived, parts_.queue.Arrived(from, {names.begin(), names.end()}, kBatch));
    if (arrived.read_to <= from) return false;
    std::vector<OutboundMessage> messages;
    for (const store::ArrivedMessage& message : arrived.messages) {
        for (const Follower* follower : group) {
            const channel::OutboundChannel& channel = *follower->channel;
            if (Contains(channel.settings.application_ack_from, message.channel)) {
                CARESTREAM_TRY(Settle(channel, message));
            }
            if (channel.settings.from_channel != message.channel) continue;
            CARESTREAM_ASSIGN(label, NextLabel());
            auto made = Composer::Forward(channel, message, label);
            if (made) messages.push_back(std::move(*made));
        }
    }
    CARESTREAM_TRY(Queue(messages, group, arrived.read_to));
    return !arrived.messages.empty();
}

Result<bool> Feeder::PassConcluded(const Group& group) {
    std::set<std::string> names;
    for (const Follower* follower : group) names.insert(follower->channel->settings.acknowledges);
    const std::int64_t from = group.front()->cursor.seq;
    CARESTREAM_ASSIGN(concluded,
                      parts_.queue.Conclusions(from, {names.begin(), names.end()}, kBatch));
    if (concluded.read_to <= from) return false;
    std::vector<OutboundMessage> messages;
    for (const store::Concluded& one : concluded.messages) {
        for (const Follower* follower : group) {
            CARESTREAM_ASSIGN(label, NextLabel());
            auto made = Composer::Acknowledge(*follower->channel, one, label);
            if (made) messages.push_back(std::move(*made));
        }
    }
    CARESTREAM_TRY(Queue(messages, group, concluded.read_to));
    return !concluded.messages.empty();
}

// An application acknowledgment that came as a message of its own. What else comes on that channel
// is none of our business.
Result<void> Feeder::Settle(const channel::OutboundChannel& channel,
                            const store::ArrivedMessage& arrived) {
    const auto answer = ReadAcknowledgment(arrived.raw);
    if (!answer || answer->control_id.empty()) return {};
    CARESTREAM_ASSIGN(
        matched, SettleByAnswer(parts_.queue, channel, *answer, arrived.raw, parts_.clock.Now()));
    if (matched) {
        parts_.queued(channel.settings.name);
    } else {
        parts_.log.Info(
            "outbound.unmatched", "an acknowledgment of no message that waits for one",
            {{"channel", channel.settings.name}, {"message", std::to_string(arrived.seq)}});
    }
    return {};
}

Result<void> Feeder::Queue(const std::vector<OutboundMessage>& messages, const Group& group,
                           std::int64_t to) {
    std::vector<OutboundCursor> cursors;
    for (const Follower* follower : group) {
        cursors.push_back(follower->cursor);
        cursors.back().seq = to;
    }
    auto queued = parts_.queue.Enqueue(messages, cursors);
    if (!queued) {
        // Somebody moved a cursor: what it says now counts.
        if (queued.error().code == Code::kConflict) following_ = false;
        return queued;
    }
    for (Follower* follower : group) follower->cursor.seq = to;
    std::set<std::string> names;
    for (const OutboundMessage& message : messages) {
        if (message.reason.empty()) {
            ++waiting_[message.channel];
        } else {
            parts_.log.Warn("outbound.not_made", "a message could not be made: " + message.reason,
                            {{"channel", message.channel},
                             {"number", std::to_string(message.number)},
                             {"path", message.path}});
        }
        names.insert(message.channel);
        parts_.metrics
            .counter("carestream_outbound_queued_total", "Messages that were queued.",
                     {{"channel", message.channel}})
            .Add();
    }
    for (const std::string& name : names) parts_.queued(name);
    return {};
}

Result<std::optional<OutboundMessage>> Feeder::ComposeAgain(const channel::OutboundChannel& channel,
                                                            const store::OutboundRow& row) {
    CARESTREAM_ASSIGN(label, NextLabel());
    if (row.kind == OutboundCause::kOutcome) {
        CARESTREAM_ASSIGN(
            concluded, parts_.queue.Conclusions(row.cause - 1, {channel.settings.acknowledges}, 1));
        if (concluded.messages.empty() || concluded.messages[0].message.seq != row.cause) {
            return Fail(Code::kNotFound, "the message that it answers is gone");
        }
        return Composer::Acknowledge(channel, concluded.messages[0], label);
    }
    if (row.kind == OutboundCause::kMessage) {
        CARESTREAM_ASSIGN(arrived,
                          parts_.queue.Arrived(row.cause - 1, {channel.settings.from_channel}, 1));
        if (arrived.messages.empty() || arrived.messages[0].seq != row.cause) {
            return Fail(Code::kNotFound, "the message that it forwards is gone");
        }
        return Composer::Forward(channel, arrived.messages[0], label);
    }
    CARESTREAM_ASSIGN(events, parts_.events.Load({row.cause}));
    if (events.empty()) return Fail(Code::kNotFound, "the change that it tells is gone");
    const store::Event& event = events[0];
    const Composer composer(parts_.definitions,
                            [&](const std::string& type, const std::string& id) {
                                return Lookup(event.tenant, type, id);
                            });
    const ReadEvent read(event);
    const std::string name = composer.EventOf(channel, read);
    if (name.empty()) return std::optional<OutboundMessage>();
    CARESTREAM_ASSIGN(made, composer.Render(channel, read, name, label));
    return std::optional(std::move(made));
}

Result<store::OutboundRow> Feeder::MakeAgain(const store::OutboundRow& row) {
    const std::string number = "message " + std::to_string(row.number);
    if (row.made || row.state != store::OutboundState::kNacked) {
        return Fail(Code::kConflict, number + " is none that could not be made");
    }
    const Turn turn(callers_, work_mutex_);
    const auto channel = std::find_if(channels_.begin(), channels_.end(), [&](const auto& one) {
        return one->settings.name == row.channel;
    });
    if (channel == channels_.end()) {
        return Fail(Code::kConflict, "there is no outbound channel '" + row.channel + "' any more");
    }
    CARESTREAM_ASSIGN(made, ComposeAgain(**channel, row));
    if (!made) {
        return Fail(Code::kConflict, "the channel does not take the cause of " + number +
                                         " any more; `skip` ends it");
    }
    if (!made->reason.empty()) {
        return Fail(Code::kConflict, number + " can still not be made: " + made->reason,
                    made->path);
    }
    made->part = static_cast<std::int16_t>(row.part + 1);
    CARESTREAM_TRY(parts_.queue.Enqueue({*made}, {}));
    parts_.queued(row.channel);
    return parts_.queue.Row(made->number);
}

Result<Label> Feeder::NextLabel() {
    if (next_number_ == numbers_end_) {
        CARESTREAM_ASSIGN(first, parts_.queue.Reserve());
        next_number_ = first;
        numbers_end_ = first + store::kOutboundBlock;
    }
    const std::int64_t number = next_number_++;
    return Label{number, ControlId(prefix_, number), parts_.clock.Now()};
}

Result<std::string> Feeder::Lookup(store::Tenant tenant, const std::string& type,
                                   const std::string& id) {
    auto done = std::make_shared<std::promise<Result<std::string>>>();
    auto answer = done->get_future();
    parts_.reader.Read(tenant, type, id, [done](Result<store::StoredVersion> version) {
        if (!version) {
            done->set_value(Fail(version.error()));
        } else if (version->deleted) {
            done->set_value(Fail(Code::kGone, "was deleted"));
        } else {
            done->set_value(std::move(version->body));
        }
    });
    if (answer.wait_for(kLookupWait) == std::future_status::ready) return answer.get();
    return FailRetryable("the store does not answer");
}

void Feeder::RefreshDepths() {
    const Micros now = parts_.clock.Now();
    if (now < depths_at_) return;
    auto depths = parts_.queue.Depths();
    if (!depths) return;
    depths_at_ = now + kDepthsEvery;
    waiting_.clear();
    for (const store::OutboundDepth& depth : *depths) waiting_[depth.channel] = depth.waiting;
    const std::lock_guard lock(mutex_);
    depths_ = std::move(*depths);
}

void Feeder::Prune() {
    const Micros now = parts_.clock.Now();
    if (now < prune_at_) return;
    prune_at_ = now + kPruneEvery;
    for (const auto& channel : channels_) {
        const auto gone =
            parts_.queue.Prune(channel->settings.name, now - channel->settings.keep, kPruneMax);
        if (!gone) return;
        if (*gone == kPruneMax) prune_at_ = now;  // more is left: soon again
    }
}

}  // namespace carestream::outbound
