#pragma once
// The statements of outbound_impl.cc.
#include "store/internal/failure_sql.h"
#include "store/internal/pg.h"

namespace carestream::store::outbound_sql {

// In the order that ReadRow takes them.
#define CARESTREAM_OUTBOUND_COLUMNS                                                      \
    "o.number, o.change, o.tenant, o.channel, o.kind, o.cause, o.event, o.type, o.id, "  \
    "o.state, o.waiting, o.held, o.attempts, o.created, o.tried, o.next_at, o.settled, " \
    "o.code, o.path, o.reason, o.part, o.control <> 0 "
inline constexpr int kRowColumns = 22;

inline const pg::Statement kReserve{"o_reserve", "select nextval('outbound_number')"};

// $1 consumers, $2 kinds. Rows that are not named go.
inline const pg::Statement kForget{
    "o_forget",
    "delete from event_cursor where consumer like 'outbound:%' and consumer <> all($1::text[])"};
inline const pg::Statement kFollow{
    "o_follow",
    "insert into event_cursor (consumer, seq) select q.consumer, case when q.kind = 1 then "
    "(select seq from event_head) else (select coalesce(max(seq), 0) from journal) end "
    "from unnest($1::text[], $2::int2[]) q(consumer, kind) on conflict do nothing"};
inline const pg::Statement kCursors{
    "o_cursors", "select consumer, seq from event_cursor where consumer = any($1::text[])"};

// $1 consumers, $2 their seqs; $3 numbers, $4 causes, $5 controls, $6 tenants, $7 kinds, $8 parts,
// $9 channels, $10 events, $11 types, $12 ids, $13 paths, $14 reasons, $15 messages, $16 now. All
// cursors move or none; one that is where it should be was moved by this very call before.
inline const pg::Statement kEnqueue{
    "o_enqueue",
    "with q as (select * from unnest($1::text[], $2::int8[]) c(consumer, seq)), "
    "moved as (update event_cursor e set seq = q.seq from q where e.consumer = q.consumer and "
    "e.seq < q.seq and not exists (select 1 from q w left join event_cursor x on x.consumer = "
    "w.consumer where x.seq is null or x.seq >= w.seq) returning 1), "
    "may as (select (select count(*) from moved) = (select count(*) from q) as ok), "
    "fresh as (select m.*, row_number() over (order by m.number) as place from unnest($3::int8[], "
    "$4::int8[], $5::int8[], $6::int2[], $7::int2[], $8::int2[], $9::text[], $10::text[], "
    "$11::text[], $12::text[], $13::text[], $14::text[], $15::bytea[]) m(number, cause, control, "
    "tenant, kind, part, channel, event, type, id, path, reason, message) where (select ok from "
    "may) and not exists (select 1 from outbound o where o.channel = m.channel collate \"C\" and "
    "o.kind = m.kind and o.cause = m.cause and o.part = m.part)), "
    "head as (update outbound_head set change = change + (select count(*) from fresh) returning "
    "change), "
    "made as (insert into outbound (number, cause, change, control, created, settled, tenant, "
    "kind, part, state, waiting, channel, event, type, id, path, reason, message) select f.number, "
    "f.cause, head.change - (select count(*) from fresh) + f.place, f.control, $16::timestamptz, "
    "case when f.reason <> '' then $16::timestamptz end, f.tenant, f.kind, f.part, case when "
    "f.reason = '' then 1 else 5 end, f.reason = '', f.channel, f.event, f.type, f.id, f.path, "
    "f.reason, f.message from fresh f, head returning tenant, channel, path, reason, number), "
    "failed as (select tenant, 2::int2 as direction, channel, 'refused' as kind, path, reason, "
    "number as message from made where reason <> ''), " CARESTREAM_COUNT_FAILED
    "select (select ok from may) or not exists (select 1 from q left join event_cursor e on "
    "e.consumer = q.consumer where e.seq is distinct from q.seq)"};

// $1 after, $2 channels, $3 limit.
inline const pg::Statement kArrived{
    "o_arrived",
    "select j.seq, j.tenant, j.channel, j.received, j.raw from journal j where j.seq > $1::int8 "
    "and j.channel = any($2::text[]) and j.answer in ('AA', 'CA') order by j.seq limit $3::int4"};
inline const pg::Statement kConclusions{
    "o_conclusions",
    "select j.seq, j.tenant, j.channel, j.received, j.raw, o.status, o.path, o.reason from journal "
    "j left join outcome o on o.seq = j.seq and o.received = j.received where j.seq > $1::int8 and "
    "j.channel = any($2::text[]) and j.answer = 'CA' order by j.seq limit $3::int4"};
inline const pg::Statement kJournalEnd{"o_journal_end",
                                       "select coalesce(max(seq), 0) from journal"};

inline const pg::Statement kWaiting{
    "o_waiting", "select " CARESTREAM_OUTBOUND_COLUMNS
                 ", o.message, o.ack from outbound o where o.channel = $1::text collate \"C\" and "
                 "o.waiting order by o.number limit $2::int4"};

// $1 numbers, $2 changes, $3 states, $4 waiting, $5 held, $6 attempts, $7 tried, $8 next_at,
// $9 settled, $10 codes, $11 paths, $12 reasons, $13 acks. Rows are locked before the head, by
// everybody.
inline const pg::Statement kSave{
    "o_save",
    "with q as (select * from unnest($1::int8[], $2::int8[], $3::int2[], $4::bool[], $5::bool[], "
    "$6::int4[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::text[], "
    "$11::text[], $12::text[], $13::bytea[]) u(number, change, state, waiting, held, attempts, "
    "tried, next_at, settled, code, path, reason, ack)), "
    "locked as materialized (select o.number, o.state as before from outbound o join q on q.number "
    "= o.number where "
    "o.change = q.change order by o.number for update of o), "
    "taken as (select number, before, row_number() over (order by number) as place from locked), "
    "head as (update outbound_head set change = change + (select count(*) from taken) returning "
    "change), "
    "moved as (update outbound o set change = head.change - (select count(*) from taken) + "
    "taken.place, "
    "state = q.state, waiting = q.waiting, held = q.held, attempts = q.attempts, tried = q.tried, "
    "next_at = q.next_at, settled = q.settled, code = q.code, path = q.path, reason = q.reason, "
    "ack = coalesce(q.ack, o.ack) from taken, q, head where o.number = taken.number and q.number = "
    "o.number returning o.number, o.change, o.tenant, o.channel, o.state, o.path, o.reason, "
    "taken.before), "
    "failed as (select tenant, 2::int2 as direction, channel, case state when 5 then 'refused' "
    "else 'ambiguous' end as kind, path, reason, number as message from moved where state in (5, "
    "6) and state <> before), " CARESTREAM_COUNT_FAILED "select number, change from moved"};

inline const pg::Statement kUnanswered{
    "o_unanswered", "select " CARESTREAM_OUTBOUND_COLUMNS
                    "from outbound o where o.channel = $1::text collate \"C\" and o.control = "
                    "$2::int8 and o.tenant = $3::int2 and o.state in (2, 3, 6) order by o.number"};
inline const pg::Statement kOverdue{
    "o_overdue", "select " CARESTREAM_OUTBOUND_COLUMNS
                 "from outbound o where o.channel = $1::text collate \"C\" and o.state = 3 and "
                 "o.next_at <= $2::timestamptz order by o.number limit $3::int4"};
inline const pg::Statement kSending{"o_sending",
                                    "select " CARESTREAM_OUTBOUND_COLUMNS
                                    "from outbound o where o.state = 2 order by o.number"};
inline const pg::Statement kDepths{
    "o_depths",
    "select channel, count(*) filter (where waiting), min(created) filter (where waiting), "
    "count(*) filter (where held), count(*) filter (where state = 3), count(*) filter (where state "
    "= 5), count(*) filter (where state = 6) from outbound where state not in (4, 7) group by "
    "channel order by channel"};
// $1 channel or '', $2 states or '{}' (all that are open), $3 after, $4 limit.
inline const pg::Statement kList{
    "o_list", "select " CARESTREAM_OUTBOUND_COLUMNS
              "from outbound o where ($1::text = '' or o.channel = $1::text collate \"C\") and "
              "((cardinality($2::int2[]) = 0 and o.state not in (4, 7)) or o.state = "
              "any($2::int2[])) and o.number > $3::int8 order by o.number limit $4::int4"};
inline const pg::Statement kRow{
    "o_row", "select " CARESTREAM_OUTBOUND_COLUMNS "from outbound o where o.number = $1::int8"};
inline const pg::Statement kShow{"o_show", "select " CARESTREAM_OUTBOUND_COLUMNS
                                           ", o.message, o.ack from outbound o where o.number = "
                                           "$1::int8"};
inline const pg::Statement kAudit{
    "o_audit", "insert into audit (actor, action, detail) values ($1::text, $2::text, $3::text)"};
inline const pg::Statement kChanges{
    "o_changes", "select " CARESTREAM_OUTBOUND_COLUMNS
                 ", ''::bytea, o.ack from outbound o where o.change > $1::int8 order by o.change "
                 "limit $2::int4"};
inline const pg::Statement kPrune{
    "o_prune",
    "delete from outbound where number in (select number from outbound where channel = $1::text "
    "collate \"C\" and state in (4, 7) and settled < $2::timestamptz order by settled limit "
    "$3::int4)"};

}  // namespace carestream::store::outbound_sql
