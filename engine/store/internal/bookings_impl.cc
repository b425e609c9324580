#include "store/internal/bookings_impl.h"

#include <utility>

#include "store/internal/session.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

using pg::Params;

constexpr std::string_view kTable = "booking";

const pg::Statement kFind{
    "b_find",
    "select tenant, appointment, revision, state, settled, due, updated, detail from booking "
    "where tenant = $1::int2 and appointment = $2::text collate \"C\""};
const pg::Statement kDue{
    "b_due",
    "select tenant, appointment, revision, state, settled, due, updated, detail from booking "
    "where due <= $1::timestamptz order by due limit $2::int4"};
const pg::Statement kDelivered{"b_delivered", "select delivered from booking_head"};
const pg::Statement kSetDelivered{
    "b_set_delivered", "update booking_head set delivered = $1::int8 where delivered < $1::int8"};
const pg::Statement kOpen{
    "b_open",
    "select tenant, appointment, revision, state, settled, due, updated, detail from booking "
    "where tenant = $1::int2 and appointment > $2::text collate \"C\" and not settled "
    "order by appointment limit $3::int4"};
const pg::Statement kOfState{
    "b_of_state",
    "select tenant, appointment, revision, state, settled, due, updated, detail from booking "
    "where tenant = $1::int2 and appointment > $2::text collate \"C\" and state = $4::int2 "
    "order by appointment limit $3::int4"};
const pg::Statement kCounts{"b_counts",
                            "select state, count(*) from booking where not settled group by state"};
const pg::Statement kPrune{
    "b_prune",
    "delete from booking where (tenant, appointment) in (select tenant, appointment from booking "
    "where settled and updated < $1::timestamptz order by updated limit $2::int4)"};

std::string BoundTo(const Booking& booking) {
    return booking.appointment + "/" + std::to_string(booking.revision);
}

class BookingsImpl final : public Bookings {
public:
    BookingsImpl(pg::ConnectOptions options, const crypto::KeyRing& keys)
        : keys_(keys), session_(std::move(options)) {}

    Result<std::optional<Booking>> Find(Tenant tenant, std::string_view appointment) override {
        CARESTREAM_ASSIGN(rows, session_.Run(kFind, Params().Int2(tenant).Text(appointment)));
        CARESTREAM_ASSIGN(found, Take(rows));
        if (found.empty()) return std::optional<Booking>();
        return std::optional<Booking>(std::move(found.front()));
    }

    Result<std::vector<Booking>> Due(Micros now, int limit) override {
        CARESTREAM_ASSIGN(rows, session_.Run(kDue, Params().Timestamp(now).Int4(limit)));
        return Take(rows);
    }

    Result<std::int64_t> Delivered() override {
        CARESTREAM_ASSIGN(rows, session_.Run(kDelivered));
        return rows.Int8(0, 0);
    }

    Result<void> SetDelivered(std::int64_t change) override {
        CARESTREAM_TRY(session_.Run(kSetDelivered, Params().Int8(change)));
        return {};
    }

    Result<std::vector<Booking>> List(Tenant tenant, std::int16_t state, std::string_view after,
                                      int limit) override {
        Params params;
        params.Int2(tenant).Text(after).Int4(limit);
        if (state != 0) params.Int2(state);
        CARESTREAM_ASSIGN(rows, session_.Run(state == 0 ? kOpen : kOfState, params));
        return Take(rows);
    }

    Result<std::map<std::int16_t, std::int64_t>> Counts() override {
        CARESTREAM_ASSIGN(rows, session_.Run(kCounts));
        std::map<std::int16_t, std::int64_t> counts;
        for (int row = 0; row < rows.size(); ++row) counts[rows.Int2(row, 0)] = rows.Int8(row, 1);
        return counts;
    }

    Result<std::int64_t> Prune(Micros before, int limit) override {
        CARESTREAM_ASSIGN(rows, session_.Run(kPrune, Params().Timestamp(before).Int4(limit)));
        return rows.affected();
    }

private:
    [[nodiscard]] Result<std::vector<Booking>> Take(const pg::Rows& rows) const {
        std::vector<Booking> bookings;
        for (int row = 0; row < rows.size(); ++row) {
            Booking booking;
            booking.tenant = rows.Int2(row, 0);
            booking.appointment = rows.Text(row, 1);
            booking.revision = rows.Int4(row, 2);
            booking.state = rows.Int2(row, 3);
            booking.settled = rows.Bool(row, 4);
            if (!rows.IsNull(row, 5)) booking.due = rows.Timestamp(row, 5);
            booking.updated = rows.Timestamp(row, 6);
            CARESTREAM_ASSIGN(detail, keys_.Open(TenantLabel(booking.tenant), kTable,
                                                 BoundTo(booking), rows.Bytes(row, 7)));
            booking.detail = std::move(detail);
            bookings.push_back(std::move(booking));
        }
        return bookings;
    }

    const crypto::KeyRing& keys_;
    Session session_;
};

}  // namespace

std::string SealBooking(const crypto::KeyRing& keys, const Booking& booking) {
    return keys.Seal(TenantLabel(booking.tenant), kTable, booking.updated, BoundTo(booking),
                     booking.detail);
}

std::unique_ptr<Bookings> MakeBookings(pg::ConnectOptions options, const crypto::KeyRing& keys) {
    options.application = "carestream bookings";
    options.settings = {"set jit = off", "set plan_cache_mode = force_generic_plan"};
    return std::make_unique<BookingsImpl>(std::move(options), keys);
}

}  // namespace carestream::store
