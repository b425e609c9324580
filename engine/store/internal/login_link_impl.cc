#include "store/internal/login_link_impl.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "store/internal/link_seal.h"
#include "store/internal/session.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kJobsMax = 1024;
constexpr std::size_t kCacheMax = 8192;
constexpr int kListMax = 1000;
constexpr Micros kHour = 3'600'000'000;
constexpr Micros kKeepCodes = 30LL * 86'400 * 1'000'000;  // what is used up or has expired
constexpr int kTimeoutMs = 10'000;

const pg::Statement kFind{
    "link_find",
    "select number, patient, kind, made, until, revoked, sealed, login from login_link where "
    "tenant = $1::int2 and login = $2::uuid and revoked is null and (until is null or until > "
    "$3::timestamptz) order by number limit $4::int4"};
const pg::Statement kList{
    "link_list",
    "select number, patient, kind, made, until, revoked, sealed, login from login_link where "
    "tenant = $1::int2 and patient = any($2::text[]) order by number desc limit $3::int4"};
const pg::Statement kOpenCodes{"link_open_codes",
                               "select count(*) from link_code where tenant = $1::int2 and patient "
                               "= $2::text and used is null "
                               "and expires > $3::timestamptz"};
const pg::Statement kOldCodes{"link_old_codes",
                              "delete from link_code where expires < $1::timestamptz"};
const pg::Statement kOldAttempts{"link_old_attempts",
                                 "delete from link_attempt where at < $1::timestamptz"};
const pg::Statement kMakeCode{
    "link_make_code",
    "insert into link_code (code, tenant, patient, kind, made, expires, sealed) values ($1::uuid, "
    "$2::int2, $3::text, $4::int2, $5::timestamptz, $6::timestamptz, $7::bytea)"};
const pg::Statement kAttempts{"link_attempts",
                              "select count(*) from link_attempt where tenant = $1::int2 and login "
                              "= $2::uuid and at > $3::timestamptz"};
const pg::Statement kAttempt{"link_attempt",
                             "insert into link_attempt (tenant, login, at) values ($1::int2, "
                             "$2::uuid, $3::timestamptz)"};
const pg::Statement kTakeCode{
    "link_take_code",
    "update link_code set used = $3::timestamptz where code = $2::uuid and tenant = $1::int2 and "
    "used is null and expires > $3::timestamptz returning patient, kind, sealed"};
// A newer link to the same patient replaces the one before.
const pg::Statement kReplace{
    "link_replace",
    "update login_link set revoked = $4::timestamptz where tenant = $1::int2 and login = $2::uuid "
    "and patient = $3::text and revoked is null"};
const pg::Statement kInsert{
    "link_insert",
    "insert into login_link (tenant, login, patient, kind, made, until, sealed) values ($1::int2, "
    "$2::uuid, $3::text, $4::int2, $5::timestamptz, $6::timestamptz, $7::bytea) returning number"};
const pg::Statement kRevoke{
    "link_revoke",
    "with voided as (update link_code set used = $4::timestamptz where $3::int8 = 0 and tenant = "
    "$1::int2 and patient = any($2::text[]) and used is null) "
    "update login_link set revoked = $4::timestamptz where tenant = $1::int2 and patient = "
    "any($2::text[]) and ($3::int8 = 0 or number = $3::int8) and revoked is null returning number"};

pg::ConnectOptions Tuned(pg::ConnectOptions options) {
    options.application = "carestream links";
    options.wait_timeout_ms = kTimeoutMs;
    options.connect_timeout_ms = 3'000;
    return options;
}

bool IsInForce(const LoginLink& link, Micros now) {
    return link.until == 0 || link.until > now;
}

class LoginLinksImpl final : public LoginLinks {
public:
    LoginLinksImpl(const pg::ConnectOptions& options, const crypto::KeyRing& keys,
                   const Clock& clock)
        : keys_(keys), clock_(clock), session_(Tuned(options)), worker_([this] { Work(); }) {}
    ~LoginLinksImpl() override { Stop(); }
    LoginLinksImpl(const LoginLinksImpl&) = delete;
    LoginLinksImpl& operator=(const LoginLinksImpl&) = delete;

