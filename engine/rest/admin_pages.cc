#include "rest/admin_pages.h"

namespace carestream::rest {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

net::Response Page(const AdminPages& pages, const net::Request& request) {
    if (request.path == "/health" || request.path == "/") {
        auto response = net::Response::Text(
            200, kPlain, request.path == "/" ? "/health /ready /metrics\n" : "ok\n");
        response.route = "/health";
        return response;
    }
    if (request.path == "/ready") {
        const std::string reason = pages.not_ready();
        auto response = net::Response::Text(reason.empty() ? 200 : 503, kPlain,
                                            (reason.empty() ? "ready" : reason) + "\n");
        response.route = "/ready";
        return response;
    }
    if (request.path == "/metrics") {
        auto response =
            net::Response::Text(200, "text/plain; version=0.0.4; charset=utf-8", pages.metrics());
        response.route = "/metrics";
        return response;
    }
    auto response = net::Response::Text(404, kPlain, "here are /health, /ready and /metrics\n");
    response.route = "unknown";
    return response;
}

}  // namespace

net::HttpHandler MakeAdminHandler(AdminPages pages) {
    return [pages = std::move(pages)](const net::Request& request,
                                      const std::shared_ptr<net::Responder>& responder) {
        if (request.method != "GET" && request.method != "HEAD") {
            auto response = net::Response::Text(405, kPlain, "GET only\n");
            response.headers.emplace_back("Allow", "GET, HEAD");
            response.route = "unknown";
            responder->Send(std::move(response));
            return;
        }
        auto response = Page(pages, request);
        response.headers.emplace_back("Cache-Control", "no-store");
        responder->Send(std::move(response));
    };
}

}  // namespace carestream::rest
