#include "page/page.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "fhir/json.h"
#include "net/url.h"
#include "page/internal/assets.h"

namespace carestream::page {

namespace {

constexpr std::string_view kFolder = "/app/";
constexpr std::string_view kFhirPath = "../fhir/r4";  // as seen from the page, behind any proxy

struct Page {
    std::string config_json;
    std::string public_host;  // "" = the request's Host
    std::string origins;      // of issuer and endpoints, each with a space before it
    net::HttpHandler next;
};

std::string_view ContentTypeOf(std::string_view name) {
    if (name.ends_with(".mjs")) return "text/javascript; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".svg")) return "image/svg+xml";
    return "text/html; charset=utf-8";
}

// "https://a.example:1" -> "a.example:1"; "" when nothing of it may stand in a header.
std::string HostOf(std::string_view url) {
    const auto parsed = net::ParseUrl(url);
    if (!parsed) return {};
    const std::string origin = parsed->Origin();
    return origin.substr(origin.find("://") + 3);
}

bool IsHost(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
    });
}

// 'self' does not cover websockets in every browser, so they are named.
std::string PolicyFor(const Page& page, const net::Request& request) {
    std::string host = page.public_host;
    if (host.empty() && IsHost(request.Header("Host"))) host = request.Header("Host");
    std::string connect = "'self'" + page.origins;
    if (!host.empty()) connect += " ws://" + host + " wss://" + host;
    return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " +
           connect + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

net::Response Answer(int status, std::string_view content_type, std::string body) {
    net::Response response = net::Response::Text(status, content_type, std::move(body));
    response.route = "/app/{file}";
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    return response;
}

// RFC 9110 13.1.2: weak comparison, a list of tags or "*".
bool HasTag(std::string_view if_none_match, std::string_view hash) {
    return if_none_match == "*" || if_none_match.find(hash) != std::string_view::npos;
}

net::Response FileResponse(const Page& page, const net::Request& request, const Asset& asset) {
    const bool known = HasTag(request.Header("If-None-Match"), asset.hash);
    net::Response response = Answer(known ? 304 : 200, ContentTypeOf(asset.name),
                                    known ? std::string() : std::string(asset.text));
    response.headers.emplace_back("ETag", "W/\"" + std::string(asset.hash) + "\"");
    // Asked for each time, answered 304: a new version of the daemon is a new page at once.
    response.headers.emplace_back("Cache-Control", "no-cache");
    response.headers.emplace_back("Content-Security-Policy", PolicyFor(page, request));
    response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
    return response;
}

net::Response ConfigResponse(const Page& page) {
    net::Response response = Answer(200, "application/json", page.config_json);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

net::Response PageResponse(const Page& page, const net::Request& request) {
    if (request.method != "GET" && request.method != "HEAD") {
        net::Response response =
            Answer(405, "text/plain; charset=utf-8", "the page is read only: GET and HEAD\n");
        response.headers.emplace_back("Allow", "GET, HEAD");
        return response;
    }
    if (request.path.size() < kFolder.size()) {
        net::Response response = Answer(308, "text/plain; charset=utf-8", "the page is at /app/\n");
        response.headers.emplace_back("Location", kFolder);
        return response;
    }
    std::string_view name = request.path.substr(kFolder.size());
    if (name == "config.json") return ConfigResponse(page);
    if (name.empty()) name = "index.html";
    const auto assets = Assets();
    const auto asset = std::find_if(assets.begin(), assets.end(),
                                    [&](const Asset& one) { return one.name == name; });
    if (asset != assets.end()) return FileResponse(page, request, *asset);
    return Answer(404, "text/plain; charset=utf-8",
                  "there is no such file; the page is at /app/\n");
}

std::string ConfigJson(const PageOptions& options) {
    fhir::Node config = fhir::Node::Object();
    const std::pair<const char*, std::string_view> kMembers[] = {
        {"fhir", kFhirPath},      {"issuer", options.issuer}, {"client_id", options.client_id},
        {"scope", options.scope}, {"title", options.title},   {"emergency", options.emergency}};
    for (const auto& [name, value] : kMembers) {
        config.Set(name, fhir::Node::String(std::string(value)));
    }
    return fhir::ToJson(config);
}

}  // namespace

config::Field PageField() {
    return {
        .key = "app",
        .type = config::Type::kObject,
        .description = "The patient page at /app/, beside the FHIR API. Absent: there is none.",
        .fields = {
            {.key = "issuer",
             .description = "Where patients log in: one of `auth.issuers`, an OpenID Connect "
                            "provider with a discovery document that browsers may read (CORS).",
             .required = true,
             .example = "https://auth.example.org/realms/care"},
            {.key = "client_id",
             .description = "The page's name there: a public client with PKCE, refresh tokens and "
                            "the redirect URI https://<this server>/app/.",
             .required = true,
             .example = "carestream-page"},
            {.key = "scope",
             .description = "What the page asks for at the log-in.",
             .default_text = "openid offline_access patient/*.rs patient/Appointment.cu "
                             "patient/QuestionnaireResponse.c patient/Subscription.cd"},
            {.key = "title",
             .description = "What the page is called, above everything.",
             .default_text = "My care"},
            {.key = "emergency",
             .description = "Shown at the foot of each view: whom to call when it is urgent.",
             .default_text = "\"In an emergency do not wait for an answer here: call your local "
                             "emergency number.\""},
        }};
}

Result<PageOptions> ReadPage(const config::Values& values) {
    PageOptions options;
    const std::pair<const char*, std::string PageOptions::*> kTexts[] = {
        {"issuer", &PageOptions::issuer},
        {"client_id", &PageOptions::client_id},
        {"scope", &PageOptions::scope},
        {"title", &PageOptions::title},
        {"emergency", &PageOptions::emergency}};
    for (const auto& [key, member] : kTexts) options.*member = values.String(key);
    if (!net::ParseUrl(options.issuer)) {
        return Fail(Code::kInvalid,
                    "an https URL is expected: the page reads its discovery document", "issuer");
    }
    if (options.client_id.empty()) {
        return Fail(Code::kInvalid, "the provider's name for the page is expected", "client_id");
    }
    return options;
}

net::HttpHandler MakePage(PageOptions options, net::HttpHandler next) {
    auto page = std::make_shared<Page>();
    page->config_json = ConfigJson(options);
    page->public_host = HostOf(options.public_url);
    page->next = std::move(next);
    options.endpoints.insert(options.endpoints.begin(), options.issuer);
    for (const std::string& url : options.endpoints) {
        const auto parsed = net::ParseUrl(url);
        if (!parsed || page->origins.find(" " + parsed->Origin()) != std::string::npos) continue;
        page->origins += " " + parsed->Origin();
    }
    return [page = std::shared_ptr<const Page>(std::move(page))](
               net::Request request, std::shared_ptr<net::Responder> responder) {
        const bool ours = request.path == "/app" || request.path.starts_with(kFolder);
        if (!ours) return page->next(std::move(request), std::move(responder));
        responder->Send(PageResponse(*page, request));
    };
}

}  // namespace carestream::page
