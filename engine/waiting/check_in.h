#pragma once
// What waiting rooms add to the REST API.
//
//   POST Appointment/<id>/$check-in   -> Encounter; 201 when the visit is new
//
// A token that may not see the visit (no scope for Encounters, a label that hides it from a carer)
// checks in all the same, and is answered 200 with an OperationOutcome.
// For the patient's own app and for staff. 422 says why it is not possible (and from when it is).
#include "rest/operation.h"
#include "waiting/rooms.h"

namespace carestream::waiting {

// The rooms outlive it.
[[nodiscard]] rest::Operation CheckInOperation(Rooms& rooms);

}  // namespace carestream::waiting
