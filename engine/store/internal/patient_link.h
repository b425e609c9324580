#pragma once
// Merging two patients (HL7 A40 and kin) and taking it back (A37). Stored references stay; the link
// decides where messages, compartments and searches lead.
// Source: FHIR R4 Patient.link (replaced-by, replaces); HL7 v2.5.1 3.6.2.1 (merge).
#include <string>

#include "base/result.h"
#include "fhir/apply.h"
#include "fhir/definitions.h"
#include "store/internal/working_set.h"

namespace carestream::store {

// The mark (fhir::Mark) on a patient of the newest word on whether he is another one.
inline const std::string kLinkMark = "link";

// Makes `edited` the resource of `entry`, which is parsed, stamped where it differs; true if it
// does.
[[nodiscard]] Result<bool> ReplaceResource(const fhir::Definitions& definitions, WorkingSet& set,
                                           Entry& entry, fhir::Node edited,
                                           const fhir::Stamp& stamp);

// Links or unlinks the two in row and body; true if anything changed. Both entries are loaded. A
// survivor whose own chain leads to the loser is released from it first: the newer merge holds.
[[nodiscard]] Result<bool> ChangePatientLink(const fhir::Definitions& definitions, WorkingSet& set,
                                             Tenant tenant, Entry& loser, Entry& survivor,
                                             bool remove, const fhir::Stamp& stamp);

}  // namespace carestream::store
