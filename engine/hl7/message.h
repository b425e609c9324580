#pragma once
// One HL7 v2 message: the bytes as received and an index over them. Nothing is copied or decoded
// until asked; views point into the message and live as long as it does.
// Source: HL7 v2.8 chapter 2 (2.5 message construction, 2.7 escapes, 2.14 segments).
// Pure code: no I/O, clock or log.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace carestream::hl7 {

// MSH-1 and MSH-2. A character that MSH-2 does not name is 0: then it is not in use.
struct Delimiters {
    char field = '|';
    char component = '^';
    char repetition = '~';
    char escape = '\\';
    char subcomponent = '&';
    char truncation = 0;  // 2.7 and later, usually '#'
    bool operator==(const Delimiters&) const = default;
};

struct ParseOptions {
    std::size_t message_bytes_max = 64u << 20;
    std::size_t segments_max = 1'000'000;
    // Fields, repetitions, components and subcomponents, empty ones too: what an index may cost.
    std::size_t values_max = 4'000'000;
    // Used when MSH-18 is empty; a name that ICU knows ("UTF-8", "ISO-8859-1", ...).
    std::string fallback_charset = "UTF-8";
};

// Something that was repaired or could not be honoured while reading; reported, never silent.
struct Note {
    std::string path;     // "MSH-18", "OBX[3]-5", or "" for the whole message
    std::string message;  // "line feeds taken as segment ends", "undecodable bytes kept raw"
};

// The id of a line that has none ("ZPID1|1|x"): no map can name it. Its field 1 is what stands
// where the id should be, the delimiter behind it begins field 2.
inline constexpr std::string_view kUnknownSegment = "?id";

// HL7 numbers (field, repetition, component, subcomponent) start at 1, segment indexes at 0. What
// is not there reads as an empty view. MSH-1 is the field delimiter and MSH-2 the encoding
// characters.
class MessageParser;

class Message {
public:
    // Accepts, each with a note: LF and CRLF as segment ends, a missing last one, a leading byte
    // order mark, MLLP bytes and blank lines, blanks before a segment id, MSH-2 with fewer than
    // four or with a doubled escape character.
    //
    // A line that does not begin with a segment id (a capital letter and two capital letters or
    // digits, then the field delimiter or the line's end) is never a source of fields for the
    // segment before it:
    // - It looks like a segment, because a field delimiter stands within its first 8 bytes and no
    //   other delimiter before that: it becomes a segment of its own with the id kUnknownSegment.
    // - Else it is text: senders break long texts. It goes on with the last field of the segment
    //   before it, line end included, but no further than to a field delimiter; from there on it is
    //   an unknown segment as well.
    // - Where no long text can stand (MSH, EVN, PID, MRG, PV1) it is refused. But a comment is left
    //   out: a line that begins with '#', without a field delimiter unless it follows the MSH.
    //
    // Errors (kInvalid, with `path` and `offset_bytes`): no MSH at the start, a batch envelope,
    // UTF-16, unusable or equal delimiters, a line that is refused as said above, a second MSH (see
    // batch.h) - at the start of a line, also behind control characters, or behind an MLLP start
    // byte. kLimit as in `options`.
    [[nodiscard]] static Result<Message> Parse(std::string bytes, const ParseOptions& options = {});

    Message(Message&&) noexcept;
    Message& operator=(Message&&) noexcept;
    ~Message();

    [[nodiscard]] std::string_view bytes() const;  // exactly what was given to Parse
    [[nodiscard]] const Delimiters& delimiters() const;
    [[nodiscard]] const std::vector<Note>& notes() const;

    [[nodiscard]] std::size_t segment_count() const;
    [[nodiscard]] std::string_view SegmentId(std::size_t segment) const;  // or kUnknownSegment
    [[nodiscard]] std::string_view SegmentBytes(std::size_t segment) const;
    // Occurrence of this segment id in the message, from 1: the n of "OBX[n]".
    [[nodiscard]] int Occurrence(std::size_t segment) const;
    // How many segments carry this id.
    [[nodiscard]] int OccurrenceCount(std::string_view id) const;
    // Index of the n-th (from 1) segment with this id, or segment_count().
    [[nodiscard]] std::size_t FindSegment(std::string_view id, int occurrence = 1) const;

    // MSH, FHS, BHS: fields 1 and 2 are delimiters, with one repetition and no components.
    [[nodiscard]] bool DeclaresDelimiters(std::size_t segment) const;

    [[nodiscard]] int FieldCount(std::size_t segment) const;  // highest field number present
    [[nodiscard]] std::string_view Field(std::size_t segment, int field) const;
    [[nodiscard]] int RepetitionCount(std::size_t segment, int field) const;  // 0 if field is empty
    [[nodiscard]] std::string_view Repetition(std::size_t segment, int field, int repetition) const;
    // All repetitions, empty ones too: linear, where asking for each by number is not.
    [[nodiscard]] std::vector<std::string_view> Repetitions(std::size_t segment, int field) const;
    [[nodiscard]] int ComponentCount(std::string_view repetition) const;
    [[nodiscard]] std::string_view Component(std::string_view repetition, int component) const;
    [[nodiscard]] int SubcomponentCount(std::string_view component) const;
    [[nodiscard]] std::string_view Subcomponent(std::string_view component, int subcomponent) const;

    // Raw piece -> UTF-8: escapes resolved (2.7), character set of MSH-18 (first repetition; others
    // through \C..\ and \M..\, which stay raw and are noted), else the fallback. Undecodable bytes
    // stay as they are, `*clean` becomes false and the result is not UTF-8: the caller leaves the
    // value out and names it. `clean` may be nullptr.
    [[nodiscard]] std::string Decode(std::string_view raw, bool* clean = nullptr) const;

    // `raw` with those bytes replaced that look like delimiters but are the second half of a
    // two-byte character (GB 18030, Big5, Shift_JIS, ISO 2022); same length, else `raw` itself.
    [[nodiscard]] std::string_view Searchable(std::string_view raw) const;

    // The name of the character set in force (ICU canonical).
    [[nodiscard]] std::string_view charset() const;

private:
    friend class MessageParser;
    struct Index;
    explicit Message(std::unique_ptr<Index> index);
    std::unique_ptr<Index> index_;
};

// The explicit null `""`: the sender says that the value is to be removed (2.5.3).
[[nodiscard]] inline bool IsNull(std::string_view raw) {
    return raw == "\"\"";
}

// One valued leaf: a component, or a subcomponent where the component has several. The explicit
// null counts as valued. MSH-1 and MSH-2 are no leaves.
struct Leaf {
    std::size_t segment = 0;
    int field = 0;
    int repetition = 1;
    int component = 1;
    int subcomponent = 0;  // 0: the component has no subcomponents
    bool operator==(const Leaf&) const = default;
    auto operator<=>(const Leaf&) const = default;
};

// In message order. `offsets`, if given, gets where each begins in bytes().
[[nodiscard]] std::vector<Leaf> Leaves(const Message& message,
                                       std::vector<std::uint32_t>* offsets = nullptr);

// "PID-3[2].4.2", "OBX[3]-5.1", "PV1-7.1": [n] after the segment only if the id occurs more than
// once, [n] after the field only if it has several repetitions; the component is always written.
[[nodiscard]] std::string PathOf(const Message& message, const Leaf& leaf);
// The same for many, faster where leaves of one field follow each other.
[[nodiscard]] std::vector<std::string> PathsOf(const Message& message,
                                               const std::vector<Leaf>& leaves);

}  // namespace carestream::hl7
