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

inline constexpr std::string_view kServerStatement =
    "http://hl7.org/fhir/uv/subscriptions-backport/CapabilityStatement/"
    "backport-subscription-server-r4";

// The engine outlives them. `websocket_path`: "/fhir/r4/websocket".
[[nodiscard]] std::vector<rest::Operation> Operations(Engine& engine, store::Tenant tenant,
                                                      std::string websocket_path);
// The canonical URLs of topics, for the CapabilityStatement.
[[nodiscard]] std::vector<std::string> UrlsOf(const topics::Topics& topics);
[[nodiscard]] rest::WriteRule SubscriptionRule(const Engine& engine);

}  // namespace carestream::subscriptions
