#pragma once
// What create, update, patch and delete have in common.
#include <cstdint>
#include <optional>
#include <string_view>

#include "fhir/node.h"
#include "rest/internal/exchange.h"

namespace carestream::rest {

// Where a version is read to become the condition of a write: each failure means that another write
// went through.
inline constexpr int kAnyVersionTries = 64;

// No write now or not this one: the disk is full, the audit cannot be written, a parameter or a
// condition is not offered here. True = refused.
[[nodiscard]] bool RefuseWrite(Exchange& exchange);

// The version that If-Match names, if it names one; "*" names none. Error: kInvalid.
[[nodiscard]] Result<void> ReadIfMatch(const Exchange& exchange,
                                       std::optional<std::int32_t>& if_match);

// "http://this.server/fhir/r4/Patient/1" as "Patient/1": a reference to a resource of this server
// is stored one way, so that it is found however a search writes it.
void MakeReferencesRelative(std::string_view base, fhir::Node& node);

// What other modules say about resources of the type; answers itself and gives false when one of
// them refuses. `resource` null: it is to be deleted.
[[nodiscard]] bool FollowsRules(Exchange& exchange, fhir::Node* resource);

// The same with what is there; `resource` null: it is to be deleted.
[[nodiscard]] bool FollowsChangeRules(Exchange& exchange, const fhir::Node& before,
                                      fhir::Node* resource);
// Do others want to know what is there before it is changed?
[[nodiscard]] bool HasChangeRule(const Exchange& exchange);

void SendNotOfToken(Exchange& exchange);  // 403
void SendOvertaken(Exchange& exchange);   // 412
void SendWritten(Exchange& exchange, Result<store::RestResult> written);

}  // namespace carestream::rest
