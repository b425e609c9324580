#include "store/internal/writer_impl.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/priority.h"
#include "store/internal/batch.h"
#include "store/internal/lock.h"

namespace carestream::store {
namespace {

constexpr std::chrono::milliseconds kBackoffMin{20};
constexpr std::chrono::milliseconds kBackoffMax{2'000};
// Attempts that only met another writer; afterwards back-off as for an outage, and in the end the
// batch is halved: what meets "another writer" for ever holds up its own message only.
constexpr int kQuickRetries = 5;
constexpr int kMeetingsMax = 10;

// The feed rests for a crowd of senders no longer than this, and looks so often whether it is
// there.
constexpr std::chrono::milliseconds kRestMax{500};
constexpr std::chrono::milliseconds kRestStep{5};

// Index nested loops only: batches are small, and the planner knows nothing of new tables.
const std::vector<std::string> kSettings = {"set enable_hashjoin = off",
                                            "set enable_mergejoin = off",
                                            "set enable_seqscan = off",
                                            "set enable_bitmapscan = off",
                                            "set jit = off",
                                            "set plan_cache_mode = force_generic_plan",
                                            "set synchronous_commit = on"};

bool MetAnotherWriter(const Error& error, const pg::Connection& connection) {
    return error.code == Code::kConflict || connection.sqlstate() == "40001" ||
           connection.sqlstate() == "40P01";
}

void Answer(WriteJob& job) {
    if (job.feed_done) job.feed_done(std::move(job.feed_result));
    if (job.rest_done) job.rest_done(std::move(job.rest_result));
    if (job.transaction_done) job.transaction_done(std::move(job.transaction_result));
}

void AnswerError(WriteJob& job, const Error& error) {
    job.feed_result = Fail(error);
    job.rest_result = Fail(error);
    job.transaction_result = Fail(error);
    Answer(job);
}

// What REST changed since the feed looked last. Thread-safe.
class Changed {
public:
    void Add(const std::vector<std::int64_t>& pks) {
        const std::lock_guard lock(mutex_);
        pks_.insert(pks_.end(), pks.begin(), pks.end());
    }
    [[nodiscard]] std::vector<std::int64_t> Take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(pks_, {});
    }

private:
    std::mutex mutex_;
    std::vector<std::int64_t> pks_;
};

// One queue, one thread, one session.
class Lane {
public:
    Lane(const ResourceParts& parts, const WriterOptions& options,
         std::shared_ptr<const BodyCodec> codec, LockRole role, std::size_t batch_max,
         Changed& changed)
        : changed_(changed),
          options_(options),
          connect_(parts.connect),
          role_(role),
          batch_max_(batch_max),
          context_(parts, std::move(codec)),
          runner_(context_) {
        connect_.application =
            role == LockRole::kFeedWriter ? "carestream feed writer" : "carestream rest writer";
        connect_.settings.insert(connect_.settings.end(), kSettings.begin(), kSettings.end());
    }

    virtual ~Lane() { Stop(); }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    Result<void> Start() {
        CARESTREAM_TRY(Connect(options_.lock_wait_ms));
        thread_ = std::thread([this] {
            if (role_ == LockRole::kFeedWriter) GiveWay(0);
            Loop();
        });
        return {};
    }

    void Submit(WriteJob job) {
        Error refusal;
        {
            const std::lock_guard lock(mutex_);
            if (!stopping_ && queue_.size() < options_.queue_max) {
                queue_.push_back(std::move(job));
                wake_.notify_one();
                return;
            }
            refusal.code = stopping_ ? Code::kUnavailable : Code::kLimit;
            refusal.message =
                stopping_ ? "the store is closing" : "the writer's queue is full (queue_max)";
            refusal.retryable = true;
        }
        AnswerError(job, refusal);
    }

    void Stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            wake_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
    }

protected:
    Result<void> Connect(int lock_wait_ms) {
        connection_.reset();
        CARESTREAM_ASSIGN(connection, pg::Connection::Connect(connect_));
        CARESTREAM_TRY(AcquireLock(connection, role_, lock_wait_ms));
        if (role_ == LockRole::kFeedWriter && options_.own_server) GiveWay(connection.backend());
        connection_ = std::move(connection);
        return {};
    }

    virtual void Loop() {
        std::vector<WriteJob> batch;
        while (Take(batch)) Process(PointersTo(batch));
    }

    static std::vector<WriteJob*> PointersTo(std::vector<WriteJob>& batch) {
        std::vector<WriteJob*> jobs;
        jobs.reserve(batch.size());
        for (WriteJob& job : batch) jobs.push_back(&job);
        return jobs;
    }

    // Everything that has queued, at most batch_max_. False: stopped, nothing left.
    bool Take(std::vector<WriteJob>& batch) {
        batch.clear();
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        while (!queue_.empty() && batch.size() < batch_max_) {
            // What looks into the database sees only what is committed: it begins a batch.
            const bool looks = queue_.front().rest && queue_.front().rest->if_none_exist;
            if (looks && !batch.empty()) break;
            batch.push_back(std::move(queue_.front()));
            queue_.pop_front();
        }
        return !batch.empty();
    }