    void Find(Tenant tenant, Login login, Callback<std::vector<LoginLink>> done) override;
    void MakeCode(NewLinkCode code, Callback<std::string> done) override {
        Submit<std::string>([this, code = std::move(code)] { return DoMakeCode(code); },
                            std::move(done));
    }
    void Redeem(Tenant tenant, Login login, std::string code, Callback<LoginLink> done) override {
        Submit<LoginLink>([this, tenant, login = std::move(login),
                           code = std::move(code)] { return DoRedeem(tenant, login, code); },
                          std::move(done));
    }
    void Revoke(Revocation revocation, Callback<std::int64_t> done) override {
        Submit<std::int64_t>(
            [this, revocation = std::move(revocation)] { return DoRevoke(revocation); },
            std::move(done));
    }
    void List(Tenant tenant, std::vector<std::string> patients,
              Callback<std::vector<LoginLink>> done) override {
        Submit<std::vector<LoginLink>>(
            [this, tenant, patients = std::move(patients)] { return DoList(tenant, patients); },
            std::move(done));
    }

    void Stop() override;

private:
    using LoginKey = std::pair<Tenant, pg::Uuid>;
    struct Remembered {
        SteadyClock::time_point at;
        std::vector<LoginLink> links;
    };
    // Called with false when the store closes before it came to it.
    using Job = std::function<void(bool)>;

    template <typename T>
    void Submit(std::function<Result<T>()> work, Callback<T> done);
    void Work();
    [[nodiscard]] crypto::TokenKey KeyOf(Tenant tenant) const {
        return keys_.token_key(TenantLabel(tenant));
    }
    [[nodiscard]] std::optional<std::vector<LoginLink>> Recall(const LoginKey& key);
    void Remember(const LoginKey& key, const std::vector<LoginLink>& links);
    void Forget();
    [[nodiscard]] Result<std::vector<LoginLink>> Load(const LoginKey& key);
    [[nodiscard]] Result<std::vector<LoginLink>> ReadLinks(Tenant tenant,
                                                           const pg::Rows& rows) const;
    [[nodiscard]] Result<std::string> DoMakeCode(const NewLinkCode& code);
    [[nodiscard]] Result<LoginLink> DoRedeem(Tenant tenant, const Login& login,
                                             const std::string& code);
    [[nodiscard]] Result<LoginLink> TakeCode(pg::Connection& connection, const LoginKey& key,
                                             const Login& login, const std::string& code,
                                             Micros now);
    [[nodiscard]] Result<LoginLink> MakeLink(pg::Connection& connection, const LoginKey& key,
                                             LoginLink link);
    [[nodiscard]] Result<std::int64_t> DoRevoke(const Revocation& revocation);
    [[nodiscard]] Result<std::vector<LoginLink>> DoList(Tenant tenant,
                                                        const std::vector<std::string>& patients);

    const crypto::KeyRing& keys_;
    const Clock& clock_;
    Session session_;  // the working thread's
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;                  // guarded by mutex_, like the next two
    std::map<LoginKey, Remembered> cache_;  // written by the working thread only
    bool stopping_ = false;
    std::thread worker_;
};

void LoginLinksImpl::Stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (worker_.joinable()) worker_.join();
}

template <typename T>
void LoginLinksImpl::Submit(std::function<Result<T>()> work, Callback<T> done) {
    bool stopping = false;
    {
        const std::lock_guard lock(mutex_);
        stopping = stopping_;
        if (!stopping_ && jobs_.size() < kJobsMax) {
            jobs_.push_back([work = std::move(work), done](bool open) {
                done(open ? work() : Result<T>(FailRetryable("the store is closing")));
            });
            wake_.notify_one();
            return;
        }
    }
    done(stopping ? Result<T>(FailRetryable("the store is closing"))
                  : Result<T>(FailRetryable("too many requests wait for the links of log-ins")));
}

void LoginLinksImpl::Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        const Job job = std::move(jobs_.front());
        jobs_.pop_front();
        const bool open = !stopping_;
        lock.unlock();
        job(open);
        lock.lock();
    }
}

std::optional<std::vector<LoginLink>> LoginLinksImpl::Recall(const LoginKey& key) {
    std::vector<LoginLink> links;
    {
        const std::lock_guard lock(mutex_);
        const auto found = cache_.find(key);
        const auto oldest = SteadyClock::now() - std::chrono::milliseconds(kLinkCacheMs);
        if (found == cache_.end() || found->second.at < oldest) return std::nullopt;
        links = found->second.links;
    }
    std::erase_if(links,
                  [now = clock_.Now()](const LoginLink& link) { return !IsInForce(link, now); });
    return links;
}

