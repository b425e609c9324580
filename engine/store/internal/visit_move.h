#pragma once
// A visit that belongs to another patient from now on (HL7 A41, A45): its Encounter and what refers
// to that Encounter change their patient; nothing else of either patient does. Source: HL7
// v2.5.1 3.6.2 (move); FHIR R4 compartment Encounter.
#include <vector>

#include "base/result.h"
#include "fhir/apply.h"
#include "store/internal/pg.h"
#include "store/internal/working_set.h"
#include "store/internal/write_context.h"
#include "store/writer.h"

namespace carestream::store {

// Looks up what refers to the visits that `write` moves; kept in `set`, neither locked nor loaded.
[[nodiscard]] Result<void> FindVisitResources(pg::Connection& connection, const FeedWrite& write,
                                              WriteContext& context, WorkingSet& set);

// True if anything changed. All entries are loaded.
[[nodiscard]] Result<bool> MoveVisit(const fhir::Definitions& definitions, WorkingSet& set,
                                     Entry& visit, const Entry& patient, const fhir::Stamp& stamp);

}  // namespace carestream::store
