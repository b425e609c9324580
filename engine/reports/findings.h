#pragma once
// What a report says, as resources: scores as Observations, red flags as Flags. Pure.
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "fhir/node.h"
#include "questionnaires/questionnaires.h"
#include "reports/delivery.h"

namespace carestream::reports {

// Tags of red flags in Flag.meta: the severity ("high"), and how far the escalation is.
inline constexpr std::string_view kSeveritySystem = "urn:carestream:red-flag";
inline constexpr std::string_view kEscalationSystem = "urn:carestream:escalation";
inline constexpr std::string_view kWaiting = "waiting";      // until somebody acknowledges
inline constexpr std::string_view kEscalated = "escalated";  // nobody did in time

[[nodiscard]] fhir::Node ScoreObservation(const Report& report, std::string id,
                                          const questionnaires::ScoreValue& score);
// The score of an earlier version, which this one has no answers for any more.
[[nodiscard]] fhir::Node WithoutScore(const Report& report, const fhir::Node& observation);
// The version of the response that an Observation was made of; 0 = none.
[[nodiscard]] std::int32_t ScoredVersion(const fhir::Node& observation);

[[nodiscard]] fhir::Node FlagOf(const Report& report, std::string id,
                                const questionnaires::RaisedFlag& flag, Micros raised_at);
// When an active Flag that nobody acknowledged escalates; nullopt: it does not wait for that.
[[nodiscard]] std::optional<Micros> EscalateAt(const fhir::Node& flag);
// The Flag as it is once it escalated.
void Escalate(fhir::Node& flag);
// A Flag that is not active any more (acknowledged) escalates no more; one that a write leaves
// active escalates as before, whatever the write leaves out. For store::StoreOptions::label; does
// nothing to other types.
void KeepEscalation(const fhir::Node& before, fhir::Node& resource);

}  // namespace carestream::reports
