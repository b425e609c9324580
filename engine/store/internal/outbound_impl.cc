#include "store/internal/outbound_impl.h"

#include <array>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/assert.h"
#include "store/internal/message_seal.h"
#include "store/internal/outbound_sql.h"
#include "store/internal/session.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

using pg::Array;
using pg::Params;
using pg::Rows;
using pg::Type;

constexpr std::size_t kSessions = 4;
constexpr int kTimeoutMs = 15'000;  // who stops waits for no longer

std::string ConsumerOf(const OutboundCursor& cursor) {
    constexpr const char* kKinds[] = {"event:", "message:", "outcome:"};
    return std::string("outbound:") + kKinds[static_cast<std::size_t>(cursor.kind) - 1] +
           cursor.channel;
}

std::int64_t ControlToken(const crypto::KeyRing& keys, Tenant tenant, std::string_view control_id) {
    return keys.token_key(TenantLabel(tenant)).Token64("outbound", "control", control_id);
}

void AddTime(Array& times, Micros time) {
    if (time == 0) {
        times.AddNull();
    } else {
        times.AddTimestamp(time);
    }
}

Micros TimeAt(const Rows& rows, int row, int column) {
    return rows.IsNull(row, column) ? 0 : rows.Timestamp(row, column);
}

OutboundRow ReadRow(const Rows& rows, int row) {
    OutboundRow read;
    read.number = rows.Int8(row, 0);
    read.change = rows.Int8(row, 1);
    read.tenant = rows.Int2(row, 2);
    read.channel = rows.Text(row, 3);
    read.kind = static_cast<OutboundCause>(rows.Int2(row, 4));
    read.cause = rows.Int8(row, 5);
    read.event = rows.Text(row, 6);
    read.type = rows.Text(row, 7);
    read.id = rows.Text(row, 8);
    read.state = static_cast<OutboundState>(rows.Int2(row, 9));
    read.waiting = rows.Bool(row, 10);
    read.held = rows.Bool(row, 11);
    read.attempts = rows.Int4(row, 12);
    read.created = rows.Timestamp(row, 13);
    read.tried = TimeAt(rows, row, 14);
    read.next_at = TimeAt(rows, row, 15);
    read.settled = TimeAt(rows, row, 16);
    read.code = rows.Text(row, 17);
    read.path = rows.Text(row, 18);
    read.reason = rows.Text(row, 19);
    read.part = rows.Int2(row, 20);
    read.made = rows.Bool(row, 21);
    return read;
}

std::vector<OutboundRow> ReadRows(const Rows& rows) {
    std::vector<OutboundRow> read;
    for (int row = 0; row < rows.size(); ++row) read.push_back(ReadRow(rows, row));
    return read;
}

bool IsSettled(OutboundState state) {
    return state == OutboundState::kAcked || state == OutboundState::kNacked ||
           state == OutboundState::kSkipped;
}

// A few sessions; who finds none free waits for one.
class Sessions {
public:
    explicit Sessions(const pg::ConnectOptions& options) {
        for (std::size_t i = 0; i < kSessions; ++i) {
            all_[i] = std::make_unique<Session>(options);
            free_.push_back(all_[i].get());
        }
    }
    Result<Rows> Run(const pg::Statement& statement, const Params& params = {}) {
        Session* session = nullptr;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return !free_.empty(); });
            session = free_.back();
            free_.pop_back();
        }
        Result<Rows> rows = session->Run(statement, params);
        const std::lock_guard lock(mutex_);
        free_.push_back(session);
        wake_.notify_one();
        return rows;
    }

private:
    std::array<std::unique_ptr<Session>, kSessions> all_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable wake_;
    std::vector<Session*> free_;
};

class OutboundImpl final : public Outbound {
public:
    OutboundImpl(const pg::ConnectOptions& options, const crypto::KeyRing& keys, const Clock& clock)
        : keys_(keys), clock_(clock), sessions_(options) {}

