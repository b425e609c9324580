#include "store/internal/access_audit_impl.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "store/internal/access_seal.h"
#include "store/internal/session.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kNumbersPerBlock = 1024;  // increment of access_number
constexpr std::size_t kBatchMax = 512;
constexpr std::size_t kBatchBytesMax = 2u << 20;
// Reads wait for company: so long, or until so many are there.
constexpr milliseconds kReadsWait{200};
constexpr std::size_t kReadsMax = 256;
constexpr milliseconds kRetryMin{50};
constexpr milliseconds kRetryMax{1'000};
constexpr int kCommitTimeoutMs = 15'000;
constexpr std::size_t kRowBytes = 256;  // what a row weighs beside its texts

const pg::Statement kNumbers{"access_numbers", "select nextval('access_number')"};

// May run twice for the same rows: a lost answer does not tell whether they were committed.
const pg::Statement kInsert{
    "access_insert",
    "with rows as (insert into access (number, at, tenant, actor, sealed) "
    "select * from unnest($1::int8[], $2::timestamptz[], $3::int2[], $4::int8[], $5::bytea[]) "
    "on conflict (number) do nothing) "
    "insert into access_patient (token, at, access) "
    "select * from unnest($6::int8[], $7::timestamptz[], $8::int8[]) on conflict do nothing"};

pg::ConnectOptions Tuned(pg::ConnectOptions options) {
    options.application = "carestream audit";
    options.wait_timeout_ms = kCommitTimeoutMs;
    options.settings = {"set synchronous_commit = on", "set jit = off",
                        "set plan_cache_mode = force_generic_plan"};
    return options;
}

struct Waiting {
    AccessRow row;
    Callback<void> done;  // empty: nobody waits
    std::size_t bytes = 0;
    std::int64_t number = 0;  // once it has one, it keeps it
};

std::size_t BytesOf(const AccessRow& row) {
    std::size_t bytes = kRowBytes + row.issuer.size() + row.subject.size() + row.client.size() +
                        row.claimed_patient.size() + row.operation.size() + row.id.size() +
                        16 * row.patients.size();
    for (const std::string& id : row.patient_ids) bytes += 32 + id.size();
    return bytes;
}

Error Refused(Code code, const char* text) {
    Error error;
    error.code = code;
    error.message = text;
    error.retryable = true;
    return error;
}

class AccessAuditImpl final : public AccessAudit {
public:
    explicit AccessAuditImpl(AccessAuditParts parts)
        : parts_(std::move(parts)), session_(Tuned(parts_.connect)), worker_([this] { Work(); }) {}
    ~AccessAuditImpl() override;
    AccessAuditImpl(const AccessAuditImpl&) = delete;
    AccessAuditImpl& operator=(const AccessAuditImpl&) = delete;

    bool Append(AccessRow row) override { return Push(std::move(row), {}); }
    void AppendDurably(AccessRow row, Callback<void> done) override {
        Callback<void> refused = done;
        if (Push(std::move(row), std::move(done))) return;
        refused(Fail(Refused(Code::kLimit, "the audit takes no more rows now")));
    }
    [[nodiscard]] bool Available() const override {
        return commits_ && queued_bytes_ < parts_.queue_bytes_max;
    }
    [[nodiscard]] std::size_t waiting() const override { return waiting_; }

private:
    [[nodiscard]] bool Push(AccessRow row, Callback<void> done);
    void Work();
    [[nodiscard]] bool WaitForWork();
    [[nodiscard]] std::vector<Waiting> Take();
    void CommitAll(std::vector<Waiting> rows);
    void CommitEach(std::vector<Waiting> rows);
    void GiveUp(std::vector<Waiting> rows);
    [[nodiscard]] bool Rest(milliseconds time);
    [[nodiscard]] Result<void> Commit(std::vector<Waiting>& rows);
    [[nodiscard]] Result<void> Number(std::vector<Waiting>& rows);
    void Answer(std::vector<Waiting>& rows, const Result<void>& result);
    void Tell(bool commits, const std::string& reason);
    [[nodiscard]] const crypto::TokenKey& TokenKeyOf(Tenant tenant);

    const AccessAuditParts parts_;
    // The working thread's, like the next four.
    Session session_;
    std::map<Tenant, crypto::TokenKey> token_keys_;
    std::int64_t next_number_ = 0;
    std::int64_t end_number_ = 0;
    bool given_up_ = false;

    std::atomic<bool> commits_ = true;
    std::atomic<std::size_t> queued_bytes_ = 0;  // of `queue_` and of what is being committed
    std::atomic<std::size_t> waiting_ = 0;       // likewise

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Waiting> queue_;  // guarded by mutex_, like the next three
    SteadyClock::time_point flush_at_;
    std::size_t urgent_ = 0;  // rows of `queue_` that somebody waits for
    bool stopping_ = false;
    std::thread worker_;
};

AccessAuditImpl::~AccessAuditImpl() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    worker_.join();
}

bool AccessAuditImpl::Push(AccessRow row, Callback<void> done) {
    Waiting waiting;
    waiting.bytes = BytesOf(row);
    waiting.row = std::move(row);
    waiting.done = std::move(done);
    const std::lock_guard lock(mutex_);
    if (stopping_ || queued_bytes_ + waiting.bytes > parts_.queue_bytes_max) return false;
    const bool urgent = static_cast<bool>(waiting.done);
    if (queue_.empty()) flush_at_ = SteadyClock::now() + kReadsWait;
    queued_bytes_ += waiting.bytes;
    ++waiting_;
    if (urgent) ++urgent_;
    queue_.push_back(std::move(waiting));
    if (urgent || queue_.size() == 1 || queue_.size() == kReadsMax) wake_.notify_one();
    return true;
}

