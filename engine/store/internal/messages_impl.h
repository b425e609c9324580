#pragma once
// What operators ask about messages, on one session of its own.
#include <memory>

#include "crypto/keys.h"
#include "store/internal/pg.h"
#include "store/messages.h"

namespace carestream::store {

// Thread-safe: one caller at a time, the others wait. `keys` outlives it.
[[nodiscard]] std::unique_ptr<Messages> MakeMessages(const pg::ConnectOptions& options,
                                                     const crypto::KeyRing& keys);

}  // namespace carestream::store
