#include "store/internal/subscriptions_impl.h"

#include <map>
#include <utility>

#include "store/internal/session.h"

namespace carestream::store {
namespace {

using pg::Array;
using pg::Params;
using pg::Type;

const pg::Statement kStates{"s_states",
                            "select tenant, id, number, delivered, failures, next_at, "
                            "failing_since from subscription order by key"};
// $1 tenants, $2 ids, $3 numbers of the newest matches; $4 tenants, $5 ids, $6 numbers, $7 events
// of all, $8 now; $9 consumer, $10 its cursor. The cursor only rises: a repetition finds it moved.
const pg::Statement kRecord{
    "s_record",
    "with moved as (update event_cursor set seq = $10::int8 where consumer = $9::text and seq <= "
    "$10::int8 returning seq), "
    "kept as (insert into subscription (tenant, id, number, delivered) select q.tenant, q.id, "
    "q.number, 0 from moved, unnest($1::int2[], $2::text[], $3::int8[]) q(tenant, id, number) "
    "on conflict (tenant, id) do update set number = greatest(subscription.number, "
    "excluded.number) returning key, tenant, id), "
    "made as (insert into notification (subscription, number, event, made) select k.key, q.number, "
    "q.event, $8::timestamptz from unnest($4::int2[], $5::text[], $6::int8[], $7::int8[]) "
    "q(tenant, id, number, event) join kept k on k.tenant = q.tenant and k.id = q.id on conflict "
    "do nothing) select seq from moved"};
const pg::Statement kSave{
    "s_save",
    "insert into subscription as s (tenant, id, number, delivered, failures, next_at, "
    "failing_since) select q.tenant, q.id, 0, q.delivered, q.failures, q.next_at, q.failing_since "
    "from unnest($1::int2[], $2::text[], $3::int8[], $4::int4[], $5::timestamptz[], "
    "$6::timestamptz[]) q(tenant, id, delivered, failures, next_at, failing_since) on conflict "
    "(tenant, id) do update set delivered = greatest(s.delivered, excluded.delivered), failures = "
    "excluded.failures, next_at = excluded.next_at, failing_since = excluded.failing_since"};
const pg::Statement kNotifications{
    "s_notifications",
    "select n.number, n.event, n.made from subscription s join notification n on n.subscription = "
    "s.key where s.tenant = $1::int2 and s.id = $2::text collate \"C\" and n.number >= $3::int8 "
    "and n.number <= $4::int8 order by n.number limit $5::int4"};
const pg::Statement kRemove{
    "s_remove",
    "with gone as (delete from subscription where tenant = $1::int2 and id = $2::text collate "
    "\"C\" returning key) delete from notification n using gone where n.subscription = gone.key"};
const pg::Statement kPrune{
    "s_prune",
    "delete from notification where (subscription, number) in (select subscription, number from "
    "notification where made < $1::timestamptz order by made limit $2::int4)"};

void AddTime(Array& times, Micros time) {
    if (time == 0) {
        times.AddNull();
    } else {
        times.AddTimestamp(time);
    }
}

class SubscriptionsImpl final : public Subscriptions {
public:
    SubscriptionsImpl(pg::ConnectOptions options, const Clock& clock)
        : clock_(clock), session_(std::move(options)) {}

    Result<std::vector<SubscriptionState>> States() override {
        CARESTREAM_ASSIGN(rows, session_.Run(kStates));
        std::vector<SubscriptionState> states;
        states.reserve(static_cast<std::size_t>(rows.size()));
        for (int row = 0; row < rows.size(); ++row) {
            SubscriptionState state;
            state.tenant = rows.Int2(row, 0);
            state.id = rows.Text(row, 1);
            state.number = rows.Int8(row, 2);
            state.delivered = rows.Int8(row, 3);
            state.failures = rows.Int4(row, 4);
            if (!rows.IsNull(row, 5)) state.next_at = rows.Timestamp(row, 5);
            if (!rows.IsNull(row, 6)) state.failing_since = rows.Timestamp(row, 6);
            states.push_back(std::move(state));
        }
        return states;
    }

