#pragma once
// What stands for the values that a profile requires and a resource does not have.
#include <string>
#include <vector>

#include "fhir/internal/profile_check.h"

namespace carestream::fhir::internal {

// See Profiles::Complete.
std::vector<std::string> CompleteProfile(const ProfileReader& reader, const ProfileEntry& profile,
                                         Node& resource);

}  // namespace carestream::fhir::internal
