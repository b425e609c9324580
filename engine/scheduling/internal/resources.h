#pragma once
// Appointments, Slots and Schedules as this module makes them. Pure.
#include <string>
#include <string_view>

#include "base/clock.h"
#include "crypto/keys.h"
#include "fhir/node.h"
#include "scheduling/record.h"
#include "scheduling/template.h"

namespace carestream::scheduling {

// On the Appointment: how far its booking is ("being-clarified" for ambiguous), and what the
// destination is asked for last, "new-1", "cancel-2": its change is what outbound channels send
// for.
inline constexpr std::string_view kStateExtension = "urn:carestream:booking-state";
inline constexpr std::string_view kRequestExtension = "urn:carestream:booking-request";
// On a Slot of the EHR that is free by its word, while somebody else has its time: it says busy.
inline constexpr std::string_view kTakenExtension = "urn:carestream:slot-time-taken";
inline constexpr std::string_view kScheduleSystem = "urn:carestream:schedule";

// The id in "Slot/abc" or a bare "abc"; "" if it is a reference to something else.
[[nodiscard]] std::string IdOf(std::string_view reference, std::string_view type);
// Instants in microseconds; 0 = it is none.
[[nodiscard]] Micros InstantOf(std::string_view text);

[[nodiscard]] SlotRef RefOf(const fhir::Node& slot);
[[nodiscard]] fhir::Node Reference(std::string reference);

// Deterministic: the same schedule and time give the same ids in this store.
[[nodiscard]] std::string ScheduleId(const crypto::IdKey& key, const Template& schedule);
[[nodiscard]] std::string SlotId(const crypto::IdKey& key, const Template& schedule, Micros start);
[[nodiscard]] fhir::Node ScheduleOf(const Template& schedule, std::string id);
[[nodiscard]] fhir::Node FreeSlot(const Template& schedule, std::string id,
                                  std::string_view schedule_id, const SlotTime& time);

// Of a free slot and its schedule, as $find proposes it: status proposed, without a patient.
[[nodiscard]] fhir::Node Proposal(const fhir::Node& slot, const fhir::Node* schedule);
// `proposal` for a patient, under an id; `authority` assigns its placer number.
[[nodiscard]] fhir::Node AppointmentFor(fhir::Node proposal, const std::string& id,
                                        const std::string& patient, const std::string& authority,
                                        Micros now);
// Makes `appointment`, which has a slot of another Schedule, one of `slot`: the service and whoever
// takes part as the Schedule's actors do. Gives what it said of these before, for MoveBack.
[[nodiscard]] fhir::Node MoveTo(fhir::Node& appointment, const fhir::Node& slot,
                                const fhir::Node* schedule);
void MoveBack(fhir::Node& appointment, const fhir::Node& former_parts);
// `code` of the code system appointment-cancellation-reason: "pat", "prov", "other".
[[nodiscard]] fhir::Node CancellationReason(std::string_view code, const std::string& text = {});
// Makes `appointment` say what `record` says: status, times, slot, reason, state; with `ask` also
// the request. What the EHR said beyond that (arrived, noshow) stays.
void Show(fhir::Node& appointment, const Record& record, bool ask);

// Whom one asks about an appointment and who typed it in (SCH-12, SCH-16, SCH-20) need not come.
[[nodiscard]] bool IsOfPaperwork(const fhir::Node& participant);

// Has it a status with which whoever takes part is not free? A proposal has none.
[[nodiscard]] bool TakesTime(const fhir::Node& appointment);

void SetExtension(fhir::Node& resource, std::string_view url, std::string_view kind,
                  std::string value);
void RemoveExtension(fhir::Node& resource, std::string_view url);
[[nodiscard]] bool HasExtension(const fhir::Node& resource, std::string_view url);

struct Request {
    Step step = Step::kNone;
    int number = 0;
};
// Of the request extension; kNone = there is none.
[[nodiscard]] Request RequestOf(const fhir::Node& appointment);

}  // namespace carestream::scheduling
