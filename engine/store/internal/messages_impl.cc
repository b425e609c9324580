#include "store/internal/messages_impl.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "store/internal/message_seal.h"
#include "store/internal/session.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

constexpr int kTimeoutMs = 30'000;
// The status is asked when something is wrong: it says so soon.
constexpr int kStatusTimeoutMs = 2'500;

// A summary's columns, in the order that ReadSummary takes them.
#define CARESTREAM_SUMMARY_COLUMNS                                                          \
    "j.seq, j.received, j.channel, coalesce(o.event, ''), "                                 \
    "coalesce(nullif(coalesce(r.answered, o.answered), ''), j.answer), coalesce(o.status, " \
    "0::int2), "                                                                            \
    "coalesce(o.stage, ''), coalesce(o.path, ''), coalesce(o.reason, ''), "                 \
    "coalesce(r.attempts, 0) + case when o.seq is null then 0 else 1 end "
#define CARESTREAM_SUMMARY_JOINS                                        \
    "left join outcome o on o.seq = j.seq and o.received = j.received " \
    "left join reopened r on r.seq = j.seq "

const pg::Statement kFindControl{"m_find_control",
                                 "select " CARESTREAM_SUMMARY_COLUMNS
                                 "from journal j " CARESTREAM_SUMMARY_JOINS
                                 "where j.tenant = $1::int2 and j.control = $2::int8 "
                                 "order by j.seq desc limit $3::int4"};

// A message that was processed twice has its keys twice.
const pg::Statement kFindKey{
    "m_find_key",
    "select " CARESTREAM_SUMMARY_COLUMNS
    "from (select distinct seq, received from message_key where tenant = $1::int2 and token = "
    "$2::int8 "
    "order by seq desc limit $3::int4) k "
    "join journal j on j.seq = k.seq and j.received = k.received " CARESTREAM_SUMMARY_JOINS
    "order by j.seq desc"};

const pg::Statement kShow{
    "m_show", "select " CARESTREAM_SUMMARY_COLUMNS
              ", j.tenant, j.raw, o.detail, coalesce(o.generation, 0), coalesce(o.map_name, ''), "
              "coalesce(o.map_version, '') from journal j " CARESTREAM_SUMMARY_JOINS
              "where j.seq = $1::int8"};

// Every range whose ends hold the number may be the one; the last that began is.
const pg::Statement kDropped{
    "m_dropped",
    "select first_seq, last_seq, week, dropped from journal_dropped where first_seq <= $1::int8 "
    "and last_seq >= $1::int8 order by first_seq desc limit 1"};

// $1 seqs ('{}': any), $2 channel, $3 stage, $4 path, $5 reason ('': any), $6 limit.
#define CARESTREAM_DEAD_FILTER                                                               \
    "(cardinality($1::int8[]) = 0 or o.seq = any($1::int8[])) "                              \
    "and ($2::text = '' or j.channel = $2::text) and ($3::text = '' or o.stage = $3::text) " \
    "and ($4::text = '' or o.path = $4::text) and ($5::text = '' or o.reason = $5::text) "   \
    "order by o.seq limit $6::int4"

const pg::Statement kDeadLetters{
    "m_dead",
    "select " CARESTREAM_SUMMARY_COLUMNS
    "from outcome o join journal j on j.seq = o.seq and j.received = o.received "
    "left join reopened r on r.seq = j.seq where o.status = 3 and " CARESTREAM_DEAD_FILTER};

const pg::Statement kSummaries{"m_summaries", "select " CARESTREAM_SUMMARY_COLUMNS
                                              "from journal j " CARESTREAM_SUMMARY_JOINS
                                              "where j.seq = any($1::int8[]) order by j.seq"};

const pg::Statement kCountDead{"m_count_dead",
                               "select count(*) from (select 1 from outcome o "
                               "join journal j on j.seq = o.seq and j.received = o.received "
                               "where o.status = 3 and " CARESTREAM_DEAD_FILTER ") d"};

