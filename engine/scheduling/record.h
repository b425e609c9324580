#pragma once
// What is kept of a booking beside its Appointment and Slots: the saga, the slots that it holds,
// and the evidence so far. Sealed in the store's table `booking`.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhir/node.h"
#include "scheduling/saga.h"
#include "store/bookings.h"

namespace carestream::scheduling {

struct SlotRef {
    std::string id;     // "" = none
    std::string start;  // instants, as the Slot has them
    std::string end;
    std::string schedule;  // "Schedule/<id>"
    bool operator==(const SlotRef&) const = default;
};

// Newest last; older ones are dropped.
inline constexpr std::size_t kEvidenceMax = 16;

struct Record {
    std::string appointment;
    std::int32_t revision = 0;  // 0 = it is not stored yet
    Saga saga;
    Micros due = 0;
    Micros updated = 0;
    SlotRef slot;
    SlotRef former;  // while it is moved: the one that would be given up
    std::string
        first_slot;      // id of the one that it was made for: what an idempotency key stands for
    std::string reason;  // why it is cancelled, for people
    bool by_patient = false;  // a patient's token asked to cancel it
    // The version of the Appointment on which the newest decision rests: what a message said before
    // that was known.
    std::int32_t seen = 0;
    // While it is moved to another Schedule's slot: what the Appointment said of the one before.
    fhir::Node former_parts;
    std::vector<std::string> evidence;  // "2026-12-01T08:00:00.000Z taken AA"

    void AddEvidence(Micros now, std::string text);
    // The EHR booked it again when its slot was another's: it has none, and gets it at the EHR's next
    // word.
    [[nodiscard]] bool WaitsForSlot() const;
};

// The id of an Appointment that is booked here begins with this, and that of a Slot or Schedule of
// a template with these: so it is seen from the name alone who may change it.
inline constexpr std::string_view kBookingPrefix = "booking-";
inline constexpr std::string_view kSlotPrefix = "slot-";
inline constexpr std::string_view kSchedulePrefix = "schedule-";

[[nodiscard]] Result<Record> RecordOf(const store::Booking& row);
[[nodiscard]] store::Booking RowOf(const Record& record, store::Tenant tenant);
// All of it, for the tools of operators.
[[nodiscard]] fhir::Node Describe(const Record& record);

}  // namespace carestream::scheduling
