#pragma once
// The reading half of a batch: who is meant, locks in order of pk, current versions.
#include <vector>

#include "base/result.h"
#include "store/internal/pg.h"
#include "store/internal/working_set.h"
#include "store/internal/write_context.h"

namespace carestream::store {

// Looks up identities, ids and links that `set` does not know yet, and takes numbers for new
// resources. One round trip for each of the two and per link of a chain. Before the locks, so what
// it finds may be outdated when they are held; the write fails then (RunPlan) and the batch runs
// again.
[[nodiscard]] Result<void> ResolveWanted(pg::Connection& connection, Wanted& wanted,
                                         WriteContext& context, WorkingSet& set);

// Reads these rows with their bodies; with `lock` in the open transaction, locked in order of pk.
[[nodiscard]] Result<void> LoadRows(pg::Connection& connection, std::vector<Entry*> entries,
                                    WorkingSet& set, bool lock);

// Rows of these ids; those that are absent are not in `set` afterwards. Neither locked nor loaded.
[[nodiscard]] Result<void> FindIds(pg::Connection& connection, std::vector<Wanted::Id> ids,
                                   WorkingSet& set);

// Rows of these numbers, likewise.
[[nodiscard]] Result<void> FindPks(pg::Connection& connection, const std::vector<std::int64_t>& pks,
                                   WorkingSet& set);

}  // namespace carestream::store
