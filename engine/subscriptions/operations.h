#pragma once
// What subscriptions add to the REST API: $status, $events, $get-ws-binding-token, and what is
// checked before a Subscription is stored.
// Source: Subscriptions R5 Backport IG STU 1.1, operations.
#include <string>
#include <vector>

#include "rest/operation.h"
#include "subscriptions/engine.h"

namespace carestream::subscriptions {

inline constexpr std::string_view kSubscriptionProfile =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription";

// The engine outlives them. `websocket_path`: "/fhir/r4/websocket".
[[nodiscard]] std::vector<rest::Operation> Operations(Engine& engine, store::Tenant tenant,
                                                      std::string websocket_path);
[[nodiscard]] rest::WriteRule SubscriptionRule(const Engine& engine);

}  // namespace carestream::subscriptions
