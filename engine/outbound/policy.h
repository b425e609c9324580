#pragma once
// What becomes of a message after an attempt, an answer or a person's decision. Pure.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "channel/outbound_settings.h"
#include "outbound/acknowledgment.h"
#include "store/outbound.h"

namespace carestream::outbound {

enum class End : std::uint8_t {
    kTaken,    // the destination has it and gives no answer
    kRefused,  // it never takes it
    kUnsent,   // not a byte of it left, or it was not taken now
    kInDoubt,  // some of it left, no answer
};

// What a destination said without a message.
struct Reply {
    std::string code = {};   // "" = nothing
    Micros retry_after = 0;  // kUnsent: not before this time has passed
};

// After an attempt that ended without an answer. `row` is as before the attempt, with its attempts
// and first time counted. `why` is for people.
[[nodiscard]] store::OutboundUpdate AfterAttempt(const channel::OutboundPolicy& policy,
                                                 const store::OutboundRow& row, End end,
                                                 const std::string& why, Micros now,
                                                 const Reply& reply = {});

// After an answer to it, in time or late.
[[nodiscard]] store::OutboundUpdate AfterAnswer(const channel::OutboundPolicy& policy,
                                                const store::OutboundRow& row,
                                                const Acknowledgment& answer, Micros now);

// Accepted, and the application's answer did not come.
[[nodiscard]] store::OutboundUpdate AfterOverdue(const store::OutboundRow& row);

enum class Decision : std::uint8_t {
    kResend,  // what is ambiguous: the same bytes again, now
    kSkip,    // not sent (any more)
    kAcked,   // a person knows that it was taken
    kReplay,  // what is settled: the same bytes again
};
// Error kInvalid: no such decision, with the nearest one.
[[nodiscard]] Result<Decision> ParseDecision(std::string_view text);

// What was never made is not replayed (asserted). Error kConflict: this does not fit its state.
[[nodiscard]] Result<store::OutboundUpdate> AfterDecision(const store::OutboundRow& row,
                                                          Decision decision);

}  // namespace carestream::outbound
