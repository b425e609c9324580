#include "store/internal/writer_impl.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/assert.h"
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
}

void AnswerError(WriteJob& job, const Error& error) {
    job.feed_result = Fail(error);
    job.rest_result = Fail(error);
    Answer(job);
}

// One queue, one thread, one session.
class Lane {
public:
    Lane(const ResourceParts& parts, const WriterOptions& options,
         std::shared_ptr<const BodyCodec> codec, LockRole role, std::size_t batch_max)
        : options_(options),
          connect_(parts.connect),
          role_(role),
          batch_max_(batch_max),
          context_(parts, std::move(codec)),
          runner_(context_) {
        connect_.application =
            role == LockRole::kFeedWriter ? "carestream feed writer" : "carestream rest writer";
        connect_.settings.insert(connect_.settings.end(), kSettings.begin(), kSettings.end());
    }

    ~Lane() { Stop(); }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    Result<void> Start() {
        CARESTREAM_TRY(Connect(options_.lock_wait_ms));
        thread_ = std::thread([this] { Loop(); });
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

private:
    Result<void> Connect(int lock_wait_ms) {
        connection_.reset();
        CARESTREAM_ASSIGN(connection, pg::Connection::Connect(connect_));
        CARESTREAM_TRY(AcquireLock(connection, role_, lock_wait_ms));
        connection_ = std::move(connection);
        return {};
    }

    void Loop() {
        std::vector<WriteJob> batch;
        while (Take(batch)) {
            std::vector<WriteJob*> jobs;
            jobs.reserve(batch.size());
            for (WriteJob& job : batch) jobs.push_back(&job);
            Process(jobs);
        }
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

    // Answers every job, whatever happens.
    void Process(const std::vector<WriteJob*>& jobs) {
        std::chrono::milliseconds backoff = kBackoffMin;
        int meetings = 0;
        for (;;) {
            Result<void> outcome = Attempt(jobs);
            if (outcome) {
                if (runner_.event_seq() > 0 && context_.events().committed) {
                    context_.events().committed(runner_.event_seq());
                }
                for (WriteJob* job : jobs) Answer(*job);
                return;
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

    const WriterOptions options_;
    pg::ConnectOptions connect_;
    const LockRole role_;
    const std::size_t batch_max_;
    WriteContext context_;
    BatchRunner runner_;
    std::optional<pg::Connection> connection_;  // of the thread, once started

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<WriteJob> queue_;  // guarded by mutex_
    bool stopping_ = false;       // guarded by mutex_
    std::thread thread_;
};

class WriterImpl final : public Writer {
public:
    WriterImpl(ResourceParts parts, const WriterOptions& options,
               const std::shared_ptr<const BodyCodec>& codec)
        : parts_(std::move(parts)),
          feed_(parts_, options, codec, LockRole::kFeedWriter,
                static_cast<std::size_t>(std::max(1, options.feed_batch_max))),
          rest_(parts_, options, codec, LockRole::kRestWriter, 32) {}

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

private:
    const ResourceParts parts_;
    Lane feed_;
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
