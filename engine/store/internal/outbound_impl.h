#pragma once
// The queues of outbound channels, on a few sessions that its callers share.
#include <memory>

#include "base/clock.h"
#include "crypto/keys.h"
#include "store/internal/pg.h"
#include "store/outbound.h"

namespace carestream::store {

// `keys` and `clock` outlive it.
[[nodiscard]] std::unique_ptr<Outbound> MakeOutbound(pg::ConnectOptions options,
                                                     const crypto::KeyRing& keys,
                                                     const Clock& clock);

}  // namespace carestream::store
