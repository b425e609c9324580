#pragma once
// One request on its way through the service: what was asked, how it is to be answered.
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "auth/access.h"
#include "auth/rate_limit.h"
#include "net/http.h"
#include "net/url.h"
#include "rest/capability.h"
#include "rest/internal/headers.h"
#include "rest/internal/route.h"
#include "rest/outcome.h"
#include "rest/service.h"

namespace carestream::rest {

// How often who may ask, and how many rows of the audit they leave who get nothing. Thread-safe.
struct Limits {
    Limits(const ServiceOptions& options, const Clock& clock)
        : clients(options.client_limit, clock),
          strangers(options.unauthenticated_limit, clock),
          upgrades(options.unauthenticated_limit, clock),
          refused_rows_of_address({1.0 / 60, 1}, clock),
          refused_rows({1, 60}, clock, 1) {}

    auth::RateLimiter clients;    // by issuer, subject and client; without tokens by address
    auth::RateLimiter strangers;  // failures, by address
    auth::RateLimiter upgrades;   // websockets opened without a token, by address
    auth::RateLimiter refused_rows_of_address;
    auth::RateLimiter refused_rows;
};

// What all requests share; immutable but for the limits.
struct Service::State {
    ServiceOptions options;
    ServiceParts parts;
    std::vector<Operation> operations;
    std::unique_ptr<Capability> capability;
    std::string smart_configuration;  // "" without a gate
    std::unique_ptr<Limits> limits;
};

// Owned by the callbacks that it passes through; touched by one thread at a time.
struct Exchange : std::enable_shared_from_this<Exchange> {
    std::shared_ptr<const Service::State> state;
    net::Request request;
    std::shared_ptr<net::Responder> responder;
    Route route;
    std::string base;  // "http://host/fhir/r4"
    bool pretty = false;
    bool bytes_wanted = false;  // of a Binary: as what it holds, not as a resource
    Preferences preferences;
    net::Parameters parameters;  // of the query string, without _format, _pretty and _page
    std::string page;            // _page
    // Who asks; set by Authorize before any interaction that touches resources.
    std::shared_ptr<auth::Access> access;
    // Set by Authorize: the answer leaves with a row of the audit (access_note.h).
    bool audited = false;
    bool changes_state = false;         // then not before that row is on disk
    int returned = 0;                   // resources in the answer, for that row
    std::set<std::int64_t> patients;    // whose they are: StoredVersion::patient
    std::set<std::string> patient_ids;  // of what is about several: whom it names
    std::vector<std::string> asked_patients;  // ids of those whom the request is about

    [[nodiscard]] const fhir::Definitions& definitions() const { return *state->parts.definitions; }
    // Those of the service, with the base by which this client knows it: its own absolute
    // references are relative ones.
    [[nodiscard]] search::QueryLimits query_limits() const;

    // For the audit: what the answer shows, or what was changed.
    void Show(const store::StoredVersion& version);
    // Whom it is about, when the answer only tells of it.
    void NamePatients(const store::StoredVersion& version);
    // Adds what all answers carry (route, cache rules, CORS), prints prettily if asked, sends.
    void Send(net::Response response);
    // The first half of Send.
    void Dress(net::Response& response) const;
    void Refuse(int status, std::string_view code, std::string text, std::string expression = {});
    void Refuse(const Error& error, ErrorOrigin origin);
    // Parameters that an interaction does not know are refused, never ignored. True = refused.
    [[nodiscard]] bool RefuseParameters();
};

using ExchangePtr = std::shared_ptr<Exchange>;

// "https://host/fhir/r4", as the client knows it.
[[nodiscard]] std::string BaseUrlOf(const ServiceOptions& options, const net::Request& request);

// Reads what all interactions have in common; answers itself and returns nullptr when it is
// refused.
[[nodiscard]] ExchangePtr BeginExchange(std::shared_ptr<const Service::State> state,
                                        net::Request request,
                                        std::shared_ptr<net::Responder> responder);

// Each answers in the end, here or on a thread of the store.
void HandleRead(const ExchangePtr& exchange);  // read and vread
void HandleHistory(const ExchangePtr& exchange);
void HandleWrite(const ExchangePtr& exchange);  // create, update, delete
void HandlePatch(const ExchangePtr& exchange);
void HandleSearch(const ExchangePtr& exchange);
void HandleOperation(const ExchangePtr& exchange);
// Is it an operation with `any_login`? Then it does not matter for whom the token acts.
[[nodiscard]] bool IsForAnyLogin(const Exchange& exchange);
void HandleAuditEvent(const ExchangePtr& exchange);  // read and search of AuditEvent

// ETag, Last-Modified and, for `with_location`, Location of a version.
void AddVersionHeaders(const Exchange& exchange, const store::StoredVersion& version,
                       bool with_location, net::Response& response);

}  // namespace carestream::rest
