#include "scheduling/internal/resources.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "fhir/temporal.h"

namespace carestream::scheduling {

namespace {

using fhir::Node;

constexpr Micros kMinute = 60LL * 1'000'000;

Node Coding(std::string system, std::string code, const std::string& display = {}) {
    Node coding = Node::Object();
    coding.Set("system", Node::String(std::move(system)));
    coding.Set("code", Node::String(std::move(code)));
    if (!display.empty()) coding.Set("display", Node::String(display));
    return coding;
}

Node Concept(Node coding) {
    Node concept_node = Node::Object();
    concept_node.At("coding").Append(std::move(coding));
    return concept_node;
}

Node ReferenceTo(const Actor& actor) {
    if (actor.system.empty()) return Reference(actor.type + "/" + actor.id);
    Node identifier = Node::Object();
    identifier.Set("system", Node::String(actor.system));
    identifier.Set("value", Node::String(actor.id));
    Node reference = Node::Object();
    reference.Set("type", Node::String(actor.type));
    reference.Set("identifier", std::move(identifier));
    return reference;
}

void AddService(const Template& schedule, Node& resource) {
    if (schedule.service_code.empty()) return;
    resource.At("serviceType")
        .Append(Concept(
            Coding(schedule.service_system, schedule.service_code, schedule.service_display)));
}

Node Participant(Node actor) {
    Node participant = Node::Object();
    participant.Set("actor", std::move(actor));
    participant.Set("status", Node::String("accepted"));
    return participant;
}

// By which a topic and an outbound channel tell requests apart.
void SetTag(Node& resource, std::string_view code) {
    Node& tags = resource.At("meta").At("tag");
    Node tag = Coding(std::string(kRequestExtension), std::string(code));
    for (Node& one : tags.items()) {
        if (one.TextOf("system") == kRequestExtension) {
            one = std::move(tag);
            return;
        }
    }
    tags.Append(std::move(tag));
}

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words) {
        if (text == word) return true;
    }
    return false;
}

// The status that the state stands for; "" = whatever it is.
std::string_view StatusOf(const Record& record, std::string_view now) {
    switch (record.saga.state) {
        case State::kHeld:
            return "proposed";
        case State::kBooked:
            return OneOf(now, {"booked", "arrived", "fulfilled", "checked-in"}) ? now : "booked";
        case State::kPending:
        case State::kRescheduling:
            return "pending";
        case State::kAmbiguous:
            return record.saga.step == Step::kCancel ? "cancelled" : "pending";
        case State::kOver:
            return now;
        default:
            return OneOf(now, {"cancelled", "noshow", "entered-in-error"}) ? now : "cancelled";
    }
}

Node ReasonOf(const Record& record) {
    if (record.saga.state == State::kCompensated) return CancellationReason("prov", record.reason);
    return CancellationReason(record.by_patient ? "pat" : "other", record.reason);
}

// "Patient" of an actor that refers to one, by its reference or its type.
std::string_view TypeOf(const Node& actor) {
    const std::string_view type = actor.TextOf("type");
    if (!type.empty()) return type;
    std::string_view before = actor.TextOf("reference");
    before = before.substr(0, std::min(before.rfind('/'), before.size()));
    return before.substr(before.rfind('/') + 1);
}

// Whoever comes, and who wrote it down, stays when the appointment moves to other hands.
bool StaysWhenMoved(const Node& participant) {
    const Node* actor = participant.Find("actor");
    return IsOfPaperwork(participant) ||
           (actor != nullptr && OneOf(TypeOf(*actor), {"Patient", "RelatedPerson"}));
}

// What of an appointment goes with the Schedule of its slot.
Node TakeParts(Node& appointment) {
    Node parts = Node::Object();
    if (const Node* service = appointment.Find("serviceType")) {
        parts.Set("serviceType", *service);
        appointment.Remove("serviceType");
    }
    const Node* participants = appointment.Find("participant");
    if (participants == nullptr) return parts;
    Node staying = Node::Array();
    for (const Node& one : participants->items()) {
        (StaysWhenMoved(one) ? staying : parts.At("participant")).Append(one);
    }
    appointment.Set("participant", std::move(staying));
    return parts;
}

void PutParts(Node& appointment, const Node& parts) {
    if (const Node* service = parts.Find("serviceType")) appointment.Set("serviceType", *service);
    const Node* coming = parts.Find("participant");
    Node participants = coming == nullptr ? Node::Array() : *coming;
    if (const Node* staying = appointment.Find("participant")) {
        for (const Node& one : staying->items()) participants.Append(one);
    }
    appointment.Set("participant", std::move(participants));
}

