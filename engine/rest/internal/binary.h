#pragma once
// Binary: documents as bytes. Source: FHIR R4 Binary (serving by Accept, X-Security-Context), RFC
// 9110 14.
#include <string>
#include <string_view>

#include "fhir/node.h"
#include "net/http.h"
#include "rest/internal/exchange.h"

namespace carestream::rest {

// Is FHIR JSON asked for by name? Else a Binary is answered as the bytes that it holds. `format` is
// the decoded _format, "" = absent. Pure.
[[nodiscard]] bool NamesFhirJson(std::string_view accept, std::string_view format);

// "DocumentReference/abc": whose access a Binary has; "" = it says nothing that is here. Pure.
[[nodiscard]] std::string_view SecurityContextOf(const fhir::Node& binary);

// What was POSTed or PUT as bytes, as a resource; X-Security-Context becomes its securityContext.
// Errors: kInvalid with the header as path. Pure.
[[nodiscard]] Result<fhir::Node> BinaryOf(const net::Request& request);

// read; of versions and histories what the token sees anyway.
void HandleBinary(const ExchangePtr& exchange);

}  // namespace carestream::rest
