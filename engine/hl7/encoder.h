#pragma once
// Writing HL7 v2: escaping, changing single values of a message that was read, building a new one.
// Source: HL7 v2.8 2.5 (construction), 2.7 (escapes).
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hl7/message.h"
#include "hl7/path.h"

namespace carestream::hl7 {

// UTF-8 text as the text of one leaf: delimiters and the escape character become escape sequences,
// a line end (CR, LF, CRLF) becomes \.br\, other control characters \Xhh\. Where the message has no
// escape character, or no such delimiter, nothing can be or need be escaped: then control
// characters and delimiters in use are written as a blank.
[[nodiscard]] std::string EscapeText(std::string_view text, const Delimiters& delimiters);

// Is this a character set that messages can be written in: a name of table 0211 or one that ICU
// knows, whose bytes contain ASCII?
[[nodiscard]] bool IsCharset(std::string_view name);

// `text` with each character that `charset` (as IsCharset) does not have written by its base
// letter, else as '?', and malformed UTF-8 as '?'; `*replaced` says whether any was.
[[nodiscard]] std::string EncodableText(std::string_view text, std::string_view charset,
                                        bool* replaced);

// A message in pieces that can be changed. Given a Message, Encode() returns its bytes exactly; a
// change alters nothing but the field that it names. Positions as in Message.
class MessageEditor {
public:
    // Empty; segments end in CR. The MSH comes first: Append("MSH"). `charset` as IsCharset
    // (asserted); naming it in MSH-18 is the caller's.
    explicit MessageEditor(const Delimiters& delimiters = {}, std::string_view charset = "UTF-8");
    // Copies what it needs: `message` may go.
    explicit MessageEditor(const Message& message);

    [[nodiscard]] std::size_t segment_count() const { return segments_.size(); }
    [[nodiscard]] std::string_view SegmentId(std::size_t segment) const;
    [[nodiscard]] int FieldCount(std::size_t segment) const;
    [[nodiscard]] std::string_view Field(std::size_t segment, int field) const;  // raw

    // Adds a segment behind the last one, or at `position`, and returns its index. `id` is three
    // capital letters or digits (asserted). A new MSH has its MSH-1 and MSH-2.
    std::size_t Append(std::string_view id);
    std::size_t Insert(std::size_t position, std::string_view id);
    void Remove(std::size_t segment);

    // The raw content of a whole field, as it will be written (asserted: no CR, LF or field
    // delimiter). Missing fields before it are added empty.
    void SetField(std::size_t segment, int field, std::string raw);

    // Sets one leaf to UTF-8 text, escaped, in the message's character set; what lies beside it
    // stays. `component` 0 = the whole repetition, `subcomponent` 0 = the whole component; field,
    // repetition start at 1. kInvalid: a character that the set does not have, or malformed UTF-8;
    // kUnsupported: the place needs a delimiter that MSH-2 does not name.
    [[nodiscard]] Result<void> SetText(std::size_t segment, int field, int repetition,
                                       int component, int subcomponent, std::string_view text);
    // The same by path. "[*]" is refused; a segment that is not there is appended if its occurrence
    // is the next one and it is no unknown one.
    [[nodiscard]] Result<void> Set(const Path& path, std::string_view text);

    [[nodiscard]] std::string Encode() const;

private:
    struct Segment {
        std::string id;                   // or kUnknownSegment, which is not written
        std::vector<std::string> fields;  // without MSH-1, which is `delimiters_.field`
        std::string gap;                  // up to the next segment: its end, skipped lines
        [[nodiscard]] bool has_msh_1() const { return id == "MSH" || id == "BHS" || id == "FHS"; }
        [[nodiscard]] bool known() const { return id != kUnknownSegment; }
    };

    [[nodiscard]] Result<std::string> ReplacePiece(std::string_view raw, int level,
                                                   const int (&positions)[3],
                                                   std::string_view encoded) const;

    Delimiters delimiters_;
    std::string charset_ = "UTF-8";
    std::string head_;  // what stands before the MSH
    std::vector<Segment> segments_;
};

}  // namespace carestream::hl7
