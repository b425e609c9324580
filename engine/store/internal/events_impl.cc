#include "store/internal/events_impl.h"

#include <algorithm>
#include <utility>

#include "store/internal/session.h"

namespace carestream::store {
namespace {

// Bodies come by the keys of `version`; the message's row by the number that leads its keys.
#define CARESTREAM_EVENT_COLUMNS                                                      \
    "select e.seq, e.tenant, e.type, r.id, e.version, e.kind, e.message, e.updated, " \
    "coalesce(j.channel, ''), j.received, o.sent, coalesce(p.id, ''), v.body, b.body "
#define CARESTREAM_EVENT_JOINS                                                      \
    "join resource r on r.pk = e.resource "                                         \
    "left join resource p on p.pk = r.subject and r.subject <> 0 "                  \
    "left join version v on v.resource = e.resource and v.version = e.version "     \
    "left join version b on b.resource = e.resource and b.version = e.version - 1 " \
    "left join journal j on e.message <> 0 and j.seq = e.message "                  \
    "left join outcome o on o.seq = j.seq and o.received = j.received order by e.seq"

const pg::Statement kRead{"e_read", CARESTREAM_EVENT_COLUMNS
                          "from (select * from event where seq > $1::int8 order by seq limit "
                          "$2::int4) e " CARESTREAM_EVENT_JOINS};
const pg::Statement kReadTypes{"e_read_types", CARESTREAM_EVENT_COLUMNS
                               "from (select * from event where seq > $1::int8 and seq <= $2::int8 "
                               "and type = any($3::int2[]) order by seq limit $4::int4) "
                               "e " CARESTREAM_EVENT_JOINS};
const pg::Statement kLoad{"e_load", CARESTREAM_EVENT_COLUMNS
                          "from (select * from event where seq = any($1::int8[])) "
                          "e " CARESTREAM_EVENT_JOINS};
const pg::Statement kHead{"e_head", "select seq from event_head"};
const pg::Statement kCursor{
    "e_cursor",
    "with made as (insert into event_cursor (consumer, seq) select $1::text, seq from event_head "
    "on conflict do nothing returning seq) select seq from made union all select seq from "
    "event_cursor where consumer = $1::text"};
const pg::Statement kCursorFromZero{
    "e_cursor_zero",
    "with made as (insert into event_cursor (consumer, seq) values ($1::text, 0) "
    "on conflict do nothing returning seq) select seq from made union all select seq from "
    "event_cursor where consumer = $1::text"};
const pg::Statement kMove{"e_move",
                          "update event_cursor set seq = $2::int8 where consumer = $1::text and "
                          "seq < $2::int8"};

class EventsImpl final : public Events {
public:
    EventsImpl(const ResourceParts& parts, std::shared_ptr<const BodyCodec> codec)
        : parts_(parts), codec_(std::move(codec)), session_(Connect(parts)) {}

    Result<std::vector<Event>> Read(std::int64_t after, int limit) override {
        CARESTREAM_ASSIGN(rows, session_.Run(kRead, pg::Params().Int8(after).Int4(limit)));
        return Take(rows);
    }

    Result<EventsRead> ReadTypes(std::int64_t after, const std::vector<std::string>& types,
                                 int limit) override {
        pg::Array numbers(pg::Type::kInt2);
        for (const std::string& type : types) {
            numbers.AddInt2(
                static_cast<std::int16_t>(parts_.definitions->ResourceTypeNumber(type)));
        }
        EventsRead read;
        CARESTREAM_ASSIGN(head, Head());
        read.read_to = std::max(head, after);
        if (head <= after) return read;
        CARESTREAM_ASSIGN(
            rows, session_.Run(kReadTypes,
                               pg::Params().Int8(after).Int8(head).List(numbers).Int4(limit)));
        CARESTREAM_ASSIGN(events, Take(rows));
        read.events = std::move(events);
        const bool whole =
            rows.size() < limit && read.events.size() == static_cast<std::size_t>(rows.size());
        if (!whole) read.read_to = read.events.back().seq;
        return read;
    }

