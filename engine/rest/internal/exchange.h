#pragma once
// One request on its way through the service: what was asked, how it is to be answered.
#include <memory>
#include <string>
#include <string_view>

#include "auth/access.h"
#include "net/http.h"
#include "net/url.h"
#include "rest/capability.h"
#include "rest/internal/headers.h"
#include "rest/internal/route.h"
#include "rest/outcome.h"
#include "rest/service.h"

namespace carestream::rest {

// What all requests share; immutable.
struct Service::State {
    ServiceOptions options;
    ServiceParts parts;
    std::vector<Operation> operations;
    std::string capability;
    std::string smart_configuration;  // "" without a gate
};

// Owned by the callbacks that it passes through; touched by one thread at a time.
struct Exchange {
    std::shared_ptr<const Service::State> state;
    net::Request request;
    std::shared_ptr<net::Responder> responder;
    Route route;
    std::string base;  // "http://host/fhir/r4"
    bool pretty = false;
    Preferences preferences;
    net::Parameters parameters;  // of the query string, without _format, _pretty and _page
    std::string page;            // _page
    // Who asks; set by Authorize before any interaction that touches resources.
    std::shared_ptr<auth::Access> access;

    [[nodiscard]] const fhir::Definitions& definitions() const { return *state->parts.definitions; }
    // Those of the service, with the base by which this client knows it: its own absolute
    // references are relative ones.
    [[nodiscard]] search::QueryLimits query_limits() const;

    // Adds what all answers carry (route, cache rules, CORS), prints prettily if asked, sends.
    void Send(net::Response response);
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
void HandleSearch(const ExchangePtr& exchange);
void HandleOperation(const ExchangePtr& exchange);

// ETag, Last-Modified and, for `with_location`, Location of a version.
void AddVersionHeaders(const Exchange& exchange, const store::StoredVersion& version,
                       bool with_location, net::Response& response);

}  // namespace carestream::rest
