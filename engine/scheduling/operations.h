#pragma once
// What scheduling adds to the REST API: $find, $hold, $book, $confirm, $reschedule and $cancel of
// Appointment, and who may write what beside them.
// Source: Argonaut Scheduling and IHE ITI Scheduling name $find, $hold and $book; the others are
// ours, in their manner.
#include <vector>

#include "rest/operation.h"
#include "scheduling/scheduler.h"

namespace carestream::scheduling {

// The scheduler outlives them.
//
//   $find        GET, POST  start, end, schedule, practitioner, location, service-type, _count
//                -> searchset of proposed Appointments, one for each free slot, without a patient
//   $hold        POST  slot, patient, minutes               -> Appointment, status proposed
//   $book        POST  slot, patient, comment; or appointment (of a hold)  -> Appointment
//   $confirm     POST  on a hold: as $book
//   $reschedule  POST  slot
//   $cancel      POST  reason
//
// A patient's token books for its own patient, whom it need not name. `idempotency-key` (or the
// header Idempotency-Key) of $hold and $book: the same key of the same caller gives the same
// Appointment. What stands against it is answered 409, and its text says what to do.
[[nodiscard]] std::vector<rest::Operation> Operations(Scheduler& scheduler);

// Appointments that are booked here change by the saga alone: of a PUT only status cancelled is
// taken, and does what $cancel does; who asks becomes its reason where it names none. Slots of
// templates, and Appointments that name one, are not written or deleted by clients. (A DELETE of an
// Appointment frees its slots.)
[[nodiscard]] std::vector<rest::WriteRule> WriteRules();

}  // namespace carestream::scheduling
