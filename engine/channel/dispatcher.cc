#include "channel/dispatcher.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/assert.h"
#include "base/priority.h"

namespace carestream::channel {

namespace {

constexpr int kReadMax = 256;  // messages of one look into the journal
constexpr std::size_t kTailMax = 256;
constexpr std::size_t kFinishedMax = 4096;
constexpr std::size_t kTailBytesMax = 8u << 20;
constexpr auto kSweepDelay = std::chrono::seconds(10);
constexpr int kBackOffFirstMs = 100;
constexpr int kBackOffMaxMs = 5000;

using SteadyTime = std::chrono::steady_clock::time_point;

struct Job {
    store::PendingMessage message;
    std::shared_ptr<const Channel> channel;
    std::size_t bytes = 0;
    store::FeedWrite write;  // what mapping made, until it goes to the writer
    bool done = false;
};

// What is still asked of a message when its write has gone to the writer.
struct Sent {
    std::int64_t seq = 0;
    Micros received = 0;
    std::size_t bytes = 0;
    std::string channel;
    std::string stage;
    Processed outcome;  // as mapping left it
};

bool SawAll(const std::vector<store::PendingMessage>& pending, int limit) {
    std::size_t bytes = 0;
    for (const store::PendingMessage& message : pending) bytes += message.raw.size();
    return pending.size() < static_cast<std::size_t>(limit) && bytes < store::kPendingBytesMax;
}

// Of one channel; looked up once, not for every message.
struct ChannelMeters {
    ChannelMeters(telemetry::Metrics& metrics, const std::string& channel)
        : seconds(metrics.histogram("carestream_processing_seconds",
                                    "From receipt to committed effects.", {{"channel", channel}})) {
        for (const auto status :
             {store::OutcomeStatus::kProcessed, store::OutcomeStatus::kKept,
              store::OutcomeStatus::kDeadLetter, store::OutcomeStatus::kDiscarded}) {
            outcomes[status] =
                &metrics.counter("carestream_outcomes_total", "Messages by what became of them.",
                                 {{"channel", channel}, {"status", NameOf(status)}});
        }
    }
    static const char* NameOf(store::OutcomeStatus status);
    telemetry::Histogram& seconds;
    std::map<store::OutcomeStatus, telemetry::Counter*> outcomes;
};

const char* ChannelMeters::NameOf(store::OutcomeStatus status) {
    switch (status) {
        case store::OutcomeStatus::kProcessed:
            return "processed";
        case store::OutcomeStatus::kKept:
            return "kept";
        case store::OutcomeStatus::kDeadLetter:
            return "dead_letter";
        case store::OutcomeStatus::kDiscarded:
            return "discarded";
    }
    return "other";
}

}  // namespace

// Shared with callbacks that the writer may still hold when the dispatcher goes.
struct Dispatcher::Core : std::enable_shared_from_this<Dispatcher::Core> {
    Core(store::Journal& journal_, store::Writer& writer_, CurrentGeneration current_,
         const Clock& clock_, telemetry::Log& log_, telemetry::Metrics& metrics_,
         DispatcherLimits limits_)
        : journal(journal_),
          writer(writer_),
          current(std::move(current_)),
          clock(clock_),
          log(log_),
          metrics(metrics_),
          limits(limits_) {}

    store::Journal& journal;
    store::Writer& writer;
    const CurrentGeneration current;
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
    const DispatcherLimits limits;

    mutable std::mutex mutex;      // all below, up to the next comment
    std::condition_variable work;  // queue, stop
    std::condition_variable feed;  // room, backlog, replays, stop
    bool stop = false;
    std::deque<std::shared_ptr<Job>> queue;    // to be mapped
    std::map<std::int64_t, Micros> in_flight;  // seq -> receipt time
    std::size_t in_flight_bytes = 0;
    std::int64_t last_seq = 0;  // newest that came in journal order
    bool backlog = true;        // read the journal instead of taking what Accepted brings
    // What Accepted brought since the last look into the journal began: with it the look is
    // complete.
    std::deque<store::PendingMessage> tail;
    std::size_t tail_bytes = 0;
    bool tail_complete = false;  // false once it had to be cut
    std::optional<SteadyTime> sweep_due;
    std::deque<std::int64_t> replays;
    std::multimap<std::int64_t, std::function<void(const Processed&)>> waiters;
    // The newest outcomes, oldest first: a copy may be told that its first is pending just before
    // that one finishes, and would then wait for what has already happened.
    std::deque<std::pair<std::int64_t, Processed>> finished;
    std::int64_t finished_newest = 0;  // highest seq that finished
    std::int64_t processed = 0;
    std::int64_t dead_letters = 0;

