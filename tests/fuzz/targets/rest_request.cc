// Any request line and header values: splitting, decoding, routing and the header grammars end
// without a crash; what was decoded encodes back to the same. Input: method, target, a header
// value, one a line.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/address.h"
#include "net/http_date.h"
#include "net/url.h"
#include "rest/internal/headers.h"
#include "rest/internal/route.h"
#include "search/query.h"
#include "support.h"

namespace {

using namespace carestream;

void ReadHeaders(std::string_view value) {
    (void)rest::AcceptsJson(value, {});
    (void)rest::AcceptsJson({}, value);
    (void)rest::IsJsonContent(value);
    (void)rest::IsFormContent(value);
    (void)rest::IsHost(value);
    (void)rest::NoneMatchNames(value, 1);
    if (const auto version = rest::ParseETag(value)) {
        CARESTREAM_ASSERT(*rest::ParseETag(rest::ETagOf(*version)) == *version);
    }
    if (const auto date = net::ParseHttpDate(value)) (void)net::FormatHttpDate(*date);
    if (const auto address = net::ParseAddress(value)) {
        CARESTREAM_ASSERT(*net::ParseAddress(address->ToString()) == *address);
    }
    net::Request request;
    request.headers.emplace_back("Prefer", value);
    (void)rest::ParsePrefer(request);
}

void ReadQuery(const rest::Route& route, std::string_view query) {
    const auto parameters = net::ParseForm(query);
    if (!parameters) return;
    std::string again;
    for (const auto& [name, value] : *parameters) {
        again += "&" + net::PercentEncode(name) + "=" + net::PercentEncode(value);
    }
    CARESTREAM_ASSERT(*net::ParseForm(again) == *parameters);
    if (route.interaction != rest::Interaction::kSearch) return;
    const auto parsed = search::ParseQuery(R4(), route.type, *parameters, route.compartment_id);
    if (!parsed) return;
    // The self link asks the same again.
    const auto self = search::ParseQuery(R4(), route.type, parsed->self, route.compartment_id);
    CARESTREAM_ASSERT(self.has_value() && self->self == parsed->self && self->unknown.empty());
    CARESTREAM_ASSERT(self->criteria.size() == parsed->criteria.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string_view method = TakeLine(text);
    const std::string_view target = TakeLine(text);
    ReadHeaders(TakeLine(text));
    if (const auto decoded = net::PercentDecode(target)) {
        CARESTREAM_ASSERT(*net::PercentDecode(net::PercentEncode(*decoded)) == *decoded);
    }
    const auto split = net::SplitTarget(target);
    if (!split) return 0;
    ReadQuery(rest::ParseRoute(R4(), method, split->path), split->query);
    return 0;
}
