#pragma once
// Brings a database to the layout that this program knows: forward only, each file in a
// transaction.
#include <filesystem>

#include "base/result.h"
#include "store/internal/pg.h"
#include "store/types.h"

namespace carestream::store {

// Applies what is missing of `folder`'s NNNN_name.sql, in order, under the migration lock; other
// daemons wait. Errors: kInvalid (a file is missing, was changed after it was applied, or the
// database is newer than this program; each with its remedy), kUnavailable.
[[nodiscard]] Result<void> Migrate(pg::Connection& connection, const std::filesystem::path& folder,
                                   const LogLine& log);

}  // namespace carestream::store
