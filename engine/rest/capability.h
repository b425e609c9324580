#pragma once
// The CapabilityStatement: made from the definitions and from what the query parser accepts, so
// that it cannot promise more than there is.
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "fhir/definitions.h"
#include "rest/operation.h"
#include "search/query.h"

namespace carestream::rest {

struct CapabilityOptions {
    std::string version;
    std::string public_url;  // "" = not named
    bool cors = false;
    bool tokens = false;  // bearer tokens with SMART scopes are asked for
    Micros date = 0;      // since when it holds: start of the service
    std::vector<std::pair<std::string, std::string>> supported_profiles = {};  // type, URL
    std::string websocket_url = {};                                            // "" = none
};

[[nodiscard]] std::string CapabilityStatement(const fhir::Definitions& definitions,
                                              const CapabilityOptions& options,
                                              const std::vector<Operation>& operations);

// Is the search parameter of the type offered? Asks the parser with a value of its type.
[[nodiscard]] bool IsOffered(const fhir::Definitions& definitions, std::string_view type,
                             const fhir::SearchParameter& parameter);

}  // namespace carestream::rest
