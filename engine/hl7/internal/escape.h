#pragma once
// Escape sequences of HL7 v2.8 2.7, on the bytes between two escape characters.
#include <cstdint>
#include <string>
#include <string_view>

#include "hl7/message.h"

namespace carestream::hl7::internal {

enum class EscapeKind : std::uint8_t {
    kResolved,  // its text was appended
    kKeptRaw,   // \C..\, \M..\, \Z..\: understood and left as written
    kUnknown,   // no escape sequence of the standard: the escape character is taken as text
};

// `body` is what stands between the two escape characters. Appends to `out` only if kResolved; the
// bytes of \X..\ are in the message's character set.
[[nodiscard]] EscapeKind ResolveEscape(std::string_view body, const Delimiters& delimiters,
                                       std::string& out);

}  // namespace carestream::hl7::internal
