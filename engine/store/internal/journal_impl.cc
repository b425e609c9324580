#include "store/internal/journal_impl.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "store/internal/disk_guard.h"
#include "store/internal/journal_batch.h"
#include "store/internal/lock.h"
#include "store/internal/partitions.h"
#include "store/internal/pending.h"
#include "store/internal/retention.h"
#include "store/internal/session.h"

namespace carestream::store {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// One commit takes at most this much; a single larger message goes alone.
constexpr std::size_t kBatchMax = 1024;
constexpr std::size_t kBatchBytesMax = 16u << 20;
// What an entry weighs beside its payload.
constexpr std::size_t kEntryBytes = 256;
constexpr int kCommitTimeoutMs = 15'000;
// A commit that takes longer than this makes the store "not available" for listeners.
constexpr milliseconds kStuck{5'000};
constexpr milliseconds kRetryMin{50};
constexpr milliseconds kRetryMax{1'000};
constexpr milliseconds kHouseTick{1'000};
constexpr int kPartitionTicks = 600;
constexpr int kLockedTicks = 10;  // until what was in use is tried again
// How long the server may take to answer when it is asked whether it is there.
constexpr int kPulseTimeoutMs = 3'000;

pg::ConnectOptions PulseOptions(pg::ConnectOptions options) {
    options.application = "carestream pulse";
    options.connect_timeout_ms = kPulseTimeoutMs;
    options.wait_timeout_ms = kPulseTimeoutMs;
    return options;
}

std::int64_t NowMs() {
    return std::chrono::duration_cast<milliseconds>(SteadyClock::now().time_since_epoch()).count();
}

class JournalImpl final : public Journal {
public:
    explicit JournalImpl(JournalParts parts)
        : parts_(std::move(parts)),
          batch_(parts_.keys),
          pending_(parts_.connect, parts_.keys, partitions_),
          retention_(parts_.connect, partitions_, parts_.journal_keep, parts_.log),
          pulse_(PulseOptions(parts_.connect)),
          disk_(parts_.disk_folder, parts_.disk_free_min_bytes) {
        parts_.connect.application = "carestream journal";
        parts_.connect.wait_timeout_ms = kCommitTimeoutMs;
        // The duplicate check must seek in the index, whatever the statistics say; the batch stays
        // in memory.
        parts_.connect.settings = {"set enable_seqscan = off",
                                   "set enable_hashjoin = off",
                                   "set enable_mergejoin = off",
                                   "set enable_bitmapscan = off",
                                   "set jit = off",
                                   "set synchronous_commit = on",
                                   "set work_mem = '64MB'",
                                   "set plan_cache_mode = force_generic_plan"};
    }
    ~JournalImpl() override;

    Result<void> Start();
    void Append(JournalEntry entry, Callback<JournalReceipt> done) override;
    Result<std::vector<PendingMessage>> Pending(std::int64_t after, int limit) override {
        return pending_.Pending(after, limit);
    }
    Result<PendingMessage> Load(std::int64_t seq) override { return pending_.Load(seq); }
    [[nodiscard]] bool Available() const override;
    [[nodiscard]] bool DiskLow() const override { return disk_low_; }

private:
    struct Waiting {
        JournalEntry entry;
        Callback<JournalReceipt> done;
        std::size_t bytes = 0;
        std::optional<Error> refused;  // answered in turn, not committed
    };

    void Log(const char* level, const char* id, const std::string& text) const {
        if (parts_.log) parts_.log(level, id, text);
    }
    [[nodiscard]] Result<void> Connect(int lock_wait_ms);
    void Work();
    [[nodiscard]] bool WaitForWork();
    [[nodiscard]] std::vector<Waiting> Take();
    void CommitAll(std::vector<Waiting> all);
    void CommitSome(std::vector<Waiting> some);
    static void Answer(std::vector<Waiting>& some, const Error& error);
    [[nodiscard]] bool Reconnect();
    void FailQueued();
    void KeepHouse();
    void LookAtDisk();
    void FeelPulse();
    [[nodiscard]] Result<void> DropOld(int tick);
    [[nodiscard]] Error Unavailable() const;

    JournalParts parts_;
    JournalBatch batch_;
    Partitions partitions_;
    PendingReader pending_;
    Retention retention_;  // the house-keeping thread's, like the next two
    Session pulse_;
    DiskGuard disk_;
    int drop_at_ = 0;  // tick

    std::optional<pg::Connection> connection_;  // the working thread's, like the next two
    std::int64_t next_seq_ = 1;
    milliseconds retry_{kRetryMin};

    std::atomic<bool> connected_ = false;
    std::atomic<bool> answers_ = true;  // of the server, when it was asked last or did a commit
    std::atomic<bool> disk_low_ = false;
    std::atomic<std::int64_t> busy_since_ms_ = 0;  // 0: no commit under way

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable house_wake_;
    std::deque<Waiting> queue_;  // guarded by mutex_, like the next two
    std::size_t queued_bytes_ = 0;
    bool stopping_ = false;
    std::thread worker_;
    std::thread housekeeper_;
};

JournalImpl::~JournalImpl() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    house_wake_.notify_all();
    if (housekeeper_.joinable()) housekeeper_.join();
    if (worker_.joinable()) worker_.join();
}

Result<void> JournalImpl::Start() {
    CARESTREAM_TRY(Connect(parts_.lock_wait_ms));
    CARESTREAM_TRY(
        pending_.PreparePartitions(std::clamp(parts_.clock.Now(), kReceivedMin, kReceivedMax)));
    LookAtDisk();
    worker_ = std::thread([this] { Work(); });
    housekeeper_ = std::thread([this] { KeepHouse(); });
    return {};
}

Result<void> JournalImpl::Connect(int lock_wait_ms) {
    connection_.reset();
    CARESTREAM_ASSIGN(connection, pg::Connection::Connect(parts_.connect));
    // Held by the session: once it is ours, no earlier session of anybody can still be committing.
    CARESTREAM_TRY(AcquireLock(connection, LockRole::kJournal, lock_wait_ms));
    CARESTREAM_ASSIGN(rows,
                      connection.Query("select greatest((select max(seq) from journal), (select "
                                       "seq from journal_watermark), 0) + 1"));
    next_seq_ = std::max(next_seq_, rows.Int8(0, 0));
    connection_.emplace(std::move(connection));
    connected_ = true;
    retry_ = kRetryMin;
    return {};
}

bool JournalImpl::Available() const {
    const std::int64_t since = busy_since_ms_;
    return connected_ && answers_ && !disk_low_ && (since == 0 || NowMs() - since < kStuck.count());
}

Error JournalImpl::Unavailable() const {
    Error error;
    error.code = Code::kUnavailable;
    error.retryable = true;
    error.message = disk_low_
                        ? "free disk space is below store.disk_free_min; free some or lower it"
                        : "the database does not answer";
    return error;
}

void JournalImpl::Append(JournalEntry entry, Callback<JournalReceipt> done) {
    Waiting waiting;
    waiting.bytes = entry.raw.size() + kEntryBytes;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || !connected_ || disk_low_) {
            waiting.refused = Unavailable();
        } else if (queued_bytes_ + waiting.bytes > parts_.queue_bytes_max && !queue_.empty()) {
            Error error;
            error.code = Code::kLimit;
            error.retryable = true;
            error.message = "the journal's queue is full (store.journal_queue_bytes_max)";
            waiting.refused = std::move(error);
        }
        // What is refused waits its turn, so that receipts come back in order of the calls.
        if (waiting.refused) {
            waiting.bytes = 0;
        } else {
            waiting.entry = std::move(entry);
        }
        waiting.done = std::move(done);
        queued_bytes_ += waiting.bytes;
        queue_.push_back(std::move(waiting));
    }
    wake_.notify_one();
}

bool JournalImpl::WaitForWork() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    return !queue_.empty();
}

