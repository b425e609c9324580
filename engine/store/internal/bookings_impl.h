#pragma once
// Reading bookings, and the seal of their details that writers share.
#include <memory>
#include <string>

#include "crypto/keys.h"
#include "store/bookings.h"
#include "store/internal/pg.h"

namespace carestream::store {

// booking.detail, bound to tenant, Appointment and revision.
[[nodiscard]] std::string SealBooking(const crypto::KeyRing& keys, const Booking& booking);

// `keys` outlives it.
[[nodiscard]] std::unique_ptr<Bookings> MakeBookings(pg::ConnectOptions options,
                                                     const crypto::KeyRing& keys);

}  // namespace carestream::store
