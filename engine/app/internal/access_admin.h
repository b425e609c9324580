#pragma once
// What admin.sock tells of the audit of accesses. Looking at it is an access itself.
#include "app/admin.h"

namespace carestream::app {

// GET /audit?patient=ID&actor=ISSUER|SUBJECT&since=T&limit=N&tenant=main
[[nodiscard]] net::Response ListAccesses(const AdminParts& parts, const net::Request& request);

// Notes that the operator at the other end of the socket did `row.interaction`; returns when the
// row is on disk. Fills in who and when, and a status of 200 where none is. Errors: kUnavailable,
// kLimit.
[[nodiscard]] Result<void> NoteOperator(const AdminParts& parts, const net::Request& request,
                                        store::AccessRow row);

}  // namespace carestream::app
