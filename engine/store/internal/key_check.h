#pragma once
// The keys that a database was written with, and the keys that lie in the state folder, are the
// same.
#include <filesystem>

#include "base/result.h"
#include "crypto/keys.h"
#include "store/internal/pg.h"

namespace carestream::store {

// Loads the key folder, or makes it for a database without any data. Records the check value, and
// adds root keys that are new. Errors: kInvalid with the remedy (other keys, a missing key, a
// database that has data and no keys beside it), kUnavailable.
[[nodiscard]] Result<crypto::KeyRing> OpenKeys(pg::Connection& connection,
                                               const std::filesystem::path& folder);

}  // namespace carestream::store
