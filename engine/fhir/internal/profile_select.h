#pragma once
// Of which profiles a resource is a case.
#include <vector>

#include "fhir/internal/profile_check.h"

namespace carestream::fhir::internal {

// The most specific profiles of the resource's type whose selecting constraints it has: patterns
// and fixed values of its elements, required slices, the value sets of its category, closed value
// sets of its code.
[[nodiscard]] std::vector<const Profile*> SelectProfiles(const ProfileReader& reader,
                                                         const Node& resource);

}  // namespace carestream::fhir::internal
