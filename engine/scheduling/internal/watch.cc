#include "scheduling/internal/watch.h"

#include <utility>

#include "fhir/json.h"
#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

constexpr const char* kConsumer = "scheduling";
constexpr int kEventsARound = 256;
constexpr int kDeliveriesARound = 256;
constexpr int kTimersARound = 64;
constexpr int kTries = 32;

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words) {
        if (text == word) return true;
    }
    return false;
}

bool SaysBooked(std::string_view status) {
    return OneOf(status, {"booked", "arrived", "fulfilled", "checked-in"});
}
bool SaysCancelled(std::string_view status) {
    return OneOf(status, {"cancelled", "noshow", "entered-in-error"});
}

std::string_view WordOf(DeliveryState state) {
    switch (state) {
        case DeliveryState::kTaken:
            return "taken";
        case DeliveryState::kRefused:
            return "refused";
        default:
            return "unanswered";
    }
}

std::optional<Input> InputOf(DeliveryState state, const Request& request, const Record& record) {
    const bool newest = request.number == record.saga.asked;
    switch (state) {
        case DeliveryState::kTaken:
            return newest ? std::optional(Input::kTaken) : std::nullopt;
        case DeliveryState::kRefused:
            if (newest) return Input::kRefused;
            return request.step == Step::kBook ? std::optional(Input::kNeverTaken) : std::nullopt;
        case DeliveryState::kUncertain:
            return newest ? std::optional(Input::kUncertain) : std::nullopt;
        default:
            return std::nullopt;
    }
}

// While a move of ours or a cancellation is on its way a person has to look.
bool IsMovedBy(const Case& one, const SlotRef& told) {
    const Record& record = one.record;
    const Micros start = InstantOf(told.start);
    const bool cancels = record.saga.step == Step::kCancel && record.saga.state != State::kBooked;
    return one.appointment.exists() && !IsSettled(record.saga.state) && !cancels &&
           record.former == SlotRef{} && start != 0 && start != InstantOf(record.slot.start);
}

// What was settled here, and a message that no decision knew of says that it is booked and ahead.
bool IsRevivedBy(const Case& one, const SlotRef& told, std::int32_t version, Micros now) {
    const Record& record = one.record;
    const bool settled = IsSettled(record.saga.state) && version > record.seen;
    return one.appointment.exists() && (settled || record.WaitsForSlot()) &&
           InstantOf(told.start) > now;
}

// A later message books it again. Unless what stands there is a decision of ours: it overlooked
// this one.
bool IsOverruled(const Case& one, std::int32_t version) {
    return SaysBooked(one.appointment.node.TextOf("status")) && one.record.seen < version;
}

}  // namespace

Result<void> Watch::Load() {
    CARESTREAM_ASSIGN(cursor, context_.parts.events->Cursor(kConsumer));
    CARESTREAM_ASSIGN(delivered, context_.parts.bookings->Delivered());
    CARESTREAM_TRY(calendars_.Load());
    cursor_ = cursor;
    delivered_ = delivered;
    return {};
}

Result<void> Watch::Step(const std::string& appointment, const Ledger::Judge& judge,
                         const std::string& evidence, const std::string& reason) {
    const auto stepped = ledger_.Step(appointment, judge, evidence, reason);
    if (stepped || stepped.error().retryable) {
        if (!stepped) return Fail(stepped.error());
        return {};
    }
    context_.parts.log.Warn("scheduling.step", stepped.error().message,
                            {{"path", stepped.error().path}});
    return {};
}

Result<bool> Watch::ReadEvents() {
    CARESTREAM_ASSIGN(events, context_.parts.events->Read(cursor_, kEventsARound));
    if (events.empty()) return false;
    for (const store::Event& event : events) CARESTREAM_TRY(Look(event));
    CARESTREAM_TRY(calendars_.Follow(events));
    CARESTREAM_TRY(context_.parts.events->MoveCursor(kConsumer, events.back().seq));
    cursor_ = events.back().seq;
    return true;
}