    Result<void> Record(std::string_view consumer, std::int64_t cursor,
                        const std::vector<SubscriptionMatch>& matches) override {
        std::map<std::pair<Tenant, std::string_view>, std::int64_t> newest;
        Array tenants(Type::kInt2), ids(Type::kText), numbers(Type::kInt8), events(Type::kInt8);
        for (const SubscriptionMatch& match : matches) {
            newest[{match.tenant, match.id}] = match.number;
            tenants.AddInt2(match.tenant);
            ids.AddText(match.id);
            numbers.AddInt8(match.number);
            events.AddInt8(match.event);
        }
        Array of_tenants(Type::kInt2), of_ids(Type::kText), highest(Type::kInt8);
        for (const auto& [key, number] : newest) {
            of_tenants.AddInt2(key.first);
            of_ids.AddText(key.second);
            highest.AddInt8(number);
        }
        Params params;
        params.List(of_tenants).List(of_ids).List(highest);
        params.List(tenants).List(ids).List(numbers).List(events);
        params.Timestamp(clock_.Now()).Text(consumer).Int8(cursor);
        CARESTREAM_ASSIGN(rows, session_.Run(kRecord, params));
        if (rows.empty()) {
            return Fail(Code::kConflict, "another consumer of this name has gone further",
                        std::string(consumer));
        }
        return {};
    }

    Result<void> SaveDelivery(const std::vector<SubscriptionState>& states) override {
        Array tenants(Type::kInt2), ids(Type::kText), delivered(Type::kInt8), failures(Type::kInt4),
            next(Type::kTimestamptz), since(Type::kTimestamptz);
        for (const SubscriptionState& state : states) {
            tenants.AddInt2(state.tenant);
            ids.AddText(state.id);
            delivered.AddInt8(state.delivered);
            failures.AddInt4(state.failures);
            AddTime(next, state.next_at);
            AddTime(since, state.failing_since);
        }
        Params params;
        params.List(tenants).List(ids).List(delivered).List(failures).List(next).List(since);
        CARESTREAM_TRY(session_.Run(kSave, params));
        return {};
    }

    Result<std::vector<Notification>> Notifications(Tenant tenant, const std::string& id,
                                                    std::int64_t from, std::int64_t to,
                                                    int limit) override {
        Params params;
        params.Int2(tenant).Text(id).Int8(from).Int8(to).Int4(limit);
        CARESTREAM_ASSIGN(rows, session_.Run(kNotifications, params));
        std::vector<Notification> found;
        for (int row = 0; row < rows.size(); ++row) {
            found.push_back({rows.Int8(row, 0), rows.Int8(row, 1), rows.Timestamp(row, 2)});
        }
        return found;
    }

    Result<void> Remove(Tenant tenant, const std::string& id) override {
        CARESTREAM_TRY(session_.Run(kRemove, Params().Int2(tenant).Text(id)));
        return {};
    }

    Result<std::int64_t> Prune(Micros before, int limit) override {
        CARESTREAM_ASSIGN(rows, session_.Run(kPrune, Params().Timestamp(before).Int4(limit)));
        return rows.affected();
    }

private:
    const Clock& clock_;
    Session session_;
};

}  // namespace

std::unique_ptr<Subscriptions> MakeSubscriptions(pg::ConnectOptions options, const Clock& clock) {
    options.application = "carestream subscriptions";
    options.settings = {"set enable_hashjoin = off", "set enable_mergejoin = off",
                        "set enable_seqscan = off", "set jit = off",
                        "set plan_cache_mode = force_generic_plan"};
    return std::make_unique<SubscriptionsImpl>(std::move(options), clock);
}

}  // namespace carestream::store