// With the length: a duration that was true of other times is none of these.
void ShowTimes(Node& appointment, const SlotRef& slot) {
    const Micros start = InstantOf(slot.start);
    const Micros end = InstantOf(slot.end);
    const bool same = InstantOf(appointment.TextOf("start")) == start &&
                      InstantOf(appointment.TextOf("end")) == end;
    appointment.Set("start", Node::String(slot.start));
    appointment.Set("end", Node::String(slot.end));
    if (same || end <= start) return;
    appointment.Set("minutesDuration", Node::Number(std::to_string((end - start) / kMinute)));
}

}  // namespace

std::string IdOf(std::string_view reference, std::string_view type) {
    const std::size_t slash = reference.rfind('/');
    if (slash == std::string_view::npos) return std::string(reference);
    const std::string_view before = reference.substr(0, slash);
    const bool own = before == type || (before.size() > type.size() && before.ends_with(type) &&
                                        before[before.size() - type.size() - 1] == '/');
    return own ? std::string(reference.substr(slash + 1)) : std::string();
}

Micros InstantOf(std::string_view text) {
    const auto time = fhir::Temporal::ParseDateTime(text);
    return time ? time->Low() : 0;
}

SlotRef RefOf(const Node& slot) {
    const Node* schedule = slot.Find("schedule");
    return {std::string(slot.TextOf("id")), std::string(slot.TextOf("start")),
            std::string(slot.TextOf("end")),
            schedule == nullptr ? "" : std::string(schedule->TextOf("reference"))};
}

Node Reference(std::string reference) {
    Node node = Node::Object();
    node.Set("reference", Node::String(std::move(reference)));
    return node;
}

std::string ScheduleId(const crypto::IdKey& key, const Template& schedule) {
    return std::string(kSchedulePrefix) +
           key.ProvisionalId("", "Schedule", kScheduleSystem, schedule.name);
}

std::string SlotId(const crypto::IdKey& key, const Template& schedule, Micros start) {
    return std::string(kSlotPrefix) +
           key.ProvisionalId("", "Slot", std::string(kScheduleSystem) + "|" + schedule.name,
                             FormatInstant(start));
}

Node ScheduleOf(const Template& schedule, std::string id) {
    Node node = Node::Object();
    node.Set("resourceType", Node::String("Schedule"));
    node.Set("id", Node::String(std::move(id)));
    Node identifier = Node::Object();
    identifier.Set("system", Node::String(std::string(kScheduleSystem)));
    identifier.Set("value", Node::String(schedule.name));
    node.At("identifier").Append(std::move(identifier));
    node.Set("active", Node::Boolean(true));
    AddService(schedule, node);
    for (const Actor& actor : schedule.actors) node.At("actor").Append(ReferenceTo(actor));
    node.Set("comment", Node::String(schedule.title));
    return node;
}

Node FreeSlot(const Template& schedule, std::string id, std::string_view schedule_id,
              const SlotTime& time) {
    Node node = Node::Object();
    node.Set("resourceType", Node::String("Slot"));
    node.Set("id", Node::String(std::move(id)));
    AddService(schedule, node);
    node.Set("schedule", Reference("Schedule/" + std::string(schedule_id)));
    node.Set("status", Node::String("free"));
    node.Set("start", Node::String(FormatInstant(time.start)));
    node.Set("end", Node::String(FormatInstant(time.end)));
    return node;
}

Node Proposal(const Node& slot, const Node* schedule) {
    Node node = Node::Object();
    node.Set("resourceType", Node::String("Appointment"));
    node.Set("status", Node::String("proposed"));
    const Node* service = slot.Find("serviceType");
    if (service == nullptr && schedule != nullptr) service = schedule->Find("serviceType");
    if (service != nullptr) node.Set("serviceType", *service);
    const SlotRef ref = RefOf(slot);
    node.Set("start", Node::String(ref.start));
    node.Set("end", Node::String(ref.end));
    const Micros length = InstantOf(ref.end) - InstantOf(ref.start);
    if (length > 0) {
        node.Set("minutesDuration", Node::Number(std::to_string(length / kMinute)));
    }
    node.At("slot").Append(Reference("Slot/" + ref.id));
    const Node* actors = schedule == nullptr ? nullptr : schedule->Find("actor");
    if (actors != nullptr) {
        for (const Node& actor : actors->items()) {
            node.At("participant").Append(Participant(actor));
        }
    }
    return node;
}

