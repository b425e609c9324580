#pragma once
// The FHIR R4 REST API over a store, at /fhir/r4, and the index page at /.
// Source: FHIR R4 3.1.0 (RESTful API), 3.1.1 (search). What is not offered says so.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/gate.h"
#include "auth/rate_limit.h"
#include "base/clock.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "net/http.h"
#include "rest/operation.h"
#include "search/query.h"
#include "store/access_audit.h"
#include "store/login_link.h"
#include "store/reader.h"
#include "store/writer.h"
#include "telemetry/log.h"

namespace carestream::rest {

struct ServiceOptions {
    // Of the API as clients see it: "https://fhir.example.org/fhir/r4". Empty: made from Host.
    std::string public_url;
    bool trust_forwarded = false;  // X-Forwarded-Proto and -Host of a proxy in front
    std::string version = "0";     // of the software, for the CapabilityStatement
    store::Tenant tenant = 1;
    std::string tenant_name = "main";
    // Origins of web apps that may call from a browser: "https://app.example.org", or "*". Empty:
    // none.
    std::vector<std::string> cors_origins;
    search::QueryLimits query_limits;  // `base_url` is set for each request
    // Profiles that the server supports beyond base R4, for the CapabilityStatement: type, URL.
    std::vector<std::pair<std::string, std::string>> supported_profiles = {};
    // Statements of guides that the server fulfils, by canonical URL, for the CapabilityStatement.
    std::vector<std::string> instantiates = {};
    std::string websocket_path = {};  // "/fhir/r4/websocket", or "" = none is offered
    // Of one log-in with one app (issuer, subject, client_id); with auth.mode: open of one address,
    // loopback ones excepted.
    auth::RateLimit client_limit;
    // Of one address: requests without a valid token, beyond which no signature is looked at; and
    // by themselves websockets that are opened without a token.
    auth::RateLimit unauthenticated_limit;
    auth::Policy policy = {};  // by which resources are seen
    int history_count_default = 20;
    int history_count_max = 1000;
};

// What the service stands on; all outlive the requests under way.
struct ServiceParts {
    std::shared_ptr<const fhir::Definitions> definitions;
    store::Reader& reader;
    store::Writer& writer;
    store::AccessAudit& audit;
    store::LoginLinks& links;
    const crypto::KeyRing& keys;  // seals paging links
    const Clock& clock;
    telemetry::Log& log;
    // Too little free space for the store: writes are answered 503, reads go on. Absent: never.
    std::function<bool()> disk_low = {};
    // Who may do what. Null (auth.mode: open): everyone may do everything, and requests with a Host
    // or Origin of another machine are refused.
    const auth::Gate* gate = nullptr;
    std::vector<WriteRule> write_rules = {};
    // Canonical URLs of the topics in force, for the CapabilityStatement. Absent: none.
    std::function<std::vector<std::string>()> topics = {};
};

// Thread-safe. The handler shares ownership of what it needs: it may outlive the Service object.
class Service {
public:
    Service(ServiceOptions options, ServiceParts parts, std::vector<Operation> operations = {});
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    [[nodiscard]] net::HttpHandler handler() const;
    [[nodiscard]] std::string capability_statement() const;  // JSON

    // Who opens a websocket. `who` stays empty when he did not say so and need not (with a gate:
    // what he may hear is decided later). A response: he is refused; 429 beyond the limits.
    [[nodiscard]] std::optional<net::Response> CheckUpgrade(
        const net::Request& request, std::optional<auth::Principal>& who) const;
    // "https://host/fhir/r4", as this client knows it.
    [[nodiscard]] std::string BaseUrl(const net::Request& request) const;

    struct State;

private:
    std::shared_ptr<const State> state_;
};

}  // namespace carestream::rest
