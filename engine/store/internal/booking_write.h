#pragma once
// Rows of bookings as one batch sees and changes them, and the statements that write them. Only the
// REST writer's thread changes bookings, so what it read holds until it has committed.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/bookings.h"
#include "store/internal/batch_write.h"
#include "store/internal/pg.h"
#include "store/internal/write_context.h"

namespace carestream::store {

class BookingSet {
public:
    // Reads the revisions of the rows that are about to change.
    [[nodiscard]] Result<void> Load(pg::Connection& connection,
                                    const std::vector<const Booking*>& changes);
    // Whether all of these name the revision that holds now. Error: kConflict, the path is
    // "booking".
    [[nodiscard]] Result<void> Check(const std::vector<Booking>& changes) const;
    // Puts them into the batch.
    void Apply(const std::vector<Booking>& changes, Micros now);
    // Adds the statement for all of it to `plan`.
    void AddTo(BatchPlan& plan, const crypto::KeyRing& keys) const;

private:
    using Name = std::pair<Tenant, std::string>;
    [[nodiscard]] std::int32_t RevisionOf(const Booking& booking) const;

    std::map<Name, std::int32_t> stored_;
    std::map<Name, Booking> changed_;  // as they will be
};

// Was this one written? For a commit of which nobody heard.
[[nodiscard]] Result<bool> HasBooking(pg::Connection& connection,
                                      const BatchPlan::BookingSample& sample);

}  // namespace carestream::store