const pg::Statement kGroups{
    "m_groups",
    "select stage, path, reason, count(*), min(seq), max(seq) from outcome "
    "where status = 3 group by stage, path, reason order by 4 desc, 1, 2, 3"};

const pg::Statement kReopen{
    "m_reopen",
    "with chosen as materialized (select o.seq, o.received from outcome o "
    "join journal j on j.seq = o.seq and j.received = o.received "
    "where (o.status = 3 or (o.status in (2, 4) and cardinality($1::int8[]) > 0)) "
    "and " CARESTREAM_DEAD_FILTER
    " for update of o), "
    "gone as (delete from outcome o using chosen c where o.seq = c.seq and o.received = c.received "
    "returning o.seq, o.received, o.answered, o.ack), "
    // The answer of the first time is the one that the sender heard.
    "again as (insert into reopened (seq, received, attempts, answered, ack) "
    "select seq, received, 1, answered, ack from gone "
    "on conflict (seq) do update set attempts = reopened.attempts + 1), "
    "noted as (insert into audit (actor, action, seq) select $7::text, 'reopen', seq from gone) "
    "select seq from gone order by seq"};

const pg::Statement kDiscard{
    "m_discard",
    "with chosen as materialized (select o.seq, o.received from outcome o "
    "join journal j on j.seq = o.seq and j.received = o.received "
    "where o.status = 3 and " CARESTREAM_DEAD_FILTER
    " for update of o), "
    "done as (update outcome o set status = 4 from chosen c where o.seq = c.seq and "
    "o.received = c.received returning o.seq), "
    "noted as (insert into audit (actor, action, seq) select $7::text, 'discard', seq from done) "
    "select count(*) from done"};

const pg::Statement kAuditShow{
    "m_audit_show", "insert into audit (actor, action, seq) values ($1::text, 'show', $2::int8)"};

// $1 bounds each count. Both parts walk their keys in order, so the first rows come from the
// oldest. `reopened` keeps its rows when they got their outcome: below $2 none waits, and the last
// column is the next $2.
const pg::Statement kPendingCount{
    "m_pending",
    "with fresh as (select j.received from journal j "
    "where j.seq > (select seq from journal_watermark) and "
    "not exists (select 1 from outcome o where o.seq = j.seq and o.received = j.received) "
    "order by j.seq limit $1::int4), "
    "again as (select r.seq, r.received from reopened r where r.seq >= $2::int8 and "
    "r.seq <= (select seq from journal_watermark) and "
    "not exists (select 1 from outcome o where o.seq = r.seq and o.received = r.received) "
    "order by r.seq limit $1::int4) "
    "select count(*), min(received), coalesce((select min(seq) from again), "
    "(select seq + 1 from journal_watermark), 0) "
    "from (select received from fresh union all select received from again) p"};

const pg::Statement kSizes{
    "m_sizes",
    "select (select count(*) from (select 1 from outcome where status = 3 limit $1::int4 + 1) d), "
    "(select count(*) from (select 1 from identity_conflict where resolved is null "
    "limit $1::int4) c), "
    "coalesce((select greatest(c.reltuples, s.n_live_tup)::int8 from pg_class c "
    "join pg_stat_user_tables s on s.relid = c.oid where c.oid = to_regclass('resource')), 0), "
    "pg_database_size(current_database())"};

// $1 after, $2 limit. Two statements, so that the open ones are read from their index.
#define CARESTREAM_CONFLICT_SELECT                                                               \
    "select c.id, c.at, c.tenant, c.type, coalesce(k.id, ''), coalesce(o.id, ''), c.seq, "       \
    "c.resolved, c.resolved_by, c.note from identity_conflict c left join resource k on k.pk = " \
    "c.kept left join resource o on o.pk = c.other where c.id > $1::int8 "
const pg::Statement kOpenConflicts{"m_conflicts", CARESTREAM_CONFLICT_SELECT
                                   "and c.resolved is null order by c.id limit $2::int4"};
