#pragma once
// What admin.sock says of outbound channels and their messages.
#include <string>

#include "fhir/node.h"
#include "net/http.h"
#include "outbound/service.h"

namespace carestream::app {

[[nodiscard]] fhir::Node OutboundNodes(const outbound::Service& service);

// Requests below /outbound; blocking. `actor` goes to the audit.
[[nodiscard]] net::Response AnswerOutbound(outbound::Service& service, const net::Request& request,
                                           const std::string& actor);

}  // namespace carestream::app
