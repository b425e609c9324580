#include "waiting/internal/visits.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "fhir/build.h"
#include "fhir/json.h"
#include "fhir/temporal.h"

namespace carestream::waiting {

namespace {

using clinics::Clinic;
using fhir::Node;
using fhir::Text;

constexpr Micros kMinute = 60LL * 1'000'000;
constexpr Micros kHour = 60 * kMinute;
constexpr std::size_t kVisitsMax = 50;  // of one patient that are looked at
constexpr int kTriesMax = 16;           // each failure means that another write went through
constexpr std::string_view kReplacedBy = "urn:carestream:replaced-by";

Micros InstantOf(std::string_view text) {
    const auto time = fhir::Temporal::ParseDateTime(text);
    return time ? time->Low() : 0;
}

// Where the patient is now: places that are not over, or only reserved.
std::vector<std::string> PlacesOf(const Node& encounter) {
    std::vector<std::string> ids;
    const Node* list = encounter.Find("location");
    if (list == nullptr) return ids;
    for (const Node& entry : list->items()) {
        const std::string_view status = entry.TextOf("status");
        if (status == "completed" || status == "reserved") continue;
        std::string id = IdOf(entry.Find("location"), "Location");
        if (!id.empty()) ids.push_back(std::move(id));
    }
    return ids;
}

bool HasArrived(const Node& appointment) {
    const std::string_view status = appointment.TextOf("status");
    return status == "arrived" || status == "checked-in";
}

bool IsFor(const Node& encounter, const std::string& appointment) {
    const auto ids = IdsIn(encounter, "appointment", "", "Appointment");
    return std::find(ids.begin(), ids.end(), appointment) != ids.end();
}

void AddAppointment(Node& encounter, const Found& appointment) {
    if (!IsFor(encounter, appointment.id)) {
        encounter.At("appointment").Append(fhir::Reference("Appointment/" + appointment.id));
    }
    const std::string_view start = appointment.node.TextOf("start");
    if (!start.empty()) {
        fhir::SetExtension(
            encounter, clinics::kPlannedExtension,
            fhir::Extension(clinics::kPlannedExtension, "valueDateTime", Text(start)));
    }
}

Node NewVisit(const std::string& id, const Found& appointment, const std::string& patient,
              const std::string& place) {
    Node visit = fhir::Resource("Encounter", id);
    visit.Set("class", fhir::Coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB"));
    visit.Set("subject", fhir::Reference("Patient/" + patient));
    const Node* services = appointment.node.Find("serviceType");
    if (services != nullptr && !services->items().empty()) {
        visit.Set("serviceType", services->items().front());
    }
    for (const char* type : {"Practitioner", "PractitionerRole"}) {
        for (const std::string& one : IdsIn(appointment.node, "participant", "actor", type)) {
            Node participant = Node::Object();
            participant.Set("individual", fhir::Reference(std::string(type) + "/" + one));
            visit.At("participant").Append(std::move(participant));
        }
    }
    if (!place.empty()) {
        Node location = Node::Object();
        location.Set("location", fhir::Reference("Location/" + place));
        location.Set("status", Text("active"));
        visit.At("location").Append(std::move(location));
    }
    return visit;
}

Error Refusal(std::string text, std::string path) {
    return Error{Code::kInvalid, std::move(text), std::move(path), {}, 0, false};
}

// Whether one can check in now, in words for patients.
Result<void> CheckTime(const Clinic& clinic, const Node& appointment, Micros now) {
    const Micros start = InstantOf(appointment.TextOf("start"));
    if (start == 0) return Fail(Refusal("the appointment has no time", "Appointment.start"));
    if (now < start - clinic.check_in_before) {
        // An instant without fractions: an app shows it as its reader's time.
        return Fail(Refusal("it is too early to check in: possible from " +
                                FormatInstant(start - clinic.check_in_before).substr(0, 19) + "Z",
                            "Appointment.start"));
    }
    if (now > start + clinic.check_in_after) {
        return Fail(Refusal("it is too late to check in here: please go to the front desk",
                            "Appointment.start"));
    }
    return {};
}

Error NothingThere() {
    return Error{Code::kNotFound, "no such appointment", "id", {}, 0, false};
}

// Leaves of the visit what the token may see: that of the appointment does not follow for it.
Result<CheckedIn> AsSeen(auth::Access& access, CheckedIn done) {
    if (access.IsFree("Encounter", auth::Action::kRead)) return done;
    CARESTREAM_ASSIGN(visit, fhir::ParseJson(done.body));
    bool changed = false;
    if (!access.Show("Encounter", visit, auth::Action::kRead, &changed)) {
        done.body.clear();
    } else if (changed) {
        done.body = fhir::ToJson(visit);
    }
    return done;
}

// Of the appointment's patients the one that the token is about, or, of staff, the only one.
std::string PatientOf(const Node& appointment, const auth::Access& access) {
    const auto patients = IdsIn(appointment, "participant", "actor", "Patient");
    if (!access.IsConfined()) return patients.size() == 1 ? patients.front() : "";
    for (const std::string& id : patients) {
        const auto& linked = access.linked();
        if (std::find(linked.begin(), linked.end(), id) != linked.end()) return id;
    }
    return {};
}

}  // namespace

Result<const Clinic*> Visits::ClinicOfVisit(const Node& encounter) {
    const auto places = PlacesOf(encounter);
    const Clinic* now = context_.clinics->Find(clinics::ClinicOf(encounter));
    const Clinic* clinic = now;
    // One that names no place stays where it is.
    if (!places.empty()) {
        CARESTREAM_ASSIGN(found, context_.OfPlaces(places));
        clinic = found;
    }
    return clinic != nullptr && context_.clinics->IsVisit(*clinic, encounter) ? clinic : nullptr;
}

Result<const Clinic*> Visits::ClinicOfAppointment(const Node& appointment) {
    if (const Clinic* clinic = context_.clinics->OfAppointment(appointment)) return clinic;
    return context_.OfPlaces(IdsIn(appointment, "participant", "actor", "Location"));
}

Result<void> Visits::Look(const store::Event& event, Touched& touched) {
    if (event.unreadable) return {};
    if (event.type == "Location") {
        context_.Forget(event.id);
        return {};
    }
    const auto parsed = fhir::ParseJson(event.body.empty() ? event.before : event.body);
    if (!parsed) return {};
    if (event.type == "Appointment") return LookAtAppointment(event, *parsed, touched);
    return LookAtVisit(event, *parsed, touched);
}

Result<void> Visits::LookAtVisit(const store::Event& event, const Node& encounter,
                                 Touched& touched) {
    const std::string tagged(clinics::ClinicOf(encounter));
    if (!tagged.empty()) touched.insert(tagged);
    if (event.kind == store::EventKind::kDeleted) return {};
    CARESTREAM_ASSIGN(clinic, ClinicOfVisit(encounter));
    const std::string name = clinic == nullptr ? "" : clinic->name;
    if (name != tagged) {
        const Micros told = event.sent != 0 ? event.sent : event.updated;
        CARESTREAM_TRY(context_.records.Update(
            "Encounter", event.id,
            [&](const Node& current) -> std::optional<Node> {
                if (current.IsNull() || clinics::ClinicOf(current) == name) return std::nullopt;
                Node next = current;
                clinics::SetClinic(next, clinic);
                // Who waits does so since the visit began.
                const Micros began = clinics::Waits(next) ? clinics::ArrivedAt(next) : 0;
                clinics::NoteStatus(next, began != 0 ? std::min(began, told) : told);
                if (clinic == nullptr) clinics::SetPosition(next, {}, 0);
                return next;
            },
            true));
    }
    if (clinic == nullptr) return {};
    touched.insert(name);
    return TakePlaces(event.id, encounter, *clinic, touched);
}

Result<void> Visits::TakePlaces(const std::string& id, const Node& encounter, const Clinic& clinic,
                                Touched& touched) {
    const std::string patient = IdOf(encounter.Find("subject"), "Patient");
    if (patient.empty() || !clinics::IsUnderWay(encounter) ||
        fhir::HasTag(encounter, clinics::kCheckInSystem)) {
        return {};
    }
    CARESTREAM_ASSIGN(
        made, context_.Search("Encounter",
                              {{"subject", "Patient/" + patient},
                               {"_tag", std::string(clinics::kClinicSystem) + "|" + clinic.name},
                               {"status", "arrived,triaged"}},
                              kVisitsMax));
    for (const Found& one : made) {
        if (one.id == id || !fhir::HasTag(one.node, clinics::kCheckInSystem)) continue;
        const Micros arrived = clinics::ArrivedAt(one.node);
        if (clock_.Now() - arrived > clinic.forget_after) continue;
        CARESTREAM_TRY(context_.records.Update(
            "Encounter", id,
            [&](const Node& current) -> std::optional<Node> {
                if (current.IsNull()) return std::nullopt;
                Node next = current;
                for (const std::string& appointment :
                     IdsIn(one.node, "appointment", "", "Appointment")) {
                    if (IsFor(next, appointment)) continue;
                    next.At("appointment").Append(fhir::Reference("Appointment/" + appointment));
                }
                if (const Node* planned = fhir::ExtensionValue(one.node, clinics::kPlannedExtension,
                                                               "valueDateTime")) {
                    fhir::SetExtension(
                        next, clinics::kPlannedExtension,
                        fhir::Extension(clinics::kPlannedExtension, "valueDateTime", *planned));
                }
                clinics::ArrivedEarlier(next, arrived);
                return next;
            },
            true));
        CARESTREAM_TRY(context_.records.Update(
            "Encounter", one.id,
            [&](const Node& current) -> std::optional<Node> {
                if (!clinics::Waits(current)) return std::nullopt;
                Node next = current;
                clinics::SetStatus(next, "entered-in-error", clock_.Now());
                clinics::SetPosition(next, clinic, 0);
                fhir::SetExtension(next, kReplacedBy,
                                   fhir::Extension(kReplacedBy, "valueReference",
                                                   fhir::Reference("Encounter/" + id)));
                return next;
            },
            true));
        touched.insert(clinic.name);
    }
    return {};
}

// Staff finds its clinic's appointments by the tag.
Result<void> Visits::TagAppointment(const std::string& id, const Node& appointment,
                                    const Clinic* clinic) {
    const std::string name = clinic == nullptr ? "" : clinic->name;
    if (name == clinics::ClinicOf(appointment)) return {};
    CARESTREAM_TRY(context_.records.Update(
        "Appointment", id,
        [&](const Node& current) -> std::optional<Node> {
            if (current.IsNull() || clinics::ClinicOf(current) == name) return std::nullopt;
            Node next = current;
            clinics::SetClinic(next, clinic);
            return next;
        },
        true));
    return {};
}

Result<void> Visits::LookAtAppointment(const store::Event& event, const Node& appointment,
                                       Touched& touched) {
    if (event.kind == store::EventKind::kDeleted) return {};
    CARESTREAM_ASSIGN(clinic, ClinicOfAppointment(appointment));
    CARESTREAM_TRY(TagAppointment(event.id, appointment, clinic));
    if (clinic == nullptr || !HasArrived(appointment)) return {};
    if (!event.before.empty()) {
        const auto before = fhir::ParseJson(event.before);
        if (before && HasArrived(*before)) return {};
    }
    const Micros at = event.sent != 0 ? event.sent : event.updated;
    const auto patients = IdsIn(appointment, "participant", "actor", "Patient");
    if (patients.size() != 1 || clock_.Now() - at > clinic->forget_after) {
        return {};
    }
    const Found found{event.id, event.version, appointment};
    CARESTREAM_TRY(Arrive({found, *clinic, patients.front(), at, "appointment"}, touched));
    return {};
}

Result<CheckedIn> Visits::CheckIn(const std::string& appointment, auth::Access& access,
                                  Touched& touched) {
    for (int tries = 1;; ++tries) {
        CARESTREAM_ASSIGN(found, context_.Read("Appointment", appointment));
        if (!found || !access.Sees("Appointment", found->node, auth::Action::kRead)) {
            return Fail(NothingThere());
        }
        if (!access.MayWrite("Appointment", found->node, auth::Action::kUpdate)) {
            return Fail(Code::kDenied, "the token may not check in for this appointment", "id");
        }
        CARESTREAM_ASSIGN(clinic, ClinicOfAppointment(found->node));
        if (clinic == nullptr) {
            return Fail(
                Refusal("this appointment is at no clinic that checks in here: please go "
                        "to the front desk",
                        "Appointment.participant"));
        }
        const std::string patient = PatientOf(found->node, access);
        if (patient.empty()) {
            return Fail(
                Refusal("the appointment names no patient, or several", "Appointment.participant"));
        }
        const std::string_view status = found->node.TextOf("status");
        if (status != "booked" && !HasArrived(found->node)) {
            return Fail(Refusal("the appointment is not booked", "Appointment.status"));
        }
        if (status == "booked") {
            CARESTREAM_TRY(CheckTime(*clinic, found->node, clock_.Now()));
        }
        auto done = Arrive({*found, *clinic, patient, clock_.Now(), "app"}, touched);
        const bool overtaken = !done && (done.error().code == Code::kPreconditionFailed ||
                                         done.error().code == Code::kConflict);
        if (overtaken && tries < kTriesMax) continue;
        if (!done) return done;
        return AsSeen(access, std::move(*done));
    }
}

Result<std::optional<Found>> Visits::VisitFor(const Arrival& arrival) {
    CARESTREAM_ASSIGN(
        visits,
        context_.Search("Encounter",
                        {{"subject", "Patient/" + arrival.patient},
                         {"_tag", std::string(clinics::kClinicSystem) + "|" + arrival.clinic.name},
                         {"status", "planned,arrived,triaged,in-progress,finished"}},
                        kVisitsMax));
    const auto named = std::find_if(visits.begin(), visits.end(), [&](const Found& visit) {
        return IsFor(visit.node, arrival.appointment.id);
    });
    if (named != visits.end()) return std::move(*named);
    const Micros start = InstantOf(arrival.appointment.node.TextOf("start"));
    for (Found& visit : visits) {
        // One that was registered for today, or is planned for then; not that of another
        // appointment.
        if (visit.node.Find("appointment") != nullptr) continue;
        const Micros planned = std::max(
            clinics::PlannedAt(visit.node),
            visit.node.TextOf("status") == "planned" ? clinics::ArrivedAt(visit.node) : Micros(0));
        const bool fits =
            clinics::IsUnderWay(visit.node)
                ? arrival.at - clinics::ArrivedAt(visit.node) < arrival.clinic.forget_after
                : visit.node.TextOf("status") == "planned" && planned != 0 &&
                      std::abs(planned - start) < 12 * kHour;
        if (fits) return std::move(visit);
    }
    return std::nullopt;
}

Result<CheckedIn> Visits::Arrive(const Arrival& arrival, Touched& touched) {
    CARESTREAM_ASSIGN(visit, VisitFor(arrival));
    const std::string id = ids_.ProvisionalId(options_.tenant_name, "Encounter",
                                              "urn:carestream:check-in", arrival.appointment.id);
    // Its tag may have been taken away since: the id decides.
    if (!visit) {
        CARESTREAM_ASSIGN(made, context_.Read("Encounter", id));
        visit = std::move(made);
    }
    touched.insert(arrival.clinic.name);
    return Write(arrival, std::move(visit));
}

Result<CheckedIn> Visits::Write(const Arrival& arrival, std::optional<Found> visit) {
    const bool is_new = !visit;
    std::string place;
    if (is_new) {
        const auto places = IdsIn(arrival.appointment.node, "participant", "actor", "Location");
        if (places.size() == 1) place = places.front();
    }
    const std::string id =
        is_new ? ids_.ProvisionalId(options_.tenant_name, "Encounter", "urn:carestream:check-in",
                                    arrival.appointment.id)
               : visit->id;
    Node next = is_new ? NewVisit(id, arrival.appointment, arrival.patient, place) : visit->node;
    if (is_new) {
        fhir::SetTag(next, clinics::kCheckInSystem, arrival.by);
        Node period = Node::Object();
        period.Set("start", Text(FormatInstant(arrival.at)));
        next.Set("period", std::move(period));
    }
    clinics::SetClinic(next, &arrival.clinic);
    AddAppointment(next, arrival.appointment);
    if (is_new || next.TextOf("status") == "planned") {
        clinics::SetStatus(next, "arrived", arrival.at);
    }
    std::vector<store::RestWrite> writes(1);
    writes[0].method = store::RestMethod::kUpdate;
    writes[0].type = "Encounter";
    writes[0].id = id;
    writes[0].resource = std::move(next);
    writes[0].if_match = is_new ? store::kAbsent : visit->version;
    writes[0].labelled = true;
    if (!HasArrived(arrival.appointment.node)) {
        store::RestWrite& appointment = writes.emplace_back();
        appointment.method = store::RestMethod::kUpdate;
        appointment.type = "Appointment";
        appointment.id = arrival.appointment.id;
        appointment.resource = arrival.appointment.node;
        appointment.resource.Set("status", Text("arrived"));
        appointment.if_match = arrival.appointment.version;
    }
    CARESTREAM_ASSIGN(written, context_.records.WriteAll(std::move(writes)));
    const store::RestResult& result = written.front();
    return CheckedIn{id, result.version.version, result.created, result.version.body};
}

}  // namespace carestream::waiting