const pg::Statement kAllConflicts{"m_all_conflicts",
                                  CARESTREAM_CONFLICT_SELECT "order by c.id limit $2::int4"};

const pg::Statement kConflict{
    "m_conflict",
    "select tenant, resolved_by, resolved from identity_conflict where id = $1::int8"};

const pg::Statement kResolve{
    "m_resolve",
    "with done as (update identity_conflict set resolved = $2::timestamptz, "
    "resolved_by = $3::text, note = $4::bytea where id = $1::int8 and resolved is null "
    "returning id, seq) "
    "insert into audit (actor, action, seq, detail) select $3::text, 'resolve-conflict', seq, "
    "'conflict ' || id from done returning id"};

const char* StatusName(std::int16_t status) {
    switch (static_cast<OutcomeStatus>(status)) {
        case OutcomeStatus::kProcessed:
            return "processed";
        case OutcomeStatus::kKept:
            return "kept";
        case OutcomeStatus::kDeadLetter:
            return "dead-letter";
        case OutcomeStatus::kDiscarded:
            return "discarded";
    }
    return "pending";
}

MessageSummary ReadSummary(const pg::Rows& rows, int row) {
    MessageSummary summary;
    summary.seq = rows.Int8(row, 0);
    summary.received = rows.Timestamp(row, 1);
    summary.channel = rows.Text(row, 2);
    summary.event = rows.Text(row, 3);
    summary.answer = rows.Text(row, 4);
    summary.status = StatusName(rows.Int2(row, 5));
    summary.stage = rows.Text(row, 6);
    summary.path = rows.Text(row, 7);
    summary.reason = rows.Text(row, 8);
    summary.attempts = rows.Int4(row, 9);
    return summary;
}

std::vector<MessageSummary> ReadSummaries(const pg::Rows& rows) {
    std::vector<MessageSummary> summaries;
    for (int i = 0; i < rows.size(); ++i) summaries.push_back(ReadSummary(rows, i));
    return summaries;
}

// The parameters of CARESTREAM_DEAD_FILTER; borrows from `filter` and `seqs`.
pg::Params FilterParams(const DeadLetterFilter& filter, pg::Array& seqs) {
    for (const std::int64_t seq : filter.seqs) seqs.AddInt8(seq);
    pg::Params params;
    params.List(seqs).Text(filter.channel).Text(filter.stage).Text(filter.path).Text(filter.reason);
    params.Int4(filter.limit > 0 ? filter.limit : std::numeric_limits<std::int32_t>::max());
    return params;
}

pg::ConnectOptions Tuned(pg::ConnectOptions options) {
    options.application = "carestream messages";
    options.wait_timeout_ms = kTimeoutMs;
    // Reads seek by number, whatever the statistics say; the groups scan one partial index.
    options.settings = {"set enable_seqscan = off", "set enable_hashjoin = off",
                        "set enable_mergejoin = off", "set jit = off"};
    return options;
}

pg::ConnectOptions TunedForStatus(const pg::ConnectOptions& options) {
    pg::ConnectOptions status = Tuned(options);
    status.application = "carestream status";
    status.wait_timeout_ms = kStatusTimeoutMs;
    status.connect_timeout_ms = 2'000;  // libpq takes no less
    return status;
}

class MessagesImpl final : public Messages {
public:
    MessagesImpl(const pg::ConnectOptions& options, const crypto::KeyRing& keys,
                 std::shared_ptr<const fhir::Definitions> definitions, const Clock& clock)
        : keys_(keys),
          definitions_(std::move(definitions)),
          clock_(clock),
          session_(Tuned(options)),
          status_session_(TunedForStatus(options)) {}

