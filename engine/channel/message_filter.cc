#include "channel/message_filter.h"

#include <algorithm>

#include "base/text.h"

namespace carestream::channel {

namespace {

constexpr const char* kExpected =
    "expected PATH == VALUE, PATH != VALUE, PATH in [A, B], PATH not in [A, B], PATH valued or "
    "PATH empty";

std::string Unquoted(std::string_view text) {
    text = Trim(text);
    if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
        text.back() == text.front()) {
        text = text.substr(1, text.size() - 2);
    }
    return std::string(text);
}

// "[A, B]"; empty if it is no such list, or has an empty item.
std::vector<std::string> ListOf(std::string_view text) {
    text = Trim(text);
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') return {};
    std::vector<std::string> values;
    for (const std::string_view item : Split(text.substr(1, text.size() - 2), ',')) {
        values.push_back(Unquoted(item));
        if (values.back().empty()) return {};
    }
    return values;
}

bool TakeWord(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word)) return false;
    text = Trim(text.substr(word.size()));
    return true;
}

bool Missing(const hl7::MessageEditor& editor, const hl7::Path& path) {
    int seen = 0;
    for (std::size_t segment = 0; segment < editor.segment_count(); ++segment) {
        if (editor.SegmentId(segment) == path.segment) ++seen;
    }
    return seen < std::max(1, path.segment_occurrence);
}

}  // namespace

Result<MessageCondition> MessageCondition::Parse(std::string_view text) {
    text = Trim(text);
    const std::size_t end = std::min(text.find_first_of(" =!"), text.size());
    MessageCondition condition;
    CARESTREAM_ASSIGN(path, hl7::ParsePath(text.substr(0, end)));
    condition.path_ = std::move(path);
    std::string_view rest = Trim(text.substr(end));
    if (rest == "valued" || rest == "empty") {
        condition.wanted_ = rest == "valued";
        return condition;
    }
    condition.wanted_ = !rest.starts_with("!=") && !rest.starts_with("not ");
    if (TakeWord(rest, "==") || TakeWord(rest, "!=")) {
        condition.values_ = {Unquoted(rest)};
        if (!condition.values_[0].empty()) return condition;
    } else if (TakeWord(rest, "in ") || (TakeWord(rest, "not ") && TakeWord(rest, "in "))) {
        condition.values_ = ListOf(rest);
        if (!condition.values_.empty()) return condition;
    }
    return Fail(Code::kInvalid, kExpected);
}

bool MessageCondition::Holds(const hl7::Message& message) const {
    const auto pieces = hl7::Resolve(message, path_);
    if (values_.empty()) return !pieces.empty() == wanted_;
    const bool found = std::any_of(pieces.begin(), pieces.end(), [&](std::string_view piece) {
        return std::find(values_.begin(), values_.end(), message.Decode(piece)) != values_.end();
    });
    return found == wanted_;
}

Result<MessageEdit> ParseEdit(std::string_view path, std::string text) {
    CARESTREAM_ASSIGN(parsed, hl7::ParsePath(path));
    if (parsed.field == 0) return Fail(Code::kInvalid, "names a segment and no field of it");
    if (parsed.segment_occurrence == hl7::kAny || parsed.repetition == hl7::kAny) {
        return Fail(Code::kInvalid, "an edit names one place, without [*]");
    }
    if (parsed.segment == "MSH" && (parsed.field <= 2 || parsed.field == 10)) {
        return Fail(Code::kInvalid, parsed.field == 10
                                        ? "MSH-10 is not edited; 'control_id: own' gives a new one"
                                        : "the delimiters of a message cannot be edited");
    }
    return MessageEdit{std::move(parsed), std::move(text)};
}

Result<void> ApplyEdits(const std::vector<MessageEdit>& edits, hl7::MessageEditor& editor) {
    for (const MessageEdit& edit : edits) {
        if (edit.text.empty() && Missing(editor, edit.path)) continue;
        auto done = editor.Set(edit.path, edit.text);
        if (done) continue;
        done.error().path = edit.path.ToString();
        return done;
    }
    return {};
}

}  // namespace carestream::channel