    Result<std::vector<Event>> Load(const std::vector<std::int64_t>& seqs) override {
        pg::Array wanted(pg::Type::kInt8);
        for (const std::int64_t seq : seqs) wanted.AddInt8(seq);
        CARESTREAM_ASSIGN(rows, session_.Run(kLoad, pg::Params().List(wanted)));
        return Take(rows);
    }

    Result<std::int64_t> Head() override {
        CARESTREAM_ASSIGN(rows, session_.Run(kHead));
        return rows.Int8(0, 0);
    }

    Result<std::int64_t> Cursor(std::string_view consumer) override {
        CARESTREAM_ASSIGN(rows, session_.Run(kCursor, pg::Params().Text(consumer)));
        return rows.Int8(0, 0);
    }

    Result<std::int64_t> CursorFromZero(std::string_view consumer) override {
        CARESTREAM_ASSIGN(rows, session_.Run(kCursorFromZero, pg::Params().Text(consumer)));
        return rows.Int8(0, 0);
    }

    Result<void> MoveCursor(std::string_view consumer, std::int64_t seq) override {
        CARESTREAM_TRY(session_.Run(kMove, pg::Params().Text(consumer).Int8(seq)));
        return {};
    }

private:
    static pg::ConnectOptions Connect(const ResourceParts& parts) {
        pg::ConnectOptions options = parts.connect;
        options.application = "carestream events";
        // Every join is a seek along its own key, whatever the planner thinks of the sizes.
        options.settings = {"set enable_hashjoin = off", "set enable_mergejoin = off",
                            "set enable_seqscan = off", "set jit = off",
                            "set plan_cache_mode = force_generic_plan"};
        return options;
    }

    [[nodiscard]] Result<std::vector<Event>> Take(const pg::Rows& rows) const {
        std::vector<Event> events;
        events.reserve(static_cast<std::size_t>(rows.size()));
        std::size_t bytes = 0;
        for (int row = 0; row < rows.size() && bytes <= kEventBytesMax; ++row) {
            CARESTREAM_ASSIGN(event, TakeOne(rows, row));
            bytes += event.body.size() + event.before.size();
            events.push_back(std::move(event));
        }
        return events;
    }

    [[nodiscard]] Result<Event> TakeOne(const pg::Rows& rows, int row) const {
        Event event;
        event.seq = rows.Int8(row, 0);
        event.tenant = rows.Int2(row, 1);
        const auto types = parts_.definitions->ResourceTypes();
        const auto type = static_cast<std::size_t>(rows.Int2(row, 2));
        if (type == 0 || type > types.size()) {
            return Fail(Code::kInvalid, "an event of a resource type that R4 does not have");
        }
        event.type = types[type - 1];
        event.id = rows.Text(row, 3);
        event.version = rows.Int4(row, 4);
        event.kind = static_cast<EventKind>(rows.Int2(row, 5));
        event.message = rows.Int8(row, 6);
        event.updated = rows.Timestamp(row, 7);
        event.channel = rows.Text(row, 8);
        event.received = rows.IsNull(row, 9) ? event.updated : rows.Timestamp(row, 9);
        event.sent = rows.IsNull(row, 10) ? 0 : rows.Timestamp(row, 10);
        event.patient = rows.Text(row, 11);
        auto body = Open(event, event.version, rows.Bytes(row, 12));
        auto before = Open(event, event.version - 1, rows.Bytes(row, 13));
        event.unreadable = !body || !before;
        if (!event.unreadable) {
            event.body = *std::move(body);
            event.before = *std::move(before);
        }
        return event;
    }

    [[nodiscard]] Result<std::string> Open(const Event& event, std::int32_t version,
                                           std::string_view sealed) const {
        if (sealed.empty()) return std::string();
        return codec_->OpenBody({event.tenant, event.type, event.id, version}, sealed);
    }

    const ResourceParts& parts_;
    const std::shared_ptr<const BodyCodec> codec_;
    Session session_;
};

}  // namespace

std::unique_ptr<Events> MakeEvents(const ResourceParts& parts,
                                   std::shared_ptr<const BodyCodec> codec) {
    return std::make_unique<EventsImpl>(parts, std::move(codec));
}

}  // namespace carestream::store
