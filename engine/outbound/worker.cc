#include "outbound/worker.h"

#include <chrono>

#include "base/assert.h"
#include "base/text.h"
#include "outbound/settle.h"

namespace carestream::outbound {

namespace {

using channel::Sending;
using std::chrono::microseconds;
using store::OutboundDetail;
using store::OutboundRow;
using store::OutboundState;
using store::OutboundUpdate;

constexpr int kLineMax = 64;             // messages read at once
constexpr Micros kPoll = 5'000'000;      // looks again without being woken
constexpr Micros kStoreAgain = 500'000;  // after an outage of the store
constexpr Micros kOverdueEvery = 1'000'000;
constexpr Micros kSayAgain = 10'000'000;
constexpr int kOverdueMax = 100;
constexpr std::size_t kLateMax = 256;
constexpr auto kDrain = std::chrono::seconds(5);

End EndOf(Sending::End end) {
    switch (end) {
        case Sending::End::kTaken:
            return End::kTaken;
        case Sending::End::kRefused:
            return End::kRefused;
        case Sending::End::kUnsent:
            return End::kUnsent;
        case Sending::End::kAnswered:
        case Sending::End::kInDoubt:
            break;
    }
    return End::kInDoubt;
}

}  // namespace

struct Worker::Meters {
    Meters(telemetry::Metrics& metrics_, std::string channel_)
        : metrics(metrics_),
          channel(std::move(channel_)),
          sent(metrics.counter("carestream_outbound_sent_total",
                               "Messages whose sending began, repetitions included.",
                               {{"channel", channel}})),
          unmatched(metrics.counter("carestream_outbound_unmatched_answers_total",
                                    "Answers that belong to no message that waits for one.",
                                    {{"channel", channel}})),
          seconds(metrics.histogram("carestream_outbound_answer_seconds",
                                    "From the sending of a message to its answer.",
                                    {{"channel", channel}})) {}
    void Ended(OutboundState state) const {
        metrics
            .counter("carestream_outbound_ends_total", "What attempts to send ended in.",
                     {{"channel", channel}, {"state", std::string(ToString(state))}})
            .Add();
    }
    telemetry::Metrics& metrics;
    const std::string channel;
    telemetry::Counter& sent;
    telemetry::Counter& unmatched;
    telemetry::Histogram& seconds;
};

Worker::Worker(Parts parts, std::shared_ptr<const channel::OutboundChannel> channel,
               std::unique_ptr<channel::Destination> destination)
    : parts_(parts),
      meters_(std::make_unique<Meters>(parts.metrics, channel->settings.name)),
      destination_(std::move(destination)),
      channel_(std::move(channel)),
      status_{"idle", "", parts.clock.Now()} {}

Worker::~Worker() {
    Stop();
}

void Worker::Start() {
    destination_->Start(*this);
    thread_ = std::thread([this] { Run(); });
}

void Worker::Use(std::shared_ptr<const channel::OutboundChannel> channel) {
    const std::lock_guard lock(mutex_);
    channel_ = std::move(channel);
    woken_ = true;
    wake_.notify_all();
}

void Worker::Wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_all();
}

void Worker::RequestStop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_all();
}

void Worker::Stop() {
    RequestStop();
    if (!thread_.joinable()) return;
    {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, kDrain, [this] { return !busy_; });
    }
    destination_->Stop();
    thread_.join();
}

bool Worker::Stopping() const {
    const std::lock_guard lock(mutex_);
    return stop_;
}

std::shared_ptr<const channel::OutboundChannel> Worker::Channel() const {
    const std::lock_guard lock(mutex_);
    return channel_;
}

WorkerStatus Worker::Status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

std::string Worker::Describe() const {
    return Channel()->settings.destination_type + " " + destination_->Describe();
}

bool Worker::Answer(std::string message) {
    auto ack = ReadAcknowledgment(message);
    const std::lock_guard lock(mutex_);
    if (!ack || ack->control_id.empty()) {
        Unmatched(ack ? "an answer without MSA-2 settles nothing"
                      : "what came back is no acknowledgment");
        return false;
    }
    if (!in_flight_.empty() && ack->control_id == in_flight_ && !answer_) {
        answer_ = Answered{std::move(*ack), std::move(message)};
        return true;
    }
    if (late_.size() == kLateMax) {
        Unmatched("too many answers at once; the oldest is dropped");
        late_.pop_front();
    }
    late_.push_back({std::move(*ack), std::move(message)});
    woken_ = true;
    wake_.notify_all();
    return false;
}

