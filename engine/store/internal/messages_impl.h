#pragma once
// What operators ask about messages, on one session of its own.
#include <memory>

#include "base/clock.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "store/internal/pg.h"
#include "store/messages.h"

namespace carestream::store {

// Thread-safe: one caller at a time, the others wait. `keys` and `clock` outlive it.
[[nodiscard]] std::unique_ptr<Messages> MakeMessages(
    const pg::ConnectOptions& options, const crypto::KeyRing& keys,
    std::shared_ptr<const fhir::Definitions> definitions, const Clock& clock);

}  // namespace carestream::store
