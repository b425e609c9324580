#pragma once
// One message's change set on the working set: which resource each change means, and what it makes
// of it. Pure but for numbers of new resources.
#include "base/result.h"
#include "store/internal/working_set.h"
#include "store/internal/write_context.h"
#include "store/writer.h"

namespace carestream::store {

// Adds the identities that `write` names.
void WantFeed(const FeedWrite& write, WriteContext& context, Wanted& wanted);

// Adds the ids of what none of its identities led to.
void WantIds(const FeedWrite& write, WriteContext& context, WorkingSet& set,
             std::vector<Wanted::Id>& ids);

// Marks the rows that `write` may change; what it only refers to is neither locked nor read.
// `mark` is called with each of them.
void LockFeed(const FeedWrite& write, WriteContext& context, WorkingSet& set,
              const std::function<void(Entry&)>& mark);

// Takes effect whole or, with an error, not at all. Errors: kInvalid with path (a change that does
// not fit its resource), kInternal.
[[nodiscard]] Result<FeedResult> ApplyFeed(const FeedWrite& write, WriteContext& context,
                                           WorkingSet& set);

// Makes `node` refer to what `renames` says ("Type/id" -> "Type/id"); "" removes the reference.
void RewriteReferences(fhir::Node& node,
                       const std::unordered_map<std::string, std::string>& renames);

}  // namespace carestream::store