Result<void> Watch::Look(const store::Event& event) {
    const bool ours = event.tenant == context_.options.tenant && event.type == "Appointment" &&
                      event.id.starts_with(kBookingPrefix);
    if (!ours) return {};
    if (event.kind == store::EventKind::kDeleted) {
        return Step(
            event.id,
            [](const Case& one) {
                // It may have come back meanwhile.
                return one.appointment.exists() ? std::nullopt
                                                : std::optional(Input::kEhrCancelled);
            },
            "deleted");
    }
    if (event.unreadable) {
        context_.parts.log.Error("scheduling.event", "a stored version cannot be opened",
                                 {{"resource", event.type + "/" + event.id}});
        return {};
    }
    const auto looked = event.message != 0 ? OfEhr(event) : OfClient(event);
    if (looked || looked.error().retryable) return looked;
    context_.parts.log.Error("scheduling.event", looked.error().message,
                             {{"path", looked.error().path}});
    return {};
}

Result<void> Watch::OfEhr(const store::Event& event) {
    CARESTREAM_ASSIGN(body, fhir::ParseJson(event.body));
    const std::string status(body.TextOf("status"));
    if (SaysCancelled(status)) {
        return Step(
            event.id,
            [&](const Case& one) {
                return IsOverruled(one, event.version) ? std::nullopt
                                                       : std::optional(Input::kEhrCancelled);
            },
            "message " + status, "The clinic has cancelled the appointment.");
    }
    if (!SaysBooked(status)) return {};
    const SlotRef told{"", std::string(body.TextOf("start")), std::string(body.TextOf("end")), ""};
    CARESTREAM_ASSIGN(followed, Follow(event, told));
    if (followed) return {};
    return Step(
        event.id,
        [&](const Case& one) -> std::optional<Input> {
            if (IsSettled(one.record.saga.state)) return std::nullopt;
            const Micros start = InstantOf(told.start);
            const bool same = start == 0 || start == InstantOf(one.record.slot.start);
            // While it is moved, the old time is what was before.
            return same ? std::optional(Input::kEhrBooked) : std::nullopt;
        },
        "message " + status);
}

// The EHR keeps it at another time than we do, or has booked again what was settled here: its word
// holds. True: there is no more to it.
Result<bool> Watch::Follow(const store::Event& event, const SlotRef& told) {
    for (int tries = kTries;; --tries) {
        CARESTREAM_ASSIGN(loaded, ledger_.Load(event.id));
        if (!loaded) return false;
        const bool revived = IsRevivedBy(*loaded, told, event.version, context_.Now());
        if (!revived && !IsMovedBy(*loaded, told)) return false;
        const State before = loaded->record.saga.state;
        CARESTREAM_ASSIGN(plan, revived ? PlanRevival(std::move(*loaded), told)
                                        : PlanMove(std::move(*loaded), told));
        if (plan.empty()) return true;
        const auto written = context_.Write(std::move(plan.transaction));
        if (written) {
            context_.Changed(before, plan.record.saga.state,
                             revived ? "ehr-booked-again" : "ehr-moved");
            return true;
        }
        if (!WasOvertaken(written.error()) || tries <= 1) return Fail(written.error());
    }
}

Result<Watch::Place> Watch::PlaceAt(const Record& record, const SlotRef& told) {
    const Micros start = InstantOf(told.start);
    const bool same = start == InstantOf(record.slot.start);
    Place place{told, std::nullopt, false};
    place.ref.schedule = record.slot.schedule;
    if (place.ref.end.empty()) {
        const Micros length = InstantOf(record.slot.end) - InstantOf(record.slot.start);
        place.ref.end = FormatInstant(start + length);
    }
    std::string id = same ? record.slot.id : "";
    const auto schedule = context_.rules->TemplateOf(record.slot.schedule);
    if (id.empty() && schedule) id = SlotId(context_.rules->ids(), *schedule, start);
    if (id.empty()) {
        // Which slot of a feed it waits for is not known any more: a person decides.
        place.of_others = same && record.WaitsForSlot();
        return place;
    }
    CARESTREAM_ASSIGN(slot, context_.Read("Slot", id));
    if (!slot.exists()) return place;
    place.of_others = slot.node.TextOf("status") != "free";
    if (place.of_others) return place;
    place.ref = RefOf(slot.node);
    // What it tells is how long the appointment is: past the slot's end others' slots are taken.
    if (InstantOf(told.end) > start) place.ref.end = told.end;
    place.free = std::move(slot);
    return place;
}

