#pragma once
// Appointment/$find: free slots as proposals.
#include "rest/operation.h"
#include "scheduling/scheduler.h"

namespace carestream::scheduling {

// Parameters: `start`, `end` (now and two weeks; 93 days at most), `schedule` (id, or a template's
// name), `practitioner`, `location` (an id, or an identifier as "system|value"), `service-type`,
// `specialty`, `appointment-type` (tokens, of what the Slot says), `_count`. The scheduler outlives
// the operation.
[[nodiscard]] rest::Operation FindOperation(Scheduler& scheduler);

}  // namespace carestream::scheduling