// False: told to stop, and nothing waits.
bool AccessAuditImpl::WaitForWork() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    wake_.wait_until(lock, flush_at_,
                     [this] { return stopping_ || urgent_ > 0 || queue_.size() >= kReadsMax; });
    return !queue_.empty();
}

std::vector<Waiting> AccessAuditImpl::Take() {
    std::vector<Waiting> taken;
    std::size_t bytes = 0;
    const std::lock_guard lock(mutex_);
    while (!queue_.empty() && taken.size() < kBatchMax && bytes < kBatchBytesMax) {
        bytes += queue_.front().bytes;
        if (queue_.front().done) --urgent_;
        taken.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    return taken;
}

void AccessAuditImpl::Work() {
    while (WaitForWork()) CommitAll(Take());
}

// Until the rows are on disk, or the store closes meanwhile.
void AccessAuditImpl::CommitAll(std::vector<Waiting> rows) {
    milliseconds retry = kRetryMin;
    while (!given_up_) {
        const Result<void> committed = Commit(rows);
        if (!committed && committed.error().code == Code::kInvalid && rows.size() > 1) {
            return CommitEach(std::move(rows));
        }
        const bool refused = !committed && committed.error().code == Code::kInvalid;
        Tell(committed.has_value() || refused, committed ? "" : committed.error().ToString());
        if (refused && parts_.log) {
            parts_.log("error", "audit-row", "lost a row: " + committed.error().ToString());
        }
        if (committed || refused) return Answer(rows, committed);
        if (!Rest(retry)) return GiveUp(std::move(rows));
        retry = std::min(retry * 2, kRetryMax);
    }
    GiveUp(std::move(rows));
}

// The store closes while the database is down: it will not be back for each batch.
void AccessAuditImpl::GiveUp(std::vector<Waiting> rows) {
    given_up_ = true;
    std::size_t lost = 0;
    for (; !rows.empty(); rows = Take()) {
        lost += rows.size();
        Answer(rows, Fail(Refused(Code::kUnavailable, "the store closes")));
    }
    if (parts_.log && lost > 0) {
        parts_.log("error", "audit-lost",
                   std::to_string(lost) + " rows of the audit could not be written");
    }
}

// One row is one that the database does not take: the others must not suffer.
void AccessAuditImpl::CommitEach(std::vector<Waiting> rows) {
    for (Waiting& row : rows) {
        std::vector<Waiting> one;
        one.push_back(std::move(row));
        CommitAll(std::move(one));
    }
}

// False: told to stop meanwhile.
bool AccessAuditImpl::Rest(milliseconds time) {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

Result<void> AccessAuditImpl::Number(std::vector<Waiting>& rows) {
    for (Waiting& waiting : rows) {
        if (waiting.number != 0) continue;
        if (next_number_ == end_number_) {
            CARESTREAM_ASSIGN(block, session_.Run(kNumbers));
            next_number_ = block.Int8(0, 0);
            end_number_ = next_number_ + kNumbersPerBlock;
        }
        waiting.number = next_number_++;
    }
    return {};
}

const crypto::TokenKey& AccessAuditImpl::TokenKeyOf(Tenant tenant) {
    const auto found = token_keys_.find(tenant);
    if (found != token_keys_.end()) return found->second;
    return token_keys_.emplace(tenant, parts_.keys.token_key(TenantLabel(tenant))).first->second;
}

Result<void> AccessAuditImpl::Commit(std::vector<Waiting>& rows) {
    CARESTREAM_TRY(Number(rows));
    pg::Array numbers(pg::Type::kInt8), times(pg::Type::kTimestamptz), tenants(pg::Type::kInt2),
        actors(pg::Type::kInt8), sealed(pg::Type::kBytea), tokens(pg::Type::kInt8),
        token_times(pg::Type::kTimestamptz), token_rows(pg::Type::kInt8);
    for (const Waiting& waiting : rows) {
        const AccessRow& row = waiting.row;
        const crypto::TokenKey& key = TokenKeyOf(row.tenant);
        numbers.AddInt8(waiting.number);
        times.AddTimestamp(row.at);
        tenants.AddInt2(row.tenant);
        actors.AddInt8(ActorToken(key, row.issuer, row.subject));
        sealed.AddBytes(SealAccess(parts_.keys, waiting.number, row));
        const auto add = [&](std::int64_t token) {
            tokens.AddInt8(token);
            token_times.AddTimestamp(row.at);
            token_rows.AddInt8(waiting.number);
        };
        for (const std::int64_t patient : row.patients) add(PatientToken(key, patient));
        for (const std::string& id : row.patient_ids) add(PatientIdToken(key, id));
    }
    pg::Params params;
    params.List(numbers).List(times).List(tenants).List(actors).List(sealed);
    params.List(tokens).List(token_times).List(token_rows);
    CARESTREAM_TRY(session_.Run(kInsert, params));
    return {};
}

void AccessAuditImpl::Answer(std::vector<Waiting>& rows, const Result<void>& result) {
    for (Waiting& waiting : rows) {
        queued_bytes_ -= waiting.bytes;
        --waiting_;
        if (waiting.done) waiting.done(result);
    }
}

void AccessAuditImpl::Tell(bool commits, const std::string& reason) {
    if (commits_.exchange(commits) == commits || !parts_.log) return;
    if (commits) {
        parts_.log("info", "audit-connected", "the audit is written again");
    } else {
        parts_.log("error", "audit-down",
                   "the audit cannot be written, so nothing is changed through the API and reads "
                   "go on for a while only: " +
                       reason);
    }
}

}  // namespace

std::unique_ptr<AccessAudit> MakeAccessAudit(AccessAuditParts parts) {
    return std::make_unique<AccessAuditImpl>(std::move(parts));
}

}  // namespace carestream::store
