#include "scheduling/internal/desk.h"

#include <algorithm>
#include <utility>

#include "fhir/json.h"
#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

using Kind = BookRequest::Kind;

constexpr Micros kMinute = 60LL * 1'000'000;

Input InputOf(Kind kind) {
    switch (kind) {
        case Kind::kReschedule:
            return Input::kReschedule;
        case Kind::kCancel:
            return Input::kCancel;
        default:
            return Input::kBook;
    }
}

// Of what is not there and what the caller may not see: one answer.
Error NothingThere() {
    return Error{Code::kNotFound,
                 "no such appointment, or it is not booked here",
                 "appointment",
                 {},
                 0,
                 false};
}

// Leaves of it what the caller may see.
Result<void> KeepToSeen(auth::Access& access, Stored& appointment) {
    bool changed = false;
    if (!appointment.exists() ||
        !access.Show("Appointment", appointment.node, auth::Action::kRead, &changed)) {
        return Fail(NothingThere());
    }
    if (changed) appointment.body = fhir::ToJson(appointment.node);
    return {};
}

// A message has booked again what was settled here, and it has not been followed: that it is
// cancelled would not be true.
Result<void> CheckGone(const BookRequest& request, const Case& one) {
    const bool contradicts = request.kind == Kind::kCancel && IsSettled(one.record.saga.state) &&
                             TakesTime(one.appointment.node);
    if (!contradicts) return {};
    return Fail(Code::kConflict,
                "the clinic's own system says that it is booked: try again in a moment, and if "
                "that does not help ask the clinic to cancel it",
                "Appointment");
}

std::string ToUuid(const std::array<unsigned char, 16>& token) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += kHex[token[i] >> 4];
        text += kHex[token[i] & 15];
    }
    return text;
}

}  // namespace

Ticket::~Ticket() {
    Answer(Fail(Error{Code::kUnavailable, "the server is stopping", {}, {}, 0, true}));
}

void Ticket::Answer(Result<Booked> result) {
    if (done_) std::exchange(done_, {})(std::move(result));
}

void Desk::Handle(const TicketPtr& ticket) {
    Result<Decision> decision = Decide(ticket->request);
    if (!decision) return ticket->Answer(Fail(std::move(decision).error()));
    if (!decision->plan.empty()) return Submit(ticket, std::move(*decision));
    ticket->Answer(Booked{decision->plan.record.appointment, decision->appointment.version, false,
                          std::move(decision->appointment.body)});
}

Result<Desk::Decision> Desk::Decide(const BookRequest& request) {
    if (!request.appointment.empty()) {
        CARESTREAM_ASSIGN(found, ledger_.Load(request.appointment));
        if (!found) return Fail(NothingThere());
        return Change(request, std::move(*found));
    }
    if (request.key.empty()) return MakeNew(request);
    const std::string id = IdFor(request);
    CARESTREAM_ASSIGN(found, ledger_.Load(id));
    if (found) return Repeat(request, std::move(*found));
    Result<Decision> made = MakeNew(request);
    if (made) return made;
    // What stood in the way may be what this key booked between the two looks.
    CARESTREAM_ASSIGN(meanwhile, ledger_.Load(id));
    if (meanwhile) return Repeat(request, std::move(*meanwhile));
    return made;
}

std::string Desk::IdFor(const BookRequest& request) const {
    if (request.key.empty()) return std::string(kBookingPrefix) + crypto::RandomUuid();
    const auth::Principal& who = request.access->principal();
    std::string caller;
    for (const std::string& part : {who.issuer, who.client, who.subject, request.patient}) {
        caller += std::to_string(part.size()) + ":" + part;
    }
    return std::string(kBookingPrefix) +
           ToUuid(context_.tokens.Token128("booking-key", caller + request.key));
}

Micros Desk::HeldUntil(const BookRequest& request) const {
    const int most = context_.options.hold_minutes_max;
    const int minutes = request.minutes == 0 ? most : std::min(request.minutes, most);
    return context_.Now() + minutes * kMinute;
}

