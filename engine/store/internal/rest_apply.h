#pragma once
// One REST write on the working set. 409 and 412 are decided here, in memory, under the row's lock.
#include "base/result.h"
#include "store/internal/working_set.h"
#include "store/internal/write_context.h"
#include "store/writer.h"

namespace carestream::store {

// Business identifiers of a resource: identifier.system and identifier.value, both present.
[[nodiscard]] std::vector<fhir::IdentityKey> IdentifiersOf(const fhir::Node& resource);

void WantRest(const RestWrite& write, WriteContext& context, Wanted& wanted);
void LockRest(const RestWrite& write, WriteContext& context, WorkingSet& set,
              const std::function<void(Entry&)>& mark);
// Takes effect whole or not at all. `if_none_exist` is the caller's work. Errors: kInvalid (type),
// kNotFound, kPreconditionFailed.
[[nodiscard]] Result<RestResult> ApplyRest(const RestWrite& write, WriteContext& context,
                                           WorkingSet& set);
// All of them or none, each with a version of its own, in this order. An error's path names the
// write: "Slot/<id>".
[[nodiscard]] Result<std::vector<RestResult>> ApplyTransaction(const std::vector<RestWrite>& writes,
                                                               WriteContext& context,
                                                               WorkingSet& set);

}  // namespace carestream::store
