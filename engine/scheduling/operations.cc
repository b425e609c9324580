#include "scheduling/operations.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "rest/outcome.h"
#include "scheduling/internal/find.h"
#include "scheduling/internal/parameters.h"
#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

using Kind = BookRequest::Kind;

constexpr std::size_t kKeyMax = 255;
constexpr std::size_t kTextMax = 1'000;

// The answer to an error of the scheduler, whose path is the parameter.
net::Response ErrorResponse(const Error& error) {
    const auto respond = [&](int status, std::string_view code) {
        return rest::OutcomeResponse(status, code, error.message, error.path);
    };
    switch (error.code) {
        case Code::kConflict:
            return respond(409, "conflict");
        case Code::kNotFound:
            return respond(404, "not-found");
        case Code::kDenied:
            return respond(403, "forbidden");
        case Code::kInvalid:
            return respond(422, "invalid");
        case Code::kLimit:
            return respond(503, "throttled");
        default:
            return rest::OutcomeOf(error, rest::ErrorOrigin::kStore);
    }
}

Scheduler::Answer AnswerTo(ResponderPtr responder, std::string base) {
    return [responder = std::move(responder), base = std::move(base)](Result<Booked> booked) {
        if (!booked) return responder->Send(ErrorResponse(booked.error()));
        net::Response response = net::Response::Text(booked->created ? 201 : 200, rest::kFhirJson,
                                                     std::move(booked->body));
        const std::string version = std::to_string(booked->version);
        response.headers.emplace_back("ETag", "W/\"" + version + "\"");
        response.headers.emplace_back(
            "Location", base + "/Appointment/" + booked->appointment + "/_history/" + version);
        responder->Send(std::move(response));
    };
}

// What all of the operations that change something have in common. Answers itself and gives false
// when the call is wrong.
bool ReadCommon(const rest::OperationCall& call, const ResponderPtr& responder,
                BookRequest& request) {
    request.access = call.access;
    request.key = ValueOf(call, "idempotency-key");
    if (request.key.empty()) request.key = call.idempotency_key;
    request.comment = ValueOf(call, "comment");
    request.reason = ValueOf(call, "reason");
    request.slot = IdOf(ValueOf(call, "slot"), "Slot");
    request.patient = IdOf(ValueOf(call, "patient"), "Patient");
    if (request.patient.empty()) request.patient = call.patient;
    const std::pair<const char*, const std::string*> kTexts[] = {{"idempotency-key", &request.key},
                                                                 {"comment", &request.comment},
                                                                 {"reason", &request.reason}};
    for (const auto& [name, text] : kTexts) {
        const std::size_t most = text == &request.key ? kKeyMax : kTextMax;
        if (text->size() <= most) continue;
        Refuse(responder, 400, "too-long", "at most " + std::to_string(most) + " bytes", name);
        return false;
    }
    return true;
}

bool NeedsSlot(const BookRequest& request, const ResponderPtr& responder) {
    if (!request.slot.empty()) return false;
    Refuse(responder, 400, "required", "name the slot: \"Slot/<id>\", as $find gives it", "slot");
    return true;
}

bool NeedsPatient(const BookRequest& request, const ResponderPtr& responder) {
    if (!request.patient.empty()) return false;
    Refuse(responder, 400, "required", "name the patient: \"Patient/<id>\"", "patient");
    return true;
}

rest::Operation HoldOperation(Scheduler& scheduler) {
    rest::Operation operation = Named("hold", false);
    operation.run = [&scheduler](const rest::OperationCall& call, ResponderPtr responder) {
        if (const auto wrong = CheckParameters(
                call, {"slot", "patient", "minutes", "comment", "idempotency-key"})) {
            return Refuse(responder, 400, "invalid", wrong->text, wrong->name);
        }
        BookRequest request;
        request.kind = Kind::kHold;
        if (!ReadCommon(call, responder, request) || NeedsSlot(request, responder) ||
            NeedsPatient(request, responder)) {
            return;
        }
        const std::string minutes = ValueOf(call, "minutes");
        const int most = scheduler.options().hold_minutes_max;
        if (!minutes.empty()) {
            const auto [end, error] =
                std::from_chars(minutes.data(), minutes.data() + minutes.size(), request.minutes);
            if (error != std::errc() || end != minutes.data() + minutes.size() ||
                request.minutes < 1 || request.minutes > most) {
                return Refuse(responder, 400, "value",
                              "a whole number from 1 to " + std::to_string(most), "minutes");
            }
        }
        scheduler.Run(std::move(request), AnswerTo(std::move(responder), call.base_url));
    };
    return operation;
}

rest::Operation BookOperation(Scheduler& scheduler) {
    rest::Operation operation = Named("book", false);
    operation.run = [&scheduler](const rest::OperationCall& call, ResponderPtr responder) {
        if (const auto wrong = CheckParameters(
                call, {"slot", "patient", "appointment", "comment", "idempotency-key"})) {
            return Refuse(responder, 400, "invalid", wrong->text, wrong->name);
        }
        BookRequest request;
        request.kind = Kind::kBook;
        if (!ReadCommon(call, responder, request)) return;
        request.appointment = IdOf(ValueOf(call, "appointment"), "Appointment");
        if (request.appointment.empty() &&
            (NeedsSlot(request, responder) || NeedsPatient(request, responder))) {
            return;
        }
        if (!request.appointment.empty() && !request.slot.empty()) {
            return Refuse(responder, 400, "invalid",
                          "a hold has its slot: name the appointment or the slot", "slot");
        }
        scheduler.Run(std::move(request), AnswerTo(std::move(responder), call.base_url));
    };
    return operation;
}