    Result<std::vector<MessageSummary>> Find(Tenant tenant, const FindKey& key, int limit) override;
    Result<MessageDetail> Show(std::int64_t seq, const std::string& actor) override;
    Result<std::vector<MessageSummary>> DeadLetters(const DeadLetterFilter& filter) override;
    Result<std::vector<MessageSummary>> Summaries(const std::vector<std::int64_t>& seqs) override;
    Result<std::int64_t> CountDeadLetters(const DeadLetterFilter& filter) override;
    Result<std::vector<DeadLetterGroup>> DeadLetterGroups() override;
    Result<std::vector<std::int64_t>> Reopen(const DeadLetterFilter& filter,
                                             const std::string& actor) override;
    Result<std::int64_t> Discard(const DeadLetterFilter& filter, const std::string& actor) override;
    Result<std::vector<IdentityConflict>> Conflicts(const ConflictFilter& filter) override;
    Result<void> ResolveConflict(std::int64_t id, const std::string& note,
                                 const std::string& actor) override;
    Result<StoreStatus> Status() override;

private:
    [[nodiscard]] Error Absent(std::int64_t seq);
    [[nodiscard]] Result<IdentityConflict> ReadConflict(const pg::Rows& rows, int row) const;

    const crypto::KeyRing& keys_;
    const std::shared_ptr<const fhir::Definitions> definitions_;
    const Clock& clock_;
    std::mutex mutex_;
    Session session_;  // guarded by mutex_
    std::mutex status_mutex_;
    Session status_session_;  // guarded by status_mutex_
    std::mutex floor_mutex_;
    std::int64_t reopened_floor_ = 0;  // no reopened message below it waits; guarded, like the next
    std::int64_t reopenings_ = 0;
};

Result<std::vector<MessageSummary>> MessagesImpl::Find(Tenant tenant, const FindKey& key,
                                                       int limit) {
    const bool control = key.kind == "control";
    if (!control && key.kind != "patient" && key.kind != "visit" && key.kind != "order") {
        return Fail(Code::kInvalid, "messages are found by control, patient, visit or order",
                    "kind");
    }
    pg::Params params;
    params.Int2(tenant).Int8(FindToken(keys_.token_key(TenantLabel(tenant)), key)).Int4(limit);
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(rows, session_.Run(control ? kFindControl : kFindKey, params));
    return ReadSummaries(rows);
}

// Why the journal has no such message. Under mutex_.
Error MessagesImpl::Absent(std::int64_t seq) {
    Error error;
    const std::string number = std::to_string(seq);
    const auto rows = session_.Run(kDropped, pg::Params().Int8(seq));
    if (!rows) return rows.error();
    error.code = Code::kNotFound;
    error.message = "no message " + number + " in the journal";
    if (rows->empty()) return error;
    const auto day = [&rows](int column) {
        return FormatInstant(rows->Timestamp(0, column)).substr(0, 10);
    };
    error.code = Code::kGone;
    error.message = "message " + number + " is gone: the week from " + day(2) + " (messages " +
                    std::to_string(rows->Int8(0, 0)) + " to " + std::to_string(rows->Int8(0, 1)) +
                    ") was dropped on " + day(3) +
                    " because of store.journal_keep; the resources that it made stay";
    return error;
}

Result<MessageDetail> MessagesImpl::Show(std::int64_t seq, const std::string& actor) {
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(rows, session_.Run(kShow, pg::Params().Int8(seq)));
    if (rows.empty()) return tl::make_unexpected(Absent(seq));
    // Nobody sees what was not noted.
    CARESTREAM_ASSIGN(connection, session_.Get());
    CARESTREAM_TRY(connection->Run(kAuditShow, pg::Params().Text(actor).Int8(seq)));
    MessageDetail detail;
    detail.summary = ReadSummary(rows, 0);
    const Tenant tenant = rows.Int2(0, 10);
    CARESTREAM_ASSIGN(raw, OpenRaw(keys_, tenant, seq, rows.Bytes(0, 11)));
    detail.raw = std::move(raw);
    if (!rows.IsNull(0, 12)) {
        CARESTREAM_ASSIGN(outcome, OpenDetail(keys_, tenant, seq, rows.Bytes(0, 12)));
        detail.loss_report = std::move(outcome.loss_report);
        detail.resources = std::move(outcome.resources);
    }
    detail.generation = rows.Int8(0, 13);
    detail.map_name = rows.Text(0, 14);
    detail.map_version = rows.Text(0, 15);
    return detail;
}

