#pragma once
// A cause for which messages fail, as a Task: what people are told of. Pure.
// No patient is named: the messages themselves are looked at by operators (`carestream`).
#include <string>
#include <string_view>

#include "fhir/node.h"
#include "store/failures.h"

namespace carestream::failures {

// Task.code; topics and searches name it: "urn:carestream:task|message-failed".
inline constexpr std::string_view kTaskSystem = "urn:carestream:task";
inline constexpr std::string_view kTaskCode = "message-failed";
// Of businessStatus ("map", "refused", ...) and of the types of Task.input: "channel" (a string),
// "count" (an integer, at most 2^31-1), "message" (a string).
inline constexpr std::string_view kFailureSystem = "urn:carestream:failure";

// What tells causes apart, as text: the id of the Task follows from it.
[[nodiscard]] std::string KeyOf(const store::Failure& failure);

// The Task as it is to be. `current` is the stored one, null if there is none or it was deleted:
// what others wrote into it (owner, notes) stays, a status other than requested becomes requested
// again.
[[nodiscard]] fhir::Node TaskOf(const store::Failure& failure, const std::string& id,
                                const fhir::Node& current);

}  // namespace carestream::failures
