#pragma once
// How far the saga of each booked Appointment came. Rows are written by Writer::SubmitTransaction,
// together with the resources that they are about; here they are read.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace carestream::store {

struct Booking {
    Tenant tenant = 1;
    std::string appointment;    // id of the Appointment
    std::int32_t revision = 0;  // 0 = there is none yet
    std::int16_t state = 0;     // the caller's
    bool settled = false;       // nothing more is to come: it goes after a while
    Micros due = 0;             // when it wants to be looked at again; 0 = never
    std::string detail;         // the caller's; sealed at rest
    Micros updated = 0;
};

// On a session of its own. Blocking; one caller at a time. Errors: kUnavailable; kInvalid (a detail
// that cannot be opened).
class Bookings {
public:
    virtual ~Bookings() = default;
    [[nodiscard]] virtual Result<std::optional<Booking>> Find(Tenant tenant,
                                                              std::string_view appointment) = 0;
    // The ones that are due, earliest first.
    [[nodiscard]] virtual Result<std::vector<Booking>> Due(Micros now, int limit) = 0;
    // How far the changes of messages to destinations were looked at; 0 = not yet.
    [[nodiscard]] virtual Result<std::int64_t> Delivered() = 0;
    // Never backwards.
    [[nodiscard]] virtual Result<void> SetDelivered(std::int64_t change) = 0;
    // Those that are not settled, or with `state` the ones in it (0 = any), by id after `after`.
    [[nodiscard]] virtual Result<std::vector<Booking>> List(Tenant tenant, std::int16_t state,
                                                            std::string_view after, int limit) = 0;
    // How many of each state are not settled.
    [[nodiscard]] virtual Result<std::map<std::int16_t, std::int64_t>> Counts() = 0;
    // Drops settled ones that were changed last before; at most `limit`. Gives how many went.
    [[nodiscard]] virtual Result<std::int64_t> Prune(Micros before, int limit) = 0;
};

}  // namespace carestream::store
