#pragma once
// What becomes of a frame that has just arrived, decided from its MSH alone. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "channel/generation.h"
#include "hl7/ack.h"
#include "hl7/header.h"
#include "store/writer.h"

namespace carestream::channel {

struct Decision {
    std::optional<hl7::Header> header;  // absent: no usable MSH
    bool accepted = false;
    // False: refused, and no refusal can name the frame, for want of a usable MSH or of a legible
    // MSH-10. Its link closes instead.
    bool answerable = false;
    // What goes out once the frame is committed; meaningless if not answerable.
    hl7::AckCode code = hl7::AckCode::kAA;
    std::vector<hl7::AckError> errors;
    // Of a refused frame, for its dead letter and the metric (a short word).
    std::string path;
    std::string reason;
    std::string_view why;
    bool unmapped = false;  // accepted and kept, no map covers the event
};

[[nodiscard]] Decision Decide(const Channel& channel, std::string_view payload);

// MSH-10 that can be given back to people and systems: something to see and no control characters.
[[nodiscard]] bool IsLegible(std::string_view control_id);

// MSH-15 asks for accept acknowledgments (enhanced mode, 2.9.3). MSH-15 empty or NE with MSH-16
// valued is the original mode in other words: one application acknowledgment, as MSH-16 says.
[[nodiscard]] bool UsesAcceptAck(const hl7::Header& header);

// AA -> CA and so on in accept mode.
[[nodiscard]] hl7::AckCode InMode(const hl7::Header& header, hl7::AckCode code);

// Is an acknowledgment with this code to be sent at all, by MSH-15 or MSH-16?
[[nodiscard]] bool Wanted(const hl7::Header& header, hl7::AckCode code);

// "AA" -> kAA, ...; kAA for a text that is no code.
[[nodiscard]] hl7::AckCode ParseAckCode(std::string_view text);

// ack_after: processing. What the sender of message `seq` hears of its outcome: an application
// acknowledgment, in accept mode after CA and as a message of its own, if MSH-16 asks for it (else
// its code is "").
[[nodiscard]] store::SentAck AckOfOutcome(const hl7::Header& header, std::int64_t seq,
                                          Micros received, store::OutcomeStatus status,
                                          const std::string& path, const std::string& reason);

// "PID-3[2].4" -> "PID^1^3^2^4" (ERR-2, data type ERL); "" if it is no such path.
[[nodiscard]] std::string ErrorLocation(std::string_view path);

}  // namespace carestream::channel