Result<std::vector<MessageSummary>> MessagesImpl::DeadLetters(const DeadLetterFilter& filter) {
    pg::Array seqs(pg::Type::kInt8);
    const pg::Params params = FilterParams(filter, seqs);
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(rows, session_.Run(kDeadLetters, params));
    return ReadSummaries(rows);
}

Result<std::int64_t> MessagesImpl::CountDeadLetters(const DeadLetterFilter& filter) {
    DeadLetterFilter all = filter;
    all.limit = 0;
    pg::Array seqs(pg::Type::kInt8);
    const pg::Params params = FilterParams(all, seqs);
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(rows, session_.Run(kCountDead, params));
    return rows.Int8(0, 0);
}

Result<std::vector<DeadLetterGroup>> MessagesImpl::DeadLetterGroups() {
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(rows, session_.Run(kGroups));
    std::vector<DeadLetterGroup> groups;
    for (int i = 0; i < rows.size(); ++i) {
        groups.push_back({std::string(rows.Text(i, 0)), std::string(rows.Text(i, 1)),
                          std::string(rows.Text(i, 2)), rows.Int8(i, 3), rows.Int8(i, 4),
                          rows.Int8(i, 5)});
    }
    return groups;
}

Result<std::vector<std::int64_t>> MessagesImpl::Reopen(const DeadLetterFilter& filter,
                                                       const std::string& actor) {
    pg::Array seqs(pg::Type::kInt8);
    pg::Params params = FilterParams(filter, seqs);
    params.Text(actor);
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(connection, session_.Get());
    auto rows = connection->Run(kReopen, params);
    {
        // Whatever came of it: a lost answer does not tell.
        const std::lock_guard floor_lock(floor_mutex_);
        reopened_floor_ = 0;
        ++reopenings_;
    }
    if (!rows) return Fail(rows.error());
    std::vector<std::int64_t> reopened;
    for (int i = 0; i < rows->size(); ++i) reopened.push_back(rows->Int8(i, 0));
    return reopened;
}

Result<std::int64_t> MessagesImpl::Discard(const DeadLetterFilter& filter,
                                           const std::string& actor) {
    pg::Array seqs(pg::Type::kInt8);
    pg::Params params = FilterParams(filter, seqs);
    params.Text(actor);
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(connection, session_.Get());
    CARESTREAM_ASSIGN(rows, connection->Run(kDiscard, params));
    return rows.Int8(0, 0);
}

Result<IdentityConflict> MessagesImpl::ReadConflict(const pg::Rows& rows, int row) const {
    IdentityConflict conflict;
    conflict.id = rows.Int8(row, 0);
    conflict.at = rows.Timestamp(row, 1);
    conflict.tenant = rows.Int2(row, 2);
    const auto number = static_cast<std::size_t>(rows.Int2(row, 3));
    const auto types = definitions_->ResourceTypes();
    const std::string type(number >= 1 && number <= types.size() ? types[number - 1] : "?");
    conflict.kept = type + "/" + std::string(rows.Text(row, 4));
    conflict.other = type + "/" + std::string(rows.Text(row, 5));
    conflict.seq = rows.Int8(row, 6);
    if (!rows.IsNull(row, 7)) conflict.resolved = rows.Timestamp(row, 7);
    conflict.resolved_by = rows.Text(row, 8);
    if (!rows.IsNull(row, 9)) {
        CARESTREAM_ASSIGN(note, OpenNote(keys_, conflict.tenant, conflict.id, rows.Bytes(row, 9)));
        conflict.note = std::move(note);
    }
    return conflict;
}

