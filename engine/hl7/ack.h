#pragma once
// Acknowledgments as pure functions. Source: HL7 v2.8 2.9.2 (original mode), 2.9.3 (enhanced mode),
// 2.14.5 (ERR), tables 0008, 0357, 0516.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "hl7/header.h"

namespace carestream::hl7 {

enum class AckCode { kAA, kAE, kAR, kCA, kCE, kCR };
[[nodiscard]] std::string_view ToString(AckCode code);

// What a code of table 0357 stands for, or "".
[[nodiscard]] std::string_view ErrorText(int code);

struct AckError {
    std::string
        location;    // ERR-2 as "PID^1^3^1^4" (segment^sequence^field^repetition^component) or ""
    int code = 207;  // table 0357: 100 segment sequence, 101 required field missing, 102 data
                     // type, 103 table value, 200 unsupported message type, 201 event,
                     // 202 processing id, 203 version, 204 unknown key, 205 duplicate key,
                     // 206 locked, 207 application internal error
    char severity = 'E';    // table 0516: W, I, E, F
    std::string user_text;  // ERR-8: for a person, without patients' values
};

// Two calls with equal arguments give equal bytes. `control_id` is our MSH-10, `time` our MSH-7
// (UTC, written with +0000). The ACK is written with the sender's delimiters and version;
// application and facility are swapped; MSH-9 is ACK^<event>^ACK; MSA-2 is the sender's MSH-10.
// Segments end in CR. Before 2.5 ERR has the old form (ERR-1) and MSA-3 carries the text.
[[nodiscard]] std::string BuildAck(const Header& header, AckCode code, std::string_view control_id,
                                   Micros time, const std::vector<AckError>& errors = {});

// Should an accept acknowledgment be sent at all, by MSH-15 (AL always, NE never, ER only on error,
// SU only on success; empty = always)?
[[nodiscard]] bool WantsAcceptAck(const Header& header, bool success);

}  // namespace carestream::hl7
