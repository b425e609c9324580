#pragma once
// What an outbound channel lets through and changes of messages that it forwards. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hl7/encoder.h"
#include "hl7/message.h"
#include "hl7/path.h"

namespace carestream::channel {

// "PID-8 == F", "PV1-2 != O", "PV1-2 in [I, E]", "PV1-2 not in [O, P]", "PV1-44 valued",
// "PV1-45 empty", as in the conditions of mappings. Of a path with [*] any value counts for == and
// in, and none may be equal for != and not in.
class MessageCondition {
public:
    // Error kInvalid with what was expected.
    [[nodiscard]] static Result<MessageCondition> Parse(std::string_view text);
    [[nodiscard]] bool Holds(const hl7::Message& message) const;

private:
    hl7::Path path_;
    std::vector<std::string> values_;  // empty: is it valued?
    bool wanted_ = true;
};

// "MSH-5" -> "LAB"; "" removes the value.
struct MessageEdit {
    hl7::Path path;
    std::string text;
};

// Errors: kInvalid (no path, one with [*], MSH-1, MSH-2 or MSH-10: who it is stays).
[[nodiscard]] Result<MessageEdit> ParseEdit(std::string_view path, std::string text);

// Errors as MessageEditor::Set, with the path. A value that is removed from a segment that is not
// there is no error.
[[nodiscard]] Result<void> ApplyEdits(const std::vector<MessageEdit>& edits,
                                      hl7::MessageEditor& editor);

}  // namespace carestream::channel