    Result<std::int64_t> Reserve() override {
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kReserve));
        return rows.Int8(0, 0);
    }

    Result<std::vector<OutboundCursor>> Follow(
        const std::vector<OutboundCursor>& consumers) override {
        Array names(Type::kText), kinds(Type::kInt2);
        for (const OutboundCursor& consumer : consumers) {
            names.AddText(ConsumerOf(consumer));
            kinds.AddInt2(static_cast<std::int16_t>(consumer.kind));
        }
        CARESTREAM_TRY(sessions_.Run(outbound_sql::kForget, Params().List(names)));
        CARESTREAM_TRY(sessions_.Run(outbound_sql::kFollow, Params().List(names).List(kinds)));
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kCursors, Params().List(names)));
        std::vector<OutboundCursor> cursors = consumers;
        for (OutboundCursor& cursor : cursors) {
            for (int row = 0; row < rows.size(); ++row) {
                if (rows.Text(row, 0) == ConsumerOf(cursor)) cursor.seq = rows.Int8(row, 1);
            }
        }
        return cursors;
    }

    Result<void> Enqueue(const std::vector<OutboundMessage>& messages,
                         const std::vector<OutboundCursor>& cursors) override;

    Result<ArrivedMessages> Arrived(std::int64_t after, const std::vector<std::string>& channels,
                                    int limit) override {
        // The end first: what commits later has a higher number.
        CARESTREAM_ASSIGN(end, sessions_.Run(outbound_sql::kJournalEnd));
        Array names(Type::kText);
        for (const std::string& channel : channels) names.AddText(channel);
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kArrived,
                                              Params().Int8(after).List(names).Int4(limit)));
        ArrivedMessages arrived;
        std::size_t bytes = 0;
        int row = 0;
        for (; row < rows.size() && bytes <= kOutboundBytesMax; ++row) {
            arrived.messages.push_back(ReadArrived(rows, row));
            bytes += arrived.messages.back().raw.size();
        }
        const bool all = row == rows.size() && row < limit;
        const std::int64_t last = row == 0 ? after : arrived.messages.back().seq;
        arrived.read_to = all ? std::max(last, end.Int8(0, 0)) : last;
        return arrived;
    }

    Result<ConcludedMessages> Conclusions(std::int64_t after,
                                          const std::vector<std::string>& channels,
                                          int limit) override {
        CARESTREAM_ASSIGN(end, sessions_.Run(outbound_sql::kJournalEnd));
        Array names(Type::kText);
        for (const std::string& channel : channels) names.AddText(channel);
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kConclusions,
                                              Params().Int8(after).List(names).Int4(limit)));
        ConcludedMessages concluded;
        std::size_t bytes = 0;
        int row = 0;
        for (; row < rows.size() && bytes <= kOutboundBytesMax; ++row) {
            if (rows.IsNull(row, 5)) break;  // what follows waits too
            concluded.messages.push_back(
                {ReadArrived(rows, row), static_cast<OutcomeStatus>(rows.Int2(row, 5)),
                 std::string(rows.Text(row, 6)), std::string(rows.Text(row, 7))});
            bytes += concluded.messages.back().message.raw.size();
        }
        const bool all = row == rows.size() && row < limit;
        const std::int64_t last = row == 0 ? after : concluded.messages.back().message.seq;
        concluded.read_to = all ? std::max(last, end.Int8(0, 0)) : last;
        return concluded;
    }

    Result<std::vector<OutboundDetail>> Waiting(const std::string& channel, int limit) override {
        CARESTREAM_ASSIGN(
            rows, sessions_.Run(outbound_sql::kWaiting, Params().Text(channel).Int4(limit)));
        std::vector<OutboundDetail> line;
        std::size_t bytes = 0;
        for (int row = 0; row < rows.size() && bytes <= kOutboundBytesMax; ++row) {
            CARESTREAM_ASSIGN(detail, ReadDetail(rows, row));
            bytes += detail.bytes.size();
            line.push_back(std::move(detail));
        }
        return line;
    }

    Result<std::vector<OutboundSaved>> Save(const std::vector<OutboundUpdate>& updates) override;

    Result<std::vector<OutboundRow>> Unanswered(Tenant tenant, const std::string& channel,
                                                const std::string& control_id) override {
        const Params params = std::move(
            Params().Text(channel).Int8(ControlToken(keys_, tenant, control_id)).Int2(tenant));
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kUnanswered, params));
        return ReadRows(rows);
    }

    Result<std::vector<OutboundRow>> Overdue(const std::string& channel, Micros now,
                                             int limit) override {
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kOverdue,
                                              Params().Text(channel).Timestamp(now).Int4(limit)));
        return ReadRows(rows);
    }

    Result<std::vector<OutboundRow>> Sending() override {
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kSending));
        return ReadRows(rows);
    }

    Result<std::vector<OutboundDepth>> Depths() override {
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kDepths));
        std::vector<OutboundDepth> depths;
        for (int row = 0; row < rows.size(); ++row) {
            depths.push_back({std::string(rows.Text(row, 0)), rows.Int8(row, 1),
                              TimeAt(rows, row, 2), rows.Int8(row, 3), rows.Int8(row, 4),
                              rows.Int8(row, 5), rows.Int8(row, 6)});
        }
        return depths;
    }

    Result<std::vector<OutboundRow>> List(const OutboundFilter& filter) override {
        Array states(Type::kInt2);
        for (const OutboundState state : filter.states) {
            states.AddInt2(static_cast<std::int16_t>(state));
        }
        Params params;
        params.Text(filter.channel).List(states).Int8(filter.after).Int4(filter.limit);
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kList, params));
        return ReadRows(rows);
    }

    Result<OutboundRow> Row(std::int64_t number) override {
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kRow, Params().Int8(number)));
        if (rows.empty()) return Missing(number);
        return ReadRow(rows, 0);
    }

    Result<OutboundDetail> Show(std::int64_t number, const std::string& actor) override {
        CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kShow, Params().Int8(number)));
        if (rows.empty()) return Missing(number);
        CARESTREAM_TRY(Audit(number, "outbound show", actor));
        return ReadDetail(rows, 0);
    }

    Result<void> Decide(const OutboundUpdate& update, const std::string& action,
                        const std::string& actor) override {
        CARESTREAM_TRY(Row(update.number));
        CARESTREAM_TRY(Audit(update.number, "outbound " + action, actor));
        CARESTREAM_ASSIGN(saved, Save({update}));
        if (!saved.empty()) return {};
        return Fail(Code::kConflict, "message " + std::to_string(update.number) +
                                         " has changed meanwhile; look at it again");
    }

    Result<std::vector<OutboundChange>> Changes(std::int64_t after, int limit) override {
        CARESTREAM_ASSIGN(rows,
                          sessions_.Run(outbound_sql::kChanges, Params().Int8(after).Int4(limit)));
        std::vector<OutboundChange> changes;
        for (int row = 0; row < rows.size(); ++row) {
            OutboundRow read = ReadRow(rows, row);
            CARESTREAM_ASSIGN(ack, ReadAck(rows, row, read));
            changes.push_back({read.change, read.number, read.tenant, std::move(read.channel),
                               read.kind, read.cause, std::move(read.type), std::move(read.id),
                               std::move(read.event), read.state, std::move(read.code),
                               std::move(read.path), std::move(read.reason), std::move(ack),
                               read.settled});
        }
        return changes;
    }

    Result<std::int64_t> Prune(const std::string& channel, Micros before, int limit) override {
        CARESTREAM_ASSIGN(rows,
                          sessions_.Run(outbound_sql::kPrune,
                                        Params().Text(channel).Timestamp(before).Int4(limit)));
        return rows.affected();
    }

