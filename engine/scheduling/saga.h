#pragma once
// The course of a booking, as a pure function: state and input give the next state and what is to
// be done. No I/O, no clock.
//
//   held -> pending -> booked                        cancel: booked -> cancelling -> cancelled
//     |        |-> compensated (refused)             move:   booked -> rescheduling -> booked
//     |-> expired                                    no answer: any of them -> ambiguous
//
//   The EHR books again what was settled here: -> booked, or ambiguous when its slot is another's.
//
// A slot is free again only when the other side is known not to count on it: the hold was never
// sent, the destination refused, our cancellation was acknowledged, the EHR cancelled, or a person
// said so. That nobody answered says nothing: the slot stays taken.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace carestream::scheduling {

// Numbers are on disk: never change one.
enum class State : std::int16_t {
    kHeld = 1,
    kPending = 2,  // the destination was asked to book
    kBooked = 3,
    kRescheduling = 4,  // asked to move; both slots are taken
    kCancelling = 5,    // asked to cancel; the slot is still taken
    kAmbiguous = 6,     // asked, and nobody knows what came of it
    kCancelled = 7,
    kCompensated = 8,  // the destination refused, or took it back before it was confirmed
    kExpired = 9,
    kOver = 10,  // it was booked and its time is past
};
inline constexpr std::array kStates = {State::kHeld,         State::kPending,     State::kBooked,
                                       State::kRescheduling, State::kCancelling,  State::kAmbiguous,
                                       State::kCancelled,    State::kCompensated, State::kExpired,
                                       State::kOver};

// "held", "pending", ...
[[nodiscard]] std::string_view ToString(State state);
[[nodiscard]] std::optional<State> ParseState(std::string_view text);
// Nothing more becomes of it, unless the EHR books it again.
[[nodiscard]] bool IsSettled(State state);

// What the destination was asked for last.
enum class Step : std::int16_t { kNone = 0, kBook = 1, kReschedule = 2, kCancel = 3 };
// "new", "reschedule", "cancel"; "" for none.
[[nodiscard]] std::string_view ToString(Step step);
[[nodiscard]] Step ParseStep(std::string_view text);  // kNone for anything else

// Which evidence makes a booking certain.
enum class Confirm {
    kNone,            // there is no destination: booked at once
    kAck,             // the message was taken
    kApplicationAck,  // the application behind the destination said so
    kFillerMessage,   // the filler's own SIU names it as booked
    kSrr,             // the filler's SRR answers the request
};
[[nodiscard]] Confirm ParseConfirm(std::string_view text);  // of configuration: checked before

enum class Input {
    kBook,
    kReschedule,
    kCancel,
    kTaken,          // the destination took the newest request
    kRefused,        // it refused the newest request
    kNeverTaken,     // it refused the request to book, which is no longer the newest
    kUncertain,      // the newest request was sent and not answered
    kEhrBooked,      // a message says that it is booked (of a move: at the new time)
    kEhrOverbooked,  // a message books again what was settled, and its slot is another's now
    kEhrCancelled,
    kDue,      // its timer fired
    kFree,     // a person: it is not booked
    kConfirm,  // a person: it is booked
};
inline constexpr std::array kInputs = {
    Input::kBook,          Input::kReschedule,   Input::kCancel,    Input::kTaken,
    Input::kRefused,       Input::kNeverTaken,   Input::kUncertain, Input::kEhrBooked,
    Input::kEhrOverbooked, Input::kEhrCancelled, Input::kDue,       Input::kFree,
    Input::kConfirm};
[[nodiscard]] std::string_view ToString(Input input);

struct Saga {
    State state = State::kHeld;
    Step step = Step::kNone;
    int asked = 0;  // number of the newest request; the first is 1
    bool operator==(const Saga&) const = default;
};

// What becomes of the slots. `former` is the one that a move would give up.
enum class Slots {
    kKeep,
    kTake,        // the slot, for good
    kFree,        // all
    kFreeFormer,  // the move is done
    kFreeNew,     // the move is off: `former` is the slot again
};

struct Next {
    Saga saga;
    bool changed = false;  // else nothing is to be done
    Slots slots = Slots::kKeep;
    bool ask = false;  // saga.step, under the number saga.asked
};

// Errors: kConflict, the state does not allow what a person or an app wants; the message says what
// to do. Inputs of machines are never refused: those that come too late change nothing.
[[nodiscard]] Result<Next> Advance(const Saga& saga, Input input, Confirm confirm);

}  // namespace carestream::scheduling
