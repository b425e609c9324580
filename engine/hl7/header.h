#pragma once
// What a listener must know before it may say AA, read without parsing the message: the MSH alone.
#include <string>
#include <string_view>

#include "base/result.h"
#include "hl7/message.h"

namespace carestream::hl7 {

// Values are the raw text of the field (first repetition), not decoded, trimmed of nothing.
struct Header {
    Delimiters delimiters;
    std::string sending_application;    // MSH-3
    std::string sending_facility;       // MSH-4
    std::string receiving_application;  // MSH-5
    std::string receiving_facility;     // MSH-6
    std::string message_code;           // MSH-9.1
    std::string trigger_event;          // MSH-9.2
    std::string structure;              // MSH-9.3
    std::string control_id;             // MSH-10
    std::string processing_id;          // MSH-11.1
    std::string version;                // MSH-12.1
    std::string accept_ack;             // MSH-15: AL, NE, ER, SU or ""
    std::string application_ack;        // MSH-16
    std::string charset;                // MSH-18 with all its repetitions
    // MSH-15 or MSH-16 is valued: enhanced acknowledgment mode (2.9.3).
    [[nodiscard]] bool enhanced() const { return !accept_ack.empty() || !application_ack.empty(); }
};

// Works on a whole message or on its first bytes, as far as the MSH is complete.
// Error kInvalid: no usable MSH (then the frame cannot be answered).
// `fallback_charset` as in ParseOptions.
[[nodiscard]] Result<Header> ScanHeader(std::string_view bytes,
                                        std::string_view fallback_charset = "UTF-8");

}  // namespace carestream::hl7
