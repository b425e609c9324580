#pragma once
// By which date a type's resources are listed when nothing else is asked for.
#include <cstdint>
#include <string_view>

#include "fhir/definitions.h"

namespace carestream::search {

// Fnv32 of the space of the parameter that IndexEntries::main_date comes from when the resource has
// it; 0 when the type has no such parameter. Compiles the parameter: keep the answer.
[[nodiscard]] std::uint32_t MainDateId(const fhir::Definitions& definitions, std::string_view type);

}  // namespace carestream::search
