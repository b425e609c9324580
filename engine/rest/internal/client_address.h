#pragma once
// Whose address a request comes from, for the audit and for limits. Pure.
#include <string>

#include "net/http.h"
#include "rest/service.h"

namespace carestream::rest {

// The address of the connection, or with `trust_forwarded` the last one of X-Forwarded-For, which
// the proxy in front added. "unix" for a local socket.
[[nodiscard]] std::string ClientAddress(const ServiceOptions& options, const net::Request& request);

// What a limit goes by: an IPv6 network of 64 bits is one client, for it has that many addresses to
// ask from.
[[nodiscard]] std::string LimitKey(const std::string& address);

[[nodiscard]] bool IsLoopback(const std::string& address);

}  // namespace carestream::rest
