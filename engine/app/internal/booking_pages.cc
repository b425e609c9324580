#include "app/internal/booking_pages.h"

#include <charconv>
#include <vector>

#include "base/text.h"
#include "fhir/json.h"
#include "net/url.h"

namespace carestream::app {

namespace {

using fhir::Node;
using net::Request;
using net::Response;
using scheduling::Record;

constexpr std::string_view kBelow = "/bookings/";
constexpr int kListMax = 10'000;
constexpr int kListDefault = 100;

Response Json(int status, const Node& node) {
    return Response::Text(status, "application/json", fhir::ToJson(node) + "\n");
}

Response Failure(const Error& error) {
    int status = 500;
    if (error.code == Code::kInvalid) status = 400;
    if (error.code == Code::kNotFound) status = 404;
    if (error.code == Code::kConflict) status = 409;
    if (error.code == Code::kUnavailable) status = 503;
    Node node = Node::Object();
    node.Set("error", Node::String(error.ToString()));
    return Json(status, node);
}

struct Filter {
    std::optional<scheduling::State> state;
    std::string after;
    int limit = kListDefault;
};

Result<Filter> FilterOf(const Request& request) {
    CARESTREAM_ASSIGN(parameters, net::ParseForm(request.query));
    Filter filter;
    for (const auto& [name, value] : parameters) {
        if (name == "after") filter.after = value;
        if (name == "state" && !value.empty()) {
            filter.state = scheduling::ParseState(value);
            std::vector<std::string_view> names;
            for (const auto state : scheduling::kStates) names.push_back(ToString(state));
            if (!filter.state) {
                return Fail(Code::kInvalid,
                            "'" + value + "' is no state of a booking" + DidYouMean(value, names));
            }
        }
        if (name == "limit") {
            const auto [end, error] =
                std::from_chars(value.data(), value.data() + value.size(), filter.limit);
            if (error != std::errc() || end != value.data() + value.size() || filter.limit < 1 ||
                filter.limit >= kListMax) {
                return Fail(Code::kInvalid, "'limit' is a number from 1 to 9999");
            }
        }
    }
    return filter;
}

Response List(scheduling::Scheduler& scheduler, const Request& request) {
    const auto filter = FilterOf(request);
    if (!filter) return Failure(filter.error());
    const auto records = scheduler.List(filter->state, filter->after, filter->limit + 1);
    if (!records) return Failure(records.error());
    Node list = Node::Array();
    for (const Record& record : *records) {
        if (static_cast<int>(list.items().size()) == filter->limit) break;
        list.Append(Describe(record));
    }
    Node node = Node::Object();
    node.Set("more", Node::Boolean(records->size() > list.items().size()));
    node.Set("bookings", std::move(list));
    return Json(200, node);
}

}  // namespace

Response AnswerBookings(scheduling::Scheduler& scheduler, const Request& request,
                        const std::string& actor) {
    const std::string_view path = request.path;
    const bool get = request.method == "GET";
    if (get && path == "/bookings") return List(scheduler, request);
    if (path.starts_with(kBelow)) {
        const std::string_view rest = path.substr(kBelow.size());
        const std::size_t slash = rest.find('/');
        const std::string id(rest.substr(0, slash));
        if (get && slash == std::string_view::npos) {
            const auto record = scheduler.Find(id);
            return record ? Json(200, Describe(*record)) : Failure(record.error());
        }
        const std::string_view verb =
            slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
        if (request.method == "POST" && (verb == "free" || verb == "confirm")) {
            const auto input =
                verb == "free" ? scheduling::Input::kFree : scheduling::Input::kConfirm;
            const auto record = scheduler.Decide(id, input, actor);
            return record ? Json(200, Describe(*record)) : Failure(record.error());
        }
    }
    return Failure(Error{
        Code::kNotFound, "no such request; engine/app/README.md lists them", {}, {}, 0, false});
}

std::optional<Condition> BookingsCondition(const scheduling::Scheduler& scheduler) {
    const std::int64_t count = scheduler.ambiguous();
    if (count == 0) return std::nullopt;
    return Condition{"degraded",
                     std::to_string(count) + (count == 1 ? " booking is" : " bookings are") +
                         " unclear: the clinic's system did not answer",
                     0,
                     "their slots stay taken; look with `carestream bookings --status ambiguous`, "
                     "ask the clinic, then `carestream bookings confirm` or `free`"};
}

}  // namespace carestream::app
