#pragma once
// What a receiver's answer says. Source: HL7 v2.8 2.14.8 (MSA), 2.14.5 (ERR), table 0008. Pure.
#include <optional>
#include <string>
#include <string_view>

namespace carestream::outbound {

struct Acknowledgment {
    std::string code;        // MSA-1: AA, AE, AR, CA, CE or CR
    std::string control_id;  // MSA-2: MSH-10 of what it answers; "" = it does not say
    // Of its first ERR, for people, without values: "PID-3.1" and "Required field missing (error 101
    // of table 0357)"; "" = none.
    std::string path;
    std::string reason;

    [[nodiscard]] bool positive() const { return code[1] == 'A'; }
    [[nodiscard]] bool accept_level() const { return code[0] == 'C'; }
};

// nullopt: no message with a legible MSA-1.
[[nodiscard]] std::optional<Acknowledgment> ReadAcknowledgment(std::string_view message);

}  // namespace carestream::outbound
