#pragma once
// What admin.sock says of outbound channels and their messages.
#include <optional>
#include <string>

#include "app/admin.h"
#include "fhir/node.h"
#include "net/http.h"
#include "outbound/service.h"

namespace carestream::app {

[[nodiscard]] fhir::Node OutboundNodes(const outbound::Service& service);

// Requests below /outbound; blocking. `actor` goes to the audit.
[[nodiscard]] net::Response AnswerOutbound(outbound::Service& service, const net::Request& request,
                                           const std::string& actor);

// The first thing about what goes out that somebody should look at, if there is any.
[[nodiscard]] std::optional<Condition> OutboundCondition(const outbound::Service& service,
                                                         Micros now);
// "to-ehr: 2 refused or not answered" of the first channel that has any, else "".
[[nodiscard]] std::string RefusedByOthers(const outbound::Service& service);

void PublishOutbound(const outbound::Service& service, telemetry::Metrics& metrics, Micros now);

}  // namespace carestream::app
