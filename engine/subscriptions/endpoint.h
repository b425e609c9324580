#pragma once
// The websocket of the API: for R4's "bind <id>" and the backport's "bind-with-token <token>".
#include <string>

#include "net/http.h"
#include "rest/service.h"
#include "subscriptions/engine.h"

namespace carestream::subscriptions {

inline constexpr const char* kWebSocketPath = "/fhir/r4/websocket";

// Decides about requests to upgrade. Engine and service outlive the server that it is given to.
[[nodiscard]] net::UpgradeHandler Endpoint(Engine& engine, const rest::Service& service,
                                           store::Tenant tenant);

}  // namespace carestream::subscriptions
