#pragma once
// What admin.sock does with links of log-ins to patients. Each request leaves a row of the audit of
// accesses before it is answered.
#include "app/admin.h"

namespace carestream::app {

// GET /links?patient=ID&tenant=main
[[nodiscard]] net::Response ListLinks(const AdminParts& parts, const net::Request& request);
// POST /links/code {"patient", "related_person", "scopes", "until", "hours", "tenant"}; a
// related_person makes it a carer's.
[[nodiscard]] net::Response MakeLinkCode(const AdminParts& parts, const net::Request& request);
// POST /links/revoke {"patient", "link", "tenant"}
[[nodiscard]] net::Response RevokeLinks(const AdminParts& parts, const net::Request& request);

}  // namespace carestream::app
