// Any bytes: parsing never crashes; what is accepted is given back byte by byte, its header agrees
// with the message, and each leaf is found again by its path.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/text.h"
#include "hl7/batch.h"
#include "hl7/encoder.h"
#include "hl7/header.h"
#include "hl7/message.h"
#include "hl7/path.h"

namespace {

using namespace carestream;
using namespace carestream::hl7;

void CheckLeaves(const Message& message) {
    const std::vector<Leaf> leaves = Leaves(message);
    std::size_t checked = 0;
    for (const Leaf& leaf : leaves) {
        if (++checked > 500) break;
        const auto path = ParsePath(PathOf(message, leaf));
        CARESTREAM_ASSERT(path.has_value());
        const auto pieces = Resolve(message, *path);
        CARESTREAM_ASSERT(pieces.size() == 1 && !pieces[0].empty());
        bool clean = false;
        const std::string text = message.Decode(pieces[0], &clean);
        CARESTREAM_ASSERT(!clean || IsUtf8(text));
    }
}

// The pieces of a segment fill it without gaps: nothing that a sender wrote is out of reach.
void CheckFields(const Message& message) {
    for (std::size_t segment = 0; segment < message.segment_count(); ++segment) {
        const int fields = message.FieldCount(segment);
        const std::string_view id = message.SegmentId(segment);
        const bool known = id != kUnknownSegment;
        const bool has_msh_1 = (id == "MSH" || id == "BHS" || id == "FHS") && fields > 0;
        std::size_t size = known ? 3 : 0;
        for (int field = has_msh_1 ? 2 : 1; field <= fields; ++field) {
            size += (known || field > 1 ? 1 : 0) + message.Field(segment, field).size();
        }
        CARESTREAM_ASSERT(size == message.SegmentBytes(segment).size());
        CARESTREAM_ASSERT(message.FindSegment(id, message.Occurrence(segment)) == segment);
    }
}

// A line that goes on with a segment adds text to it, never a field (but behind the text of an
// OBX), and no segment holds the beginning of another message.
void CheckLines(const Message& message) {
    const std::string second_msh = std::string("\rMSH") + message.delimiters().field;
    for (std::size_t segment = 0; segment < message.segment_count(); ++segment) {
        const std::string_view text = message.Searchable(message.SegmentBytes(segment));
        const std::size_t line_end = text.find_first_of("\r\n");
        CARESTREAM_ASSERT(line_end == text.npos || message.SegmentId(segment) == "OBX" ||
                          text.find(message.delimiters().field, line_end) == text.npos);
        CARESTREAM_ASSERT(text.find("\x0bMSH") == text.npos);
        CARESTREAM_ASSERT(text.find(second_msh) == text.npos);
    }
}

void CheckHeader(const Message& message) {
    const auto header = ScanHeader(message.bytes());
    CARESTREAM_ASSERT(header.has_value());
    CARESTREAM_ASSERT(header->delimiters == message.delimiters());
    CARESTREAM_ASSERT(header->sending_application == message.Repetition(0, 3, 1));
    CARESTREAM_ASSERT(header->control_id == message.Repetition(0, 10, 1));
    CARESTREAM_ASSERT(header->version == message.Component(message.Repetition(0, 12, 1), 1));
    CARESTREAM_ASSERT(header->charset == message.Field(0, 18));
}

void CheckEdit(const Message& message) {
    MessageEditor editor(message);
    CARESTREAM_ASSERT(editor.Encode() == message.bytes());
    if (!editor.SetText(0, 30, 1, 1, 0, "x|y^z")) return;
    const auto changed = Message::Parse(editor.Encode());
    CARESTREAM_ASSERT(changed.has_value());
    CARESTREAM_ASSERT(changed->segment_count() == message.segment_count());
    if (message.delimiters().escape == 0) return;
    // In a two-byte set half a character at the end of a field swallows the delimiter behind it.
    const std::string_view charset = message.charset();
    if (charset != "UTF-8" && charset != "US-ASCII" && charset != "ISO-8859-1") return;
    const std::string_view raw = changed->Component(changed->Repetition(0, 30, 1), 1);
    CARESTREAM_ASSERT(changed->Decode(raw) == "x|y^z");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const char* fallback : {"UTF-8", "ISO-8859-1"}) {
        ParseOptions options;
        options.fallback_charset = fallback;
        const auto message = Message::Parse(std::string(bytes), options);
        if (!message) {
            CARESTREAM_ASSERT(!message.error().message.empty());
            continue;
        }
        CARESTREAM_ASSERT(message->bytes() == bytes);
        CheckFields(*message);
        CheckLines(*message);
        CheckLeaves(*message);
        CheckHeader(*message);
        CheckEdit(*message);
    }
    for (const std::string_view piece : SplitMessages(bytes)) {
        CARESTREAM_ASSERT(piece.data() >= bytes.data() &&
                          piece.data() + piece.size() <= bytes.data() + bytes.size());
    }
    return 0;
}
