#include "reports/delivery.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "fhir/build.h"

namespace carestream::reports {

namespace {

using fhir::CodeIn;
using fhir::Concept;
using fhir::Copy;
using fhir::Reference;
using fhir::Resource;
using fhir::Text;

constexpr std::string_view kStateSystem = "urn:carestream:delivery";
constexpr std::string_view kChannelSystem = "urn:carestream:channel";
constexpr std::string_view kHistory = "/_history/";

struct StateRow {
    DeliveryState state;
    std::string_view code;
    std::string_view status;  // of the Task
    std::string_view text;
};
// The least certain first.
constexpr std::array<StateRow, 7> kStates = {{
    {DeliveryState::kRejected, "rejected", "failed",
     "The hospital's system did not take the report."},
    {DeliveryState::kWithdrawn, "withdrawn", "failed",
     "The report was not sent to the hospital's system: the clinic decided so."},
    {DeliveryState::kClarifying, "clarifying", "on-hold",
     "The report was sent, and the hospital's system did not answer. The clinic is finding out "
     "whether it arrived."},
    {DeliveryState::kWaiting, "waiting", "requested",
     "The report waits to be sent to the hospital's system."},
    {DeliveryState::kSent, "sent", "in-progress",
     "The report was sent. The hospital's system has not confirmed it yet."},
    {DeliveryState::kReceived, "received", "in-progress",
     "The report reached the hospital's system, which has not accepted it yet."},
    {DeliveryState::kAccepted, "accepted", "completed",
     "The hospital's system accepted the report. This does not say that anybody has read it."},
}};

const StateRow& RowOf(DeliveryState state) {
    return *std::find_if(kStates.begin(), kStates.end(),
                         [&](const StateRow& row) { return row.state == state; });
}

void SetState(fhir::Node& task, std::string_view status, std::string_view code,
              std::string_view text, Micros now) {
    task.Set("status", Text(status));
    task.Set("businessStatus", Concept(kStateSystem, code, text));
    task.Set("lastModified", Text(FormatInstant(now)));
}

// The word of one channel, in Task.output.
fhir::Node* OutputOf(fhir::Node& task, std::string_view channel) {
    fhir::Node* outputs = task.Find("output");
    if (outputs == nullptr) return nullptr;
    const auto found =
        std::find_if(outputs->items().begin(), outputs->items().end(), [&](const fhir::Node& one) {
            const fhir::Node* type = one.Find("type");
            return type != nullptr && CodeIn(*type, kChannelSystem) == channel;
        });
    return found == outputs->items().end() ? nullptr : &*found;
}

const StateRow* LeastCertain(const fhir::Node& task) {
    const StateRow* least = nullptr;
    const fhir::Node* outputs = task.Find("output");
    if (outputs == nullptr) return nullptr;
    for (const fhir::Node& output : outputs->items()) {
        const fhir::Node* value = output.Find("valueCodeableConcept");
        const std::string_view code =
            value == nullptr ? std::string_view() : CodeIn(*value, kStateSystem);
        const auto row = std::find_if(kStates.begin(), kStates.end(),
                                      [&](const StateRow& known) { return known.code == code; });
        if (row != kStates.end() && (least == nullptr || &*row < least)) least = &*row;
    }
    return least;
}

}  // namespace

std::string ReferenceTo(const Report& report) {
    return "QuestionnaireResponse/" + report.id + std::string(kHistory) +
           std::to_string(report.version);
}

std::int32_t VersionIn(const fhir::Node& reference) {
    const std::string_view text = reference.TextOf("reference");
    const std::size_t at = text.find(kHistory);
    if (at == std::string_view::npos) return 0;
    std::int32_t version = 0;
    std::from_chars(text.data() + at + kHistory.size(), text.data() + text.size(), version);
    return version;
}

fhir::Node DeliveryTask(const Report& report, std::string id, bool passed_on, Micros now) {
    fhir::Node task = Resource("Task", std::move(id));
    task.Set("intent", Text("order"));
    task.Set("code", Concept(kTaskSystem, kDeliveryCode, "Delivery of the report"));
    task.Set("focus", Reference(ReferenceTo(report)));
    Copy(report.response, "subject", task, "for");
    Copy(report.response, "encounter", task, "encounter");
    task.Set("authoredOn", Text(FormatInstant(now)));
    Copy(report.response, "author", task, "requester");
    if (passed_on) {
        const StateRow& row = RowOf(DeliveryState::kWaiting);
        SetState(task, row.status, row.code, row.text, now);
    } else {
        SetState(task, "requested", "kept",
                 "The report was stored here. It is not passed on to the hospital's system.", now);
    }
    return task;
}

std::int32_t ReportedVersion(const fhir::Node& task) {
    const fhir::Node* focus = task.Find("focus");
    return focus == nullptr ? 0 : VersionIn(*focus);
}

std::optional<fhir::Node> WithDelivery(const fhir::Node& task, std::int32_t version,
                                       const Delivery& delivery, Micros now) {
    if (ReportedVersion(task) != version) return std::nullopt;
    const StateRow& row = RowOf(delivery.state);
    fhir::Node next = task;
    fhir::Node* output = OutputOf(next, delivery.channel);
    if (output == nullptr) {
        fhir::Node made = fhir::Node::Object();
        made.Set("type", Concept(kChannelSystem, delivery.channel, {}));
        output = &next.At("output").Append(std::move(made));
    }
    output->Set("valueCodeableConcept", Concept(kStateSystem, row.code, delivery.reason));
    if (next == task) return std::nullopt;
    const StateRow& least = *LeastCertain(next);
    SetState(next, least.status, least.code, least.text, now);
    next.Remove("statusReason");
    if (least.state == DeliveryState::kRejected) {
        // Of another channel perhaps: the one that says so.
        for (const fhir::Node& one : next.Find("output")->items()) {
            const fhir::Node& value = *one.Find("valueCodeableConcept");
            if (CodeIn(value, kStateSystem) != least.code || value.TextOf("text").empty()) continue;
            fhir::Node reason = fhir::Node::Object();
            reason.Set("text", Text(value.TextOf("text")));
            next.Set("statusReason", std::move(reason));
            break;
        }
    }
    return next;
}

}  // namespace carestream::reports