private:
    static tl::unexpected<Error> Missing(std::int64_t number) {
        return Fail(Code::kNotFound,
                    "there is no message " + std::to_string(number) + " on its way out");
    }

    Result<void> Audit(std::int64_t number, const std::string& action, const std::string& actor) {
        const std::string detail = std::to_string(number);
        CARESTREAM_TRY(
            sessions_.Run(outbound_sql::kAudit, Params().Text(actor).Text(action).Text(detail)));
        return {};
    }

    ArrivedMessage ReadArrived(const Rows& rows, int row) const {
        ArrivedMessage message;
        message.seq = rows.Int8(row, 0);
        message.tenant = rows.Int2(row, 1);
        message.channel = rows.Text(row, 2);
        message.received = rows.Timestamp(row, 3);
        auto raw = OpenRaw(keys_, message.tenant, message.seq, rows.Bytes(row, 4));
        if (raw) message.raw = std::move(*raw);
        return message;
    }

    Result<std::string> ReadAck(const Rows& rows, int row, const OutboundRow& read) const {
        constexpr int kColumn = outbound_sql::kRowColumns + 1;
        if (rows.IsNull(row, kColumn)) return std::string();
        return OpenOutboundAck(keys_, read.tenant, read.number, rows.Bytes(row, kColumn));
    }

    Result<OutboundDetail> ReadDetail(const Rows& rows, int row) const {
        OutboundDetail detail;
        detail.row = ReadRow(rows, row);
        const std::string_view sealed = rows.Bytes(row, outbound_sql::kRowColumns);
        if (!sealed.empty()) {
            CARESTREAM_ASSIGN(text,
                              OpenOutbound(keys_, detail.row.tenant, detail.row.number, sealed));
            detail.control_id = std::move(text.control_id);
            detail.bytes = std::move(text.bytes);
        }
        CARESTREAM_ASSIGN(ack, ReadAck(rows, row, detail.row));
        detail.ack = std::move(ack);
        return detail;
    }

    const crypto::KeyRing& keys_;
    const Clock& clock_;
    Sessions sessions_;
};

