#include "hl7/encoder.h"

#include <algorithm>

#include "base/assert.h"
#include "hl7/internal/charset.h"

namespace carestream::hl7 {

namespace {

void AppendEscaped(std::string_view body, const Delimiters& delimiters, std::string& out) {
    if (delimiters.escape == 0) {
        out.push_back(' ');
        return;
    }
    out.push_back(delimiters.escape);
    out.append(body);
    out.push_back(delimiters.escape);
}

// The letter of the escape sequence that stands for a delimiter, or 0.
char EscapeLetter(char c, const Delimiters& delimiters) {
    if (c == 0) return 0;
    if (c == delimiters.field) return 'F';
    if (c == delimiters.component) return 'S';
    if (c == delimiters.subcomponent) return 'T';
    if (c == delimiters.repetition) return 'R';
    if (c == delimiters.escape) return 'E';
    if (c == delimiters.truncation) return 'P';
    return 0;
}

bool IsControl(char c) {
    return (c >= 0 && c < 0x20) || c == 0x7F;
}

// The encoding characters as MSH-2 shows them.
std::string EncodingCharacters(const Delimiters& d) {
    std::string text;
    for (const char c : {d.component, d.repetition, d.escape, d.subcomponent, d.truncation}) {
        if (c == 0) break;
        text.push_back(c);
    }
    return text;
}

}  // namespace

std::string EscapeText(std::string_view text, const Delimiters& delimiters) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size() + 8);
    // Two quotes alone would be read as the null value.
    if (IsNull(text)) {
        AppendEscaped("X2222", delimiters, out);
        return out;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (const char letter = EscapeLetter(c, delimiters); letter != 0) {
            AppendEscaped(std::string_view(&letter, 1), delimiters, out);
        } else if (!IsControl(c)) {
            out.push_back(c);
        } else if (c == '\r' || c == '\n') {
            if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
            AppendEscaped(".br", delimiters, out);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            const char body[] = {'X', kHex[byte >> 4], kHex[byte & 15]};
            AppendEscaped(std::string_view(body, 3), delimiters, out);
        }
    }
    return out;
}

bool IsCharset(std::string_view name) {
    return internal::FindCharset(name).has_value();
}

std::string EncodableText(std::string_view text, std::string_view charset, bool* replaced) {
    const auto set = internal::FindCharset(charset);
    CARESTREAM_ASSERT(set.has_value());
    *replaced = false;
    std::string scratch;
    if (internal::FromUtf8(*set, text, scratch)) return std::string(text);
    *replaced = true;
    return internal::Reduce(*set, text);
}

MessageEditor::MessageEditor(const Delimiters& delimiters, std::string_view charset)
    : delimiters_(delimiters), charset_(charset) {
    CARESTREAM_ASSERT(IsCharset(charset));
}

MessageEditor::MessageEditor(const Message& message)
    : delimiters_(message.delimiters()), charset_(message.charset()) {
    const std::string_view bytes = message.bytes();
    const auto offset = [&](std::string_view part) {
        return static_cast<std::size_t>(part.data() - bytes.data());
    };
    const std::size_t count = message.segment_count();
    head_ = bytes.substr(0, offset(message.SegmentBytes(0)));
    segments_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view segment = message.SegmentBytes(i);
        Segment& copy = segments_.emplace_back();
        copy.id = message.SegmentId(i);
        const int fields = message.FieldCount(i);
        for (int field = copy.has_msh_1() ? 2 : 1; field <= fields; ++field) {
            copy.fields.emplace_back(message.Field(i, field));
        }
        const std::size_t end = offset(segment) + segment.size();
        const std::size_t next = i + 1 < count ? offset(message.SegmentBytes(i + 1)) : bytes.size();
        copy.gap = bytes.substr(end, next - end);
    }
}

std::string_view MessageEditor::SegmentId(std::size_t segment) const {
    return segment < segments_.size() ? std::string_view(segments_[segment].id)
                                      : std::string_view();
}

int MessageEditor::FieldCount(std::size_t segment) const {
    if (segment >= segments_.size()) return 0;
    const Segment& entry = segments_[segment];
    return static_cast<int>(entry.fields.size()) + (entry.has_msh_1() ? 1 : 0);
}

std::string_view MessageEditor::Field(std::size_t segment, int field) const {
    if (segment >= segments_.size() || field < 1) return {};
    const Segment& entry = segments_[segment];
    auto at = static_cast<std::size_t>(field - 1);
    if (entry.has_msh_1()) {
        if (at == 0) return {&delimiters_.field, 1};
        --at;
    }
    return at < entry.fields.size() ? std::string_view(entry.fields[at]) : std::string_view();
}

std::size_t MessageEditor::Append(std::string_view id) {
    return Insert(segments_.size(), id);
}

std::size_t MessageEditor::Insert(std::size_t position, std::string_view id) {
    CARESTREAM_ASSERT(position <= segments_.size());
    CARESTREAM_ASSERT(id.size() == 3 && std::all_of(id.begin(), id.end(), [](char c) {
                          return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                      }));
    Segment segment;
    segment.id = id;
    segment.gap = "\r";
    if (segment.has_msh_1()) segment.fields.push_back(EncodingCharacters(delimiters_));
    if (position == segments_.size() && position > 0) {
        // What stood behind the last segment stays at the end.
        segment.gap = std::exchange(segments_.back().gap, "\r");
    }
    segments_.insert(segments_.begin() + static_cast<std::ptrdiff_t>(position), std::move(segment));
    return position;
}

