#pragma once
// States and matches of subscriptions, on one session.
#include <memory>

#include "base/clock.h"
#include "store/internal/pg.h"
#include "store/subscriptions.h"

namespace carestream::store {

// `clock` outlives it.
[[nodiscard]] std::unique_ptr<Subscriptions> MakeSubscriptions(pg::ConnectOptions options,
                                                               const Clock& clock);

}  // namespace carestream::store
