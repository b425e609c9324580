#include "store/internal/reader_impl.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "store/internal/access_read.h"
#include "store/internal/search_run.h"

namespace carestream::store {
namespace {

constexpr std::size_t kPointsMax = 64;  // point reads of one round trip
constexpr std::chrono::milliseconds kWatchEvery{20};

// Nested loops along the one index that each shape is made for: generic plans of the planner's own
// choice were four times slower.
const std::vector<std::string> kSettings = {"set enable_hashjoin = off",
                                            "set enable_mergejoin = off",
                                            "set enable_seqscan = off",
                                            "set enable_bitmapscan = off",
                                            "set jit = off",
                                            "set plan_cache_mode = force_generic_plan",
                                            "set default_transaction_read_only = on"};

const pg::Statement kPoints{
    "r_points",
    "select q.n, v.version, v.updated, v.body, r.subject from "
    "unnest($1::int2[], $2::int2[], $3::text[], $4::int4[]) with ordinality "
    "q(tenant, type, id, version, n) join resource r on r.tenant = q.tenant and "
    "r.type = q.type and r.id = q.id collate \"C\" join version v on v.resource = r.pk and "
    "v.version = case when q.version = 0 then r.version else q.version end"};
const pg::Statement kHistory{
    "r_history",
    "select r.version, v.version, v.updated, v.body, r.subject from resource r join lateral "
    "(select * from "
    "version v where v.resource = r.pk and ($4::int4 = 0 or v.version < $4::int4) order by "
    "v.version desc limit $5::int8) v on true where r.tenant = $1::int2 and r.type = $2::int2 "
    "and r.id = $3::text collate \"C\" order by v.version desc"};

struct PointRead {
    Tenant tenant = 1;
    std::string type;
    std::string id;
    std::int32_t version = 0;  // 0 = current
    Callback<StoredVersion> done;
};
struct HistoryRead {
    HistoryRequest request;
    Callback<HistoryPage> done;
};
struct SearchRead {
    SearchRequest request;
    Callback<SearchPage> done;
};
struct LinkedRead {
    Tenant tenant = 1;
    std::string id;
    Callback<std::vector<std::string>> done;
};
struct AccessRead {
    AccessQuery query;
    Callback<AccessPage> done;
};
using LongRead = std::variant<HistoryRead, SearchRead, LinkedRead, AccessRead>;

Error Closing() {
    Error error;
    error.code = Code::kUnavailable;
    error.message = "the store is closing";
    error.retryable = true;
    return error;
}

Error Cancelled() {
    Error error;
    error.code = Code::kUnavailable;
    error.message = "cancelled by the caller";
    return error;
}

// What a thread is doing, for the one that cancels.
struct Running {
    std::mutex mutex;
    CancelToken token;        // guarded; null while nothing may be cancelled
    pg::Canceller canceller;  // guarded
};

class ReaderThread {
public:
    ReaderThread(const ResourceParts& parts, pg::ConnectOptions connect,
                 std::shared_ptr<const BodyCodec> codec)
        : parts_(parts), codec_(std::move(codec)), connect_(std::move(connect)) {}

    Result<void> Connect() {
        connection_.reset();
        searcher_.emplace(parts_, codec_);
        CARESTREAM_ASSIGN(connection, pg::Connection::Connect(connect_));
        connection_ = std::move(connection);
        return {};
    }

    Running& running() { return running_; }

    // Runs `ask` on the session, once more on a new one if the session was lost: reads may repeat.
    template <typename Answer>
    Result<Answer> Ask(const std::function<Result<Answer>(pg::Connection&)>& ask) {
        for (int attempt = 0;; ++attempt) {
            if (!connection_ || !connection_->Usable()) CARESTREAM_TRY(Connect());
            Result<Answer> answer = ask(*connection_);
            if (answer) return answer;
            const bool lost = !connection_->Usable();
            if (!lost) connection_->Rollback();
            if (!lost || attempt > 0) return answer;
        }
    }

    void RunPoints(std::vector<PointRead>& reads) {
        auto rows = Ask<pg::Rows>([&](pg::Connection& connection) {
            pg::Array tenants(pg::Type::kInt2), types(pg::Type::kInt2), ids(pg::Type::kText),
                versions(pg::Type::kInt4);
            for (const PointRead& read : reads) {
                tenants.AddInt2(read.tenant);
                types.AddInt2(TypeNumber(read.type));
                ids.AddText(read.id);
                versions.AddInt4(read.version);
            }
            pg::Params params;
            params.List(tenants).List(types).List(ids).List(versions);
            return connection.Run(kPoints, params);
        });
        std::vector<bool> answered(reads.size(), false);
        for (int row = 0; rows && row < rows->size(); ++row) {
            const auto index = static_cast<std::size_t>(rows->Int8(row, 0) - 1);
            answered[index] = true;
            PointRead& read = reads[index];
            read.done(TakeVersion(read.tenant, read.type, read.id, *rows, row, 1));
        }
        for (std::size_t i = 0; i < reads.size(); ++i) {
            if (answered[i]) continue;
            if (!rows) {
                reads[i].done(Fail(rows.error()));
            } else {
                reads[i].done(Fail(Code::kNotFound, "no such resource or version", reads[i].type));
            }
        }
    }

