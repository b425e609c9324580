#pragma once
// Failures, on one session.
#include <memory>

#include "store/failures.h"
#include "store/internal/pg.h"

namespace carestream::store {

[[nodiscard]] std::unique_ptr<Failures> MakeFailures(pg::ConnectOptions options);

}  // namespace carestream::store
