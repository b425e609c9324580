#pragma once
// The CapabilityStatement: made from the definitions and from what the query parser accepts, so
// that it cannot promise more than there is.
#include <functional>
#include <mutex>
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
    std::vector<std::string> instantiates = {};  // canonical URLs of statements that it fulfils
};

// `topics`: canonical URLs of what Subscriptions may be about.
[[nodiscard]] std::string CapabilityStatement(const fhir::Definitions& definitions,
                                              const CapabilityOptions& options,
                                              const std::vector<Operation>& operations,
                                              const std::vector<std::string>& topics = {});

// The statement as it is asked for, made anew when the topics are others than before (a reload).
// Thread-safe. The definitions outlive it.
class Capability {
public:
    using TopicsNow = std::function<std::vector<std::string>()>;
    // `topics` empty: there are none.
    Capability(const fhir::Definitions& definitions, CapabilityOptions options,
               std::vector<Operation> operations, TopicsNow topics);
    [[nodiscard]] std::string Get();

private:
    const fhir::Definitions& definitions_;
    const CapabilityOptions options_;
    const std::vector<Operation> operations_;
    const TopicsNow topics_now_;
    std::mutex mutex_;
    std::vector<std::string> topics_;  // guarded by mutex_, like the next; those of the text
    std::string text_;
};

// Is the search parameter of the type offered? Asks the parser with a value of its type.
[[nodiscard]] bool IsOffered(const fhir::Definitions& definitions, std::string_view type,
                             const fhir::SearchParameter& parameter);

}  // namespace carestream::rest