Result<Stored> Desk::FreeSlot(const std::string& id) {
    CARESTREAM_ASSIGN(slot, context_.Read("Slot", id));
    if (!slot.exists()) {
        return Fail(Code::kNotFound, "no such slot: $find gives those that there are", "slot");
    }
    if (slot.node.TextOf("status") != "free") {
        return Fail(SlotIsTaken());
    }
    const SlotRef ref = RefOf(slot.node);
    CARESTREAM_TRY(context_.rules->CheckBookable(ref.schedule, InstantOf(ref.start)));
    return slot;
}

Result<Plan> Desk::Make(Case one, const Next& next, const Stored* taken, Micros held_until) {
    CARESTREAM_ASSIGN(plan, ledger_.Make(std::move(one), next, taken, held_until));
    if (taken == nullptr) return plan;
    CARESTREAM_ASSIGN(beside, calendars_.TakeBeside(*taken));
    for (store::RestWrite& write : beside) plan.transaction.writes.push_back(std::move(write));
    return plan;
}

Result<fhir::Node> Desk::NewAppointment(const BookRequest& request, const Stored& slot,
                                        const std::string& id) {
    CARESTREAM_ASSIGN(schedule,
                      context_.Read("Schedule", IdOf(RefOf(slot.node).schedule, "Schedule")));
    fhir::Node node =
        AppointmentFor(Proposal(slot.node, schedule.exists() ? &schedule.node : nullptr), id,
                       request.patient, context_.options.authority, context_.Now());
    if (!request.comment.empty()) node.Set("comment", fhir::Node::String(request.comment));
    if (!request.access->MayWrite("Appointment", node, auth::Action::kCreate)) {
        return Fail(Code::kDenied, "the token may book for its own patient only", "patient");
    }
    CARESTREAM_ASSIGN(patient, context_.Read("Patient", request.patient));
    if (!patient.exists()) return Fail(Code::kNotFound, "no such patient", "patient");
    if (request.access->IsConfined()) CARESTREAM_TRY(CheckOpen(request.patient));
    return node;
}

// One patient's app does not take all slots there are.
Result<void> Desk::CheckOpen(const std::string& patient) {
    const int most = context_.options.open_per_patient_max;
    CARESTREAM_ASSIGN(
        open, context_.Search("Appointment", {{"patient", "Patient/" + patient},
                                              {"status", "proposed,pending,booked"},
                                              {"date", "ge" + FormatInstant(context_.Now())},
                                              {"_count", std::to_string(most)}}));
    if (static_cast<int>(open.size()) < most) return {};
    return Fail(Code::kConflict,
                "there are " + std::to_string(most) +
                    " appointments already that lie ahead: cancel one of them first",
                "patient");
}

Result<Desk::Decision> Desk::MakeNew(const BookRequest& request) {
    Case one;
    one.record.appointment = IdFor(request);
    CARESTREAM_ASSIGN(slot, FreeSlot(request.slot));
    CARESTREAM_ASSIGN(node, NewAppointment(request, slot, one.record.appointment));
    one.appointment.node = std::move(node);
    one.appointment.version = store::kAbsent;
    one.record.slot = RefOf(slot.node);
    one.record.first_slot = request.slot;
    Next next{one.record.saga, true, Slots::kKeep, false};
    if (request.kind != Kind::kHold) {
        CARESTREAM_ASSIGN(booked, Advance(next.saga, Input::kBook, context_.options.confirm));
        next = booked;
    }
    Decision decision;
    decision.created = true;
    CARESTREAM_ASSIGN(plan, Make(std::move(one), next, &slot, HeldUntil(request)));
    decision.plan = std::move(plan);
    return decision;
}

