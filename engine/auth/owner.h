#pragma once
// Who asked for a resource that is in nobody's record (a Subscription): kept in the resource
// itself, in an extension that the server sets at each write. Pure.
#include <optional>
#include <string_view>

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

// May who asks hear what `owner` is told of resources of `type`? What is told goes by what the owner
// may see: so who may not see all of the type hears of his own only, and not beyond his scopes.
[[nodiscard]] bool MayHear(Access& access, std::string_view type,
                           const std::optional<Principal>& owner);

}  // namespace carestream::auth
