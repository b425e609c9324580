#include "scheduling/operations.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <utility>

#include "base/text.h"
#include "fhir/json.h"
#include "rest/outcome.h"
#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

using Kind = BookRequest::Kind;
using ResponderPtr = std::shared_ptr<net::Responder>;

constexpr std::size_t kKeyMax = 255;
constexpr std::size_t kTextMax = 1'000;
constexpr int kFindDefault = 50;
constexpr int kFindSpare = 200;
constexpr int kSchedulesMax = 100;  // of one practitioner or location
constexpr int kFindMax = 200;
constexpr Micros kDay = 86'400LL * 1'000'000;
constexpr Micros kFindSpanMax = 93 * kDay;
constexpr Micros kFindSpan = 14 * kDay;

// Of the query string and of a Parameters body, in that order; references by their text.
std::vector<std::string> ValuesOf(const rest::OperationCall& call, std::string_view name) {
    std::vector<std::string> values;
    for (const auto& [key, value] : call.parameters) {
        if (key == name) values.push_back(value);
    }
    const fhir::Node* list = call.body.Find("parameter");
    if (list == nullptr) return values;
    for (const fhir::Node& parameter : list->items()) {
        if (parameter.TextOf("name") != name) continue;
        for (const fhir::Member& member : parameter.members()) {
            if (member.name == "valueReference") {
                values.emplace_back(member.value.TextOf("reference"));
            } else if (member.name.starts_with("value")) {
                values.push_back(member.value.text());
            }
        }
    }
    return values;
}

std::string ValueOf(const rest::OperationCall& call, std::string_view name) {
    const auto values = ValuesOf(call, name);
    return values.empty() ? std::string() : values.front();
}

// What is wrong with the parameters, or nothing.
struct Complaint {
    std::string text;
    std::string name;
};

std::optional<Complaint> CheckParameters(const rest::OperationCall& call,
                                         std::initializer_list<std::string_view> known) {
    std::vector<std::string> names;
    for (const auto& [key, value] : call.parameters) names.push_back(key);
    if (!call.body.IsNull() && call.body.TextOf("resourceType") != "Parameters") {
        return Complaint{"the body is a resource of type Parameters", "resourceType"};
    }
    if (const fhir::Node* list = call.body.Find("parameter")) {
        for (const fhir::Node& parameter : list->items()) {
            names.emplace_back(parameter.TextOf("name"));
        }
    }
    for (const std::string& name : names) {
        const auto count = std::count(names.begin(), names.end(), name);
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const std::vector<std::string_view> candidates(known);
            return Complaint{"the operation has no such parameter" + DidYouMean(name, candidates),
                             name};
        }
        if (count > 1) return Complaint{"the parameter stands there more than once", name};
    }
    return std::nullopt;
}

void Refuse(const ResponderPtr& responder, int status, std::string_view code, std::string text,
            std::string name) {
    responder->Send(rest::OutcomeResponse(status, code, std::move(text), std::move(name)));
}

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

