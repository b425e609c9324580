#pragma once
// The grammar of conditions and paths, without knowing what they stand for: names are checked by
// the `OperandResolver` that the compiler passes in.
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mapping/internal/model.h"

namespace carestream::mapping::internal {

// A path taken apart: "^OBR-7[*].4.2" or "CX.4" or "context.channel" or "event".
struct PathText {
    std::string head;  // "OBR", "CX", "context", "event"
    std::string word;  // of context
    bool from_parent = false;
    bool is_field = false;  // head-number
    int field = 0;
    int repetition = 0;  // 0 not written, -1 [*]
    int component = 0;
    int subcomponent = 0;
    int numbers = 0;  // how many of component and subcomponent were written
};

// Error kInvalid; offset_bytes is the place in `text`.
[[nodiscard]] Result<PathText> ParsePathText(std::string_view text);
// True for what is written like a path: "PID-3", "CX.4", "^OBR-7", "event", "context.x".
[[nodiscard]] bool LooksLikePath(std::string_view text);

using OperandResolver = std::function<Result<Operand>(std::string_view text)>;

// Error kInvalid with offset_bytes into `text`.
[[nodiscard]] Result<Condition> ParseCondition(std::string_view text,
                                               const OperandResolver& resolve);

// Can both hold for the same message? False only if they certainly exclude each other.
[[nodiscard]] bool MayBothHold(const Condition& a, const Condition& b);

}  // namespace carestream::mapping::internal
