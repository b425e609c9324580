#pragma once
// What the answer to a POST says of the message, and how the message is described. Pure.
// Source: RFC 9110 15 (status codes); HL7 v2 over HTTP has no standard of its own, so receivers
// differ: some answer with a status alone, some with an acknowledgment in the body.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.h"

namespace carestream::adapters::http {

// What is expected in the body of an answer to an HL7 v2 message.
enum class Acknowledgment : std::uint8_t {
    kNone,      // nothing; the status decides
    kOptional,  // an acknowledgment decides, without one the status
    kRequired,  // 2xx without one leaves the message in doubt
};

enum class Verdict : std::uint8_t {
    kTaken,
    kRefused,  // for good
    kNotNow,   // it may be asked again
    kInDoubt,  // the receiver, or something before it, cannot tell
};

// By the status alone. `retry_on`: 4xx that are no refusal of the message.
[[nodiscard]] Verdict Judge(int status, const std::vector<int>& retry_on);

// Does the body begin as an HL7 v2 message?
[[nodiscard]] bool IsMessage(std::string_view body);

// "application/hl7-v2; charset=utf-8" by MSH-18, without a charset when that says none that IANA
// knows; "application/fhir+json" for a resource.
[[nodiscard]] std::string ContentTypeOf(std::string_view bytes);

// MSH-10 as a header's value: as it is if that is visible ASCII, else percent-encoded. It comes
// from whoever sent the message.
[[nodiscard]] std::string RequestIdOf(const std::string& control_id);

}  // namespace carestream::adapters::http
