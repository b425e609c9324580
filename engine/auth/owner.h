#pragma once
// Who asked for a resource that is in nobody's record (a Subscription): kept in the resource
// itself, in an extension that the server sets at each write. Pure.
#include <optional>

#include "auth/access.h"
#include "fhir/node.h"

namespace carestream::auth {

// Is the type one whose resources belong to who made them? Confined tokens see their own only.
[[nodiscard]] bool IsOwnedType(std::string_view type);

// Replaces whatever the client wrote there.
void SetOwner(fhir::Node& resource, const Principal& principal);
// nullopt: it has none.
[[nodiscard]] std::optional<Principal> OwnerOf(const fhir::Node& resource);

// The same log-in, for the same patient.
[[nodiscard]] bool IsSameOwner(const Principal& a, const Principal& b);

// May who asks see what `owner` is told of? Whoever is confined hears of his own only: what is told
// goes by what the owner may see.
[[nodiscard]] bool MayHear(Access& access, const std::optional<Principal>& owner);

}  // namespace carestream::auth
