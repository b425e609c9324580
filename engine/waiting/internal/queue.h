#pragma once
// The queue of a clinic as the store has it, and the positions that follow from it.
#include "base/clock.h"
#include "waiting/internal/context.h"

namespace carestream::waiting {

// Writes the positions that are another now; how many wait. What fails for good is told by `failed`
// and holds up nothing. Errors: retryable ones.
[[nodiscard]] Result<int> Recount(
    Context& context, const clinics::Clinic& clinic, Micros now,
    const std::function<void(const std::string& id, const Error& error)>& failed);

}  // namespace carestream::waiting