Result<void> OutboundImpl::Enqueue(const std::vector<OutboundMessage>& messages,
                                   const std::vector<OutboundCursor>& cursors) {
    const Micros now = clock_.Now();
    Array consumers(Type::kText), seqs(Type::kInt8);
    for (const OutboundCursor& cursor : cursors) {
        consumers.AddText(ConsumerOf(cursor));
        seqs.AddInt8(cursor.seq);
    }
    Array numbers(Type::kInt8), causes(Type::kInt8), controls(Type::kInt8), tenants(Type::kInt2),
        kinds(Type::kInt2), parts(Type::kInt2), channels(Type::kText), events(Type::kText),
        types(Type::kText), ids(Type::kText), paths(Type::kText), reasons(Type::kText),
        texts(Type::kBytea);
    for (const OutboundMessage& message : messages) {
        numbers.AddInt8(message.number);
        causes.AddInt8(message.cause);
        controls.AddInt8(message.control_id.empty()
                             ? 0
                             : ControlToken(keys_, message.tenant, message.control_id));
        tenants.AddInt2(message.tenant);
        kinds.AddInt2(static_cast<std::int16_t>(message.kind));
        parts.AddInt2(message.part);
        channels.AddText(message.channel);
        events.AddText(pg::Printable(message.event));
        types.AddText(message.type);
        ids.AddText(message.id);
        paths.AddText(pg::Printable(message.path));
        reasons.AddText(pg::Printable(message.reason));
        texts.AddBytes(message.bytes.empty()
                           ? std::string()
                           : SealOutbound(keys_, message.tenant, message.number, now,
                                          message.control_id, message.bytes));
    }
    Params params;
    params.List(consumers).List(seqs).List(numbers).List(causes).List(controls).List(tenants);
    params.List(kinds).List(parts).List(channels).List(events).List(types).List(ids);
    params.List(paths).List(reasons).List(texts).Timestamp(now);
    CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kEnqueue, params));
    if (rows.Bool(0, 0)) return {};
    return Fail(Code::kConflict, "another consumer of this name has gone further",
                cursors.empty() ? std::string() : ConsumerOf(cursors.front()));
}

Result<std::vector<OutboundSaved>> OutboundImpl::Save(const std::vector<OutboundUpdate>& updates) {
    const Micros now = clock_.Now();
    Array numbers(Type::kInt8), expected(Type::kInt8), states(Type::kInt2), waiting(Type::kBool),
        held(Type::kBool), attempts(Type::kInt4), tried(Type::kTimestamptz),
        next(Type::kTimestamptz), settled(Type::kTimestamptz), codes(Type::kText),
        paths(Type::kText), reasons(Type::kText), acks(Type::kBytea);
    for (const OutboundUpdate& update : updates) {
        numbers.AddInt8(update.number);
        expected.AddInt8(update.change);
        states.AddInt2(static_cast<std::int16_t>(update.state));
        waiting.AddBool(update.waiting);
        held.AddBool(update.held);
        attempts.AddInt4(update.attempts);
        AddTime(tried, update.tried);
        AddTime(next, update.next_at);
        AddTime(settled, IsSettled(update.state) ? now : 0);
        codes.AddText(pg::Printable(update.code));
        paths.AddText(pg::Printable(update.path));
        reasons.AddText(pg::Printable(update.reason));
        if (update.ack.empty()) {
            acks.AddNull();
        } else {
            acks.AddBytes(SealOutboundAck(keys_, update.tenant, update.number, now, update.ack));
        }
    }
    Params params;
    params.List(numbers).List(expected).List(states).List(waiting).List(held).List(attempts);
    params.List(tried).List(next).List(settled).List(codes).List(paths).List(reasons).List(acks);
    CARESTREAM_ASSIGN(rows, sessions_.Run(outbound_sql::kSave, params));
    std::vector<OutboundSaved> saved;
    for (int row = 0; row < rows.size(); ++row) {
        saved.push_back({rows.Int8(row, 0), rows.Int8(row, 1)});
    }
    return saved;
}

}  // namespace

std::string_view ToString(OutboundState state) {
    switch (state) {
        case OutboundState::kQueued:
            return "queued";
        case OutboundState::kSending:
            return "sending";
        case OutboundState::kAccepted:
            return "accepted";
        case OutboundState::kAcked:
            return "acked";
        case OutboundState::kNacked:
            return "nacked";
        case OutboundState::kAmbiguous:
            return "ambiguous";
        case OutboundState::kSkipped:
            return "skipped";
    }
    return "?";
}

std::unique_ptr<Outbound> MakeOutbound(pg::ConnectOptions options, const crypto::KeyRing& keys,
                                       const Clock& clock) {
    options.application = "carestream outbound";
    options.wait_timeout_ms = kTimeoutMs;
    // Every question is a seek along a key, whatever the planner thinks of the sizes.
    options.settings = {"set enable_hashjoin = off", "set enable_mergejoin = off",
                        "set enable_seqscan = off", "set jit = off",
                        "set plan_cache_mode = force_generic_plan"};
    return std::make_unique<OutboundImpl>(options, keys, clock);
}

}  // namespace carestream::store
