#include "store/internal/pending.h"

#include "store/internal/message_seal.h"

namespace carestream::store {
namespace {

// Above the watermark every row is looked at; below it only what was sent round again. $3 bounds
// the sealed bytes that come over.
const pg::Statement kPending{"journal_pending", R"sql(
select p.seq, p.tenant, p.channel, p.raw, p.received, p.attempts from (
select u.*, sum(octet_length(u.raw)) over (order by u.seq) - octet_length(u.raw) as before from (
(select j.seq, j.tenant, j.channel, j.raw, j.received, coalesce(r.attempts, 0) as attempts
 from journal j left join reopened r on r.seq = j.seq
 where j.seq > greatest($1::int8, (select seq from journal_watermark))
   and not exists (select 1 from outcome o where o.seq = j.seq and o.received = j.received)
 order by j.seq limit $2::int4)
union all
(select j.seq, j.tenant, j.channel, j.raw, j.received, r.attempts
 from reopened r join journal j on j.seq = r.seq and j.received = r.received
 where r.seq > $1::int8 and r.seq <= (select seq from journal_watermark)
   and not exists (select 1 from outcome o where o.seq = r.seq and o.received = r.received)
 order by r.seq limit $2::int4)
order by 1 limit $2::int4) u) p where p.before < $3::int8 order by p.seq)sql"};

const pg::Statement kLoad{"journal_load", R"sql(
select j.seq, j.tenant, j.channel, j.raw, j.received, coalesce(r.attempts, 0)
from journal j left join reopened r on r.seq = j.seq where j.seq = $1::int8)sql"};

// One snapshot: what commits later has larger numbers, since the journal has one writer.
const pg::Statement kAdvance{"journal_advance", R"sql(
with first as (
    select j.seq from journal j
    where j.seq > (select seq from journal_watermark)
      and not exists (select 1 from outcome o where o.seq = j.seq and o.received = j.received)
    order by j.seq limit 1),
target as (select coalesce((select seq - 1 from first), (select max(seq) from journal), 0) as seq)
update journal_watermark w set seq = t.seq from target t where t.seq > w.seq)sql"};

// The plans must seek from the watermark on, whatever the statistics say.
pg::ConnectOptions Tuned(pg::ConnectOptions options) {
    options.application = "carestream pending";
    options.settings = {"set enable_seqscan = off", "set enable_hashjoin = off",
                        "set enable_mergejoin = off", "set jit = off"};
    return options;
}

}  // namespace

PendingReader::PendingReader(const pg::ConnectOptions& options, const crypto::KeyRing& keys,
                             Partitions& partitions)
    : keys_(keys), session_(Tuned(options)), partitions_(partitions) {}

PendingMessage PendingReader::Read(const pg::Rows& rows, int row) const {
    PendingMessage message;
    message.seq = rows.Int8(row, 0);
    message.tenant = rows.Int2(row, 1);
    message.channel = rows.Text(row, 2);
    message.received = rows.Timestamp(row, 4);
    message.attempts = rows.Int4(row, 5);
    auto raw = OpenRaw(keys_, message.tenant, message.seq, rows.Bytes(row, 3));
    message.unreadable = !raw;
    if (raw) message.raw = std::move(*raw);
    return message;
}

Result<std::vector<PendingMessage>> PendingReader::Pending(std::int64_t after, int limit) {
    const std::lock_guard lock(mutex_);
    pg::Params params;
    params.Int8(after).Int4(limit).Int8(2 * static_cast<std::int64_t>(kPendingBytesMax));
    CARESTREAM_ASSIGN(rows, session_.Run(kPending, params));
    std::vector<PendingMessage> messages;
    std::size_t bytes = 0;
    for (int i = 0; i < rows.size() && bytes < kPendingBytesMax; ++i) {
        PendingMessage message = Read(rows, i);
        bytes += message.raw.size();
        messages.push_back(std::move(message));
    }
    return messages;
}

Result<PendingMessage> PendingReader::Load(std::int64_t seq) {
    const std::lock_guard lock(mutex_);
    pg::Params params;
    params.Int8(seq);
    CARESTREAM_ASSIGN(rows, session_.Run(kLoad, params));
    if (rows.empty()) {
        return Fail(Code::kNotFound, "no message " + std::to_string(seq) + " in the journal");
    }
    return Read(rows, 0);
}

Result<void> PendingReader::AdvanceWatermark() {
    const std::lock_guard lock(mutex_);
    CARESTREAM_TRY(session_.Run(kAdvance));
    return {};
}

Result<void> PendingReader::PreparePartitions(Micros now) {
    const std::lock_guard lock(mutex_);
    CARESTREAM_ASSIGN(connection, session_.Get());
    CARESTREAM_TRY(partitions_.Ensure(*connection, now));
    return partitions_.Ensure(*connection, now + kWeekMicros);
}

}  // namespace carestream::store
