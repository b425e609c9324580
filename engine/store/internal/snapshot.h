#pragma once
// Snapshots of a source (fhir::Snapshot). The stamps of the patient or report note when the
// source's newest snapshot was, an entry's when the source last named it; an entry that was named
// before the snapshot and not in it is ended with the snapshot's stamp. All three are maxima, so
// the order of arrival cannot matter. Source: HL7 v2.5.1 2.10.4 (snapshot mode).
#include <string>
#include <vector>

#include "base/result.h"
#include "store/internal/pg.h"
#include "store/internal/working_set.h"
#include "store/internal/write_context.h"
#include "store/writer.h"

namespace carestream::store {

// The mark of a source's snapshots of a type.
[[nodiscard]] std::string SnapshotMark(const std::string& type, const std::string& source);

// The entry that a snapshot belongs to, if it is stored or made by this batch.
[[nodiscard]] Entry* FindOwner(const FeedWrite& write, const fhir::Snapshot& snapshot,
                               WriteContext& context, WorkingSet& set);

// Looks up which resources the patients have of the types of whom `writes` bring snapshots, in two
// round trips, and which ones reports list, in two more; kept in `set.held`, neither locked nor
// loaded.
[[nodiscard]] Result<void> FindHeld(pg::Connection& connection,
                                    const std::vector<const FeedWrite*>& writes,
                                    WriteContext& context, WorkingSet& set);

}  // namespace carestream::store