rest::Operation Named(std::string name, bool on_instance) {
    rest::Operation operation;
    operation.definition = "urn:carestream:operation:appointment-" + name;
    operation.name = std::move(name);
    operation.types = {"Appointment"};
    operation.type = !on_instance;
    operation.instance = on_instance;
    operation.confines = true;
    return operation;
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

// A $find as a search of Slot.
struct FindQuery {
    net::Parameters search;
    net::Parameters schedules;  // a search of Schedule whose Slots alone are meant; empty: all
    int count = kFindDefault;
};

Result<FindQuery> ReadFind(const rest::OperationCall& call, const Rules& rules) {
    const Micros now = rules.Now();
    FindQuery find;
    const std::string start = ValueOf(call, "start");
    const std::string end = ValueOf(call, "end");
    const Micros from = start.empty() ? now : InstantOf(start);
    const Micros to = end.empty() ? from + kFindSpan : InstantOf(end);
    if (from == 0) return Fail(Code::kInvalid, "a date or time as 2026-12-01T08:00:00Z", "start");
    if (to == 0) return Fail(Code::kInvalid, "a date or time as 2026-12-01T08:00:00Z", "end");
    if (to <= from) return Fail(Code::kInvalid, "the end is to be after the start", "end");
    if (to - from > kFindSpanMax) {
        return Fail(Code::kInvalid, "at most 93 days at once: ask for less", "end");
    }
    find.search = {{"status", "free"},
                   {"start", "ge" + FormatInstant(std::max(from, now))},
                   {"start", "lt" + FormatInstant(to)}};
    if (const std::string schedule = ValueOf(call, "schedule"); !schedule.empty()) {
        const std::string named = rules.ScheduleIdOf(schedule);
        find.search.emplace_back(
            "schedule", "Schedule/" + (named.empty() ? IdOf(schedule, "Schedule") : named));
    }
    for (const auto& [name, type] :
         {std::pair{"practitioner", "Practitioner"}, std::pair{"location", "Location"}}) {
        if (const std::string value = ValueOf(call, name); !value.empty()) {
            if (value.find('|') != std::string::npos) {
                return Fail(Code::kInvalid, "an id is expected, not an identifier", name);
            }
            find.schedules.emplace_back("actor", std::string(type) + "/" + IdOf(value, type));
        }
    }
    if (const std::string service = ValueOf(call, "service-type"); !service.empty()) {
        find.search.emplace_back("service-type", service);
    }
    if (const std::string count = ValueOf(call, "_count"); !count.empty()) {
        const auto [last, error] =
            std::from_chars(count.data(), count.data() + count.size(), find.count);
        if (error != std::errc() || last != count.data() + count.size() || find.count < 1 ||
            find.count > kFindMax) {
            return Fail(Code::kInvalid, "a whole number from 1 to " + std::to_string(kFindMax),
                        "_count");
        }
    }
    find.search.emplace_back("_sort", "start");
    // More, because what begins too soon is left out.
    find.search.emplace_back("_count", std::to_string(find.count + kFindSpare));
    find.search.emplace_back("_include", "Slot:schedule");
    return find;
}

Result<std::string> FindBundle(const store::SearchPage& page, int count, const Rules& rules) {
    std::map<std::string, fhir::Node> schedules;
    for (const store::StoredVersion& one : page.included) {
        CARESTREAM_ASSIGN(node, fhir::ParseJson(one.body));
        schedules["Schedule/" + one.id] = std::move(node);
    }
    std::string entries;
    int total = 0;
    bool more = !page.next.empty();
    for (const store::StoredVersion& one : page.matches) {
        CARESTREAM_ASSIGN(slot, fhir::ParseJson(one.body));
        const SlotRef ref = RefOf(slot);
        if (!rules.CheckBookable(ref.schedule, InstantOf(ref.start))) continue;
        if (total == count) {
            more = true;
            break;
        }
        const auto schedule = schedules.find(ref.schedule);
        fhir::Node proposal =
            Proposal(slot, schedule == schedules.end() ? nullptr : &schedule->second);
        entries += total++ == 0 ? R"({"resource":)" : R"(,{"resource":)";
        fhir::WriteJson(proposal, entries);
        entries += R"(,"search":{"mode":"match"}})";
    }
    if (more) {
        entries += (entries.empty() ? "" : ",") + std::string(R"({"resource":)") +
                   rest::OutcomeJson({{"information", "incomplete",
                                       "there are more: ask from the last start on", "start"}}) +
                   R"(,"search":{"mode":"outcome"}})";
    }
    return R"({"resourceType":"Bundle","type":"searchset","total":)" + std::to_string(total) +
           (entries.empty() ? "}" : R"(,"entry":[)" + entries + "]}");
}

// Of one type, on a thread of the store; what fails is answered here.
void SearchFor(Scheduler& scheduler, std::string_view type, const net::Parameters& parameters,
               const ResponderPtr& responder,
               std::function<void(const store::SearchPage& page)> then) {
    auto query = search::ParseQuery(*scheduler.definitions(), type, parameters);
    if (!query) {
        return responder->Send(rest::OutcomeOf(query.error(), rest::ErrorOrigin::kSearch));
    }
    store::SearchRequest request;
    request.tenant = scheduler.options().tenant;
    request.query = std::move(*query);
    request.cancel = responder->cancelled();
    scheduler.reader().Search(std::move(request), [responder, then = std::move(then)](
                                                      const Result<store::SearchPage>& page) {
        if (page) return then(*page);
        responder->Send(rest::OutcomeOf(page.error(), rest::ErrorOrigin::kSearch));
    });
}

void SendBundle(const ResponderPtr& responder, const store::SearchPage& page, int count,
                const Rules& rules) {
    const Result<std::string> bundle = FindBundle(page, count, rules);
    if (bundle) {
        responder->Send(net::Response::Text(200, rest::kFhirJson, *bundle));
    } else {
        responder->Send(rest::OutcomeOf(bundle.error(), rest::ErrorOrigin::kSearch));
    }
}

// Whose Slots are meant, then those Slots: two bounded searches.
void FindSlots(Scheduler& scheduler, const std::shared_ptr<const Rules>& rules, FindQuery find,
               const ResponderPtr& responder) {
    const auto slots = [&scheduler, rules, responder,
                        count = find.count](const net::Parameters& search) {
        SearchFor(scheduler, "Slot", search, responder,
                  [rules, responder, count](const store::SearchPage& page) {
                      SendBundle(responder, page, count, *rules);
                  });
    };
    if (find.schedules.empty()) return slots(find.search);
    find.schedules.emplace_back("_count", std::to_string(kSchedulesMax));
    SearchFor(scheduler, "Schedule", find.schedules, responder,
              [slots, rules, responder,
               search = std::move(find.search)](const store::SearchPage& page) mutable {
                  if (!page.next.empty()) {
                      return Refuse(responder, 400, "too-costly",
                                    "there are too many schedules: name one of them", "schedule");
                  }
                  std::string named;
                  for (const store::StoredVersion& one : page.matches) {
                      named += (named.empty() ? "Schedule/" : ",Schedule/") + one.id;
                  }
                  if (named.empty()) return SendBundle(responder, {}, 0, *rules);
                  search.emplace_back("schedule", named);
                  slots(search);
              });
}

rest::Operation FindOperation(Scheduler& scheduler) {
    rest::Operation operation = Named("find", false);
    operation.changes_state = false;
    operation.run = [&scheduler, rules = scheduler.rules()](const rest::OperationCall& call,
                                                            ResponderPtr responder) {
        if (const auto wrong = CheckParameters(call, {"start", "end", "schedule", "practitioner",
                                                      "location", "service-type", "_count"})) {
            return Refuse(responder, 400, "invalid", wrong->text, wrong->name);
        }
        auto find = ReadFind(call, *rules);
        if (!find) {
            return Refuse(responder, 400, "value", find.error().message, find.error().path);
        }
        FindSlots(scheduler, rules, std::move(*find), responder);
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

Result<void> CheckAppointment(const auth::Principal& who, const fhir::Node& appointment) {
    const bool ours = appointment.TextOf("id").starts_with(kBookingPrefix);
    if (ours && appointment.TextOf("status") != "cancelled") {
        return Fail(Code::kUnsupported,
                    "an appointment that is booked here is changed by $book, $confirm, $reschedule "
                    "and $cancel; a PUT or PATCH can only set status cancelled",
                    "Appointment.status");
    }
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
    return {std::move(appointment), RuleOfMade("Slot"), RuleOfMade("Schedule")};
}

}  // namespace carestream::scheduling
