#pragma once
// One thread and one session do what links need, one thing after the other: so that no wrong code
// goes uncounted and nothing older than a revocation is remembered.
#include <memory>

#include "base/clock.h"
#include "crypto/keys.h"
#include "store/internal/pg.h"
#include "store/login_link.h"

namespace carestream::store {

// Keys and clock outlive it.
[[nodiscard]] std::unique_ptr<LoginLinks> MakeLoginLinks(const pg::ConnectOptions& options,
                                                         const crypto::KeyRing& keys,
                                                         const Clock& clock);

}  // namespace carestream::store