Node AppointmentFor(Node proposal, const std::string& id, const std::string& patient,
                    const std::string& authority, Micros now) {
    proposal.Set("id", Node::String(id));
    Node identifier = Node::Object();
    identifier.Set("type",
                   Concept(Coding("http://terminology.hl7.org/CodeSystem/v2-0203", "PLAC")));
    identifier.Set("system", Node::String("urn:carestream:authority:" + authority));
    identifier.Set("value", Node::String(id));
    proposal.At("identifier").Append(std::move(identifier));
    proposal.Set("created", Node::String(FormatInstant(now)));
    Node& participants = proposal.At("participant");
    participants.Append(Participant(Reference("Patient/" + patient)));
    return proposal;
}

Node MoveTo(Node& appointment, const Node& slot, const Node* schedule) {
    Node former_parts = TakeParts(appointment);
    PutParts(appointment, Proposal(slot, schedule));
    return former_parts;
}

void MoveBack(Node& appointment, const Node& former_parts) {
    TakeParts(appointment);
    PutParts(appointment, former_parts);
}

Node CancellationReason(std::string_view code, const std::string& text) {
    Node reason =
        Concept(Coding("http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason",
                       std::string(code)));
    if (!text.empty()) reason.Set("text", Node::String(text));
    return reason;
}

void Show(Node& appointment, const Record& record, bool ask) {
    const std::string status(StatusOf(record, appointment.TextOf("status")));
    appointment.Set("status", Node::String(status));
    const bool gone = OneOf(status, {"cancelled", "noshow", "entered-in-error"});
    appointment.Remove("slot");
    if (!record.slot.start.empty()) ShowTimes(appointment, record.slot);
    if (!gone && !record.slot.id.empty()) {
        appointment.At("slot").Append(Reference("Slot/" + record.slot.id));
    }
    if (!gone) {
        appointment.Remove("cancelationReason");
    } else if (appointment.Find("cancelationReason") == nullptr) {
        appointment.Set("cancelationReason", ReasonOf(record));
    }
    const bool unclear = record.saga.state == State::kAmbiguous;
    SetExtension(appointment, kStateExtension, "valueCode",
                 unclear ? "being-clarified" : std::string(ToString(record.saga.state)));
    if (!ask) return;
    const std::string step(ToString(record.saga.step));
    SetTag(appointment, step);
    SetExtension(appointment, kRequestExtension, "valueString",
                 step + "-" + std::to_string(record.saga.asked));
}

bool IsOfPaperwork(const Node& participant) {
    const auto is = [](const Node& coding, std::string_view system, std::string_view code) {
        return coding.TextOf("system") == system && coding.TextOf("code") == code;
    };
    const auto paperwork = [&](const Node& type) {
        const Node* codings = type.Find("coding");
        return codings != nullptr &&
               std::any_of(codings->items().begin(), codings->items().end(), [&](const auto& one) {
                   return is(one, "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                             "CALLBCK") ||
                          is(one,
                             "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                             "enterer");
               });
    };
    const Node* types = participant.Find("type");
    return types != nullptr && !types->items().empty() &&
           std::all_of(types->items().begin(), types->items().end(), paperwork);
}

bool TakesTime(const Node& appointment) {
    return OneOf(appointment.TextOf("status"),
                 {"pending", "booked", "arrived", "fulfilled", "checked-in"});
}

void SetExtension(Node& resource, std::string_view url, std::string_view kind, std::string value) {
    Node& list = resource.At("extension");
    Node extension = Node::Object();
    extension.Set("url", Node::String(std::string(url)));
    extension.Set(kind, Node::String(std::move(value)));
    for (Node& one : list.items()) {
        if (one.TextOf("url") == url) {
            one = std::move(extension);
            return;
        }
    }
    list.Append(std::move(extension));
}

void RemoveExtension(Node& resource, std::string_view url) {
    Node* list = resource.Find("extension");
    if (list == nullptr) return;
    std::erase_if(list->items(), [&](const Node& one) { return one.TextOf("url") == url; });
    if (list->items().empty()) resource.Remove("extension");
}

bool HasExtension(const Node& resource, std::string_view url) {
    const Node* list = resource.Find("extension");
    return list != nullptr &&
           std::any_of(list->items().begin(), list->items().end(),
                       [&](const Node& one) { return one.TextOf("url") == url; });
}

Request RequestOf(const Node& appointment) {
    const Node* extensions = appointment.Find("extension");
    if (extensions == nullptr) return {};
    for (const Node& extension : extensions->items()) {
        if (extension.TextOf("url") != kRequestExtension) continue;
        const std::string_view text = extension.TextOf("valueString");
        const std::size_t dash = text.find('-');
        if (dash == std::string_view::npos) return {};
        Request request{ParseStep(text.substr(0, dash)), 0};
        std::from_chars(text.data() + dash + 1, text.data() + text.size(), request.number);
        return request;
    }
    return {};
}

}  // namespace carestream::scheduling