void LoginLinksImpl::Remember(const LoginKey& key, const std::vector<LoginLink>& links) {
    const std::lock_guard lock(mutex_);
    if (cache_.size() >= kCacheMax) cache_.clear();
    cache_[key] = {SteadyClock::now(), links};
}

void LoginLinksImpl::Forget() {
    const std::lock_guard lock(mutex_);
    cache_.clear();
}

void LoginLinksImpl::Find(Tenant tenant, Login login, Callback<std::vector<LoginLink>> done) {
    const LoginKey key{tenant, LoginToken(KeyOf(tenant), login)};
    if (auto links = Recall(key)) return done(std::move(*links));
    Submit<std::vector<LoginLink>>(
        [this, key]() -> Result<std::vector<LoginLink>> {
            if (auto links = Recall(key)) return std::move(*links);
            return Load(key);
        },
        std::move(done));
}

Result<std::vector<LoginLink>> LoginLinksImpl::Load(const LoginKey& key) {
    pg::Params params;
    params.Int2(key.first).UuidValue(key.second).Timestamp(clock_.Now()).Int4(kListMax);
    CARESTREAM_ASSIGN(rows, session_.Run(kFind, params));
    CARESTREAM_ASSIGN(links, ReadLinks(key.first, rows));
    Remember(key, links);
    return links;
}

Result<std::vector<LoginLink>> LoginLinksImpl::ReadLinks(Tenant tenant,
                                                         const pg::Rows& rows) const {
    std::vector<LoginLink> links;
    for (int i = 0; i < rows.size(); ++i) {
        LoginLink link;
        link.number = rows.Int8(i, 0);
        link.patient = rows.Text(i, 1);
        link.kind = static_cast<LinkKind>(rows.Int2(i, 2));
        link.made = rows.Timestamp(i, 3);
        link.until = rows.IsNull(i, 4) ? 0 : rows.Timestamp(i, 4);
        link.revoked = rows.IsNull(i, 5) ? 0 : rows.Timestamp(i, 5);
        CARESTREAM_TRY(OpenLink(keys_, tenant, rows.UuidValue(i, 7), rows.Bytes(i, 6), link));
        links.push_back(std::move(link));
    }
    return links;
}

Result<std::string> LoginLinksImpl::DoMakeCode(const NewLinkCode& code) {
    const Micros now = clock_.Now();
    pg::Params count;
    count.Int2(code.tenant).Text(code.patient).Timestamp(now);
    CARESTREAM_ASSIGN(open, session_.Run(kOpenCodes, count));
    if (open.Int8(0, 0) >= kOpenCodesMax) {
        return Fail(Code::kLimit, "the patient has " + std::to_string(kOpenCodesMax) +
                                      " open codes; wait until one was used or has expired, or "
                                      "void them with $unlink");
    }
    CARESTREAM_TRY(session_.Run(kOldCodes, pg::Params().Timestamp(now - kKeepCodes)));
    CARESTREAM_TRY(session_.Run(kOldAttempts, pg::Params().Timestamp(now - kHour)));
    const std::string text = MakeLinkCode();
    const pg::Uuid token = CodeToken(KeyOf(code.tenant), text);
    const std::string sealed = SealCode(keys_, token, now, code);
    pg::Params params;
    params.UuidValue(token).Int2(code.tenant).Text(code.patient);
    params.Int2(static_cast<std::int16_t>(code.kind)).Timestamp(now);
    params.Timestamp(now + std::clamp<Micros>(code.lifetime, 0, kCodeLifetimeMax)).Bytes(sealed);
    CARESTREAM_ASSIGN(connection, session_.Get());
    CARESTREAM_TRY(connection->Run(kMakeCode, params));
    return ShownLinkCode(text);
}

Result<LoginLink> LoginLinksImpl::DoRedeem(Tenant tenant, const Login& login,
                                           const std::string& code) {
    const Micros now = clock_.Now();
    const LoginKey key{tenant, LoginToken(KeyOf(tenant), login)};
    pg::Params recent;
    recent.Int2(tenant).UuidValue(key.second).Timestamp(now - kHour);
    CARESTREAM_ASSIGN(attempts, session_.Run(kAttempts, recent));
    if (attempts.Int8(0, 0) >= kAttemptsMax) {
        return Fail(Code::kLimit, "too many wrong codes; try again in an hour");
    }
    CARESTREAM_ASSIGN(connection, session_.Get());
    CARESTREAM_TRY(connection->Execute("begin"));
    Result<LoginLink> link = TakeCode(*connection, key, login, code, now);
    if (link) link = MakeLink(*connection, key, std::move(*link));
    Result<void> ended = connection->Execute(link ? "commit" : "rollback");
    if (link) Forget();
    if (!ended) return Fail(ended.error());
    if (!link && link.error().code == Code::kNotFound) {
        pg::Params wrong;
        wrong.Int2(tenant).UuidValue(key.second).Timestamp(now);
        CARESTREAM_TRY(connection->Run(kAttempt, wrong));
    }
    return link;
}

