// read, vread and history of an instance.
#include <charconv>

#include "net/http_date.h"
#include "rest/internal/authorize.h"
#include "rest/internal/bundle.h"
#include "rest/internal/cursor.h"
#include "rest/internal/exchange.h"

namespace carestream::rest {
namespace {

// If-None-Match decides alone when it is there (RFC 9110 13.2.2).
bool NotModified(const net::Request& request, const store::StoredVersion& version) {
    const std::string_view tags = request.Header("If-None-Match");
    if (!tags.empty()) return NoneMatchNames(tags, version.version);
    const std::string_view since = request.Header("If-Modified-Since");
    if (since.empty()) return false;
    const auto time = net::ParseHttpDate(since);
    return time && version.last_updated / 1'000'000 <= *time;
}

void SendVersion(Exchange& exchange, Result<store::StoredVersion> found) {
    if (!found) {
        exchange.Refuse(found.error(), ErrorOrigin::kStore);
        return;
    }
    exchange.Show(*found);
    net::Response response;
    if (found->deleted) {
        response = OutcomeResponse(410, "deleted", "the resource was deleted");
        AddVersionHeaders(exchange, *found, false, response);
    } else if (NotModified(exchange.request, *found)) {
        response.status = 304;
        AddVersionHeaders(exchange, *found, false, response);
    } else {
        AddVersionHeaders(exchange, *found, false, response);
        response.headers.emplace_back("Content-Type", kFhirJson);
        response.body.push_back(std::move(found->body));
    }
    exchange.Send(std::move(response));
}

bool ReadInteger(std::string_view text, std::int32_t& number) {
    const auto end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    return parsed.ec == std::errc() && parsed.ptr == end;
}

std::string HistoryScope(const Route& route) {
    return "history|" + route.type + "|" + route.id;
}

// Reads _count and _page into `request`.
Result<void> ReadHistoryParameters(const Exchange& exchange, store::HistoryRequest& request) {
    const auto& options = exchange.state->options;
    request.count = options.history_count_default;
    for (const auto& [name, value] : exchange.parameters) {
        if (name != "_count") {
            return Fail(Code::kUnsupported, "history has no such parameter here", name);
        }
        if (!ReadInteger(value, request.count) || request.count < 1) {
            return Fail(Code::kInvalid, "_count is a number from 1", name);
        }
        request.count = std::min(request.count, options.history_count_max);
    }
    if (exchange.page.empty()) return {};
    CARESTREAM_ASSIGN(cursor, OpenCursor(exchange.state->parts.keys, options.tenant_name,
                                         HistoryScope(exchange.route), exchange.page));
    if (!ReadInteger(cursor.position, request.before_version)) {
        return Fail(Code::kInternal, "a history cursor holds no version");
    }
    return {};
}

void SendHistory(Exchange& exchange, int count, Result<store::HistoryPage> page) {
    if (!page) {
        exchange.Refuse(page.error(), ErrorOrigin::kStore);
        return;
    }
    const auto& route = exchange.route;
    const std::string url = exchange.base + "/" + route.type + "/" + route.id +
                            "/_history?_count=" + std::to_string(count);
    const bool free = exchange.access->IsFree(route.type, auth::Action::kRead);
    // Versions that may not be seen are not counted either.
    BundleWriter bundle("history", free ? page->total : -1, exchange.base);
    bundle.Link("self", exchange.page.empty() ? url : url + "&_page=" + exchange.page);
    if (page->more && !page->versions.empty()) {
        const Cursor cursor{0, std::to_string(page->versions.back().version), {}};
        const auto& state = *exchange.state;
        bundle.Link("next", url + "&_page=" +
                                SealCursor(state.parts.keys, state.options.tenant_name,
                                           HistoryScope(route), state.parts.clock.Now(), cursor));
    }
    for (auto& version : page->versions) {
        // That it was deleted for a while is no secret of what may be seen now.
        if (version.deleted || IsVisible(exchange, version, auth::Action::kRead)) {
            exchange.Show(version);
            bundle.HistoryEntry(std::move(version));
        }
    }
    net::Response response;
    response.headers.emplace_back("Content-Type", kFhirJson);
    response.body = bundle.Finish();
    exchange.Send(std::move(response));
}

// Goes on when the resource as it is now may be seen, else answers that there is nothing.
void WhenVisible(const ExchangePtr& exchange, std::function<void()> next) {
    const auto& route = exchange->route;
    if (exchange->access->IsFree(route.type, auth::Action::kRead)) return next();
    exchange->state->parts.reader.Read(
        exchange->state->options.tenant, route.type, route.id,
        [exchange, next = std::move(next)](Result<store::StoredVersion> found) {
            const auto visible = Visible(*exchange, std::move(found));
            if (!visible) return exchange->Refuse(visible.error(), ErrorOrigin::kStore);
            next();
        });
}

}  // namespace

void HandleRead(const ExchangePtr& exchange) {
    if (exchange->RefuseParameters()) return;
    const auto& route = exchange->route;
    auto& reader = exchange->state->parts.reader;
    const auto tenant = exchange->state->options.tenant;
    auto done = [exchange](Result<store::StoredVersion> found) {
        SendVersion(*exchange, Visible(*exchange, std::move(found)));
    };
    if (route.interaction == Interaction::kRead) {
        reader.Read(tenant, route.type, route.id, std::move(done));
        return;
    }
    std::int32_t version = 0;
    if (!ReadInteger(route.version, version) || version < 1) {
        exchange->Refuse(404, "not-found", "versions of this server are numbers from 1");
        return;
    }
    WhenVisible(exchange, [exchange, version, done = std::move(done)] {
        const auto& asked = exchange->route;
        exchange->state->parts.reader.ReadVersion(exchange->state->options.tenant, asked.type,
                                                  asked.id, version, done);
    });
}

void HandleHistory(const ExchangePtr& exchange) {
    store::HistoryRequest request;
    request.tenant = exchange->state->options.tenant;
    request.type = exchange->route.type;
    request.id = exchange->route.id;
    if (const auto read = ReadHistoryParameters(*exchange, request); !read) {
        exchange->Refuse(read.error(), ErrorOrigin::kSearch);
        return;
    }
    const int count = request.count;
    WhenVisible(exchange, [exchange, count, request = std::move(request)] {
        exchange->state->parts.reader.History(request,
                                              [exchange, count](Result<store::HistoryPage> page) {
                                                  SendHistory(*exchange, count, std::move(page));
                                              });
    });
}

}  // namespace carestream::rest
