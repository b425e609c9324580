#include "scheduling/saga.h"

#include <string>
#include <utility>

#include "base/assert.h"

namespace carestream::scheduling {

namespace {

constexpr std::array<std::string_view, 10> kStateNames = {
    "held",      "pending",   "booked",      "rescheduling", "cancelling",
    "ambiguous", "cancelled", "compensated", "expired",      "over"};
constexpr std::array<std::string_view, 4> kStepNames = {"", "new", "reschedule", "cancel"};

Next Stay(const Saga& saga) {
    return {saga, false, Slots::kKeep, false};
}

Next Move(const Saga& saga, State state, Slots slots) {
    Next next{saga, true, slots, false};
    next.saga.state = state;
    return next;
}

Next Ask(const Saga& saga, State state, Step step, Slots slots = Slots::kKeep) {
    Next next = Move(saga, state, slots);
    next.saga.step = step;
    ++next.saga.asked;
    next.ask = true;
    return next;
}

// An acknowledgement is all there is to a cancellation; a booking may want more.
bool AckIsEnough(Confirm confirm) {
    return confirm != Confirm::kFillerMessage && confirm != Confirm::kSrr;
}

Result<Next> Refuse(std::string text) {
    return Fail(Code::kConflict, std::move(text), "Appointment");
}

// What the newest request was about came true.
Next Succeed(const Saga& saga) {
    switch (saga.step) {
        case Step::kCancel:
            return Move(saga, State::kCancelled, Slots::kFree);
        case Step::kReschedule:
            return Move(saga, State::kBooked, Slots::kFreeFormer);
        default:
            return Move(saga, State::kBooked, Slots::kTake);
    }
}

Next FailStep(const Saga& saga) {
    switch (saga.step) {
        case Step::kCancel:
            return Move(saga, State::kAmbiguous, Slots::kKeep);
        case Step::kReschedule:
            return Move(saga, State::kBooked, Slots::kFreeNew);
        default:
            return Move(saga, State::kCompensated, Slots::kFree);
    }
}

// The EHR booked it again, of its own accord: what was asked for before is over.
Next Revive(const Saga& saga, State state, Slots slots) {
    Next next = Move(saga, state, slots);
    next.saga.step = Step::kNone;
    return next;
}

Result<Next> OfHeld(const Saga& saga, Input input, Confirm confirm) {
    switch (input) {
        case Input::kBook:
            if (confirm == Confirm::kNone) return Move(saga, State::kBooked, Slots::kTake);
            return Ask(saga, State::kPending, Step::kBook, Slots::kTake);
        case Input::kReschedule:
            return Refuse("it is only held: cancel the hold and hold the other slot");
        case Input::kCancel:
        case Input::kEhrCancelled:
        case Input::kFree:
            return Move(saga, State::kCancelled, Slots::kFree);
        case Input::kDue:
            return Move(saga, State::kExpired, Slots::kFree);
        case Input::kEhrBooked:
        case Input::kConfirm:
            return Move(saga, State::kBooked, Slots::kTake);
        default:
            return Stay(saga);
    }
}

Result<Next> OfBooked(const Saga& saga, Input input, Confirm confirm) {
    switch (input) {
        case Input::kReschedule:
            if (confirm == Confirm::kNone) return Move(saga, State::kBooked, Slots::kFreeFormer);
            return Ask(saga, State::kRescheduling, Step::kReschedule);
        case Input::kCancel:
            if (confirm == Confirm::kNone) return Move(saga, State::kCancelled, Slots::kFree);
            return Ask(saga, State::kCancelling, Step::kCancel);
        case Input::kEhrCancelled:
        case Input::kFree:
            return Move(saga, State::kCancelled, Slots::kFree);
        case Input::kDue:
            return Move(saga, State::kOver, Slots::kKeep);
        default:
            return Stay(saga);
    }
}

// Pending, rescheduling and cancelling, and ambiguous, which is any of them without its answer.
Result<Next> OfAsked(const Saga& saga, Input input, Confirm confirm) {
    const bool ambiguous = saga.state == State::kAmbiguous;
    const bool cancels = saga.step == Step::kCancel;
    const bool asked = saga.step != Step::kNone;  // else an answer is to what was settled before
    switch (input) {
        case Input::kBook:
            if (!cancels) return Stay(saga);
            return Refuse("it is being cancelled: book another slot");
        case Input::kReschedule:
            return Refuse(cancels ? "it is being cancelled: book another slot"
                                  : "the clinic has not answered yet: try again once it is booked, "
                                    "or cancel it");
        case Input::kCancel:
            if (cancels) return Stay(saga);
            if (confirm == Confirm::kNone) return Move(saga, State::kCancelled, Slots::kFree);
            return Ask(saga, State::kCancelling, Step::kCancel);
        case Input::kTaken:
            if (!asked) return Stay(saga);
            return cancels || AckIsEnough(confirm) ? Succeed(saga) : Stay(saga);
        case Input::kRefused:
            if (!asked) return Stay(saga);
            return ambiguous && cancels ? Stay(saga) : FailStep(saga);
        case Input::kNeverTaken:
            return cancels ? Move(saga, State::kCancelled, Slots::kFree) : Stay(saga);
        case Input::kUncertain:
        case Input::kDue:
            return ambiguous ? Stay(saga) : Move(saga, State::kAmbiguous, Slots::kKeep);
        case Input::kEhrBooked:
            return cancels ? Stay(saga) : Succeed(saga);
        case Input::kEhrOverbooked:
            return Stay(saga);
        case Input::kEhrCancelled:
            return Move(saga, saga.step == Step::kBook ? State::kCompensated : State::kCancelled,
                        Slots::kFree);
        case Input::kFree:
            return Move(saga, State::kCancelled, Slots::kFree);
        case Input::kConfirm:
            return Move(saga, State::kBooked,
                        saga.step == Step::kReschedule ? Slots::kFreeFormer : Slots::kTake);
    }
    return Stay(saga);
}

Result<Next> OfSettled(const Saga& saga, Input input) {
    const bool over = saga.state == State::kOver;
    switch (input) {
        case Input::kBook:
        case Input::kReschedule:
        case Input::kConfirm:
            return Refuse(over ? "its time is past: book another slot"
                               : "it is cancelled, and its slot may be another's: book again");
        case Input::kCancel:
        case Input::kFree:
            if (over) return Refuse("its time is past");
            return Stay(saga);
        case Input::kEhrBooked:
            return Revive(saga, State::kBooked, Slots::kTake);
        case Input::kEhrOverbooked:
            return Revive(saga, State::kAmbiguous, Slots::kFreeFormer);
        default:
            return Stay(saga);
    }
}

}  // namespace

std::string_view ToString(State state) {
    return kStateNames[static_cast<std::size_t>(state) - 1];
}

std::optional<State> ParseState(std::string_view text) {
    for (const State state : kStates) {
        if (ToString(state) == text) return state;
    }
    return std::nullopt;
}

bool IsSettled(State state) {
    return state == State::kCancelled || state == State::kCompensated || state == State::kExpired ||
           state == State::kOver;
}

std::string_view ToString(Step step) {
    return kStepNames[static_cast<std::size_t>(step)];
}

Step ParseStep(std::string_view text) {
    for (const Step step : {Step::kBook, Step::kReschedule, Step::kCancel}) {
        if (ToString(step) == text) return step;
    }
    return Step::kNone;
}

Confirm ParseConfirm(std::string_view text) {
    if (text == "none") return Confirm::kNone;
    if (text == "ack") return Confirm::kAck;
    if (text == "application_ack") return Confirm::kApplicationAck;
    if (text == "filler_message") return Confirm::kFillerMessage;
    CARESTREAM_ASSERT(text == "srr");
    return Confirm::kSrr;
}

std::string_view ToString(Input input) {
    constexpr std::array<std::string_view, 13> kNames = {
        "book",        "reschedule", "cancel",     "taken",          "refused",
        "never-taken", "uncertain",  "ehr-booked", "ehr-overbooked", "ehr-cancelled",
        "due",         "free",       "confirm"};
    return kNames[static_cast<std::size_t>(input)];
}

Result<Next> Advance(const Saga& saga, Input input, Confirm confirm) {
    switch (saga.state) {
        case State::kHeld:
            return OfHeld(saga, input, confirm);
        case State::kBooked:
            return OfBooked(saga, input, confirm);
        case State::kPending:
        case State::kRescheduling:
        case State::kCancelling:
        case State::kAmbiguous:
            return OfAsked(saga, input, confirm);
        default:
            return OfSettled(saga, input);
    }
}

}  // namespace carestream::scheduling
