#include "store/internal/booking_write.h"

#include "store/internal/bookings_impl.h"

namespace carestream::store {
namespace {

using pg::Array;
using pg::Type;

const pg::Statement kRevisions{
    "b_revisions",
    "select b.tenant, b.appointment, b.revision from unnest($1::int2[], $2::text[]) "
    "q(tenant, appointment) join booking b on b.tenant = q.tenant and b.appointment = "
    "q.appointment collate \"C\""};
const pg::Statement kPut{
    "b_put",
    "insert into booking (tenant, appointment, revision, state, settled, due, updated, detail) "
    "select * from unnest($1::int2[], $2::text[], $3::int4[], $4::int2[], $5::bool[], "
    "$6::timestamptz[], $7::timestamptz[], $8::bytea[]) on conflict (tenant, appointment) do "
    "update set revision = excluded.revision, state = excluded.state, settled = excluded.settled, "
    "due = excluded.due, updated = excluded.updated, detail = excluded.detail "
    "where booking.revision < excluded.revision"};
const pg::Statement kHas{"b_has",
                         "select 1 from booking where tenant = $1::int2 and appointment = $2::text "
                         "collate \"C\" and revision = $3::int4 and updated = $4::timestamptz"};

}  // namespace

Result<void> BookingSet::Load(pg::Connection& connection,
                              const std::vector<const Booking*>& changes) {
    if (changes.empty()) return {};
    Array tenants(Type::kInt2), appointments(Type::kText);
    for (const Booking* change : changes) {
        tenants.AddInt2(change->tenant);
        appointments.AddText(change->appointment);
    }
    pg::Params params;
    params.List(tenants).List(appointments);
    CARESTREAM_ASSIGN(rows, connection.Run(kRevisions, params));
    for (int row = 0; row < rows.size(); ++row) {
        stored_[{rows.Int2(row, 0), std::string(rows.Text(row, 1))}] = rows.Int4(row, 2);
    }
    return {};
}

std::int32_t BookingSet::RevisionOf(const Booking& booking) const {
    const Name name{booking.tenant, booking.appointment};
    if (const auto changed = changed_.find(name); changed != changed_.end()) {
        return changed->second.revision;
    }
    const auto stored = stored_.find(name);
    return stored == stored_.end() ? 0 : stored->second;
}

Result<void> BookingSet::Check(const std::vector<Booking>& changes) const {
    for (const Booking& change : changes) {
        if (RevisionOf(change) != change.revision) {
            return Fail(Code::kConflict, "the booking has changed meanwhile", "booking");
        }
    }
    return {};
}

void BookingSet::Apply(const std::vector<Booking>& changes, Micros now) {
    for (const Booking& change : changes) {
        Booking& made = changed_[{change.tenant, change.appointment}];
        made = change;
        made.revision = change.revision + 1;
        made.updated = now;
    }
}

void BookingSet::AddTo(BatchPlan& plan, const crypto::KeyRing& keys) const {
    if (changed_.empty()) return;
    Array tenants(Type::kInt2), appointments(Type::kText), revisions(Type::kInt4),
        states(Type::kInt2), settled(Type::kBool), due(Type::kTimestamptz),
        updated(Type::kTimestamptz), details(Type::kBytea);
    for (const auto& [name, booking] : changed_) {
        tenants.AddInt2(booking.tenant);
        appointments.AddText(booking.appointment);
        revisions.AddInt4(booking.revision);
        states.AddInt2(booking.state);
        settled.AddBool(booking.settled);
        if (booking.due == 0) {
            due.AddNull();
        } else {
            due.AddTimestamp(booking.due);
        }
        updated.AddTimestamp(booking.updated);
        details.AddBytes(SealBooking(keys, booking));
    }
    BatchPlan::Step step{&kPut, {}, static_cast<std::int64_t>(changed_.size())};
    for (Array* array :
         {&tenants, &appointments, &revisions, &states, &settled, &due, &updated, &details}) {
        step.arrays.push_back(std::move(*array));
    }
    plan.steps.push_back(std::move(step));
    const Booking& first = changed_.begin()->second;
    plan.booking = {first.tenant, first.appointment, first.revision, first.updated};
}

Result<bool> HasBooking(pg::Connection& connection, const BatchPlan::BookingSample& sample) {
    pg::Params params;
    params.Int2(sample.tenant).Text(sample.appointment).Int4(sample.revision);
    params.Timestamp(sample.updated);
    CARESTREAM_ASSIGN(rows, connection.Run(kHas, params));
    return !rows.empty();
}

}  // namespace carestream::store
