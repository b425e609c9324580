#include "hl7/path.h"

#include <algorithm>

namespace carestream::hl7 {

namespace {

// Reads one path from left to right; `at_` is the column of the next character.
class PathReader {
public:
    explicit PathReader(std::string_view text) : text_(text) {}

    Result<Path> Read() {
        Path path;
        CARESTREAM_TRY(ReadSegment(path.segment));
        CARESTREAM_TRY(ReadIndex(path.segment_occurrence));
        if (Done()) return path;
        if (!Take('-')) return Expected("'-' and a field number, as in PID-3");
        CARESTREAM_TRY(ReadNumber(path.field, "a field number"));
        CARESTREAM_TRY(ReadIndex(path.repetition));
        if (Done()) return path;
        if (!Take('.')) return Expected("'.' and a component number, as in PID-3.1");
        CARESTREAM_TRY(ReadNumber(path.component, "a component number"));
        if (Done()) return path;
        if (!Take('.')) return Expected("'.' and a subcomponent number, as in PID-3.4.2");
        CARESTREAM_TRY(ReadNumber(path.subcomponent, "a subcomponent number"));
        if (!Done()) return Expected("the end of the path");
        return path;
    }

private:
    [[nodiscard]] bool Done() const { return at_ == text_.size(); }

    bool Take(char c) {
        if (Done() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    tl::unexpected<Error> Expected(std::string what) const {
        return Fail(Error{Code::kInvalid,
                          "not an HL7 path: expected " + std::move(what) + " at column " +
                              std::to_string(at_ + 1),
                          std::string(text_.substr(0, 60)),
                          {},
                          at_,
                          false});
    }

    Result<void> ReadSegment(std::string& segment) {
        if (text_.starts_with(kUnknownSegment)) {
            at_ = kUnknownSegment.size();
            segment = kUnknownSegment;
            return {};
        }
        for (; at_ < 3; ++at_) {
            const char c = at_ < text_.size() ? text_[at_] : '\0';
            const bool capital = c >= 'A' && c <= 'Z';
            if (!capital && !(at_ > 0 && c >= '0' && c <= '9')) {
                return Expected("a segment id of three capital letters or digits");
            }
        }
        segment = text_.substr(0, 3);
        return {};
    }

    Result<void> ReadNumber(int& number, const char* what) {
        const std::size_t first = at_;
        for (; !Done() && text_[at_] >= '0' && text_[at_] <= '9' && at_ - first < 6; ++at_) {
            number = number * 10 + (text_[at_] - '0');
        }
        if (number == 0 || text_[first] == '0') {
            at_ = first;
            return Expected(std::string(what) + " from 1");
        }
        return {};
    }

    Result<void> ReadIndex(int& index) {
        if (!Take('[')) return {};
        if (Take('*')) {
            index = kAny;
        } else {
            CARESTREAM_TRY(ReadNumber(index, "'*' or a number"));
        }
        if (!Take(']')) return Expected("']'");
        return {};
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

void AppendIndex(int index, std::string& text) {
    if (index == 0) return;
    text += index == kAny ? "[*]" : '[' + std::to_string(index) + ']';
}

void ResolveRepetition(const Message& message, const Path& path, std::string_view repetition,
                       std::vector<std::string_view>& pieces) {
    std::string_view piece = repetition;
    if (path.component > 0) piece = message.Component(piece, path.component);
    if (path.subcomponent > 0) piece = message.Subcomponent(piece, path.subcomponent);
    if (!piece.empty()) pieces.push_back(piece);
}

void ResolveSegment(const Message& message, const Path& path, std::size_t segment,
                    std::vector<std::string_view>& pieces) {
    if (segment >= message.segment_count()) return;
    if (path.field == 0) {
        pieces.push_back(message.SegmentBytes(segment));
        return;
    }
    // MSH-1 and MSH-2 consist of delimiters: cutting them there means nothing.
    if (path.field <= 2 && (path.component > 0 || path.repetition > 1) &&
        message.DeclaresDelimiters(segment)) {
        return;
    }
    if (path.repetition == kAny) {
        for (const std::string_view repetition : message.Repetitions(segment, path.field)) {
            ResolveRepetition(message, path, repetition, pieces);
        }
        return;
    }
    ResolveRepetition(message, path,
                      message.Repetition(segment, path.field, std::max(path.repetition, 1)),
                      pieces);
}

}  // namespace

std::string Path::ToString() const {
    std::string text = segment;
    AppendIndex(segment_occurrence, text);
    if (field == 0) return text;
    text += '-' + std::to_string(field);
    AppendIndex(repetition, text);
    if (component == 0) return text;
    text += '.' + std::to_string(component);
    if (subcomponent > 0) text += '.' + std::to_string(subcomponent);
    return text;
}

Result<Path> ParsePath(std::string_view text) {
    return PathReader(text).Read();
}

std::vector<std::string_view> Resolve(const Message& message, const Path& path) {
    std::vector<std::string_view> pieces;
    if (path.segment_occurrence != kAny) {
        ResolveSegment(message, path,
                       message.FindSegment(path.segment, std::max(path.segment_occurrence, 1)),
                       pieces);
        return pieces;
    }
    const int count = message.OccurrenceCount(path.segment);
    for (int n = 1; n <= count; ++n) {
        ResolveSegment(message, path, message.FindSegment(path.segment, n), pieces);
    }
    return pieces;
}

}  // namespace carestream::hl7
