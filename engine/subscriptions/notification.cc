#include "subscriptions/notification.h"

#include "crypto/keys.h"
#include "fhir/json.h"

namespace carestream::subscriptions {

namespace {

std::string_view NameOf(NotificationType type) {
    switch (type) {
        case NotificationType::kHandshake:
            return "handshake";
        case NotificationType::kHeartbeat:
            return "heartbeat";
        case NotificationType::kEvent:
            return "event-notification";
        case NotificationType::kQueryStatus:
            return "query-status";
        default:
            return "query-event";
    }
}

// Text of JSON that grows: names and values are written by the member functions only.
class Json {
public:
    explicit Json(std::string& out) : out_(out) {}
    void Raw(std::string_view text) { out_ += text; }
    void Text(std::string_view text) { fhir::WriteJsonString(text, out_); }
    void Parameter(std::string_view name, std::string_view value_type, std::string_view value) {
        out_ += R"({"name":")";
        out_ += name;
        out_ += R"(",")";
        out_ += value_type;
        out_ += "\":";
        Text(value);
        out_ += '}';
    }
    void Reference(std::string_view name, std::string_view reference) {
        out_ += R"({"name":")";
        out_ += name;
        out_ += R"(","valueReference":{"reference":)";
        Text(reference);
        out_ += "}}";
    }

private:
    std::string& out_;
};

std::string UrlOf(const store::Event& event, std::string_view base) {
    return std::string(base) + "/" + event.type + "/" + event.id;
}

void WriteEventPart(const NotifiedEvent& notified, Content content, std::string_view base,
                    std::string& out) {
    Json json(out);
    json.Raw(R"(,{"name":"notification-event","part":[)");
    json.Parameter("event-number", "valueString", std::to_string(notified.number));
    json.Raw(",");
    json.Parameter("timestamp", "valueInstant", FormatInstant(notified.made));
    if (content != Content::kEmpty && notified.event != nullptr) {
        json.Raw(",");
        json.Reference("focus", UrlOf(*notified.event, base));
    }
    json.Raw("]}");
}

std::string_view MethodOf(store::EventKind kind) {
    switch (kind) {
        case store::EventKind::kCreated:
            return "POST";
        case store::EventKind::kUpdated:
            return "PUT";
        default:
            return "DELETE";
    }
}

std::string_view StatusOf(store::EventKind kind) {
    switch (kind) {
        case store::EventKind::kCreated:
            return "201";
        case store::EventKind::kUpdated:
            return "200";
        default:
            return "204";
    }
}

void WriteEntry(const NotifiedEvent& notified, Content content, std::string_view base,
                std::string& out) {
    const store::Event& event = *notified.event;
    Json json(out);
    json.Raw(R"(,{"fullUrl":)");
    json.Text(UrlOf(event, base));
    if (content == Content::kFullResource && !notified.body().empty()) {
        json.Raw(R"(,"resource":)");
        json.Raw(notified.body());
    }
    json.Raw(R"(,"request":{"method":")");
    json.Raw(MethodOf(event.kind));
    json.Raw(R"(","url":)");
    json.Text(event.kind == store::EventKind::kCreated ? event.type : event.type + "/" + event.id);
    json.Raw(R"(},"response":{"status":")");
    json.Raw(StatusOf(event.kind));
    json.Raw(R"("}})");
}

}  // namespace

std::string StatusParameters(const Definition& definition, const StatusView& view,
                             NotificationType type, const std::vector<NotifiedEvent>& events,
                             Content content, std::string_view base) {
    std::string out = R"({"resourceType":"Parameters","id":")" + crypto::RandomUuid() +
                      R"(","meta":{"profile":[")" + std::string(kBackport) +
                      R"(backport-subscription-status-r4"]},"parameter":[)";
    Json json(out);
    json.Reference("subscription", std::string(base) + "/Subscription/" + definition.id);
    // Of an empty notification nobody on the way learns even what it is about.
    if (!definition.topic.empty() && content != Content::kEmpty) {
        json.Raw(",");
        json.Parameter("topic", "valueCanonical", definition.topic);
    }
    json.Raw(",");
    json.Parameter("status", "valueCode", view.status);
    json.Raw(",");
    json.Parameter("type", "valueCode", NameOf(type));
    json.Raw(",");
    json.Parameter("events-since-subscription-start", "valueString", std::to_string(view.number));
    for (const NotifiedEvent& event : events) WriteEventPart(event, content, base, out);
    if (!view.error.empty()) {
        json.Raw(R"(,{"name":"error","valueCodeableConcept":{"text":)");
        json.Text(view.error);
        json.Raw("}}");
    }
    json.Raw("]}");
    return out;
}

std::string NotificationBundle(const Definition& definition, const StatusView& view,
                               NotificationType type, const std::vector<NotifiedEvent>& events,
                               Content content, std::string_view base, Micros now) {
    std::string out = R"({"resourceType":"Bundle","id":")" + crypto::RandomUuid() +
                      R"(","meta":{"profile":[")" + std::string(kBackport) +
                      R"(backport-subscription-notification-r4"],"lastUpdated":")" +
                      FormatInstant(now) + R"("},"type":"history","timestamp":")" +
                      FormatInstant(now) + R"(","entry":[{"fullUrl":"urn:uuid:)";
    const std::string status = StatusParameters(definition, view, type, events, content, base);
    // The id of the status resource is the UUID that the entry is known by.
    const std::size_t id = status.find(R"("id":")") + 6;
    out += status.substr(id, 36);
    out += R"(","resource":)" + status + R"(,"request":{"method":"GET","url":)";
    Json json(out);
    json.Text(std::string(base) + "/Subscription/" + definition.id + "/$status");
    json.Raw(R"(},"response":{"status":"200"}})");
    if (content != Content::kEmpty) {
        for (const NotifiedEvent& event : events) {
            if (event.event != nullptr) WriteEntry(event, content, base, out);
        }
    }
    json.Raw("]}");
    return out;
}

}  // namespace carestream::subscriptions