// With the lock held.
void Worker::Unmatched(const char* what) {
    meters_->unmatched.Add();
    const Micros now = parts_.clock.Now();
    if (now - said_at_ < kSayAgain) return;
    said_at_ = now;
    parts_.log.Warn("outbound.unmatched", what, {{"channel", channel_->settings.name}});
}

void Worker::Run() {
    while (!Stopping()) {
        TakeLate();
        TakeOverdue();
        if (!Fill()) {
            Pause(kStoreAgain);
            continue;
        }
        if (line_.empty()) {
            Enter("idle");
            Pause(kPoll);
            continue;
        }
        TakeFirst();
    }
    (void)Flush();
}

// False: the store does not answer.
bool Worker::Fill() {
    if (!line_.empty()) return true;
    if (!Flush()) return false;
    auto line = parts_.queue.Waiting(Channel()->settings.name, kLineMax);
    if (!line) {
        parts_.log.Error("outbound.store", line.error().ToString(),
                         {{"channel", Channel()->settings.name}});
        return false;
    }
    for (OutboundDetail& detail : *line) line_.push_back(std::move(detail));
    return true;
}

void Worker::TakeFirst() {
    const OutboundRow& row = line_.front().row;
    const Micros now = parts_.clock.Now();
    if (row.state == OutboundState::kSending) {
        // Nobody sends it: its sending ended with the daemon.
        if (!Flush()) return Pause(kStoreAgain);
        carried_ = AfterAttempt(Channel()->settings.policy, row, End::kInDoubt,
                                "the daemon ended while it was sent", now);
        NoteEnd(*carried_);
        line_.clear();
        return;
    }
    if (!row.held && row.next_at <= now) return Attempt();
    if (!Flush()) return Pause(kStoreAgain);
    if (row.held) {
        Enter("held", row.reason);
        Pause(kPoll);
    } else {
        Enter("retrying", row.reason);
        Pause(std::min(row.next_at - now, kPoll));
    }
}

void Worker::Attempt() {
    OutboundRow row = line_.front().row;
    ++row.attempts;
    if (row.tried == 0) row.tried = parts_.clock.Now();
    if (!destination_->IsOpen() && !Flush()) return Pause(kStoreAgain);
    if (const auto opened = OpenNow(); !opened) {
        // The link may have closed just now, with the answer to the message before still carried.
        if (Stopping()) return;
        if (!Flush()) return Pause(kStoreAgain);
        Enter("retrying", opened.error().message);
        carried_ = AfterAttempt(Channel()->settings.policy, row, End::kUnsent,
                                opened.error().message, parts_.clock.Now());
        line_.clear();
        return;
    }
    if (!MarkSending(row)) return;
    Enter("sending");
    carried_ = SendNow(line_.front(), row);
    NoteEnd(*carried_);
    if (carried_->waiting || line_.size() == 1) {
        line_.clear();
    } else {
        line_.pop_front();
    }
}

// With what the message before became. False: not now.
bool Worker::MarkSending(OutboundRow& row) {
    OutboundUpdate mark;
    mark.number = row.number;
    mark.change = row.change;
    mark.tenant = row.tenant;
    mark.state = OutboundState::kSending;
    mark.waiting = true;
    mark.attempts = row.attempts;
    mark.tried = row.tried;
    mark.code = row.code;
    mark.path = row.path;
    mark.reason = row.reason;
    std::vector<OutboundUpdate> updates;
    if (carried_) updates.push_back(*carried_);
    updates.push_back(mark);
    const auto saved = parts_.queue.Save(updates);
    if (!saved) {
        Pause(kStoreAgain);
        return false;
    }
    carried_.reset();
    for (const store::OutboundSaved& one : *saved) {
        if (one.number != row.number) continue;
        row.change = one.change;
        return true;
    }
    line_.clear();  // a person or a late answer decided otherwise
    return false;
}

Result<void> Worker::OpenNow() {
    {
        const std::lock_guard lock(mutex_);
        if (stop_) return Fail(Code::kUnavailable, "the daemon stops");
        opened_.reset();
    }
    destination_->Open([this](Result<void> opened) {
        const std::lock_guard lock(mutex_);
        opened_ = std::move(opened);
        wake_.notify_all();
    });
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return opened_.has_value(); });
    return *std::exchange(opened_, std::nullopt);
}