Result<std::vector<IdentityConflict>> MessagesImpl::Conflicts(const ConflictFilter& filter) {
    pg::Params params;
    params.Int8(filter.after).Int4(filter.limit);
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(rows, session_.Run(filter.all ? kAllConflicts : kOpenConflicts, params));
    std::vector<IdentityConflict> conflicts;
    for (int i = 0; i < rows.size(); ++i) {
        CARESTREAM_ASSIGN(conflict, ReadConflict(rows, i));
        conflicts.push_back(std::move(conflict));
    }
    return conflicts;
}

Result<void> MessagesImpl::ResolveConflict(std::int64_t id, const std::string& note,
                                           const std::string& actor) {
    if (note.empty()) return Fail(Code::kInvalid, "say in a note what was decided", "note");
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(connection, session_.Get());
    CARESTREAM_ASSIGN(rows, connection->Run(kConflict, pg::Params().Int8(id)));
    if (rows.empty()) return Fail(Code::kNotFound, "no identity conflict " + std::to_string(id));
    const Micros now = clock_.Now();
    const std::string sealed = SealNote(keys_, rows.Int2(0, 0), id, now, note);
    pg::Params params;
    params.Int8(id).Timestamp(now).Text(actor).Bytes(sealed);
    CARESTREAM_ASSIGN(done, connection->Run(kResolve, params));
    if (done.empty()) {
        const std::string by(rows.Text(0, 1));
        return Fail(Code::kConflict, "identity conflict " + std::to_string(id) +
                                         " is resolved already" + (by.empty() ? "" : " by " + by));
    }
    return {};
}

Result<std::vector<MessageSummary>> MessagesImpl::Summaries(const std::vector<std::int64_t>& seqs) {
    pg::Array list(pg::Type::kInt8);
    for (const std::int64_t seq : seqs) list.AddInt8(seq);
    pg::Params params;
    params.List(list);
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(rows, session_.Run(kSummaries, params));
    return ReadSummaries(rows);
}

Result<StoreStatus> MessagesImpl::Status() {
    const std::lock_guard lock(status_mutex_);
    const auto max = static_cast<std::int32_t>(kCountMax);
    std::int64_t floor = 0;
    std::int64_t reopenings = 0;
    {
        const std::lock_guard floor_lock(floor_mutex_);
        floor = reopened_floor_;
        reopenings = reopenings_;
    }
    CARESTREAM_ASSIGN(pending,
                      status_session_.Run(kPendingCount, pg::Params().Int4(max + 1).Int8(floor)));
    {
        // A reopening that came meanwhile may not have been seen.
        const std::lock_guard floor_lock(floor_mutex_);
        if (reopenings == reopenings_) reopened_floor_ = pending.Int8(0, 2);
    }
    CARESTREAM_ASSIGN(sizes, status_session_.Run(kSizes, pg::Params().Int4(max)));
    StoreStatus status;
    status.pending = std::min(pending.Int8(0, 0), kCountMax);
    status.more_pending = pending.Int8(0, 0) > kCountMax;
    status.oldest_pending = pending.Timestamp(0, 1);
    status.dead_letters = std::min(sizes.Int8(0, 0), kCountMax);
    status.more_dead_letters = sizes.Int8(0, 0) > kCountMax;
    status.identity_conflicts = sizes.Int8(0, 1);
    status.resources = std::max<std::int64_t>(sizes.Int8(0, 2), 0);
    status.bytes = sizes.Int8(0, 3);
    return status;
}

}  // namespace

std::unique_ptr<Messages> MakeMessages(const pg::ConnectOptions& options,
                                       const crypto::KeyRing& keys,
                                       std::shared_ptr<const fhir::Definitions> definitions,
                                       const Clock& clock) {
    return std::make_unique<MessagesImpl>(options, keys, std::move(definitions), clock);
}

}  // namespace carestream::store
