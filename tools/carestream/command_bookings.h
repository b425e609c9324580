#pragma once
// `carestream bookings`: appointments between patients and the clinic's system.
#include <string>

#include "command_admin.h"

namespace carestream::cli {

struct BookingOptions {
    std::string id;     // of the Appointment
    std::string state;  // "" = all that are not settled
    std::string after;
    int limit = 100;
};

[[nodiscard]] int ListBookings(const AdminOptions& admin, const BookingOptions& options);
[[nodiscard]] int ShowBooking(const AdminOptions& admin, const BookingOptions& options);
// `verb`: "free" or "confirm".
[[nodiscard]] int DecideBooking(const AdminOptions& admin, const BookingOptions& options,
                                const std::string& verb);

}  // namespace carestream::cli
