#include "clinics/visit.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "fhir/build.h"
#include "fhir/temporal.h"

namespace carestream::clinics {

namespace {

using fhir::Node;

constexpr std::size_t kHistoryMax = 200;

Micros TimeOf(std::string_view text) {
    const auto time = fhir::Temporal::ParseDateTime(text);
    return time ? time->Low() : 0;
}

const Node* TagOf(const Node& resource, std::string_view system) {
    const Node* meta = resource.Find("meta");
    const Node* tags = meta == nullptr ? nullptr : meta->Find("tag");
    if (tags == nullptr) return nullptr;
    const auto found =
        std::find_if(tags->items().begin(), tags->items().end(),
                     [&](const Node& tag) { return tag.TextOf("system") == system; });
    return found == tags->items().end() ? nullptr : &*found;
}

const Node* ExtensionOf(const Node& node, std::string_view url) {
    const Node* list = node.Find("extension");
    if (list == nullptr) return nullptr;
    const auto found =
        std::find_if(list->items().begin(), list->items().end(),
                     [&](const Node& extension) { return extension.TextOf("url") == url; });
    return found == list->items().end() ? nullptr : &*found;
}

// The newest entry of that status.
Micros StartOf(const Node& encounter, std::string_view status) {
    const Node* history = encounter.Find("statusHistory");
    if (history == nullptr) return 0;
    for (auto entry = history->items().rbegin(); entry != history->items().rend(); ++entry) {
        const Node* period = entry->Find("period");
        if (period != nullptr && entry->TextOf("status") == status) {
            return TimeOf(period->TextOf("start"));
        }
    }
    return 0;
}

void KeepTag(const Node& before, Node& resource, std::string_view system) {
    const Node* tag = TagOf(before, system);
    if (tag == nullptr) return;
    fhir::SetTag(resource, system, *tag);
}

}  // namespace

std::string_view ClinicOf(const Node& resource) {
    const Node* tag = TagOf(resource, kClinicSystem);
    return tag == nullptr ? std::string_view() : tag->TextOf("code");
}

void SetClinic(Node& resource, const Clinic* clinic) {
    if (clinic == nullptr) return fhir::SetTag(resource, kClinicSystem, Node());
    Node tag = fhir::Coding(kClinicSystem, clinic->name);
    tag.Set("display", fhir::Text(clinic->title));
    fhir::SetTag(resource, kClinicSystem, std::move(tag));
}

bool Waits(const Node& encounter) {
    const std::string_view status = encounter.TextOf("status");
    return status == "arrived" || status == "triaged";
}

bool IsUnderWay(const Node& encounter) {
    const std::string_view status = encounter.TextOf("status");
    return Waits(encounter) || status == "in-progress" || status == "onleave";
}

Micros ArrivedAt(const Node& encounter) {
    for (const std::string_view status : {"arrived", "triaged"}) {
        if (const Micros start = StartOf(encounter, status); start != 0) return start;
    }
    const Node* period = encounter.Find("period");
    return period == nullptr ? 0 : TimeOf(period->TextOf("start"));
}

Micros PlannedAt(const Node& encounter) {
    const Node* value = fhir::ExtensionValue(encounter, kPlannedExtension, "valueDateTime");
    return value == nullptr ? 0 : TimeOf(value->text());
}

void NoteStatus(Node& encounter, Micros at) {
    const std::string status(encounter.TextOf("status"));  // members move when one is added
    if (status.empty()) return;
    Node& history = encounter.At("statusHistory");
    if (!history.items().empty()) {
        Node& last = history.items().back();
        if (last.TextOf("status") == status) return;
        Node& period = last.At("period");
        // A clock that was put back, or a message about before: nothing ends before it began.
        at = std::max(at, TimeOf(period.TextOf("start")));
        if (period.Find("end") == nullptr) period.Set("end", fhir::Text(FormatInstant(at)));
    }
    Node period = Node::Object();
    period.Set("start", fhir::Text(FormatInstant(at)));
    Node entry = Node::Object();
    entry.Set("status", fhir::Text(status));
    entry.Set("period", std::move(period));
    history.Append(std::move(entry));
    if (history.items().size() > kHistoryMax) history.items().erase(history.items().begin());
}

void SetStatus(Node& encounter, std::string_view status, Micros at) {
    encounter.Set("status", fhir::Text(status));
    NoteStatus(encounter, at);
}

void ArrivedEarlier(Node& encounter, Micros at) {
    if (at == 0 || at >= ArrivedAt(encounter)) return;
    Node* history = encounter.Find("statusHistory");
    if (history == nullptr) return;
    for (auto entry = history->items().rbegin(); entry != history->items().rend(); ++entry) {
        if (entry->TextOf("status") != "arrived") continue;
        entry->At("period").Set("start", fhir::Text(FormatInstant(at)));
        return;
    }
}

int PositionOf(const Node& encounter) {
    const Node* queue = ExtensionOf(encounter, kQueueExtension);
    const Node* value =
        queue == nullptr ? nullptr : fhir::ExtensionValue(*queue, "position", "valuePositiveInt");
    if (value == nullptr) return 0;
    const std::string& text = value->text();
    int position = 0;
    std::from_chars(text.data(), text.data() + text.size(), position);
    return position;
}

void SetPosition(Node& encounter, const Clinic& clinic, int position) {
    if (position == 0) return fhir::SetExtension(encounter, kQueueExtension, {});
    Node queue = Node::Object();
    queue.Set("url", fhir::Text(kQueueExtension));
    queue.At("extension")
        .Append(fhir::Extension("clinic", "valueString", fhir::Text(clinic.title)));
    queue.At("extension")
        .Append(fhir::Extension("position", "valuePositiveInt",
                                Node::Number(std::to_string(position))));
    fhir::SetExtension(encounter, kQueueExtension, std::move(queue));
}

void SortQueue(const Clinic& clinic, std::vector<Waiting>& waiting) {
    const auto key = [&](const Waiting& one) {
        const bool by_appointment = clinic.order == Order::kAppointment && one.planned != 0;
        return std::tuple(by_appointment ? one.planned : one.arrived, one.arrived, one.id);
    };
    std::sort(waiting.begin(), waiting.end(),
              [&](const Waiting& a, const Waiting& b) { return key(a) < key(b); });
}

void KeepVisit(const Node& before, Node& resource, Micros now) {
    if (resource.TextOf("resourceType") == "Appointment") {
        return KeepTag(before, resource, kClinicSystem);
    }
    if (resource.TextOf("resourceType") != "Encounter") return;
    if (!ClinicOf(before).empty()) {
        KeepTag(before, resource, kClinicSystem);
        KeepTag(before, resource, kCheckInSystem);
        const Node* history = before.Find("statusHistory");
        if (history != nullptr) resource.Set("statusHistory", *history);
        const Node* queue = ExtensionOf(before, kQueueExtension);
        fhir::SetExtension(resource, kQueueExtension, queue == nullptr ? Node() : *queue);
    }
    if (ClinicOf(resource).empty()) return;
    NoteStatus(resource, now);
    // Who is called, or leaves, has no place in the queue any more.
    if (!Waits(resource)) fhir::SetExtension(resource, kQueueExtension, {});
}

}  // namespace carestream::clinics