// The old slot is free, and the one at that time taken, if there is one and it is free.
Result<Plan> Watch::PlanMove(Case one, const SlotRef& told) {
    Record& record = one.record;
    CARESTREAM_ASSIGN(place, PlaceAt(record, told));
    record.former = std::exchange(record.slot, place.ref);
    record.AddEvidence(context_.Now(), "message moved");
    Next next{record.saga, true, Slots::kFreeFormer, false};
    next.saga.state = State::kBooked;
    return ledger_.Make(std::move(one), next, place.free ? &*place.free : nullptr);
}

// Without its slot, which somebody else has, it is a person's to look at.
Result<Plan> Watch::PlanRevival(Case one, const SlotRef& told) {
    Record& record = one.record;
    CARESTREAM_ASSIGN(place, PlaceAt(record, told));
    CARESTREAM_ASSIGN(
        next, Advance(record.saga, place.of_others ? Input::kEhrOverbooked : Input::kEhrBooked,
                      context_.options.confirm));
    if (!next.changed) return Plan{};
    // The slot of before was given back when it was settled; that of what is over is still its own.
    record.former = record.saga.state == State::kOver ? record.slot : SlotRef{};
    record.slot = place.ref;
    record.reason.clear();
    record.by_patient = false;
    record.AddEvidence(context_.Now(), "message booked again");
    return ledger_.Make(std::move(one), next, place.free ? &*place.free : nullptr);
}

// PUT or PATCH with status cancelled is $cancel by another way.
Result<void> Watch::OfClient(const store::Event& event) {
    CARESTREAM_ASSIGN(body, fhir::ParseJson(event.body));
    if (body.TextOf("status") != "cancelled") return {};
    return Step(
        event.id,
        [](const Case& one) -> std::optional<Input> {
            // What the saga itself writes is cancelled in these states only, and its settled ones.
            const bool said =
                one.appointment.exists() && one.appointment.node.TextOf("status") == "cancelled";
            const bool known =
                IsSettled(one.record.saga.state) ||
                (one.record.saga.step == Step::kCancel && one.record.saga.state != State::kBooked);
            return said && !known ? std::optional(Input::kCancel) : std::nullopt;
        },
        "");
}

Result<bool> Watch::ReadDeliveries() {
    if (context_.parts.deliveries == nullptr) return false;
    CARESTREAM_ASSIGN(changes, context_.parts.deliveries->Changes(delivered_, kDeliveriesARound));
    if (changes.empty()) return false;
    for (const Delivery& delivery : changes) CARESTREAM_TRY(Take(delivery));
    CARESTREAM_TRY(context_.parts.bookings->SetDelivered(changes.back().change));
    delivered_ = changes.back().change;
    return true;
}

Result<void> Watch::Take(const Delivery& delivery) {
    const bool ours = delivery.tenant == context_.options.tenant &&
                      delivery.channel == context_.options.destination && delivery.event != 0 &&
                      delivery.state != DeliveryState::kOther &&
                      delivery.appointment.starts_with(kBookingPrefix);
    if (!ours) return {};
    CARESTREAM_ASSIGN(events, context_.parts.events->Load({delivery.event}));
    if (events.empty() || events.front().body.empty()) return {};
    CARESTREAM_ASSIGN(body, fhir::ParseJson(events.front().body));
    const Request request = RequestOf(body);
    if (request.step == Step::kNone) return {};
    std::string evidence(ToString(request.step));
    evidence += "-" + std::to_string(request.number) + " ";
    evidence += WordOf(delivery.state);
    if (!delivery.code.empty()) evidence += " " + delivery.code;
    const bool refused = delivery.state == DeliveryState::kRefused;
    return Step(
        delivery.appointment,
        [&](const Case& one) { return InputOf(delivery.state, request, one.record); }, evidence,
        refused ? "The clinic could not take the appointment." : "");
}

Result<bool> Watch::FireTimers() {
    const Micros now = context_.Now();
    CARESTREAM_ASSIGN(due, context_.parts.bookings->Due(now, kTimersARound));
    for (const store::Booking& row : due) {
        CARESTREAM_TRY(Step(
            row.appointment,
            [&](const Case& one) -> std::optional<Input> {
                const bool is_due = one.record.due != 0 && one.record.due <= now;
                return is_due ? std::optional(Input::kDue) : std::nullopt;
            },
            "",
            row.state == static_cast<std::int16_t>(State::kHeld) ? "The hold has expired." : ""));
    }
    return static_cast<int>(due.size()) == kTimersARound;
}

}  // namespace carestream::scheduling
