#include "rest/internal/authorize.h"

#include <algorithm>

#include "base/text.h"
#include "fhir/json.h"
#include "rest/internal/act_for.h"
#include "rest/internal/client_address.h"

namespace carestream::rest {
namespace {

constexpr std::string_view kChallenge = "WWW-Authenticate";

constexpr const char* kInvalidToken = "Bearer realm=\"fhir\", error=\"invalid_token\"";

net::Response Unauthorized(std::string challenge, std::string text) {
    auto response = OutcomeResponse(401, "login", std::move(text));
    response.headers.emplace_back(kChallenge, std::move(challenge));
    return response;
}

void SendUnauthorized(Exchange& exchange, std::string challenge, std::string text) {
    exchange.Send(Unauthorized(std::move(challenge), std::move(text)));
}

bool IsPublic(Interaction interaction) {
    switch (interaction) {
        case Interaction::kIndexPage:
        case Interaction::kMetadata:
        case Interaction::kSmartConfiguration:
        case Interaction::kOptions:
        case Interaction::kRefused:
            return true;
        default:
            return false;
    }
}

// Scopes of operations are the operation's matter: see HandleOperation.
bool IsDeniedByScope(Exchange& exchange) {
    const auto denied = [&](auth::Action action) {
        return exchange.access->Of(exchange.route.type, action).verdict == auth::Verdict::kDenied;
    };
    switch (exchange.route.interaction) {
        case Interaction::kRead:
        case Interaction::kVread:
        case Interaction::kHistory:
            return denied(auth::Action::kRead);
        case Interaction::kSearch:
            return denied(auth::Action::kSearch);
        case Interaction::kCreate:
            // A condition is a search: its answer tells what there is.
            return denied(auth::Action::kCreate) ||
                   (!exchange.request.Header("If-None-Exist").empty() &&
                    denied(auth::Action::kSearch));
        case Interaction::kUpdate:
            return denied(auth::Action::kUpdate);
        case Interaction::kPatch:
            return denied(auth::Action::kUpdate) || denied(auth::Action::kRead);
        case Interaction::kDelete:
            return denied(auth::Action::kDelete);
        case Interaction::kOperation:
            return false;
        default:
            return true;
    }
}

// The one Authorization header; answers itself and gives false when there is no such.
bool TakeToken(Exchange& exchange, std::string_view& token) {
    int count = 0;
    for (const auto& [name, value] : exchange.request.headers) {
        if (ToLowerAscii(name) == "authorization") ++count;
    }
    if (count == 0) {
        SendUnauthorized(exchange, "Bearer realm=\"fhir\"",
                         "this server wants a bearer token (Authorization: Bearer ...)");
        return false;
    }
    token = auth::BearerOf(exchange.request.Header("Authorization"));
    if (count == 1 && !token.empty()) return true;
    SendUnauthorized(exchange, kInvalidToken, "the Authorization header is no bearer token");
    return false;
}

net::Response Throttled(Micros wait) {
    const std::string seconds = auth::RetryAfter(wait);
    auto response = OutcomeResponse(
        429, "throttled", "too many requests; ask again in " + seconds + " s (auth.rate_limit)");
    response.headers.emplace_back("Retry-After", seconds);
    return response;
}

// 429 unless `wait` is 0. True = refused.
bool RefuseThrottled(Exchange& exchange, Micros wait) {
    if (wait == 0) return false;
    exchange.Send(Throttled(wait));
    return true;
}

// Who has a valid token; else answers itself. An address that failed too often is not worth the
// work of a signature.
bool AdmitToken(Exchange& exchange, const auth::Gate& gate, auth::Principal& principal) {
    auth::RateLimiter& strangers = exchange.state->limits->strangers;
    const std::string address = LimitKey(ClientAddress(exchange.state->options, exchange.request));
    if (RefuseThrottled(exchange, strangers.Wait(address))) return false;
    std::string_view token;
    if (!TakeToken(exchange, token)) {
        (void)strangers.Take(address);
        return false;
    }
    auto admitted = gate.Admit(token);
    if (admitted) {
        principal = std::move(*admitted);
        return true;
    }
    if (admitted.error().code != Code::kDenied) {
        exchange.Refuse(admitted.error(), ErrorOrigin::kStore);
        return false;
    }
    (void)strangers.Take(address);
    SendUnauthorized(exchange, kInvalidToken, admitted.error().message);
    return false;
}

// What a client's limit goes by; "" = no limit.
std::string ClientKey(const ServiceOptions& options, const net::Request& request,
                      const auth::Principal& principal) {
    if (!principal.open) {
        std::string key = principal.issuer;
        for (const std::string* part : {&principal.subject, &principal.client}) {
            key += '\0';
            key += *part;
        }
        return key;
    }
    const std::string address = ClientAddress(options, request);
    return IsLoopback(address) ? std::string() : LimitKey(address);
}

bool Admit(Exchange& exchange) {
    const auth::Gate* gate = exchange.state->parts.gate;
    auth::Principal principal;
    principal.open = gate == nullptr;
    if (gate != nullptr && !AdmitToken(exchange, *gate, principal)) return false;
    const std::string key = ClientKey(exchange.state->options, exchange.request, principal);
    exchange.access = std::make_shared<auth::Access>(exchange.definitions(), std::move(principal),
                                                     exchange.state->options.policy);
    return key.empty() || !RefuseThrottled(exchange, exchange.state->limits->clients.Take(key));
}

// "[::1]:8080" -> "::1"; lower case.
std::string NameOf(std::string_view host) {
    if (host.starts_with('[')) {
        const std::size_t end = host.find(']');
        if (end == std::string_view::npos) return {};
        return ToLowerAscii(host.substr(1, end - 1));
    }
    return ToLowerAscii(host.substr(0, host.find(':')));
}

// "https://host:1/x" -> "host:1"
std::string_view HostOf(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    url.remove_prefix(scheme + 3);
    return url.substr(0, url.find('/'));
}

// An address is no name that somebody else's name server could give: all of 127/8 counts.
bool IsLoopbackName(const std::string& name) {
    if (name == "localhost" || name == "::1") return true;
    const auto parts = Split(name, '.');
    return parts.size() == 4 && parts[0] == "127" &&
           std::all_of(parts.begin(), parts.end(),
                       [](std::string_view part) { return IsDigits(part) && part.size() <= 3; });
}

// A log-in without a link may only make one.
void SendUnlinked(Exchange& exchange) {
    exchange.Refuse(
        403, "forbidden",
        "this log-in is not linked to a patient; a code of the hospital does that: POST "
        "Patient/$link");
}

void EnterAsPrincipal(const ExchangePtr& exchange,
                      const std::function<void(const ExchangePtr&)>& next) {
    const auth::Principal& principal = exchange->access->principal();
    const std::string named(exchange->request.Header(kPatientHeader));
    if (!principal.IsPatient()) {
        if (!named.empty()) {
            return exchange->Refuse(400, "invalid", "goes with tokens of patients only",
                                    std::string(kPatientHeader));
        }
        return IsDeniedByScope(*exchange) ? SendInsufficientScope(*exchange) : next(exchange);
    }
    if (principal.by_link && principal.patient.empty()) return SendUnlinked(*exchange);
    if (IsDeniedByScope(*exchange)) return SendInsufficientScope(*exchange);
    exchange->state->parts.reader.LinkedIds(
        exchange->state->options.tenant, principal.patient,
        [exchange, next, named](Result<std::vector<std::string>> ids) {
            if (!ids) return exchange->Refuse(ids.error(), ErrorOrigin::kStore);
            auth::Access& access = *exchange->access;
            access.SetLinked(std::move(*ids));
            const auto& own = access.linked();
            const bool other =
                !named.empty() && std::find(own.begin(), own.end(), named) == own.end();
            if (other) return SendNotLinked(*exchange);
            next(exchange);
        });
}

}  // namespace

bool IsForeign(const ServiceOptions& options, const net::Request& request) {
    if (request.local_socket) return false;
    const std::string_view host = request.Header("Host");
    const std::string name = NameOf(host);
    const bool ours = IsHost(host) &&
                      (IsLoopbackName(name) ||
                       (!options.public_url.empty() && name == NameOf(HostOf(options.public_url))));
    if (!ours) return true;
    const std::string_view origin = request.Header("Origin");
    if (origin.empty() || HostOf(origin) == host) return false;
    if (!options.public_url.empty() && HostOf(origin) == HostOf(options.public_url)) return false;
    const auto& allowed = options.cors_origins;
    return std::find(allowed.begin(), allowed.end(), origin) == allowed.end();
}

// Pages of browsers cannot send a token here: what comes without one counts for itself, so that a
// clinic's reconnecting pages do not keep its apps from the API.
std::optional<net::Response> CheckUpgrade(const Service::State& state, const net::Request& request,
                                          std::optional<auth::Principal>& who) {
    const auth::Gate* gate = state.parts.gate;
    const std::string address = LimitKey(ClientAddress(state.options, request));
    const auto throttled = [](Micros wait) {
        return wait == 0 ? std::nullopt : std::optional(Throttled(wait));
    };
    if (gate == nullptr) {
        if (IsForeign(state.options, request)) {
            return OutcomeResponse(403, "forbidden",
                                   "this server authenticates nobody, so it answers this machine "
                                   "only: the Host or Origin is another's");
        }
        who.emplace();
        who->open = true;
    } else if (request.Header("Authorization").empty()) {
        return throttled(state.limits->upgrades.Take(address));
    } else {
        if (auto refused = throttled(state.limits->strangers.Wait(address))) return refused;
        auto admitted = gate->Admit(auth::BearerOf(request.Header("Authorization")));
        if (!admitted) {
            Error error = std::move(admitted).error();
            if (error.code != Code::kDenied) return OutcomeOf(error, ErrorOrigin::kStore);
            (void)state.limits->strangers.Take(address);
            return Unauthorized(kInvalidToken, std::move(error.message));
        }
        who = std::move(*admitted);
    }
    const std::string key = ClientKey(state.options, request, *who);
    return key.empty() ? std::nullopt : throttled(state.limits->clients.Take(key));
}

void Authorize(const ExchangePtr& exchange, std::function<void(const ExchangePtr&)> next) {
    const auto& state = *exchange->state;
    exchange->audited = !IsPublic(exchange->route.interaction);
    exchange->changes_state = exchange->route.interaction == Interaction::kCreate ||
                              exchange->route.interaction == Interaction::kUpdate ||
                              exchange->route.interaction == Interaction::kPatch ||
                              exchange->route.interaction == Interaction::kDelete;
    if (state.parts.gate == nullptr && IsForeign(state.options, exchange->request)) {
        exchange->Refuse(403, "forbidden",
                         "this server authenticates nobody, so it answers this machine only: the "
                         "Host or Origin is another's");
        return;
    }
    if (IsPublic(exchange->route.interaction)) return next(exchange);
    if (!Admit(*exchange)) return;
    if (IsForAnyLogin(*exchange)) return next(exchange);
    const auth::Principal& principal = exchange->access->principal();
    if (principal.by_link && principal.IsPatient()) {
        return ActFor(exchange, [next = std::move(next)](const ExchangePtr& acting) {
            EnterAsPrincipal(acting, next);
        });
    }
    EnterAsPrincipal(exchange, next);
}

void SendInsufficientScope(Exchange& exchange) {
    auto response =
        OutcomeResponse(403, "forbidden", "the token's scopes do not cover this interaction");
    response.headers.emplace_back(kChallenge,
                                  "Bearer realm=\"fhir\", error=\"insufficient_scope\"");
    exchange.Send(std::move(response));
}

bool IsVisible(Exchange& exchange, store::StoredVersion& version, auth::Action action) {
    if (exchange.access->IsFree(version.type, action)) return true;
    if (version.deleted) return false;
    if (!version.parsed) {
        auto parsed = fhir::ParseJson(version.body);
        if (!parsed) return false;
        version.parsed = std::move(*parsed);
    }
    bool changed = false;
    if (!exchange.access->Show(version.type, *version.parsed, action, &changed)) return false;
    if (changed) version.body = fhir::ToJson(*version.parsed);
    return true;
}

tl::unexpected<Error> NothingThere(const Exchange& exchange) {
    return Fail(Code::kNotFound, "no such resource or version", exchange.route.type);
}

Result<store::StoredVersion> Visible(Exchange& exchange, Result<store::StoredVersion> found) {
    if (exchange.access->IsFree(exchange.route.type, auth::Action::kRead)) return found;
    // One that cannot be opened is there: not for those who may not see all.
    if (!found && found.error().retryable) return found;
    if (!found || !IsVisible(exchange, *found, auth::Action::kRead)) return NothingThere(exchange);
    return found;
}

std::string SmartConfiguration(const auth::GateOptions& options) {
    fhir::Node document = fhir::Node::Object();
    const auto set = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) document.Set(name, fhir::Node::String(value));
    };
    const auto list = [&](std::string_view name, std::initializer_list<const char*> values) {
        fhir::Node items = fhir::Node::Array();
        for (const char* value : values) items.Append(fhir::Node::String(value));
        document.Set(name, std::move(items));
    };
    // There is room for one: the first that says where people log in, else where services ask.
    const auto& issuers = options.issuers;
    const auto first = [&](std::string auth::IssuerOptions::*member) {
        return std::find_if(issuers.begin(), issuers.end(),
                            [&](const auto& issuer) { return !(issuer.*member).empty(); });
    };
    auto issuer = first(&auth::IssuerOptions::authorization_endpoint);
    if (issuer == issuers.end()) issuer = first(&auth::IssuerOptions::token_endpoint);
    if (issuer != issuers.end()) {
        set("issuer", issuer->issuer);
        set("jwks_uri", issuer->jwks_url);
        set("authorization_endpoint", issuer->authorization_endpoint);
        set("token_endpoint", issuer->token_endpoint);
        list("code_challenge_methods_supported", {"S256"});
    }
    list("scopes_supported",
         {"patient/*.cruds", "user/*.cruds", "system/*.cruds", "patient/*.read", "patient/*.write",
          "user/*.read", "user/*.write", "system/*.read", "system/*.write"});
    list("capabilities",
         {"permission-patient", "permission-user", "permission-v1", "permission-v2"});
    return fhir::ToJson(document);
}

}  // namespace carestream::rest
