#include "store/internal/access_retention.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "store/internal/session.h"

namespace carestream::store {
namespace {

// Both are walks of an index from its old end.
const pg::Statement kAccesses{
    "access_retention",
    "with recursive t(tenant) as (select min(tenant) from access union all select (select "
    "min(a.tenant) from access a where a.tenant > t.tenant) from t where t.tenant is not null), "
    "gone as (delete from access where number = any(array("
    "select o.number from t cross join lateral (select a.number from access a where "
    "a.tenant = t.tenant and a.at < $1::timestamptz order by a.tenant, a.at, a.number "
    "limit $2::int8) o limit $2::int8)) returning 1) select count(*) from gone"};
const pg::Statement kPatients{
    "access_patient_retention",
    "with gone as (delete from access_patient where ctid = any(array("
    "select p.ctid from access_patient p where p.at < $1::timestamptz order by p.at "
    "limit $2::int8)) returning 1) select count(*) from gone"};

pg::ConnectOptions Tuned(pg::ConnectOptions options) {
    options.application = "carestream audit retention";
    options.settings = {"set enable_hashjoin = off", "set enable_mergejoin = off", "set jit = off"};
    return options;
}

}  // namespace

struct AccessRetention::Core {
    Core(AccessRetentionOptions the_options, const Clock& the_clock)
        : options(std::move(the_options)), clock(the_clock), session(Tuned(options.connect)) {}

    void Run();
    Result<void> RemoveOld();
    // All rows of one table that are before `before`, until told to stop.
    Result<std::int64_t> Remove(const pg::Statement& statement, Micros before);
    // False: told to stop.
    bool Rest(int time_ms);

    const AccessRetentionOptions options;
    const Clock& clock;
    Session session;  // the thread's
    std::mutex mutex;
    std::condition_variable wake;
    bool stopping = false;  // guarded by mutex
    std::thread thread;
};

bool AccessRetention::Core::Rest(int time_ms) {
    std::unique_lock lock(mutex);
    return !wake.wait_for(lock, std::chrono::milliseconds(time_ms), [this] { return stopping; });
}

Result<std::int64_t> AccessRetention::Core::Remove(const pg::Statement& statement, Micros before) {
    std::int64_t removed = 0;
    for (;;) {
        pg::Params params;
        params.Timestamp(before).Int8(options.batch_rows);
        CARESTREAM_ASSIGN(rows, session.Run(statement, params));
        const std::int64_t gone = rows.Int8(0, 0);
        removed += gone;
        if (gone < options.batch_rows || !Rest(options.rest_ms)) return removed;
    }
}

// What leads to a row goes after it: until then it leads to nothing, which reading bears.
Result<void> AccessRetention::Core::RemoveOld() {
    const Micros before = clock.Now() - options.keep;
    CARESTREAM_ASSIGN(removed, Remove(kAccesses, before));
    CARESTREAM_TRY(Remove(kPatients, before));
    if (removed > 0 && options.log) {
        options.log("info", "audit-retention",
                    std::to_string(removed) +
                        " rows of the audit were older than auth.audit.keep and are removed");
    }
    return {};
}

void AccessRetention::Core::Run() {
    do {
        const Result<void> done = RemoveOld();
        if (!done && options.log) {
            options.log("warn", "audit-retention",
                        "old rows of the audit stay for now: " + done.error().ToString());
        }
    } while (Rest(options.every_ms));
}

AccessRetention::AccessRetention(AccessRetentionOptions options, const Clock& clock)
    : core_(std::make_unique<Core>(std::move(options), clock)) {
    if (core_->options.keep > 0) core_->thread = std::thread([&core = *core_] { core.Run(); });
}

AccessRetention::~AccessRetention() {
    {
        const std::lock_guard lock(core_->mutex);
        core_->stopping = true;
    }
    core_->wake.notify_all();
    if (core_->thread.joinable()) core_->thread.join();
}

}  // namespace carestream::store
