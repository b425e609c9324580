#pragma once
// How failures are counted: part of the statements that make them.

// CTEs after one `failed` (tenant, direction, channel, kind, path, reason, message). Numbers of
// repetitions make no causes of their own, and of a channel no more than kFailureCausesMax are kept
// apart (100 below): what a sender invents must not fill the table.
#define CARESTREAM_COUNT_FAILED                                                                   \
    "failed_at as (select f.tenant, f.direction, f.channel collate \"C\" as channel, f.kind "     \
    "collate \"C\" as kind, left(regexp_replace(f.path, '\\[[0-9]+\\]', '', 'g'), 100) collate "  \
    "\"C\" as path, f.reason, f.message from failed f), "                                         \
    "failed_by as (select a.*, case when a.path = '' or exists (select 1 from failure k where "   \
    "k.tenant = a.tenant and k.direction = a.direction and k.channel = a.channel and k.kind = "   \
    "a.kind and k.path = a.path) or (select count(*) from failure k where k.tenant = a.tenant "   \
    "and k.direction = a.direction and k.channel = a.channel) < 100 then a.path else '' end as "  \
    "cause from failed_at a), "                                                                   \
    "counted as (insert into failure as k (tenant, direction, channel, kind, path, count, "       \
    "message, reason) select b.tenant, b.direction, b.channel, b.kind, b.cause, count(*), "       \
    "max(b.message), (array_agg(b.reason order by b.message desc))[1] from failed_by b group by " \
    "b.tenant, b.direction, b.channel, b.kind, b.cause order by b.tenant, b.channel, b.kind, "    \
    "b.cause on conflict (tenant, direction, channel, kind, path) do update set count = k.count " \
    "+ excluded.count, last = excluded.last, message = excluded.message, reason = "               \
    "excluded.reason) "
