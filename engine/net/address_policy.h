#pragma once
// Which servers an outbound request may reach. A URL that somebody else wrote must not lead into
// our own network (server-side request forgery). Source: IANA special-purpose address registries
// (RFC 6890). Pure.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/units.h"

namespace carestream::net {

struct AddressPolicy {
    // "fhir.example.org", or "*.example.org" for every name below it. Empty = every host.
    std::vector<std::string> hosts;
    // Private addresses that are allowed all the same.
    std::vector<config::Network> networks;
    bool allow_private = false;  // all of them
};

// Is a numeric address anything else than public unicast? Loopback, private, shared (CGNAT),
// link-local, cloud metadata, documentation, benchmarks, multicast, reserved; of IPv6 also what
// carries an IPv4 address inside (mapped, NAT64, 6to4, Teredo). True for what is no address.
[[nodiscard]] bool IsPrivate(std::string_view address);

// `host` in lower case. Error: kDenied.
[[nodiscard]] Result<void> CheckHost(const AddressPolicy& policy, std::string_view host);

// Of a resolved address.
[[nodiscard]] bool AllowsAddress(const AddressPolicy& policy, std::string_view address);

}  // namespace carestream::net