    void RunLong(LongRead& read) {
        if (auto* history = std::get_if<HistoryRead>(&read)) {
            history->done(Ask<HistoryPage>(
                [&](pg::Connection& connection) { return History(connection, history->request); }));
            return;
        }
        if (auto* linked = std::get_if<LinkedRead>(&read)) {
            linked->done(Ask<std::vector<std::string>>(
                [&](pg::Connection& connection) { return Linked(connection, *linked); }));
            return;
        }
        if (auto* access = std::get_if<AccessRead>(&read)) {
            access->done(Ask<AccessPage>([&](pg::Connection& connection) {
                return ReadAccesses(connection, parts_.keys, TypeNumber("Patient"), access->query);
            }));
            return;
        }
        auto& search = std::get<SearchRead>(read);
        const CancelToken& token = search.request.cancel;
        if (token && *token) return search.done(Fail(Cancelled()));
        auto page = Ask<SearchPage>([&](pg::Connection& connection) {
            const Guard guard(running_, token, connection);
            return searcher_->Run(connection, search.request);
        });
        if (!page && token && *token) page = Fail(Cancelled());
        search.done(std::move(page));
    }

private:
    // While it lives, the request may be cancelled.
    class Guard {
    public:
        Guard(Running& running, const CancelToken& token, pg::Connection& connection)
            : running_(running) {
            if (!token) return;
            const std::lock_guard lock(running_.mutex);
            running_.token = token;
            running_.canceller = connection.canceller();
        }
        ~Guard() {
            const std::lock_guard lock(running_.mutex);
            running_.token.reset();
        }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

    private:
        Running& running_;
    };

    [[nodiscard]] std::int16_t TypeNumber(std::string_view type) const {
        return static_cast<std::int16_t>(parts_.definitions->ResourceTypeNumber(type));
    }

    // Columns from `column`: version, updated, body, subject.
    Result<StoredVersion> TakeVersion(Tenant tenant, const std::string& type, const std::string& id,
                                      const pg::Rows& rows, int row, int column) const {
        StoredVersion version;
        version.type = type;
        version.id = id;
        version.version = rows.Int4(row, column);
        version.last_updated = rows.Timestamp(row, column + 1);
        version.deleted = rows.IsNull(row, column + 2);
        version.patient = rows.Int8(row, column + 3);
        if (version.deleted) return version;
        CARESTREAM_ASSIGN(body, codec_->OpenBody({tenant, type, id, version.version},
                                                 rows.Bytes(row, column + 2)));
        version.body = std::move(body);
        return version;
    }

    Result<std::vector<std::string>> Linked(pg::Connection& connection,
                                            const LinkedRead& read) const {
        CARESTREAM_ASSIGN(patients, parts_.links->Expand(connection, read.tenant,
                                                         TypeNumber("Patient"), {read.id}));
        return std::move(patients.ids);
    }

    Result<HistoryPage> History(pg::Connection& connection, const HistoryRequest& request) const {
        pg::Params params;
        params.Int2(request.tenant).Int2(TypeNumber(request.type)).Text(request.id);
        params.Int4(request.before_version).Int8(request.count + 1);
        CARESTREAM_ASSIGN(rows, connection.Run(kHistory, params));
        if (rows.empty() && request.before_version == 0) {
            return Fail(Code::kNotFound, "no such resource", request.type);
        }
        HistoryPage page;
        for (int row = 0; row < rows.size(); ++row) {
            page.total = rows.Int4(row, 0);  // versions are numbered without gaps
            if (row == request.count) {
                page.more = true;
                break;
            }
            CARESTREAM_ASSIGN(version,
                              TakeVersion(request.tenant, request.type, request.id, rows, row, 1));
            page.versions.push_back(std::move(version));
        }
        return page;
    }

    const ResourceParts& parts_;
    std::shared_ptr<const BodyCodec> codec_;
    pg::ConnectOptions connect_;
    std::optional<pg::Connection> connection_;
    std::optional<Searcher> searcher_;
    Running running_;
};

class ReaderImpl final : public Reader {
public:
    ReaderImpl(ResourceParts parts, const ReaderOptions& options,
               std::shared_ptr<const BodyCodec> codec)
        : parts_(std::move(parts)), options_(options), codec_(std::move(codec)) {}

    ~ReaderImpl() override { Stop(); }
    ReaderImpl(const ReaderImpl&) = delete;
    ReaderImpl& operator=(const ReaderImpl&) = delete;

