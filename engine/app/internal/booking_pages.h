#pragma once
// What admin.sock says of bookings, and what people decide about them.
#include <optional>
#include <string>

#include "app/admin.h"
#include "net/http.h"
#include "scheduling/scheduler.h"

namespace carestream::app {

// Requests for /bookings and what is below; blocking. `actor` is noted with the booking.
//   GET /bookings?state=&after=&limit=   GET /bookings/<id>   POST /bookings/<id>/free, .../confirm
[[nodiscard]] net::Response AnswerBookings(scheduling::Scheduler& scheduler,
                                           const net::Request& request, const std::string& actor);

// Whether somebody has to look at one.
[[nodiscard]] std::optional<Condition> BookingsCondition(const scheduling::Scheduler& scheduler);

}  // namespace carestream::app