    [[nodiscard]] bool HasWork() {
        const std::lock_guard lock(mutex_);
        return !queue_.empty();
    }

    // Answers every job, whatever happens.
    void Process(const std::vector<WriteJob*>& jobs) {
        std::chrono::milliseconds backoff = kBackoffMin;
        int meetings = 0;
        for (;;) {
            Result<void> outcome = Attempt(jobs);
            if (outcome) {
                if (role_ == LockRole::kRestWriter) changed_.Add(runner_.changed());
                return AnswerAll(jobs);
            }
            const Error& error = outcome.error();
            if (!error.retryable) return Isolate(jobs, error);
            const bool met =
                connection_ && connection_->Usable() && MetAnotherWriter(error, *connection_);
            if (met && ++meetings <= kQuickRetries) continue;
            if (meetings > kMeetingsMax) return Isolate(jobs, error);
            Log("warn", "store.writer.retry", error.message);
            if (!Wait(backoff)) {
                for (WriteJob* job : jobs) AnswerError(*job, error);
                return;
            }
            backoff = std::min(backoff * 2, kBackoffMax);
        }
    }

    void AnswerAll(const std::vector<WriteJob*>& jobs) {
        if (runner_.event_seq() > 0 && context_.events().committed) {
            context_.events().committed(runner_.event_seq());
        }
        for (WriteJob* job : jobs) Answer(*job);
    }

    Result<void> Attempt(const std::vector<WriteJob*>& jobs) {
        if (!connection_ || !connection_->Usable()) CARESTREAM_TRY(Connect(0));
        if (runner_.in_doubt()) {
            CARESTREAM_ASSIGN(committed, runner_.DidCommit(*connection_, jobs));
            if (committed) return {};
        }
        Result<void> outcome = runner_.Run(*connection_, jobs);
        if (!outcome) connection_->Rollback();
        return outcome;
    }

    // One of the jobs cannot be written: halve until it stands alone.
    void Isolate(const std::vector<WriteJob*>& jobs, const Error& error) {
        if (jobs.size() > 1) {
            const auto middle = jobs.begin() + static_cast<std::ptrdiff_t>(jobs.size() / 2);
            Process({jobs.begin(), middle});
            Process({middle, jobs.end()});
            return;
        }
        WriteJob& job = *jobs.front();
        const bool already_dead = !job.feed || job.feed->status == OutcomeStatus::kDeadLetter;
        if (already_dead) return AnswerError(job, error);
        Log("warn", "store.writer.refused", error.message);
        job.feed->status = OutcomeStatus::kDeadLetter;
        job.feed->stage = "write";
        job.feed->path = error.path;
        job.feed->reason = error.message;
        job.feed->changes = {};
        Process(jobs);
    }

    // False when the lane stops meanwhile.
    bool Wait(std::chrono::milliseconds time) {
        std::unique_lock lock(mutex_);
        return !wake_.wait_for(lock, time, [&] { return stopping_; });
    }

    void Log(const std::string& level, const std::string& id, const std::string& text) {
        if (context_.events().log) context_.events().log(level, id, text);
    }

    Changed& changed_;
    const WriterOptions options_;
    pg::ConnectOptions connect_;
    const LockRole role_;
    const std::size_t batch_max_;
    WriteContext context_;
    BatchRunner runner_;
    std::optional<pg::Connection> connection_;  // of the thread, once started

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<WriteJob> queue_;  // guarded by mutex_
    bool stopping_ = false;       // guarded by mutex_
    std::thread thread_;
};

// Prepares a batch while the one before is written: a second thread owns the session for that time.
// Whatever goes wrong on this way, the batches in question run again one after the other, as in any
// lane.
class FeedLane final : public Lane {
public:
    using Lane::Lane;
    ~FeedLane() override { Stop(); }

private:
    // A batch under way to the database.
    struct Flight {
        std::vector<WriteJob> batch;
        BatchPlan plan;
    };

    void Loop() override {
        std::thread committer([this] {
            GiveWay(0);
            CommitLoop();
        });
        std::vector<WriteJob> batch;
        while (Take(batch)) {
            const auto start = Crowd::Clock::now();
            Advance(batch);
            LetOthers(start);
            // Nobody else looks at how the flight ended.
            if (!HasWork()) Land();
        }
        Land();
        {
            const std::lock_guard lock(flight_mutex_);
            ending_ = true;
            flight_wake_.notify_all();
        }
        committer.join();
    }

    void LetOthers(Crowd::Clock::time_point worked_since) {
        if (options_.crowd == nullptr) return;
        auto now = Crowd::Clock::now();
        const auto until =
            now + std::min<Crowd::Clock::duration>(Crowd::Rest(now - worked_since), kRestMax);
        while (now < until && options_.crowd->IsThere(now) && Wait(kRestStep)) {
            now = Crowd::Clock::now();
        }
    }

