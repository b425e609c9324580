#include "outbound/acknowledgment.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.h"
#include "hl7/ack.h"
#include "hl7/message.h"
#include "hl7/path.h"

namespace carestream::outbound {

namespace {

constexpr std::array<std::string_view, 6> kCodes = {"AA", "AE", "AR", "CA", "CE", "CR"};

std::string First(const hl7::Message& message, std::string_view path) {
    const auto pieces = hl7::Resolve(message, *hl7::ParsePath(path));
    return pieces.empty() ? std::string() : std::string(Trim(message.Decode(pieces.front())));
}

bool IsNumber(std::string_view text) {
    return IsDigits(text) && text.size() <= 4;
}

// ERR-2 (data type ERL) as a path. What the peer put there is taken only if it is one.
std::string PathOfError(const hl7::Message& message) {
    const std::string segment = First(message, "ERR-2.1");
    const bool is_id =
        segment.size() == 3 && std::all_of(segment.begin(), segment.end(), [](unsigned char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        });
    if (!is_id) return {};
    std::string path = segment;
    const std::string field = First(message, "ERR-2.3");
    if (!IsNumber(field)) return path;
    path += "-" + field;
    const std::string component = First(message, "ERR-2.5");
    if (IsNumber(component)) path += "." + component;
    return path;
}

std::string ReasonOf(const std::string& code) {
    if (!IsNumber(code)) return {};
    const std::string number = "error " + code + " of table 0357";
    const std::string_view text = hl7::ErrorText(std::atoi(code.c_str()));
    return text.empty() ? number : std::string(text) + " (" + number + ")";
}

}  // namespace

std::optional<Acknowledgment> ReadAcknowledgment(std::string_view bytes) {
    auto message = hl7::Message::Parse(std::string(bytes));
    if (!message) return std::nullopt;
    Acknowledgment ack;
    ack.code = First(*message, "MSA-1");
    if (std::find(kCodes.begin(), kCodes.end(), ack.code) == kCodes.end()) return std::nullopt;
    ack.control_id = First(*message, "MSA-2");
    ack.path = PathOfError(*message);
    ack.reason = ReasonOf(First(*message, "ERR-3.1"));
    return ack;
}

}  // namespace carestream::outbound