    // The reorder buffer: jobs in the order in which they go to the writer. Never locked inside
    // `mutex`; a writer's callback may come while it is held and takes `mutex` alone.
    std::mutex order_mutex;
    std::deque<std::shared_ptr<Job>> order;

    std::mutex meters_mutex;
    std::map<std::string, ChannelMeters> meters;

    std::vector<std::thread> threads;

    [[nodiscard]] bool Full() const {  // under mutex
        return in_flight.size() >= limits.messages_max || in_flight_bytes >= limits.bytes_max;
    }
    [[nodiscard]] bool HasRoom() const {  // under mutex: half is free, so that reads are large
        return in_flight.size() * 2 <= limits.messages_max &&
               in_flight_bytes * 2 <= limits.bytes_max;
    }

    void Enqueue(std::vector<store::PendingMessage> messages, bool in_journal_order);
    void Work();
    void Feed();
    bool ReadBacklog(std::unique_lock<std::mutex>& lock);
    bool ReadReplay(std::unique_lock<std::mutex>& lock);
    bool Sweep(std::unique_lock<std::mutex>& lock);
    void WaitForFeed(std::unique_lock<std::mutex>& lock);
    void HandOver();
    void Finish(const Sent& sent, const Result<store::FeedResult>& result);
    void Count(const Sent& sent, const Processed& outcome);
};

// One lock order everywhere: order_mutex, then mutex. Both queues get the jobs in one step, so that
// the order buffer follows the journal.
void Dispatcher::Core::Enqueue(std::vector<store::PendingMessage> messages, bool in_journal_order) {
    const auto generation = current();
    const std::lock_guard order_lock(order_mutex);
    const std::lock_guard lock(mutex);
    if (stop) return;
    for (store::PendingMessage& message : messages) {
        if (in_journal_order) {
            if (message.seq <= last_seq) continue;  // came both ways
            last_seq = message.seq;
        }
        if (!in_flight.emplace(message.seq, message.received).second) continue;
        auto job = std::make_shared<Job>();
        job->bytes = message.raw.size();
        job->channel = generation->Find(message.channel);
        job->message = std::move(message);
        in_flight_bytes += job->bytes;
        order.push_back(job);
        queue.push_back(std::move(job));
        work.notify_one();
    }
}

void Dispatcher::Core::Work() {
    std::unique_lock lock(mutex);
    for (;;) {
        work.wait(lock, [this] { return stop || !queue.empty(); });
        if (stop) return;
        const std::shared_ptr<Job> job = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        store::FeedWrite write = Process(std::move(job->message), job->channel.get());
        if (write.stage == "map" && write.reason.starts_with("internal error")) {
            log.Error("dispatcher.internal", write.reason, {{"seq", std::to_string(write.seq)}});
        }
        {
            const std::lock_guard order_lock(order_mutex);
            job->write = std::move(write);
            job->done = true;
            HandOver();
        }
        lock.lock();
    }
}

// Under order_mutex: submits the finished head of the order.
void Dispatcher::Core::HandOver() {
    while (!order.empty() && order.front()->done) {
        const std::shared_ptr<Job> job = std::move(order.front());
        order.pop_front();
        store::FeedWrite& write = job->write;
        Sent sent{write.seq,   write.received,
                  job->bytes,  job->channel == nullptr ? "" : job->channel->settings.name,
                  write.stage, {write.status, write.path, write.reason, {}}};
        writer.SubmitFeed(std::move(write), [self = shared_from_this(), sent = std::move(sent)](
                                                const Result<store::FeedResult>& result) {
            self->Finish(sent, result);
        });
    }
}

void Dispatcher::Core::Finish(const Sent& sent, const Result<store::FeedResult>& result) {
    Processed outcome = sent.outcome;
    if (result) {
        if (result->status != outcome.status) outcome.reason = result->reason;
        outcome.status = result->status;
        outcome.ack = result->ack;
    }
    std::vector<std::function<void(const Processed&)>> waiting;
    {
        const std::lock_guard lock(mutex);
        in_flight.erase(sent.seq);
        in_flight_bytes -= sent.bytes;
        const auto [first, last] = waiters.equal_range(sent.seq);
        for (auto it = first; it != last; ++it) waiting.push_back(std::move(it->second));
        waiters.erase(first, last);
        if (result) {
            finished.emplace_back(sent.seq, outcome);
            finished_newest = std::max(finished_newest, sent.seq);
            if (finished.size() > kFinishedMax) finished.pop_front();
            ++processed;
            if (outcome.status == store::OutcomeStatus::kDeadLetter) ++dead_letters;
        }
        if (stop) return;
        if (HasRoom()) feed.notify_one();
    }
    if (!result) {
        // Only at the store's end; the journal still holds the message.
        log.Warn("dispatcher.unfinished", result.error().ToString(),
                 {{"seq", std::to_string(sent.seq)}});
        return;
    }
    Count(sent, outcome);
    for (const auto& done : waiting) done(outcome);
}

void Dispatcher::Core::Count(const Sent& sent, const Processed& outcome) {
    {
        const std::lock_guard lock(meters_mutex);
        ChannelMeters& of = meters.try_emplace(sent.channel, metrics, sent.channel).first->second;
        of.outcomes.at(outcome.status)->Add();
        of.seconds.Observe(static_cast<double>(clock.Now() - sent.received) / 1e6);
    }
    if (outcome.status != store::OutcomeStatus::kDeadLetter) return;
    log.Warn("message.dead_letter", outcome.reason,
             {{"channel", sent.channel},
              {"seq", std::to_string(sent.seq)},
              {"stage", sent.stage.empty() ? "write" : sent.stage},
              {"path", outcome.path}});
}

void Dispatcher::Core::Feed() {
    int back_off_ms = kBackOffFirstMs;
    std::unique_lock lock(mutex);
    for (;;) {
        WaitForFeed(lock);
        if (stop) return;
        const bool sweep = sweep_due && std::chrono::steady_clock::now() >= *sweep_due;
        const bool read = sweep             ? Sweep(lock)
                          : replays.empty() ? ReadBacklog(lock)
                                            : ReadReplay(lock);
        if (read) {
            back_off_ms = kBackOffFirstMs;
            continue;
        }
        feed.wait_for(lock, std::chrono::milliseconds(back_off_ms), [this] { return stop; });
        back_off_ms = std::min(back_off_ms * 2, kBackOffMaxMs);
    }
}

void Dispatcher::Core::WaitForFeed(std::unique_lock<std::mutex>& lock) {
    const auto ready = [this] {
        return stop || ((backlog || !replays.empty()) && HasRoom()) ||
               (sweep_due && std::chrono::steady_clock::now() >= *sweep_due);
    };
    while (!ready()) {
        if (sweep_due) {
            const SteadyTime due = *sweep_due;
            feed.wait_until(lock, due);
        } else {
            feed.wait(lock);
        }
    }
}

bool Dispatcher::Core::ReadBacklog(std::unique_lock<std::mutex>& lock) {
    const std::int64_t after = last_seq;
    const int limit =
        static_cast<int>(std::min<std::size_t>(kReadMax, limits.messages_max - in_flight.size()));
    tail.clear();
    tail_bytes = 0;
    tail_complete = true;
    lock.unlock();
    auto pending = journal.Pending(after, limit);
    const bool all = pending && SawAll(*pending, limit);
    if (!pending) {
        log.Warn("dispatcher.journal", pending.error().ToString());
    } else {
        Enqueue(std::move(*pending), true);
    }
    lock.lock();
    if (!pending) return false;
    if (!all || !tail_complete) return true;
    // The look saw all that was committed when it began, the tail is what came since.
    std::vector<store::PendingMessage> rest(std::make_move_iterator(tail.begin()),
                                            std::make_move_iterator(tail.end()));
    tail.clear();
    tail_bytes = 0;
    lock.unlock();
    Enqueue(std::move(rest), true);
    lock.lock();
    // What came while these lines ran is in the tail again: only an empty one ends the backlog.
    if (tail_complete && tail.empty()) backlog = false;
    return true;
}

// After an append whose commit was in doubt: a message may have become visible behind newer ones.
// What was in flight when the look began is left alone, so nothing is taken twice.
bool Dispatcher::Core::Sweep(std::unique_lock<std::mutex>& lock) {
    const std::int64_t newest = last_seq;
    std::set<std::int64_t> known;
    for (const auto& [seq, received] : in_flight) known.insert(seq);
    lock.unlock();
    auto pending = journal.Pending(0, static_cast<int>(limits.messages_max) + kReadMax);
    if (pending) {
        std::erase_if(*pending, [&](const store::PendingMessage& message) {
            return message.seq > newest || known.contains(message.seq);
        });
        if (!pending->empty()) {
            log.Warn("dispatcher.late", "messages became visible late; they are processed now",
                     {{"count", std::to_string(pending->size())}});
            Enqueue(std::move(*pending), false);
        }
    }
    lock.lock();
    if (pending) sweep_due.reset();
    return pending.has_value();
}

bool Dispatcher::Core::ReadReplay(std::unique_lock<std::mutex>& lock) {
    const std::int64_t seq = replays.front();
    if (in_flight.contains(seq) || (backlog && seq > last_seq)) {
        replays.pop_front();  // already on its way, or the backlog comes to it
        return true;
    }
    lock.unlock();
    auto message = journal.Load(seq);
    const bool retry = !message && message.error().retryable;
    if (!message) {
        log.Warn("dispatcher.replay", message.error().ToString(), {{"seq", std::to_string(seq)}});
    } else {
        std::vector<store::PendingMessage> one;
        one.push_back(std::move(*message));
        Enqueue(std::move(one), false);
    }
    lock.lock();
    if (!retry && !replays.empty()) replays.pop_front();
    return !retry;
}

Dispatcher::Dispatcher(store::Journal& journal, store::Writer& writer, CurrentGeneration current,
                       const Clock& clock, telemetry::Log& log, telemetry::Metrics& metrics,
                       DispatcherLimits limits)
    : core_(std::make_shared<Core>(journal, writer, std::move(current), clock, log, metrics,
                                   limits)) {
    CARESTREAM_ASSERT(limits.messages_max >= 2 && limits.bytes_max >= 2);
}

Dispatcher::~Dispatcher() {
    Stop();
}

void Dispatcher::Start() {
    const std::lock_guard lock(core_->mutex);
    CARESTREAM_ASSERT(core_->threads.empty() && !core_->stop);
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const unsigned workers =
        core_->limits.workers > 0 ? static_cast<unsigned>(core_->limits.workers) : cores;
    for (unsigned i = 0; i < workers; ++i) {
        core_->threads.emplace_back([core = core_.get()] {
            GiveWay(0);
            core->Work();
        });
    }
    core_->threads.emplace_back([core = core_.get()] { core->Feed(); });
}

void Dispatcher::Stop() {
    {
        const std::lock_guard lock(core_->mutex);
        core_->stop = true;
        core_->waiters.clear();
        core_->work.notify_all();
        core_->feed.notify_all();
    }
    for (std::thread& thread : core_->threads) thread.join();
    core_->threads.clear();
}

void Dispatcher::Accepted(store::PendingMessage message) {
    {
        const std::lock_guard lock(core_->mutex);
        if (!core_->backlog && core_->Full()) {
            core_->backlog = true;
            core_->tail_complete = false;  // this message is in no look that has begun
        }
        if (core_->backlog) {
            if (core_->tail_complete && core_->tail.size() < kTailMax &&
                core_->tail_bytes < kTailBytesMax) {
                core_->tail_bytes += message.raw.size();
                core_->tail.push_back(std::move(message));
            } else {
                core_->tail_complete = false;  // it is read from the journal in its turn
            }
            if (core_->HasRoom()) core_->feed.notify_one();
            return;
        }
    }
    std::vector<store::PendingMessage> one;
    one.push_back(std::move(message));
    core_->Enqueue(std::move(one), true);
}

void Dispatcher::Resynchronise() {
    const std::lock_guard lock(core_->mutex);
    core_->backlog = true;
    core_->tail_complete = false;
    core_->sweep_due = std::chrono::steady_clock::now() + kSweepDelay;
    core_->feed.notify_one();
}

void Dispatcher::Replay(const std::vector<std::int64_t>& seqs) {
    const std::lock_guard lock(core_->mutex);
    core_->replays.insert(core_->replays.end(), seqs.begin(), seqs.end());
    std::erase_if(core_->finished, [&](const auto& entry) {
        return std::find(seqs.begin(), seqs.end(), entry.first) != seqs.end();
    });
    core_->feed.notify_one();
}

void Dispatcher::Await(std::int64_t seq, std::function<void(const Processed&)> done) {
    Processed outcome;
    {
        const std::lock_guard lock(core_->mutex);
        if (core_->stop) return;
        // A new message is newer than all that finished: only copies are looked for.
        const auto entry =
            seq > core_->finished_newest
                ? core_->finished.rend()
                : std::find_if(core_->finished.rbegin(), core_->finished.rend(),
                               [&](const auto& candidate) { return candidate.first == seq; });
        if (entry == core_->finished.rend()) {
            core_->waiters.emplace(seq, std::move(done));
            return;
        }
        outcome = entry->second;
    }
    done(outcome);
}

DispatcherStatus Dispatcher::Status() const {
    const std::lock_guard lock(core_->mutex);
    DispatcherStatus status;
    status.in_flight = core_->in_flight.size();
    status.reading_backlog = core_->backlog;
    if (!core_->in_flight.empty()) status.oldest_received = core_->in_flight.begin()->second;
    status.processed = core_->processed;
    status.dead_letters = core_->dead_letters;
    return status;
}

}  // namespace carestream::channel