rest::Operation OnInstance(Scheduler& scheduler, std::string name, Kind kind,
                           std::vector<std::string_view> known) {
    rest::Operation operation = Named(std::move(name), true);
    operation.run = [&scheduler, kind, known = std::move(known)](const rest::OperationCall& call,
                                                                 ResponderPtr responder) {
        const auto wrong =
            known.empty() ? CheckParameters(call, {}) : CheckParameters(call, {known.front()});
        if (wrong) return Refuse(responder, 400, "invalid", wrong->text, wrong->name);
        BookRequest request;
        request.kind = kind;
        if (!ReadCommon(call, responder, request)) return;
        request.key.clear();
        request.appointment = call.id;
        if (kind == Kind::kReschedule && NeedsSlot(request, responder)) return;
        scheduler.Run(std::move(request), AnswerTo(std::move(responder), call.base_url));
    };
    return operation;
}

bool NamesSlotOfTemplate(const fhir::Node& appointment) {
    const fhir::Node* slots = appointment.Find("slot");
    if (slots == nullptr) return false;
    return std::any_of(slots->items().begin(), slots->items().end(), [](const fhir::Node& slot) {
        return IdOf(slot.TextOf("reference"), "Slot").starts_with(kSlotPrefix);
    });
}

// Who cancels by a PUT and does not say why: the thread that follows it knows the resource only.
void SayWhoCancels(const auth::Principal& who, fhir::Node& appointment) {
    if (appointment.Find("cancelationReason") != nullptr) return;
    appointment.Set("cancelationReason", CancellationReason(who.IsPatient() ? "pat" : "other"));
}

Result<void> CheckAppointment(const auth::Principal& who, fhir::Node& appointment) {
    const bool ours = appointment.TextOf("id").starts_with(kBookingPrefix);
    if (ours && appointment.TextOf("status") != "cancelled") {
        return Fail(Code::kUnsupported,
                    "an appointment that is booked here is changed by $book, $confirm, $reschedule "
                    "and $cancel; a PUT or PATCH can only set status cancelled",
                    "Appointment.status");
    }
    if (ours) SayWhoCancels(who, appointment);
    if (!ours && NamesSlotOfTemplate(appointment)) {
        return Fail(Code::kUnsupported,
                    "this slot is given by POST Appointment/$book (or $hold) only",
                    "Appointment.slot");
    }
    if (!ours && who.IsPatient() && TakesTime(appointment)) {
        return Fail(Code::kUnsupported,
                    "a patient's app books by POST Appointment/$book (or $hold): what it writes "
                    "itself is proposed or cancelled, and takes nobody's time",
                    "Appointment.status");
    }
    return {};
}

// Nobody tells the hospital of it: a patient would stay away, and be waited for.
Result<void> CheckHospitals(const auth::Principal& who, const fhir::Node& before) {
    const bool ours = before.TextOf("id").starts_with(kBookingPrefix);
    if (ours || !who.IsPatient() || !TakesTime(before)) return {};
    return Fail(Code::kUnsupported,
                "the hospital made this appointment, and its own system does not hear of changes "
                "made here: ask the clinic to move or cancel it",
                "Appointment.status");
}

Result<void> CheckDelete(const auth::Principal& who, const std::string& id) {
    if (!who.IsPatient() || !id.starts_with(kBookingPrefix)) return {};
    return Fail(Code::kUnsupported,
                "an appointment that is booked here is cancelled by $cancel, not deleted: the "
                "hospital is to hear of it",
                "Appointment.id");
}

bool IsMadeId(std::string_view id) {
    return id.starts_with(kSlotPrefix) || id.starts_with(kSchedulePrefix);
}

Result<void> RefuseMade(std::string_view type) {
    return Fail(Code::kUnsupported,
                "it is made of a schedule's template (mappings/schedules): change that, or book by "
                "POST Appointment/$book",
                std::string(type) + ".id");
}

// Made of a template, or as if it were.
Result<void> CheckMade(const fhir::Node& resource, std::string_view type) {
    const fhir::Node* schedule = resource.Find("schedule");
    const std::string of =
        schedule == nullptr ? "" : IdOf(schedule->TextOf("reference"), "Schedule");
    if (!IsMadeId(resource.TextOf("id")) && !of.starts_with(kSchedulePrefix)) return {};
    return RefuseMade(type);
}

rest::WriteRule RuleOfMade(std::string type) {
    rest::WriteRule rule;
    rule.type = type;
    rule.check = [type](const auth::Principal&, fhir::Node& resource) {
        return CheckMade(resource, type);
    };
    rule.check_delete = [type](const auth::Principal&, const std::string& id) {
        return IsMadeId(id) ? RefuseMade(type) : Result<void>();
    };
    return rule;
}

}  // namespace

std::vector<rest::Operation> Operations(Scheduler& scheduler) {
    return {FindOperation(scheduler),
            HoldOperation(scheduler),
            BookOperation(scheduler),
            OnInstance(scheduler, "confirm", Kind::kConfirm, {}),
            OnInstance(scheduler, "reschedule", Kind::kReschedule, {"slot"}),
            OnInstance(scheduler, "cancel", Kind::kCancel, {"reason"})};
}

std::vector<rest::WriteRule> WriteRules() {
    rest::WriteRule appointment;
    appointment.type = "Appointment";
    appointment.check = [](const auth::Principal& who, fhir::Node& resource) {
        return CheckAppointment(who, resource);
    };
    appointment.check_change = [](const auth::Principal& who, const fhir::Node& before,
                                  fhir::Node*) { return CheckHospitals(who, before); };
    appointment.check_delete = CheckDelete;
    return {std::move(appointment), RuleOfMade("Slot"), RuleOfMade("Schedule")};
}

}  // namespace carestream::scheduling
