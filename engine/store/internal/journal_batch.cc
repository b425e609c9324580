#include "store/internal/journal_batch.h"

#include <algorithm>
#include <unordered_map>

#include "store/internal/failure_sql.h"
#include "store/internal/message_seal.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

// One statement is one transaction and one round trip. `earlier` sees the rows of before the
// insert; the batch itself was compared in memory. A first copy whose sender heard AE was refused
// and makes no duplicate, whatever became of it since; neither does, where the sender waits for the
// outcome, a dead letter of which no answer is known. The bound $11 lets partitions that are too
// old be skipped.
const pg::Statement kCommit{"journal_commit", R"sql(
with input as materialized (
    select * from unnest($1::int8[], $2::timestamptz[], $3::int2[], $4::int8[], $5::int8[], $6::uuid[],
                         $7::timestamptz[], $8::text[], $9::text[], $10::bytea[], $18::int2[])
        as i(seq, received, tenant, source, control, content, since, channel, answer, raw, waits)),
earlier as materialized (
    select i.seq as new_seq, j.seq, j.received, j.answer, j.content = i.content as same, f.status,
        coalesce(a.answered, f.answered, '') as answered,
        case when a.seq is null then f.ack else a.ack end as ack, j.tenant
    from input i join journal j
        on j.tenant = i.tenant and j.control = i.control and j.source = i.source
    left join lateral (select o.status, o.answered, o.ack from outcome o
        where o.seq = j.seq and o.received = j.received limit 1) f on true
    left join lateral (select r.seq, r.answered, r.ack from reopened r
        where r.seq = j.seq limit 1) a on true
    where i.control is not null and j.answer in ('AA', 'CA')
        and j.received >= i.since and j.received >= $11::timestamptz
        and coalesce(a.answered, f.answered, '') <> 'AE'
        and not (i.waits = 1 and coalesce(a.answered, f.answered, '') = ''
                 and coalesce(f.status, 0) = 3)),
added as (
    insert into journal (seq, received, tenant, source, control, content, channel, answer, raw)
    select i.seq, i.received, i.tenant, i.source, i.control, i.content, i.channel, i.answer, i.raw
    from input i
    where not exists (select 1 from earlier e where e.new_seq = i.seq and e.same)),
refused as (
    insert into outcome (seq, received, tenant, status, event, stage, path, reason, generation,
                         map_name, map_version)
    select r.seq, r.received, r.tenant, 3, '', r.stage, r.path, r.reason, 0, '', ''
    from unnest($12::int8[], $13::timestamptz[], $14::int2[], $15::text[], $16::text[], $17::text[])
        as r(seq, received, tenant, stage, path, reason)
    where not exists (select 1 from earlier e where e.new_seq = r.seq and e.same)
    returning seq, tenant, stage, path, reason),
failed as (
    select r.tenant, 1::int2 as direction, i.channel, r.stage as kind, r.path, r.reason, r.seq as message
    from refused r join input i on i.seq = r.seq),
)sql" CARESTREAM_COUNT_FAILED R"sql(
select new_seq, seq, received, answer, same, status is null, answered,
    case when same then ack end, tenant from earlier order by new_seq, seq)sql"};

// check_violation: these tables have no checks of their own, so no partition holds the row.
constexpr const char* kNoPartition = "23514";

bool Accepted(const std::string& answer) {
    return answer == "AA" || answer == "CA";
}

struct InboxKey {
    Tenant tenant;
    std::int64_t source;
    std::int64_t control;
    bool operator==(const InboxKey&) const = default;
};
struct InboxHash {
    std::size_t operator()(const InboxKey& key) const {
        return static_cast<std::size_t>(key.control ^ (key.source << 1) ^ key.tenant);
    }
};

}  // namespace

JournalBatch::JournalBatch(const crypto::KeyRing& keys)
    : keys_(keys),
      seq_(pg::Type::kInt8),
      received_(pg::Type::kTimestamptz),
      tenant_(pg::Type::kInt2),
      source_(pg::Type::kInt8),
      control_(pg::Type::kInt8),
      content_(pg::Type::kUuid),
      since_(pg::Type::kTimestamptz),
      channel_(pg::Type::kText),
      answer_(pg::Type::kText),
      raw_(pg::Type::kBytea),
      waits_(pg::Type::kInt2),
      refused_seq_(pg::Type::kInt8),
      refused_received_(pg::Type::kTimestamptz),
      refused_tenant_(pg::Type::kInt2),
      refused_stage_(pg::Type::kText),
      refused_path_(pg::Type::kText),
      refused_reason_(pg::Type::kText) {}

const crypto::TokenKey& JournalBatch::KeyOf(Tenant tenant) {
    const auto found = token_keys_.find(tenant);
    if (found != token_keys_.end()) return found->second;
    return token_keys_.emplace(tenant, keys_.token_key(TenantLabel(tenant))).first->second;
}

void JournalBatch::Clear() {
    rows_.clear();
    for (pg::Array* array : {&seq_, &received_, &tenant_, &source_, &control_, &content_, &since_,
                             &channel_, &answer_, &raw_, &waits_, &refused_seq_, &refused_received_,
                             &refused_tenant_, &refused_stage_, &refused_path_, &refused_reason_}) {
        array->Clear();
    }
}

