#include "rest/internal/exchange.h"

#include <algorithm>
#include <utility>

#include "fhir/json.h"
#include "net/http_date.h"
#include "rest/internal/access_note.h"
#include "rest/internal/binary.h"

namespace carestream::rest {
namespace {

constexpr std::string_view kExposedHeaders =
    "Accept-Patch, Accept-Ranges, Content-Disposition, Content-Range, ETag, Last-Modified, "
    "Location, "
    "Retry-After, "
    "WWW-Authenticate";
constexpr std::string_view kRequestHeaders =
    "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, "
    "If-None-Match, If-Range, Prefer, Range, X-CareStream-Patient, X-Security-Context";

bool OriginAllowed(const ServiceOptions& options, std::string_view origin) {
    const auto& list = options.cors_origins;
    return std::any_of(list.begin(), list.end(), [&](const std::string& allowed) {
        return allowed == "*" || allowed == origin;
    });
}

void AddCors(const Exchange& exchange, net::Response& response) {
    const auto& options = exchange.state->options;
    if (options.cors_origins.empty()) return;
    const std::string_view origin = exchange.request.Header("Origin");
    response.headers.emplace_back("Vary", "Origin");
    if (origin.empty() || !OriginAllowed(options, origin)) return;
    response.headers.emplace_back("Access-Control-Allow-Origin", origin);
    response.headers.emplace_back("Access-Control-Expose-Headers", kExposedHeaders);
    if (exchange.request.method == "OPTIONS") {
        response.headers.emplace_back("Access-Control-Allow-Methods",
                                      "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        response.headers.emplace_back("Access-Control-Allow-Headers", kRequestHeaders);
        response.headers.emplace_back("Access-Control-Max-Age", "600");
    }
}

void MakePretty(net::Response& response) {
    std::string joined;
    for (const auto& piece : response.body) joined += piece;
    const auto parsed = fhir::ParseJson(joined);
    if (!parsed) return;  // HTML and plain text stay as they are
    response.body.assign(1, fhir::ToPrettyJson(*parsed) + "\n");
}

// Splits off the parameters that steer the answer rather than the question.
Result<std::string> TakeGeneral(Exchange& exchange) {
    CARESTREAM_ASSIGN(all, net::ParseForm(exchange.request.query));
    std::string format;
    for (auto& [name, value] : all) {
        if (name == "_format") {
            format = std::move(value);
        } else if (name == "_pretty") {
            if (value != "true" && value != "false") {
                return Fail(Code::kInvalid, "_pretty is true or false", "_pretty");
            }
            exchange.pretty = value == "true";
        } else if (name == "_page") {
            exchange.page = std::move(value);
        } else {
            exchange.parameters.emplace_back(std::move(name), std::move(value));
        }
    }
    return format;
}

// Ids of all patients whom references in it name.
void AddPatients(const fhir::Node& node, std::set<std::string>& ids) {
    constexpr std::string_view kPatient = "Patient/";
    for (const fhir::Node& item : node.items()) AddPatients(item, ids);
    for (const fhir::Member& member : node.members()) {
        const std::string& text = member.value.text();
        if (member.name == "reference" && text.starts_with(kPatient)) {
            const std::size_t end = text.find('/', kPatient.size());
            ids.insert(text.substr(kPatient.size(), end - kPatient.size()));
        } else {
            AddPatients(member.value, ids);
        }
    }
}

}  // namespace

void Exchange::Show(const store::StoredVersion& version) {
    ++returned;
    NamePatients(version);
}

void Exchange::NamePatients(const store::StoredVersion& version) {
    if (version.patient != 0) {
        patients.insert(version.patient);
        return;
    }
    if (definitions().CompartmentParameters("Patient", version.type).empty()) return;
    if (const auto body = fhir::ParseJson(version.body)) AddPatients(*body, patient_ids);
}

void Exchange::Send(net::Response response) {
    Dress(response);
    if (std::exchange(audited, false)) return SendNoted(shared_from_this(), std::move(response));
    responder->Send(std::move(response));
}

void Exchange::Dress(net::Response& response) const {
    response.route = route.path_template;
    if (pretty) MakePretty(response);
    // Health records do not belong into caches; clients revalidate with ETags.
    response.headers.emplace_back("Cache-Control", "no-store");
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    AddCors(*this, response);
}

void Exchange::Refuse(int status, std::string_view code, std::string text, std::string expression) {
    auto response = OutcomeResponse(status, code, std::move(text), std::move(expression));
    if (status == 405) response.headers.emplace_back("Allow", route.allow);
    Send(std::move(response));
}

void Exchange::Refuse(const Error& error, ErrorOrigin origin) {
    if (error.code == Code::kInternal) {
        state->parts.log.Error("rest.failed", error.message,
                               {{"route", std::string(route.path_template)}});
    }
    Send(OutcomeOf(error, origin));
}

search::QueryLimits Exchange::query_limits() const {
    search::QueryLimits limits = state->options.query_limits;
    limits.base_url = base;
    return limits;
}

bool Exchange::RefuseParameters() {
    if (parameters.empty() && page.empty()) return false;
    Refuse(400, "not-supported", "this interaction has no such parameter",
           parameters.empty() ? "_page" : parameters[0].first);
    return true;
}

std::string BaseUrlOf(const ServiceOptions& options, const net::Request& request) {
    if (!options.public_url.empty()) return options.public_url;
    std::string_view scheme = request.tls ? "https" : "http";
    std::string_view host = request.Header("Host");
    if (options.trust_forwarded) {
        const std::string_view proto = request.Header("X-Forwarded-Proto");
        if (proto == "https" || proto == "http") scheme = proto;
        const std::string_view forwarded = request.Header("X-Forwarded-Host");
        if (IsHost(forwarded)) host = forwarded;
    }
    if (!IsHost(host)) host = "localhost";
    return std::string(scheme) + "://" + std::string(host) + std::string(kBasePath);
}

ExchangePtr BeginExchange(std::shared_ptr<const Service::State> state, net::Request request,
                          std::shared_ptr<net::Responder> responder) {
    auto exchange = std::make_shared<Exchange>();
    exchange->route = ParseRoute(*state->parts.definitions, request.method, request.path);
    exchange->base = BaseUrlOf(state->options, request);
    exchange->state = std::move(state);
    exchange->request = std::move(request);
    exchange->responder = std::move(responder);
    if (exchange->route.interaction == Interaction::kOptions ||
        exchange->route.interaction == Interaction::kIndexPage) {
        return exchange;
    }
    const auto format = TakeGeneral(*exchange);
    if (!format) {
        exchange->Refuse(format.error(), ErrorOrigin::kSearch);
        return nullptr;
    }
    if (exchange->route.interaction == Interaction::kRefused) {
        const Route route = exchange->route;
        exchange->Refuse(route.status, route.code, route.text);
        return nullptr;
    }
    const std::string_view accept = exchange->request.Header("Accept");
    const bool of_binary =
        exchange->route.interaction == Interaction::kRead && exchange->route.type == kBinary;
    exchange->bytes_wanted = of_binary && !NamesFhirJson(accept, *format);
    if (!AcceptsJson(accept, *format) && !(of_binary && format->empty())) {
        exchange->Refuse(406, "not-supported", "the only format is application/fhir+json");
        return nullptr;
    }
    const auto preferences = ParsePrefer(exchange->request);
    if (!preferences) {
        exchange->Refuse(preferences.error(), ErrorOrigin::kSearch);
        return nullptr;
    }
    exchange->preferences = *preferences;
    return exchange;
}

void AddVersionHeaders(const Exchange& exchange, const store::StoredVersion& version,
                       bool with_location, net::Response& response) {
    if (with_location) {
        response.headers.emplace_back("Location", exchange.base + "/" + version.type + "/" +
                                                      version.id + "/_history/" +
                                                      std::to_string(version.version));
    }
    response.headers.emplace_back("ETag", ETagOf(version.version));
    response.headers.emplace_back("Last-Modified",
                                  net::FormatHttpDate(version.last_updated / 1'000'000));
}

}  // namespace carestream::rest
