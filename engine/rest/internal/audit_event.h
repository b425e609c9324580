#pragma once
// A row of the audit as FHIR AuditEvent. Pure.
// Source: FHIR R4 AuditEvent; IHE BALP (RESTful events); DICOM PS3.15 A.5 (types, roles, outcomes).
#include <string>
#include <vector>

#include "fhir/node.h"
#include "store/access_audit.h"

namespace carestream::rest {

// `own`: the patients who may be named, for a token that is confined; nullptr = all. Log-ins that
// act for others are not named either.
[[nodiscard]] fhir::Node AuditEventOf(const store::AccessRecord& record,
                                      const std::vector<std::string>* own);

}  // namespace carestream::rest