    Result<void> Start() {
        pg::ConnectOptions connect = parts_.connect;
        connect.application = "carestream reader";
        connect.settings.insert(connect.settings.end(), kSettings.begin(), kSettings.end());
        connect.settings.push_back("set statement_timeout = " +
                                   std::to_string(options_.statement_timeout_ms));
        for (int i = 0; i < std::max(1, options_.threads); ++i) {
            auto worker = std::make_unique<ReaderThread>(parts_, connect, codec_);
            CARESTREAM_TRY(worker->Connect());
            workers_.push_back(std::move(worker));
        }
        for (const auto& worker : workers_) {
            threads_.emplace_back([this, &worker = *worker] { Loop(worker); });
        }
        watch_ = std::thread([this] { Watch(); });
        return {};
    }

    void Read(Tenant tenant, std::string type, std::string id,
              Callback<StoredVersion> done) override {
        Point({tenant, std::move(type), std::move(id), 0, std::move(done)});
    }

    void ReadVersion(Tenant tenant, std::string type, std::string id, std::int32_t version,
                     Callback<StoredVersion> done) override {
        if (version <= 0) return done(Fail(Code::kNotFound, "no such version", type));
        Point({tenant, std::move(type), std::move(id), version, std::move(done)});
    }

    void History(HistoryRequest request, Callback<HistoryPage> done) override {
        if (!Push(longs_, LongRead(HistoryRead{std::move(request), done}))) done(Fail(Refused()));
    }

    void Search(SearchRequest request, Callback<SearchPage> done) override {
        if (!Push(longs_, LongRead(SearchRead{std::move(request), done}))) done(Fail(Refused()));
    }

    void LinkedIds(Tenant tenant, std::string patient_id,
                   Callback<std::vector<std::string>> done) override {
        if (auto known = parts_.links->Known(tenant, patient_id)) {
            return done(std::move(known->ids));
        }
        if (!Push(longs_, LongRead(LinkedRead{tenant, std::move(patient_id), done}))) {
            done(Fail(Refused()));
        }
    }

    void Accesses(AccessQuery query, Callback<AccessPage> done) override {
        if (!Push(longs_, LongRead(AccessRead{std::move(query), done}))) done(Fail(Refused()));
    }

    void Stop() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            wake_.notify_all();
            watch_wake_.notify_all();
        }
        for (std::thread& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
        if (watch_.joinable()) watch_.join();
    }

private:
    void Point(PointRead read) {
        Callback<StoredVersion> done = read.done;
        if (!Push(points_, std::move(read))) done(Fail(Refused()));
    }

    template <typename Item>
    bool Push(std::deque<Item>& queue, Item item) {
        const std::lock_guard lock(mutex_);
        if (stopping_ || points_.size() + longs_.size() >= options_.queue_max) return false;
        queue.push_back(std::move(item));
        wake_.notify_one();
        return true;
    }

    Error Refused() {
        const std::lock_guard lock(mutex_);
        if (stopping_) return Closing();
        Error error;
        error.code = Code::kLimit;
        error.message = "too many requests wait for the database";
        error.retryable = true;
        return error;
    }

    // Point reads and long ones in turns, so that neither starves the other.
    void Loop(ReaderThread& worker) {
        bool points_next = true;
        std::vector<PointRead> points;
        for (;;) {
            std::optional<LongRead> one;
            points.clear();
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return stopping_ || !points_.empty() || !longs_.empty(); });
                if (points_.empty() && longs_.empty()) return;
                if (!points_.empty() && (points_next || longs_.empty())) {
                    while (!points_.empty() && points.size() < kPointsMax) {
                        points.push_back(std::move(points_.front()));
                        points_.pop_front();
                    }
                } else {
                    one = std::move(longs_.front());
                    longs_.pop_front();
                }
            }
            points_next = one.has_value();
            if (one) {
                worker.RunLong(*one);
            } else {
                worker.RunPoints(points);
            }
        }
    }

    // Ends what its caller gave up. Sleeps unless something that can be cancelled is running.
    void Watch() {
        std::unique_lock lock(mutex_);
        while (!stopping_) {
            watch_wake_.wait_for(lock, kWatchEvery);
            lock.unlock();
            for (const auto& worker : workers_) {
                Running& running = worker->running();
                const std::lock_guard running_lock(running.mutex);
                if (!running.token || !*running.token) continue;
                running.canceller.Cancel();
                running.token.reset();
            }
            lock.lock();
        }
    }

    const ResourceParts parts_;
    const ReaderOptions options_;
    std::shared_ptr<const BodyCodec> codec_;
    std::vector<std::unique_ptr<ReaderThread>> workers_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable watch_wake_;
    std::deque<PointRead> points_;  // guarded by mutex_
    std::deque<LongRead> longs_;    // guarded by mutex_
    bool stopping_ = false;         // guarded by mutex_
    std::vector<std::thread> threads_;
    std::thread watch_;
};

}  // namespace

Result<std::unique_ptr<Reader>> MakeReader(const ResourceParts& parts,
                                           const ReaderOptions& options) {
    CARESTREAM_ASSIGN(codec, BodyCodec::Create(parts.keys, parts.dictionaries));
    auto reader = std::make_unique<ReaderImpl>(parts, options, codec);
    CARESTREAM_TRY(reader->Start());
    return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace carestream::store