// Tokens, and what the batch itself repeats.
void JournalBatch::Plan(const std::vector<JournalEntry>& entries) {
    std::unordered_multimap<InboxKey, std::size_t, InboxHash> accepted;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const JournalEntry& entry = entries[i];
        const crypto::TokenKey& key = KeyOf(entry.tenant);
        Row row;
        row.first = i;
        row.tokens.source = FindToken(key, "source", entry.source);
        row.tokens.content = key.Token128("message.content", entry.raw);
        if (!entry.control_id.empty()) {
            row.tokens.control = FindToken(key, "control", entry.control_id);
            const InboxKey inbox{entry.tenant, row.tokens.source, row.tokens.control};
            const auto [begin, end] = accepted.equal_range(inbox);
            for (auto it = begin; it != end; ++it) {
                const bool same = rows_[it->second].tokens.content == row.tokens.content;
                // Equal elements have no order: the smallest index is the first.
                if (same) row.first = std::min(row.first, it->second);
                if (!same) row.reused = true;
            }
            if (row.first == i && Accepted(entry.answer)) accepted.emplace(inbox, i);
        }
        rows_.push_back(row);
    }
}

void JournalBatch::AddRow(const JournalEntry& entry, const Row& row, std::int64_t seq) {
    const Micros received = std::clamp(entry.received, kReceivedMin, kReceivedMax);
    const Micros since = received - std::clamp<Micros>(entry.duplicate_window, 0, received);
    seq_.AddInt8(seq);
    received_.AddTimestamp(received);
    tenant_.AddInt2(entry.tenant);
    source_.AddInt8(row.tokens.source);
    if (entry.control_id.empty()) {
        control_.AddNull();
    } else {
        control_.AddInt8(row.tokens.control);
    }
    content_.AddUuid(row.tokens.content);
    since_.AddTimestamp(since);
    channel_.AddText(pg::Printable(entry.channel));
    answer_.AddText(pg::Printable(entry.answer));
    raw_.AddBytes(SealRaw(keys_, entry.tenant, seq, received, entry.raw));
    waits_.AddInt2(entry.answer_after_processing ? 1 : 0);
    since_min_ = std::min(since_min_, since);
    if (entry.refused_stage.empty()) return;
    refused_seq_.AddInt8(seq);
    refused_received_.AddTimestamp(received);
    refused_tenant_.AddInt2(entry.tenant);
    refused_stage_.AddText(pg::Printable(entry.refused_stage));
    refused_path_.AddText(pg::Printable(entry.refused_path));
    refused_reason_.AddText(pg::Printable(entry.refused_reason));
}

Result<void> JournalBatch::EnsureWeeks(pg::Connection& connection, Partitions& partitions,
                                       const std::vector<JournalEntry>& entries) const {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (rows_[i].first != i) continue;
        CARESTREAM_TRY(partitions.Ensure(
            connection, std::clamp(entries[i].received, kReceivedMin, kReceivedMax)));
    }
    return {};
}

Result<std::vector<JournalReceipt>> JournalBatch::Commit(pg::Connection& connection,
                                                         Partitions& partitions,
                                                         std::vector<JournalEntry>& entries,
                                                         std::int64_t first_seq) {
    Clear();
    Plan(entries);
    since_min_ = kReceivedMax;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (rows_[i].first != i) continue;
        AddRow(entries[i], rows_[i], first_seq + static_cast<std::int64_t>(i));
    }
    pg::Params params;
    params.List(seq_).List(received_).List(tenant_).List(source_).List(control_).List(content_);
    params.List(since_).List(channel_).List(answer_).List(raw_).Timestamp(since_min_);
    params.List(refused_seq_).List(refused_received_).List(refused_tenant_).List(refused_stage_);
    params.List(refused_path_).List(refused_reason_).List(waits_);
    CARESTREAM_TRY(EnsureWeeks(connection, partitions, entries));
    Result<pg::Rows> committed = connection.Run(kCommit, params);
    if (!committed && connection.sqlstate() == kNoPartition) {
        // A week was dropped after it was looked for. Nothing is wrong with the message.
        partitions.Forget();
        CARESTREAM_TRY(EnsureWeeks(connection, partitions, entries));
        committed = connection.Run(kCommit, params);
    }
    CARESTREAM_ASSIGN(earlier, std::move(committed));

    std::vector<JournalReceipt> receipts(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        receipts[i].seq = first_seq + static_cast<std::int64_t>(i);
        receipts[i].received = std::clamp(entries[i].received, kReceivedMin, kReceivedMax);
        receipts[i].answer = entries[i].answer;
        receipts[i].control_id_reused = rows_[i].reused;
    }
    for (int r = 0; r < earlier.size(); ++r) {
        JournalReceipt& receipt =
            receipts[static_cast<std::size_t>(earlier.Int8(r, 0) - first_seq)];
        if (!earlier.Bool(r, 4)) {
            receipt.control_id_reused = true;
        } else if (!receipt.duplicate) {  // rows are sorted: the first copy comes first
            receipt.seq = earlier.Int8(r, 1);
            receipt.received = earlier.Timestamp(r, 2);
            receipt.answer = earlier.Text(r, 3);
            receipt.duplicate = true;
            receipt.pending = earlier.Bool(r, 5);
            receipt.ack.code = earlier.Text(r, 6);
            if (!earlier.IsNull(r, 7)) {
                auto ack = OpenAck(keys_, earlier.Int2(r, 8), receipt.seq, earlier.Bytes(r, 7));
                if (ack) receipt.ack.bytes = std::move(*ack);
            }
        }
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (receipts[i].duplicate) receipts[i].control_id_reused = false;
        if (rows_[i].first == i) continue;
        const bool new_here = !receipts[rows_[i].first].duplicate;
        receipts[i] = receipts[rows_[i].first];
        receipts[i].duplicate = true;
        receipts[i].pending = receipts[i].pending || new_here;
        receipts[i].control_id_reused = false;
    }
    return receipts;
}

}  // namespace carestream::store