// The key is known: the same answer, unless it now stands for something else.
Result<Desk::Decision> Desk::Repeat(const BookRequest& request, Case one) {
    // Who knows the key may have lost the right to see what it stands for.
    CARESTREAM_TRY(KeepToSeen(*request.access, one.appointment));
    if (one.record.first_slot != request.slot) {
        return Fail(Code::kInvalid,
                    "this idempotency key was used for another slot: take a new key for a new "
                    "booking",
                    "idempotency-key");
    }
    if (request.kind == Kind::kBook && one.record.saga.state == State::kHeld) {
        return Change(request, std::move(one));
    }
    Decision decision;
    decision.appointment = std::move(one.appointment);
    decision.plan.record = std::move(one.record);
    return decision;
}

Result<Stored> Desk::Move(const BookRequest& request, Case& one) {
    CARESTREAM_ASSIGN(slot, FreeSlot(request.slot));
    SlotRef to = RefOf(slot.node);
    if (to.schedule != one.record.slot.schedule) {
        CARESTREAM_ASSIGN(schedule, context_.Read("Schedule", IdOf(to.schedule, "Schedule")));
        one.record.former_parts =
            MoveTo(one.appointment.node, slot.node, schedule.exists() ? &schedule.node : nullptr);
        if (!request.access->MayWrite("Appointment", one.appointment.node, auth::Action::kUpdate)) {
            return Fail(Code::kDenied, "the token may not book with whom this slot is", "slot");
        }
    }
    one.record.former = std::exchange(one.record.slot, std::move(to));
    return slot;
}

Result<Desk::Decision> Desk::Change(const BookRequest& request, Case one) {
    if (!one.appointment.exists() ||
        !request.access->MayWrite("Appointment", one.appointment.node, auth::Action::kUpdate)) {
        return Fail(NothingThere());
    }
    Decision decision;
    decision.before = one.record.saga.state;
    const bool again = request.kind == Kind::kReschedule && one.record.slot.id == request.slot &&
                       !IsSettled(one.record.saga.state);
    CARESTREAM_ASSIGN(next, Advance(one.record.saga, again ? Input::kBook : InputOf(request.kind),
                                    context_.options.confirm));
    if (!next.changed) {
        CARESTREAM_TRY(CheckGone(request, one));
        decision.appointment = std::move(one.appointment);
        decision.plan.record = std::move(one.record);
        return decision;
    }
    std::optional<Stored> taken;
    if (request.kind == Kind::kReschedule && !again) {
        CARESTREAM_ASSIGN(slot, Move(request, one));
        taken = std::move(slot);
    }
    if (request.kind == Kind::kCancel) {
        one.record.reason = request.reason;
        one.record.by_patient = request.access->IsConfined();
    }
    CARESTREAM_ASSIGN(plan, Make(std::move(one), next, taken ? &*taken : nullptr));
    decision.plan = std::move(plan);
    return decision;
}

void Desk::Submit(const TicketPtr& ticket, Decision decision) {
    // What is needed of the scheduler afterwards is posted to it, or lives as long as the store.
    const auto after =
        [this, ticket, inbox = context_.inbox, before = decision.before,
         record = std::move(decision.plan.record), created = decision.created,
         index = decision.plan.appointment](Result<std::vector<store::RestResult>> results) {
            if (!results && WasOvertaken(results.error()) && --ticket->tries > 0) {
                inbox->PostAgain([this, ticket] { Handle(ticket); });
                return;
            }
            if (!results) {
                Error error = results.error();
                if (WasOvertaken(error)) {
                    error = Error{Code::kConflict,
                                  "others were faster each time: try again",
                                  "slot",
                                  {},
                                  0,
                                  true};
                }
                return ticket->Answer(Fail(std::move(error)));
            }
            inbox->PostAgain([this, before, state = record.saga.state] {
                context_.Changed(before, state, "app");
            });
            store::StoredVersion& version = results->at(index).version;
            ticket->Answer(Booked{version.id, version.version, created, std::move(version.body)});
        };
    context_.parts.writer.SubmitTransaction(std::move(decision.plan.transaction), after);
}

}  // namespace carestream::scheduling