std::vector<JournalImpl::Waiting> JournalImpl::Take() {
    std::vector<Waiting> taken;
    std::size_t bytes = 0;
    const std::lock_guard lock(mutex_);
    while (!queue_.empty() && taken.size() < kBatchMax) {
        bytes += queue_.front().bytes;
        if (bytes > kBatchBytesMax && !taken.empty()) break;
        queued_bytes_ -= queue_.front().bytes;
        taken.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    return taken;
}

void JournalImpl::Work() {
    for (;;) {
        if (!connection_ && !Reconnect()) break;
        if (!WaitForWork()) break;
        CommitAll(Take());
    }
    FailQueued();
}

void JournalImpl::Answer(std::vector<Waiting>& some, const Error& error) {
    for (Waiting& waiting : some) waiting.done(Fail(waiting.refused ? *waiting.refused : error));
}

// Splits at refused entries, so that their answers keep their place.
void JournalImpl::CommitAll(std::vector<Waiting> all) {
    std::vector<Waiting> some;
    for (Waiting& waiting : all) {
        if (waiting.refused) {
            if (!some.empty()) CommitSome(std::exchange(some, {}));
            waiting.done(Fail(*waiting.refused));
        } else {
            some.push_back(std::move(waiting));
        }
    }
    if (!some.empty()) CommitSome(std::move(some));
}

void JournalImpl::CommitSome(std::vector<Waiting> some) {
    if (!connection_) return Answer(some, Unavailable());
    std::vector<JournalEntry> entries;
    entries.reserve(some.size());
    for (Waiting& waiting : some) entries.push_back(std::move(waiting.entry));
    const auto start = SteadyClock::now();
    busy_since_ms_ = NowMs();
    auto receipts = batch_.Commit(*connection_, partitions_, entries, next_seq_);
    busy_since_ms_ = 0;
    next_seq_ += static_cast<std::int64_t>(entries.size());
    if (receipts) {
        answers_ = true;
        const auto end = SteadyClock::now();
        if (parts_.crowd != nullptr) parts_.crowd->Committed(entries.size(), end);
        const std::chrono::duration<double> seconds = end - start;
        if (parts_.committed) parts_.committed(seconds.count(), entries.size());
        for (std::size_t i = 0; i < some.size(); ++i) some[i].done(std::move((*receipts)[i]));
        return;
    }
    if (receipts.error().code == Code::kInvalid && some.size() > 1) {
        // One entry is one that the database cannot take: the others must not suffer.
        for (std::size_t i = 0; i < some.size(); ++i) {
            some[i].entry = std::move(entries[i]);
            std::vector<Waiting> one;
            one.push_back(std::move(some[i]));
            CommitSome(std::move(one));
        }
        return;
    }
    Log("error", "journal-commit", receipts.error().ToString());
    if (receipts.error().code != Code::kInvalid) {
        // A session that failed once is not trusted: the new one waits until the old one has ended.
        connected_ = false;
        connection_.reset();
    }
    Answer(some, receipts.error());
}

void JournalImpl::FailQueued() {
    for (std::vector<Waiting> some = Take(); !some.empty(); some = Take())
        Answer(some, Unavailable());
}

// False when told to stop meanwhile. What comes in is refused at once: senders wait for their ACK.
bool JournalImpl::Reconnect() {
    for (;;) {
        FailQueued();
        if (Connect(0)) {
            Log("info", "journal-connected", "the journal has its database session again");
            return true;
        }
        const auto next_try = SteadyClock::now() + retry_;
        retry_ = std::min(retry_ * 2, kRetryMax);
        std::unique_lock lock(mutex_);
        while (!stopping_ && SteadyClock::now() < next_try) {
            if (!wake_.wait_until(lock, next_try, [this] { return stopping_ || !queue_.empty(); }))
                break;
            lock.unlock();
            FailQueued();
            lock.lock();
        }
        if (stopping_) return false;
    }
}

void JournalImpl::LookAtDisk() {
    const bool low = disk_.Low();
    if (low == disk_low_) return;
    disk_low_ = low;
    const std::string free = std::to_string(disk_.free_bytes() >> 20) + " MiB free";
    if (low) {
        Log("error", "disk-low", free + "; listeners stop until store.disk_free_min is free again");
    } else {
        Log("info", "disk-ok", free + "; listeners continue");
    }
}

// Without traffic no commit fails: somebody has to ask whether the server is still there.
void JournalImpl::FeelPulse() {
    static const pg::Statement kPulse{"journal_pulse", "select 1"};
    const bool answers = pulse_.Run(kPulse).has_value();
    if (answers_.exchange(answers) == answers) return;
    if (answers) {
        Log("info", "journal-answers", "the database answers again");
    } else {
        Log("error", "journal-silent", "the database does not answer; listeners wait for it");
    }
}

// After the watermark, which says what may go.
Result<void> JournalImpl::DropOld(int tick) {
    if (tick < drop_at_) return {};
    drop_at_ = tick + kPartitionTicks;
    CARESTREAM_ASSIGN(all, retention_.DropOld(parts_.clock.Now()));
    if (!all) drop_at_ = tick + kLockedTicks;
    return {};
}

void JournalImpl::KeepHouse() {
    bool complained = false;
    for (int tick = 0;; ++tick) {
        {
            std::unique_lock lock(mutex_);
            house_wake_.wait_for(lock, kHouseTick, [this] { return stopping_; });
            if (stopping_) return;
        }
        LookAtDisk();
        FeelPulse();
        if (!connected_ || !answers_ || disk_low_) continue;
        Result<void> done = pending_.AdvanceWatermark();
        if (done && tick % kPartitionTicks == 0) {
            done = pending_.PreparePartitions(
                std::clamp(parts_.clock.Now(), kReceivedMin, kReceivedMax));
        }
        if (done) done = DropOld(tick);
        if (!done && !complained) Log("warn", "journal-housekeeping", done.error().ToString());
        complained = !done;
    }
}

}  // namespace

Result<std::unique_ptr<Journal>> MakeJournal(JournalParts parts) {
    auto journal = std::make_unique<JournalImpl>(std::move(parts));
    CARESTREAM_TRY(journal->Start());
    return journal;
}

}  // namespace carestream::store
