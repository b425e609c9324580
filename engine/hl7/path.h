#pragma once
// HL7 paths as people write them, resolved in one place: "PID-3[2].4.2", "OBX[3]-5", "MSH-7",
// "PID-3[*].4", "CX.4" is not a path of this kind (components of a data type are the mapping's).
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hl7/message.h"

namespace carestream::hl7 {

constexpr int kAny = -1;  // "[*]"

struct Path {
    std::string segment;         // "PID", "ZPI", or kUnknownSegment
    int segment_occurrence = 0;  // from 1; 0 = not written; kAny = [*]
    int field = 0;               // 0 = the whole segment
    int repetition = 0;          // from 1; 0 = not written; kAny = [*]
    int component = 0;           // 0 = not written
    int subcomponent = 0;        // 0 = not written
    [[nodiscard]] std::string ToString() const;
    bool operator==(const Path&) const = default;
};

// Error kInvalid names the column (offset_bytes, from 0) and what was expected.
[[nodiscard]] Result<Path> ParsePath(std::string_view text);

// The raw pieces that the path names, in message order, empty ones left out: an empty result means
// "not valued". What is not written means: the first segment occurrence, the first repetition.
// "[*]" takes all of them. A component of MSH-1 or MSH-2 is nothing.
[[nodiscard]] std::vector<std::string_view> Resolve(const Message& message, const Path& path);

}  // namespace carestream::hl7
