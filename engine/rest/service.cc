#include "rest/service.h"

#include "rest/capability.h"
#include "rest/index_page.h"
#include "rest/internal/authorize.h"
#include "rest/internal/binary.h"
#include "rest/internal/exchange.h"

namespace carestream::rest {
namespace {

void SendIndexPage(Exchange& exchange) {
    exchange.Send(net::Response::Text(200, "text/html; charset=utf-8",
                                      IndexPage(exchange.base, exchange.state->options.version)));
}

void SendMetadata(Exchange& exchange) {
    for (const auto& [name, value] : exchange.parameters) {
        if (name == "mode" && value == "full") continue;
        exchange.Refuse(400, "not-supported", "metadata has mode=full only", name);
        return;
    }
    exchange.Send(net::Response::Text(200, kFhirJson, exchange.state->capability->Get()));
}

void SendSmartConfiguration(Exchange& exchange) {
    if (exchange.RefuseParameters()) return;
    const std::string& document = exchange.state->smart_configuration;
    if (document.empty()) {
        exchange.Refuse(404, "not-found", "this server takes no tokens (auth.mode: open)");
        return;
    }
    exchange.Send(net::Response::Text(200, "application/json", document));
}

void SendOptions(Exchange& exchange) {
    net::Response response;
    response.status = 204;
    response.headers.emplace_back("Allow", exchange.route.allow);
    if (exchange.route.allow.find("PATCH") != std::string_view::npos) {
        response.headers.emplace_back("Accept-Patch", kJsonPatch);
    }
    exchange.Send(std::move(response));
}

void Dispatch(const ExchangePtr& exchange) {
    switch (exchange->route.interaction) {
        case Interaction::kIndexPage:
            return SendIndexPage(*exchange);
        case Interaction::kMetadata:
            return SendMetadata(*exchange);
        case Interaction::kSmartConfiguration:
            return SendSmartConfiguration(*exchange);
        case Interaction::kRead:
            if (exchange->route.type == kAuditEvent) return HandleAuditEvent(exchange);
            if (exchange->route.type == kBinary) return HandleBinary(exchange);
            return HandleRead(exchange);
        case Interaction::kVread:
            return HandleRead(exchange);
        case Interaction::kHistory:
            return HandleHistory(exchange);
        case Interaction::kCreate:
        case Interaction::kUpdate:
        case Interaction::kDelete:
            return HandleWrite(exchange);
        case Interaction::kPatch:
            return HandlePatch(exchange);
        case Interaction::kSearch:
            if (exchange->route.type == kAuditEvent) return HandleAuditEvent(exchange);
            return HandleSearch(exchange);
        case Interaction::kOperation:
            return HandleOperation(exchange);
        case Interaction::kOptions:
            return SendOptions(*exchange);
        case Interaction::kRefused:
            break;
    }
    exchange->Refuse(exchange->route.status, exchange->route.code, exchange->route.text);
}

}  // namespace

Service::Service(ServiceOptions options, ServiceParts parts, std::vector<Operation> operations) {
    while (options.public_url.ends_with('/')) options.public_url.pop_back();
    CapabilityOptions capability;
    capability.version = options.version;
    capability.public_url = options.public_url;
    capability.cors = !options.cors_origins.empty();
    capability.date = parts.clock.Now();
    capability.supported_profiles = options.supported_profiles;
    capability.instantiates = options.instantiates;
    if (!options.websocket_path.empty() && options.public_url.starts_with("http")) {
        const std::size_t path = options.public_url.find('/', options.public_url.find("://") + 3);
        capability.websocket_url =
            "ws" + options.public_url.substr(4, path == std::string::npos ? path : path - 4) +
            options.websocket_path;
    }
    std::string smart;
    if (parts.gate != nullptr) {
        capability.tokens = true;
        smart = SmartConfiguration(parts.gate->options());
    }
    auto statement = std::make_unique<Capability>(*parts.definitions, std::move(capability),
                                                  operations, parts.topics);
    auto limits = std::make_unique<Limits>(options, parts.clock);
    state_ = std::make_shared<const State>(State{std::move(options), std::move(parts),
                                                 std::move(operations), std::move(statement),
                                                 std::move(smart), std::move(limits)});
}

Service::~Service() = default;

net::HttpHandler Service::handler() const {
    return [state = state_](net::Request request, std::shared_ptr<net::Responder> responder) {
        const auto exchange = BeginExchange(state, std::move(request), std::move(responder));
        if (exchange) Authorize(exchange, Dispatch);
    };
}

std::optional<net::Response> Service::CheckUpgrade(const net::Request& request,
                                                   std::optional<auth::Principal>& who) const {
    return rest::CheckUpgrade(*state_, request, who);
}

std::string Service::BaseUrl(const net::Request& request) const {
    return BaseUrlOf(state_->options, request);
}

std::string Service::capability_statement() const {
    return state_->capability->Get();
}

}  // namespace carestream::rest
