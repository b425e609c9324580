#pragma once
// How a message begins: what may stand before the MSH, and the delimiters that it declares.
// Shared by Message::Parse and ScanHeader, so that both see the same message.
// Source: HL7 v2.8 2.5.4 (delimiters), 2.14.9.1 and 2.14.9.2 (MSH-1, MSH-2).
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hl7/message.h"

namespace carestream::hl7::internal {

struct Msh {
    std::size_t begin = 0;  // offset of "MSH"
    std::size_t msh_2_end = 0;
    // End of the message: MLLP end bytes and what follows them at the very end are cut off.
    std::size_t content_end = 0;
    Delimiters delimiters;
    std::vector<Note> notes;
};

// Errors (kInvalid): empty input, UTF-16, a batch envelope, no MSH, unusable delimiters.
[[nodiscard]] Result<Msh> FindMsh(std::string_view bytes);

// Does this line, which is none of a message's own, begin another message: an MSH, behind blanks,
// control characters or a byte order mark, with `field` or with usable delimiters of its own?
[[nodiscard]] bool BeginsMsh(std::string_view line, char field);

// The n-th (from 1) piece of `text`, cut at `delimiter`; empty if there is none. A delimiter of 0
// cuts nowhere.
[[nodiscard]] std::string_view NthPiece(std::string_view text, char delimiter, int n);
[[nodiscard]] int CountPieces(std::string_view text, char delimiter);

// The first CR or LF at or behind `from`, or text.size().
[[nodiscard]] std::size_t FindLineEnd(std::string_view text, std::size_t from);

// Field n (MSH numbering, n >= 1) of an MSH segment.
[[nodiscard]] std::string_view MshField(std::string_view segment, int n);

}  // namespace carestream::hl7::internal
