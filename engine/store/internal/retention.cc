#include "store/internal/retention.h"

#include <utility>

namespace carestream::store {
namespace {

// Ingest queues behind a lock that is waited for: so this is what it may lose
// to a week in use.
constexpr const char* kLockTimeout = "50ms";

// Catalog only. $1: the partitions from this name on are too young (names sort
// like weeks).
const pg::Statement kWeeks{"retention_weeks",
                           "select c.relname from pg_inherits i join pg_class c on c.oid = "
                           "i.inhrelid where i.inhparent = 'journal'::regclass and c.relname < "
                           "$1::text order by c.relname"};

const pg::Statement kNote{"retention_note",
                          "insert into journal_dropped (first_seq, last_seq, week, dropped) values "
                          "($1::int8, $2::int8, $3::timestamptz, $4::timestamptz) "
                          "on conflict (first_seq) do nothing"};

// Each part is a seek: ends of the primary key, the index of dead letters, a
// range of `reopened`. The names are made from dates, nothing else comes into
// the text. What was sent round again and is done has an outcome.
std::string LookSql(Micros start) {
    const std::string journal = PartitionName("journal", start);
    const std::string outcome = PartitionName("outcome", start);
    const std::string from = "'" + FormatInstant(start) + "'::timestamptz";
    const std::string to = "'" + FormatInstant(start + kWeekMicros) + "'::timestamptz";
    return "with ends as materialized (select (select min(seq) from " + journal +
           ") as first, (select max(seq) from " + journal +
           ") as last) select coalesce(first, 0), coalesce(last, 0), "
           "coalesce(last, 0) > (select seq from journal_watermark) "
           "or exists (select 1 from " +
           outcome +
           " where status = 3) "
           "or exists (select 1 from reopened r where r.seq between first and "
           "last and r.received "
           ">= " +
           from + " and r.received < " + to + " and not exists (select 1 from " + outcome +
           " o where o.seq = r.seq and o.received = r.received)) from ends";
}

std::string ForgetReplaysSql(Micros start, std::int64_t first, std::int64_t last) {
    const std::string outcome = PartitionName("outcome", start);
    return "delete from reopened r where r.seq between " + std::to_string(first) + " and " +
           std::to_string(last) + " and exists (select 1 from " + outcome +
           " o where o.seq = r.seq and o.received = r.received)";
}

// Whole tables in the order in which a commit of the journal takes them, then
// their week.
std::string LockSql(Micros start) {
    return "lock table only journal, only outcome, only message_key, " +
           PartitionName("journal", start) + ", " + PartitionName("outcome", start) + ", " +
           PartitionName("message_key", start) + " in access exclusive mode";
}

std::string DropSql(Micros start) {
    return "drop table " + PartitionName("journal", start) + ", " +
           PartitionName("outcome", start) + ", " + PartitionName("message_key", start);
}

// lock_not_available, deadlock_detected: somebody uses the week.
bool InUse(const pg::Connection& connection) {
    return connection.sqlstate() == "55P03" || connection.sqlstate() == "40P01";
}

pg::ConnectOptions Tuned(pg::ConnectOptions options) {
    options.application = "carestream retention";
    options.settings = {"set enable_seqscan = off", "set enable_hashjoin = off",
                        "set enable_mergejoin = off", "set jit = off",
                        std::string("set lock_timeout = '") + kLockTimeout + "'"};
    return options;
}

}  // namespace

Retention::Retention(pg::ConnectOptions options, Partitions& partitions, Micros keep, LogLine log)
    : session_(Tuned(std::move(options))),
      partitions_(partitions),
      keep_(keep),
      log_(std::move(log)) {}

Result<bool> Retention::DropOld(Micros now) {
    const Micros before = now - keep_;
    if (keep_ <= 0 || before <= kReceivedMin) return true;
    pg::Params params;
    const std::string first_kept = PartitionName("journal", WeekStart(before));
    params.Text(first_kept);
    CARESTREAM_ASSIGN(names, session_.Run(kWeeks, params));
    bool all = true;
    for (int i = 0; i < names.size(); ++i) {
        const auto start = PartitionStart(names.Text(i, 0));
        if (!start) continue;  // a table of somebody else's making is not ours to drop
        CARESTREAM_ASSIGN(connection, session_.Get());
        CARESTREAM_ASSIGN(gone, Drop(*connection, *start, now));
        all = all && gone;
    }
    return all;
}

Result<Retention::Week> Retention::Look(pg::Connection& connection, Micros start) const {
    CARESTREAM_ASSIGN(rows, connection.Query(LookSql(start)));
    return Week{rows.Int8(0, 0), rows.Int8(0, 1), rows.Bool(0, 2)};
}

// False: in use. True: gone, or it has to stay.
Result<bool> Retention::Drop(pg::Connection& connection, Micros start, Micros now) {
    // Looked at without locks first: most weeks that stay do so for long.
    Result<Week> seen = Look(connection, start);
    if (!seen && InUse(connection)) return false;
    CARESTREAM_ASSIGN(week, std::move(seen));
    if (week.wanted) return true;
    CARESTREAM_TRY(connection.Execute("begin"));
    Result<bool> dropped = DropInTransaction(connection, start, now, week);
    if (dropped && *dropped) {
        const Result<void> committed = connection.Execute("commit");
        if (!committed) dropped = tl::make_unexpected(committed.error());
    }
    if (!dropped) {
        const bool in_use = InUse(connection);
        connection.Rollback();
        if (in_use) return false;
        return dropped;
    }
    if (!*dropped) {
        connection.Rollback();
        return true;
    }
    partitions_.Forget();
    if (log_) {
        const std::string range = week.first_seq == 0
                                      ? "no messages"
                                      : "messages " + std::to_string(week.first_seq) + " to " +
                                            std::to_string(week.last_seq);
        log_("info", "journal-dropped",
             "the week from " + FormatInstant(start).substr(0, 10) +
                 " is dropped (store.journal_keep): " + range);
    }
    return true;
}

// False: somebody came to want it.
Result<bool> Retention::DropInTransaction(pg::Connection& connection, Micros start, Micros now,
                                          Week& week) {
    // Twice: before the locks it may be long, under them only what was finished
    // meanwhile is left.
    CARESTREAM_TRY(connection.Execute(ForgetReplaysSql(start, week.first_seq, week.last_seq)));
    CARESTREAM_TRY(connection.Execute(LockSql(start)));
    CARESTREAM_ASSIGN(now_held, Look(connection, start));
    week = now_held;
    if (week.wanted) return false;
    CARESTREAM_TRY(connection.Execute(ForgetReplaysSql(start, week.first_seq, week.last_seq)));
    if (week.first_seq != 0) {
        pg::Params params;
        params.Int8(week.first_seq).Int8(week.last_seq).Timestamp(start).Timestamp(now);
        CARESTREAM_TRY(connection.Run(kNote, params));
    }
    CARESTREAM_TRY(connection.Execute(DropSql(start)));
    return true;
}

}  // namespace carestream::store
