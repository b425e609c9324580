#pragma once
// Operations that link log-ins to patients: codes, their redemption, and the end of links.
//
//   POST Patient/<id>/$link-code  user/ or system/ token with Patient.u (or auth.mode: open).
//        Parameters, all optional: kind (code: self | carer), hours (positiveInt, up to 720),
//        until (dateTime: end of the link); carer: relatedPerson (Reference, required: a
//        RelatedPerson of this patient), scopes (string, "patient/*.rs" by default).
//        Answers Parameters: code, expires. The code is told this once.
//   POST Patient/$link            a token of an issuer with `patient_claim: link` that has a
//   patient/
//        scope or `openid`. Parameters: code. Answers Parameters: patient (Reference), kind.
//        400 for every code that is not good, 429 after five of them in an hour.
//   POST Patient/<id>/$unlink     as $link-code. Parameters: link (positiveInt, as `carestream link
//        list` prints it; absent: all links and open codes). Answers Parameters: ended (integer).
#include <string>
#include <vector>

#include "base/clock.h"
#include "rest/operation.h"
#include "store/login_link.h"
#include "store/reader.h"

namespace carestream::rest {

// References outlive the operations.
struct LinkParts {
    store::LoginLinks& links;
    store::Reader& reader;
    const Clock& clock;
    store::Tenant tenant = 1;
};

[[nodiscard]] std::vector<Operation> LinkOperations(LinkParts parts);

// Checks what a new code is asked to do, and makes it: for the operation and for admin.sock.
// Errors: kInvalid with the parameter as path, kNotFound (no such patient), kLimit. `until` and
// `scopes` of carers are checked; `code.patient` may be any id that is linked by merges.
void MakeLinkCode(const LinkParts& parts, store::NewLinkCode code,
                  store::Callback<std::string> done);

// Ends links of the patient and of those who are linked to him by merges; how many. Error:
// kNotFound.
void EndLinks(const LinkParts& parts, std::string patient, std::int64_t number,
              store::Callback<std::int64_t> done);

}  // namespace carestream::rest
