#include "app/internal/outbound_pages.h"

#include <limits>

#include "app/internal/admin_answer.h"
#include "base/text.h"
#include "fhir/json.h"

namespace carestream::app {

namespace {

using fhir::Node;
using net::Request;
using net::Response;
using store::OutboundState;

constexpr std::string_view kShow = "/outbound/";
constexpr Micros kLateAfter = 60'000'000;  // a channel that cannot send for so long is worth a word
constexpr OutboundState kStates[] = {OutboundState::kQueued,   OutboundState::kSending,
                                     OutboundState::kAccepted, OutboundState::kAcked,
                                     OutboundState::kNacked,   OutboundState::kAmbiguous,
                                     OutboundState::kSkipped};

Node StatusNode(const outbound::ChannelStatus& status) {
    Node node = Node::Object();
    node.Set("name", Node::String(status.name));
    node.Set("destination", Node::String(status.destination));
    node.Set("state", Node::String(status.state));
    node.Set("why", Node::String(status.why));
    node.Set("since", Instant(status.since));
    node.Set("waiting", Number(status.depth.waiting));
    node.Set("oldest", Instant(status.depth.oldest));
    node.Set("held", Number(status.depth.held));
    node.Set("accepted", Number(status.depth.accepted));
    node.Set("nacked", Number(status.depth.nacked));
    node.Set("ambiguous", Number(status.depth.ambiguous));
    return node;
}

Node RowNode(const store::OutboundRow& row) {
    Node node = Node::Object();
    node.Set("number", Number(row.number));
    node.Set("channel", Node::String(row.channel));
    node.Set("event", Node::String(row.event));
    node.Set("about", Node::String(row.type.empty() ? "" : row.type + "/" + row.id));
    constexpr const char* kCauses[] = {"event ", "message ", "outcome of message "};
    node.Set("cause", Node::String(kCauses[static_cast<std::size_t>(row.kind) - 1] +
                                   std::to_string(row.cause)));
    node.Set("state", Node::String(std::string(ToString(row.state))));
    node.Set("held", Node::Boolean(row.held));
    node.Set("attempts", Number(row.attempts));
    node.Set("created", Instant(row.created));
    node.Set("tried", Instant(row.tried));
    node.Set("next_at", Instant(row.next_at));
    node.Set("settled", Instant(row.settled));
    node.Set("answer", Node::String(row.code));
    node.Set("path", Node::String(row.path));
    node.Set("reason", Node::String(row.reason));
    return node;
}

Result<std::vector<OutboundState>> StatesOf(const std::string& text) {
    std::vector<OutboundState> states;
    if (text.empty()) return states;
    std::vector<std::string_view> names;
    for (const OutboundState state : kStates) names.push_back(ToString(state));
    for (const std::string_view part : Split(text, ',')) {
        const auto before = states.size();
        for (const OutboundState state : kStates) {
            if (ToString(state) == part) states.push_back(state);
        }
        if (states.size() > before) continue;
        return Fail(Code::kInvalid,
                    "'" + std::string(part) + "' is no state" + DidYouMean(part, names));
    }
    return states;
}

Response List(outbound::Service& service, const Request& request) {
    const auto parameters = net::ParseForm(request.query);
    if (!parameters) return Failure(parameters.error());
    store::OutboundFilter filter;
    filter.channel = Parameter(*parameters, "channel");
    auto states = StatesOf(Parameter(*parameters, "state"));
    if (!states) return Failure(states.error());
    filter.states = std::move(*states);
    const auto limit = LimitOf(Parameter(*parameters, "limit"));
    if (!limit) return Failure(limit.error());
    filter.limit = *limit;
    if (const std::string text = Parameter(*parameters, "after"); !text.empty()) {
        const auto after = ParseNumber(text, std::numeric_limits<std::int64_t>::max());
        if (!after) return Failure(after.error());
        filter.after = *after;
    }
    const auto rows = service.queue().List(filter);
    if (!rows) return Failure(rows.error());
    Node node = Node::Object();
    Node& list = node.Set("messages", Node::Array());
    for (const store::OutboundRow& row : *rows) list.Append(RowNode(row));
    return Json(200, node);
}

Response Show(outbound::Service& service, const Request& request, const std::string& actor) {
    const auto number = ParseNumber(std::string_view(request.path).substr(kShow.size()),
                                    std::numeric_limits<std::int64_t>::max());
    if (!number) return Failure(number.error());
    const auto detail = service.queue().Show(*number, actor);
    if (!detail) return Failure(detail.error());
    Node node = RowNode(detail->row);
    node.Set("control_id", Node::String(AsUtf8(detail->control_id)));
    node.Set("raw", Node::String(AsUtf8(detail->bytes)));
    node.Set("ack", Node::String(AsUtf8(detail->ack)));
    return Json(200, node);
}

Response Decide(outbound::Service& service, const Request& request, const std::string& actor) {
    const auto decision =
        outbound::ParseDecision(std::string_view(request.path).substr(kShow.size()));
    if (!decision) return Failure(decision.error());
    const auto body = fhir::ParseJson(request.body);
    const Node* named = body && body->IsObject() ? body->Find("number") : nullptr;
    if (named == nullptr) return Failure(400, "the body must be {\"number\": N}");
    const auto number = ParseNumber(named->text(), std::numeric_limits<std::int64_t>::max());
    if (!number) return Failure(number.error());
    const auto row = service.Decide(*number, *decision, actor);
    if (!row) return Failure(row.error());
    return Json(200, RowNode(*row));
}

}  // namespace

Node OutboundNodes(const outbound::Service& service) {
    Node all = Node::Array();
    for (const auto& status : service.Channels()) all.Append(StatusNode(status));
    return all;
}

Response AnswerOutbound(outbound::Service& service, const Request& request,
                        const std::string& actor) {
    const std::string_view path = request.path;
    if (request.method == "GET" && path == "/outbound") return List(service, request);
    if (request.method == "GET" && path.starts_with(kShow)) return Show(service, request, actor);
    if (request.method == "POST" && path.starts_with(kShow)) {
        return Decide(service, request, actor);
    }
    return Failure(404, "no such request; engine/app/README.md lists them");
}

std::optional<Condition> OutboundCondition(const outbound::Service& service, Micros now) {
    if (const std::string trouble = service.Trouble(); !trouble.empty()) {
        return Condition{"degraded", "nothing new is queued for outbound channels", 0, trouble};
    }
    const auto channels = service.Channels();
    for (const outbound::ChannelStatus& channel : channels) {
        const std::string line = std::to_string(channel.depth.waiting) + " in line";
        if (channel.state == "held") {
            return Condition{
                "degraded", "outbound channel " + channel.name + " waits for a decision",
                channel.since,
                "a message was sent and not answered: see `carestream outbound list`, then "
                "resend, skip or acked; " +
                    line};
        }
        if (channel.state == "retrying" && now - channel.since > kLateAfter) {
            return Condition{"degraded", "outbound channel " + channel.name + " cannot send",
                             channel.since,
                             channel.why + "; " + line + ", sent in order once it can"};
        }
    }
    return std::nullopt;
}

std::string RefusedByOthers(const outbound::Service& service) {
    for (const outbound::ChannelStatus& channel : service.Channels()) {
        const std::int64_t count = channel.depth.nacked + channel.depth.ambiguous;
        if (count == 0) continue;
        return channel.name + ": " + std::to_string(count) + " refused or not answered";
    }
    return {};
}

void PublishOutbound(const outbound::Service& service, telemetry::Metrics& metrics, Micros now) {
    for (const outbound::ChannelStatus& channel : service.Channels()) {
        const std::vector<telemetry::Label> labels = {{"channel", channel.name}};
        const auto set = [&](const char* name, const char* help, double value) {
            metrics.gauge(name, help, labels).Set(value);
        };
        set("carestream_outbound_waiting", "Messages in line.",
            static_cast<double>(channel.depth.waiting));
        set("carestream_outbound_oldest_seconds", "Age of the first in line.",
            channel.depth.oldest == 0 ? 0 : static_cast<double>(now - channel.depth.oldest) / 1e6);
        set("carestream_outbound_refused", "Dead letters that wait for a decision.",
            static_cast<double>(channel.depth.nacked));
        set("carestream_outbound_ambiguous", "Sent and not answered.",
            static_cast<double>(channel.depth.ambiguous));
        set("carestream_outbound_up", "0 while it cannot send or is held.",
            channel.state == "idle" || channel.state == "sending" ? 1 : 0);
    }
}

}  // namespace carestream::app