    void Advance(std::vector<WriteJob>& batch) {
        const std::vector<WriteJob*> jobs = PointersTo(batch);
        // What moves a visit looks for what refers to it: also in the batch before.
        const bool looks = std::any_of(batch.begin(), batch.end(), [](const WriteJob& job) {
            return !job.feed->changes.moves.empty();
        });
        if (looks || !Fresh()) {
            Land();
            set_.reset();
        }
        if (looks) return Process(jobs);
        Result<BatchPlan> plan = Prepare(jobs);
        if (!Land() || !plan) {
            set_.reset();
            return Process(jobs);
        }
        const std::lock_guard lock(flight_mutex_);
        flight_.emplace(Flight{std::move(batch), std::move(*plan)});
        flying_ = true;
        flight_wake_.notify_all();
    }

    // False when REST changed what the set holds: the next batch must read it again, and not before
    // the flight has landed.
    bool Fresh() {
        bool fresh = true;
        for (const std::int64_t pk : changed_.Take()) {
            if (set_ && set_->FindPk(pk) != nullptr) fresh = false;
        }
        return fresh;
    }

    Result<BatchPlan> Prepare(const std::vector<WriteJob*>& jobs) {
        if (!reading_ || !reading_->Usable()) {
            pg::ConnectOptions options = connect_;
            options.application = "carestream feed reader";
            CARESTREAM_ASSIGN(reading, pg::Connection::Connect(options));
            if (options_.own_server) GiveWay(reading.backend());
            reading_ = std::move(reading);
        }
        if (!set_) set_ = std::make_unique<WorkingSet>(context_.definitions(), context_.codec());
        Result<BatchPlan> plan = runner_.Prepare(*reading_, jobs, *set_);
        if (!plan) reading_.reset();
        return plan;
    }

    // Waits until nothing is under way. False: the flight failed and went again, alone; what the
    // set holds, and what was prepared from it, is void.
    bool Land() {
        std::unique_lock lock(flight_mutex_);
        flight_wake_.wait(lock, [&] { return !flying_; });
        if (!flight_) return true;
        std::optional<Flight> failed = std::exchange(flight_, std::nullopt);
        lock.unlock();
        set_.reset();
        Process(PointersTo(failed->batch));
        return false;
    }

    void CommitLoop() {
        std::unique_lock lock(flight_mutex_);
        for (;;) {
            flight_wake_.wait(lock, [&] { return flying_ || ending_; });
            if (!flying_) return;
            lock.unlock();
            const bool committed = CommitFlight();
            lock.lock();
            if (committed) flight_.reset();
            flying_ = false;
            flight_wake_.notify_all();
        }
    }

    bool CommitFlight() {
        if (!connection_ || !connection_->Usable()) return false;
        Result<void> outcome = runner_.Commit(*connection_, flight_->plan);
        if (!outcome) {
            connection_->Rollback();
            return false;
        }
        AnswerAll(PointersTo(flight_->batch));
        return true;
    }

    std::optional<pg::Connection> reading_;
    std::unique_ptr<WorkingSet> set_;

    std::mutex flight_mutex_;
    std::condition_variable flight_wake_;
    std::optional<Flight> flight_;  // the committer's while flying_, else the lane's
    bool flying_ = false;           // guarded by flight_mutex_, like the next
    bool ending_ = false;
};

class WriterImpl final : public Writer {
public:
    WriterImpl(ResourceParts parts, const WriterOptions& options,
               const std::shared_ptr<const BodyCodec>& codec)
        : parts_(std::move(parts)),
          feed_(parts_, options, codec, LockRole::kFeedWriter,
                static_cast<std::size_t>(std::max(1, options.feed_batch_max)), changed_),
          rest_(parts_, options, codec, LockRole::kRestWriter, 32, changed_) {}

    Result<void> Start() {
        CARESTREAM_TRY(feed_.Start());
        return rest_.Start();
    }

    void SubmitFeed(FeedWrite write, Callback<FeedResult> done) override {
        WriteJob job;
        job.feed = std::move(write);
        job.feed_done = std::move(done);
        feed_.Submit(std::move(job));
    }

    void SubmitRest(RestWrite write, Callback<RestResult> done) override {
        WriteJob job;
        job.rest = std::move(write);
        job.rest_done = std::move(done);
        rest_.Submit(std::move(job));
    }

    void SubmitTransaction(RestTransaction transaction,
                           Callback<std::vector<RestResult>> done) override {
        WriteJob job;
        job.transaction = std::move(transaction);
        job.transaction_done = std::move(done);
        rest_.Submit(std::move(job));
    }

private:
    const ResourceParts parts_;
    Changed changed_;
    FeedLane feed_;
    Lane rest_;
};

}  // namespace

Result<std::unique_ptr<Writer>> MakeWriter(const ResourceParts& parts,
                                           const WriterOptions& options) {
    CARESTREAM_ASSIGN(codec, BodyCodec::Create(parts.keys, parts.dictionaries));
    auto writer = std::make_unique<WriterImpl>(parts, options, codec);
    CARESTREAM_TRY(writer->Start());
    return std::unique_ptr<Writer>(std::move(writer));
}

}  // namespace carestream::store
