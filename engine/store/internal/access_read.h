#pragma once
// Reading the audit: by patient, by actor, by time, by number.
#include <cstdint>

#include "base/result.h"
#include "crypto/keys.h"
#include "store/access_audit.h"
#include "store/internal/pg.h"

namespace carestream::store {

// Errors: kInvalid (position, a row that cannot be opened), kUnavailable.
[[nodiscard]] Result<AccessPage> ReadAccesses(pg::Connection& connection,
                                              const crypto::KeyRing& keys,
                                              std::int16_t patient_type, const AccessQuery& query);

}  // namespace carestream::store