// What the code's link will be; the code is used up when the transaction commits.
Result<LoginLink> LoginLinksImpl::TakeCode(pg::Connection& connection, const LoginKey& key,
                                           const Login& login, const std::string& code,
                                           Micros now) {
    // What cannot be a code is looked up all the same: one way, one answer.
    const pg::Uuid token = CodeToken(KeyOf(key.first), NormalLinkCode(code));
    pg::Params params;
    params.Int2(key.first).UuidValue(token).Timestamp(now);
    CARESTREAM_ASSIGN(rows, connection.Run(kTakeCode, params));
    if (rows.empty()) {
        return Fail(Code::kNotFound, "the code is not valid: unknown, used or expired");
    }
    LoginLink link;
    link.login = login;
    link.patient = rows.Text(0, 0);
    link.kind = static_cast<LinkKind>(rows.Int2(0, 1));
    link.made = now;
    CARESTREAM_TRY(OpenCode(keys_, key.first, token, rows.Bytes(0, 2), link));
    return link;
}

Result<LoginLink> LoginLinksImpl::MakeLink(pg::Connection& connection, const LoginKey& key,
                                           LoginLink link) {
    pg::Params mine;
    mine.Int2(key.first).UuidValue(key.second).Timestamp(link.made).Int4(kListMax);
    CARESTREAM_ASSIGN(rows, connection.Run(kFind, mine));
    CARESTREAM_ASSIGN(others, ReadLinks(key.first, rows));
    for (const LoginLink& other : others) {
        if (link.kind != LinkKind::kSelf || other.kind != LinkKind::kSelf) continue;
        if (other.patient == link.patient) continue;
        return Fail(Code::kConflict,
                    "this log-in is linked to another patient as himself; that link has to be "
                    "ended first");
    }
    pg::Params replaced;
    replaced.Int2(key.first).UuidValue(key.second).Text(link.patient).Timestamp(link.made);
    CARESTREAM_TRY(connection.Run(kReplace, replaced));
    const std::string sealed = SealLink(keys_, key.first, key.second, link);
    pg::Params params;
    params.Int2(key.first).UuidValue(key.second).Text(link.patient);
    params.Int2(static_cast<std::int16_t>(link.kind)).Timestamp(link.made);
    if (link.until == 0) {
        params.Null();
    } else {
        params.Timestamp(link.until);
    }
    params.Bytes(sealed);
    CARESTREAM_ASSIGN(made, connection.Run(kInsert, params));
    link.number = made.Int8(0, 0);
    return link;
}

Result<std::int64_t> LoginLinksImpl::DoRevoke(const Revocation& revocation) {
    pg::Array patients(pg::Type::kText);
    for (const std::string& patient : revocation.patients) patients.AddText(patient);
    pg::Params params;
    params.Int2(revocation.tenant).List(patients).Int8(revocation.number).Timestamp(clock_.Now());
    auto rows = session_.Run(kRevoke, params);
    Forget();  // whatever came of it: a lost answer does not tell
    if (!rows) return Fail(rows.error());
    return rows->size();
}

Result<std::vector<LoginLink>> LoginLinksImpl::DoList(Tenant tenant,
                                                      const std::vector<std::string>& ids) {
    pg::Array patients(pg::Type::kText);
    for (const std::string& id : ids) patients.AddText(id);
    pg::Params params;
    params.Int2(tenant).List(patients).Int4(kListMax);
    CARESTREAM_ASSIGN(rows, session_.Run(kList, params));
    return ReadLinks(tenant, rows);
}

}  // namespace

std::unique_ptr<LoginLinks> MakeLoginLinks(const pg::ConnectOptions& options,
                                           const crypto::KeyRing& keys, const Clock& clock) {
    return std::make_unique<LoginLinksImpl>(options, keys, clock);
}

}  // namespace carestream::store