void MessageEditor::Remove(std::size_t segment) {
    CARESTREAM_ASSERT(segment < segments_.size());
    if (segment > 0 && segment + 1 == segments_.size()) {
        segments_[segment - 1].gap = std::move(segments_[segment].gap);
    }
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(segment));
}

void MessageEditor::SetField(std::size_t segment, int field, std::string raw) {
    CARESTREAM_ASSERT(segment < segments_.size() && field >= 1);
    CARESTREAM_ASSERT(raw.find_first_of("\r\n") == raw.npos);
    Segment& entry = segments_[segment];
    auto at = static_cast<std::size_t>(field - 1);
    if (entry.has_msh_1()) {
        CARESTREAM_ASSERT(field >= 3);
        --at;
    }
    if (entry.fields.size() <= at) entry.fields.resize(at + 1);
    entry.fields[at] = std::move(raw);
}

Result<std::string> MessageEditor::ReplacePiece(std::string_view raw, int level,
                                                const int (&positions)[3],
                                                std::string_view encoded) const {
    if (level == 3 || positions[level] == 0) return std::string(encoded);
    const char delimiter = level == 0   ? delimiters_.repetition
                           : level == 1 ? delimiters_.component
                                        : delimiters_.subcomponent;
    const int position = positions[level];
    if (delimiter == 0) {
        if (position == 1) return ReplacePiece(raw, level + 1, positions, encoded);
        return Fail(Code::kUnsupported, "MSH-2 names no delimiter for this place");
    }
    const auto charset = internal::FindCharset(charset_);
    const std::string search =
        internal::MaskTrails(charset ? charset->trail : internal::Trail::kNone, raw);
    std::size_t begin = 0;
    int n = 1;
    for (; n < position; ++n) {
        const std::size_t cut = search.find(delimiter, begin);
        if (cut == search.npos) break;
        begin = cut + 1;
    }
    if (n < position) {
        if (encoded.empty()) return std::string(raw);
        CARESTREAM_ASSIGN(piece, ReplacePiece({}, level + 1, positions, encoded));
        return std::string(raw) + std::string(static_cast<std::size_t>(position - n), delimiter) +
               piece;
    }
    const std::size_t end = std::min(search.find(delimiter, begin), search.size());
    CARESTREAM_ASSIGN(piece,
                      ReplacePiece(raw.substr(begin, end - begin), level + 1, positions, encoded));
    return std::string(raw.substr(0, begin)) + piece + std::string(raw.substr(end));
}

Result<void> MessageEditor::SetText(std::size_t segment, int field, int repetition, int component,
                                    int subcomponent, std::string_view text) {
    CARESTREAM_ASSERT(segment < segments_.size() && field >= 1 && repetition >= 1);
    if (segments_[segment].has_msh_1() && field <= 2) {
        return Fail(Code::kUnsupported, "the delimiters of a message cannot be changed", "MSH-2");
    }
    const std::string escaped = EscapeText(text, delimiters_);
    std::string encoded;
    const auto charset = internal::FindCharset(charset_);
    CARESTREAM_ASSERT(charset.has_value());
    if (!internal::FromUtf8(*charset, escaped, encoded)) {
        return Fail(Code::kInvalid,
                    "a character that the message's character set (" + charset_ +
                        ") does not have, or malformed UTF-8",
                    segments_[segment].id + '-' + std::to_string(field));
    }
    const int positions[3] = {repetition, component, subcomponent};
    CARESTREAM_ASSIGN(raw, ReplacePiece(Field(segment, field), 0, positions, encoded));
    SetField(segment, field, std::move(raw));
    return {};
}

Result<void> MessageEditor::Set(const Path& path, std::string_view text) {
    if (path.segment_occurrence == kAny || path.repetition == kAny || path.field == 0) {
        return Fail(Code::kInvalid, "names no single value", path.ToString());
    }
    const int wanted = std::max(path.segment_occurrence, 1);
    int seen = 0;
    std::size_t at = 0;
    for (; at < segments_.size(); ++at) {
        if (segments_[at].id == path.segment && ++seen == wanted) break;
    }
    if (at == segments_.size()) {
        if (seen + 1 != wanted || path.segment == kUnknownSegment) {
            return Fail(Code::kInvalid, "there is no such segment, nor can it be added",
                        path.ToString());
        }
        at = Append(path.segment);
    }
    return SetText(at, path.field, std::max(path.repetition, 1), path.component, path.subcomponent,
                   text);
}

std::string MessageEditor::Encode() const {
    std::string bytes = head_;
    for (const Segment& segment : segments_) {
        if (segment.known()) bytes += segment.id;
        for (const std::string& field : segment.fields) {
            if (segment.known() || &field != &segment.fields.front()) bytes += delimiters_.field;
            bytes += field;
        }
        bytes += segment.gap;
    }
    return bytes;
}

}  // namespace carestream::hl7