OutboundUpdate Worker::SendNow(const OutboundDetail& detail, const OutboundRow& row) {
    {
        const std::lock_guard lock(mutex_);
        in_flight_ = detail.control_id;
        answer_.reset();
        sent_.reset();
        busy_ = true;
    }
    meters_->sent.Add();
    const auto began = std::chrono::steady_clock::now();
    destination_->Send({detail.control_id, detail.bytes}, [this](Sending sending) {
        const std::lock_guard lock(mutex_);
        sent_ = std::move(sending);
        wake_.notify_all();
    });
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return sent_.has_value(); });
    busy_ = false;
    in_flight_.clear();
    wake_.notify_all();
    Sending sending = *std::exchange(sent_, std::nullopt);
    // It may have come in the moment in which the wait for it ended.
    const std::optional<Answered> answer = std::exchange(answer_, std::nullopt);
    const channel::OutboundPolicy policy = channel_->settings.policy;
    lock.unlock();
    const Micros now = parts_.clock.Now();
    if (answer || !sending.code.empty()) {
        meters_->seconds.Observe(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    }
    if (!answer) {
        OutboundUpdate update = AfterAttempt(policy, row, EndOf(sending.end), sending.error.message,
                                             now, {sending.code, sending.retry_after});
        update.ack = std::move(sending.answer);
        return update;
    }
    OutboundUpdate update = AfterAnswer(policy, row, answer->ack, now);
    update.ack = answer->raw;
    return update;
}

// False: the store does not answer, and it is still carried.
bool Worker::Flush() {
    if (!carried_) return true;
    const auto saved = parts_.queue.Save({*carried_});
    if (!saved) {
        parts_.log.Error("outbound.store", saved.error().ToString(),
                         {{"channel", Channel()->settings.name}});
        return false;
    }
    carried_.reset();
    return true;
}

void Worker::NoteEnd(const OutboundUpdate& update) {
    meters_->Ended(update.state);
    const bool refused = update.state == OutboundState::kNacked;
    if (!refused && update.state != OutboundState::kAmbiguous) return;
    parts_.log.Warn(
        refused ? "outbound.nacked" : "outbound.ambiguous",
        (refused ? "a message is a dead letter: " : "a message was sent and not answered: ") +
            update.reason,
        {{"channel", Channel()->settings.name},
         {"number", std::to_string(update.number)},
         {"path", update.path}});
}

void Worker::TakeLate() {
    for (;;) {
        std::unique_lock lock(mutex_);
        if (late_.empty()) return;
        const Answered answer = std::move(late_.front());
        late_.pop_front();
        const auto channel = channel_;
        lock.unlock();
        // What it answers may be just what is carried.
        const bool flushed = Flush();
        const auto matched =
            flushed
                ? SettleByAnswer(parts_.queue, *channel, answer.ack, answer.raw, parts_.clock.Now())
                : Result<bool>(Fail(Code::kUnavailable, "the store does not answer"));
        lock.lock();
        if (!matched) {
            late_.push_front(answer);
            return;
        }
        if (!*matched) Unmatched("an answer to no message that waits for one (MSA-2)");
        lock.unlock();
        if (*matched) line_.clear();
    }
}

void Worker::TakeOverdue() {
    const Micros now = parts_.clock.Now();
    if (now < overdue_at_) return;
    overdue_at_ = now + kOverdueEvery;
    const auto rows = parts_.queue.Overdue(Channel()->settings.name, now, kOverdueMax);
    if (!rows || rows->empty()) return;
    std::vector<OutboundUpdate> updates;
    for (const OutboundRow& row : *rows) updates.push_back(AfterOverdue(row));
    if (!parts_.queue.Save(updates)) return;
    parts_.log.Warn(
        "outbound.overdue", "application acknowledgments did not come in time",
        {{"channel", Channel()->settings.name}, {"messages", std::to_string(updates.size())}});
}

void Worker::Pause(Micros time) {
    line_.clear();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, microseconds(time), [this] { return woken_ || stop_; });
    woken_ = false;
}

void Worker::Enter(const char* state, const std::string& why) {
    std::string before;
    {
        const std::lock_guard lock(mutex_);
        before = status_.state;
        if (before != state) status_.since = parts_.clock.Now();
        status_.state = state;
        status_.why = why;
    }
    const std::string_view now = state;
    if (before == now) return;
    const std::string name = Channel()->settings.name;
    if (now == "retrying") {
        parts_.log.Warn("outbound.retrying", why, {{"channel", name}});
    } else if (now == "held") {
        parts_.log.Warn("outbound.held",
                        "waits for a decision: `carestream outbound list` shows about what",
                        {{"channel", name}});
    } else if (before == "retrying" || before == "held") {
        parts_.log.Info("outbound.resumed", "messages go out again", {{"channel", name}});
    }
}

}  // namespace carestream::outbound
