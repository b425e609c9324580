// Message::Parse: bytes -> index. Nothing of a value is looked at, only delimiters and line ends.
#include <algorithm>
#include <limits>

#include "base/text.h"
#include "hl7/internal/escape.h"
#include "hl7/internal/message_index.h"
#include "hl7/internal/msh.h"
#include "hl7/message.h"

namespace carestream::hl7 {

namespace {

using internal::Charset;
using internal::Coding;
using internal::Head;
using internal::IdTable;
using internal::Segment;
using internal::Trail;

bool IsIdFirst(char c) {
    return c >= 'A' && c <= 'Z';
}
bool IsIdRest(char c) {
    return IsIdFirst(c) || (c >= '0' && c <= '9');
}

bool BeginsSegment(std::string_view line, char field) {
    return line.size() >= 3 && IsIdFirst(line[0]) && IsIdRest(line[1]) && IsIdRest(line[2]) &&
           (line.size() == 3 || line[3] == field);
}

// Segments without a field for long text: a broken line in them is damage, and what it damages is
// whose data this is.
bool HoldsText(std::string_view id) {
    return id != "MSH" && id != "EVN" && id != "PID" && id != "MRG" && id != "PV1";
}

// Blanks, and what editors and transports leave at the end of files.
bool IsBlank(std::string_view line) {
    return std::all_of(line.begin(), line.end(), [](char c) {
        return c == ' ' || c == '\t' || c == '\0' || c == 0x1A || c == 0x1C || c == 0x0B;
    });
}

// Something that may happen often in one message: counted, and noted once with its first place.
struct Repair {
    std::size_t count = 0;
    std::size_t first_segment = 0;
    void Add(std::size_t segment) {
        if (count++ == 0) first_segment = segment;
    }
};

}  // namespace

// Builds the index of one message.
class MessageParser {
public:
    MessageParser(Message::Index& index, const ParseOptions& options)
        : index_(index), options_(options) {}

    Result<void> Run();

private:
    bool Scan(std::size_t msh_begin, std::size_t from);
    bool RefuseValues() {
        return Refuse(
            {Code::kLimit, "the message has more values than values_max", {}, {}, 0, false});
    }
    [[nodiscard]] bool DeclaresCharset() const;
    void ChooseCharset(std::size_t msh_begin);
    // False: refused, the reason is in `error_`. (A Result per line costs a tenth of the parse.)
    bool AddLine(std::size_t begin, std::size_t end, std::uint32_t first_field,
                 std::uint32_t end_field);
    bool Continue(std::size_t begin, std::size_t end, std::uint32_t first_field,
                  std::uint32_t end_field);
    bool AddSegment(std::size_t begin, std::size_t end, std::uint32_t first_field,
                    std::uint32_t end_field);
    [[nodiscard]] bool EndsInObservationText(const Segment& segment) const;
    bool AddUnknown(std::size_t begin, std::size_t end, std::uint32_t first_field,
                    std::uint32_t end_field);
    bool Add(std::uint32_t key, Head head, std::size_t begin, std::size_t end,
             std::uint32_t first_field, std::uint32_t end_field);
    bool RefuseLine(std::size_t begin);
    bool RefuseSecondMsh(std::size_t begin) {
        return Refuse({Code::kInvalid,
                       "a second MSH begins here: several messages in one, split them first",
                       "MSH[2]",
                       {},
                       begin,
                       false});
    }
    bool RefuseStartBytes(std::size_t msh_begin);
    [[nodiscard]] bool LooksLikeSegment(std::size_t begin, std::uint32_t first_field,
                                        std::uint32_t end_field) const;
    bool Refuse(Error error) {
        error_ = std::move(error);
        return false;
    }
    void SortById();
    void NoteLines();
    void NoteHighBytes();
    void NoteUndecodable();
    void NoteEscapes(std::size_t begin);
    void NoteAt(const Repair& repair, std::string message);
    void AddNote(std::string path, std::string message) {
        index_.notes.push_back({std::move(path), std::move(message)});
    }
    [[nodiscard]] std::string SegmentPath(std::size_t segment) const;
    [[nodiscard]] std::string PlaceOf(std::size_t offset) const;
    [[nodiscard]] std::string_view text() const {
        return index_.masked.empty() ? index_.bytes : index_.masked;
    }

    Message::Index& index_;
    const ParseOptions& options_;
    std::size_t content_end_ = 0;
    Error error_;
    bool declared_ascii_ = false;
    Repair line_feeds_;
    Repair blank_lines_;
    Repair indented_;
    Repair continued_;
    Repair unknown_;
    Repair comments_;
    Repair bare_ids_;
};

Result<Message> Message::Parse(std::string bytes, const ParseOptions& options) {
    constexpr std::size_t kOffsetMax = std::numeric_limits<std::uint32_t>::max() - 64;
    if (bytes.size() > std::min(options.message_bytes_max, kOffsetMax)) {
        return Fail(Code::kLimit, "the message is longer than message_bytes_max");
    }
    auto index = std::make_unique<Index>();
    index->bytes = std::move(bytes);
    CARESTREAM_TRY(MessageParser(*index, options).Run());
    return Message(std::move(index));
}

Result<void> MessageParser::Run() {
    const std::string_view bytes = index_.bytes;
    CARESTREAM_ASSIGN(msh, internal::FindMsh(bytes));
    index_.delimiters = msh.delimiters;
    index_.notes = std::move(msh.notes);
    content_end_ = msh.content_end;
    if (content_end_ != bytes.size()) AddNote("", "MLLP end bytes behind the message skipped");
    if (!RefuseStartBytes(msh.begin)) return Fail(std::move(error_));
    if (!Scan(msh.begin, msh.msh_2_end)) return Fail(std::move(error_));
    ChooseCharset(msh.begin);
    if (!index_.masked.empty() && !Scan(msh.begin, msh.msh_2_end)) return Fail(std::move(error_));

    const auto& lines = index_.scan.lines;
    index_.segments.reserve(lines.size() + 1);
    std::size_t begin = msh.begin;
    std::uint32_t field = 0;
    for (const internal::LineEnd& line : lines) {
        if (!AddLine(begin, line.offset, field, line.fields_before)) return Fail(std::move(error_));
        if (bytes[line.offset] == '\n') line_feeds_.Add(0);
        begin = line.offset + 1;
        field = line.fields_before;
    }
    const auto end_field = static_cast<std::uint32_t>(index_.scan.fields.size());
    if (!AddLine(begin, content_end_, field, end_field)) return Fail(std::move(error_));
    SortById();
    NoteLines();
    if (index_.scan.has_high) NoteHighBytes();
    if (index_.scan.has_escape) NoteEscapes(msh.msh_2_end);
    return {};
}

// The scan begins behind MSH-2, which would look like escapes. In chunks, so that a message of
// nothing but delimiters meets its limit before its index fills the memory.
bool MessageParser::Scan(std::size_t msh_begin, std::size_t from) {
    constexpr std::size_t kChunkBytes = 1 << 20;
    constexpr std::size_t kLinesPerSegment = 4;  // CR, LF and some empty ones
    internal::Scan& scan = index_.scan;
    scan.lines.clear();
    scan.fields.SetEnd(scan.fields.data());
    scan.fields.Reserve(1);
    *scan.fields.end() = static_cast<std::uint32_t>(msh_begin + 3);
    scan.fields.SetEnd(scan.fields.end() + 1);
    scan.lines.reserve(16 + (std::min(index_.bytes.size(), kChunkBytes) >> 7));
    for (std::size_t at = from; at < content_end_; at += kChunkBytes) {
        internal::ScanBytes(text(), at, std::min(at + kChunkBytes, content_end_),
                            index_.delimiters.field, index_.delimiters.escape, scan);
        if (scan.lines.size() / kLinesPerSegment > options_.segments_max) {
            return Refuse({Code::kLimit, "more lines than segments_max allows", {}, {}, at, false});
        }
        if (scan.fields.size() > options_.values_max) return RefuseValues();
    }
    if (index_.bytes.size() <= options_.values_max) return true;
    const Delimiters& d = index_.delimiters;
    std::size_t values = scan.fields.size();
    for (const char c : text()) {
        values += c == d.repetition || c == d.component || c == d.subcomponent;
    }
    return values <= options_.values_max || RefuseValues();
}

// A transport that cut two messages wrongly leaves a start byte before the second.
bool MessageParser::RefuseStartBytes(std::size_t msh_begin) {
    constexpr char kStartBlock = 0x0B;
    const std::string_view bytes = std::string_view(index_.bytes).substr(0, content_end_);
    for (std::size_t at = bytes.find(kStartBlock, msh_begin); at != bytes.npos;
         at = bytes.find(kStartBlock, at + 1)) {
        const std::string_view next = bytes.substr(at + 1, 3);
        if (next == "MSH" || next == "FHS" || next == "BHS") return RefuseSecondMsh(at);
    }
    return true;
}

// MSH-18 as the scan cut it: empty in most feeds.
bool MessageParser::DeclaresCharset() const {
    const internal::Scan& scan = index_.scan;
    const std::size_t fields =
        scan.lines.empty() ? scan.fields.size() : scan.lines[0].fields_before;
    if (fields < 17) return false;
    const std::size_t next = fields > 17          ? scan.fields[17]
                             : scan.lines.empty() ? content_end_
                                                  : scan.lines[0].offset;
    return next > scan.fields[16] + 1;
}

void MessageParser::ChooseCharset(std::size_t msh_begin) {
    const bool usual = options_.fallback_charset == "UTF-8" && !index_.scan.has_high;
    if (usual && !DeclaresCharset()) {
        index_.charset = {"UTF-8", Coding::kUtf8, Trail::kNone, false};
        return;
    }
    const std::string_view bytes = index_.bytes;
    const std::size_t msh_end =
        index_.scan.lines.empty() ? content_end_ : index_.scan.lines[0].offset;
    internal::CharsetChoice choice =
        internal::ChooseCharsetOfMsh(bytes.substr(msh_begin, msh_end - msh_begin),
                                     index_.delimiters.repetition, options_.fallback_charset);
    if (choice.unknown_declared) {
        AddNote("MSH-18",
                "unknown character set, or one that does not contain ASCII: the fallback is used");
    }
    if (choice.unknown_fallback) {
        AddNote("MSH-18", "the configured fallback character set is unknown: UTF-8 is used");
    }
    index_.charset = std::move(choice.charset);
    declared_ascii_ = choice.declared && index_.charset.coding == Coding::kAscii;
    if (index_.charset.trail == Trail::kNone) return;
    const bool may_hide = index_.charset.trail == Trail::kIso2022
                              ? index_.bytes.find('\x1B') != std::string::npos
                              : !internal::IsAscii(index_.bytes);
    if (may_hide) index_.masked = internal::MaskTrails(index_.charset.trail, index_.bytes);
}

bool MessageParser::AddLine(std::size_t begin, std::size_t end, std::uint32_t first_field,
                            std::uint32_t end_field) {
    const std::string_view bytes = index_.bytes;
    if (begin >= end) {
        // Nothing between CR and LF, or behind the last line end.
        const bool crlf =
            begin > 0 && begin < bytes.size() && bytes[begin - 1] == '\r' && bytes[begin] == '\n';
        if (!crlf && begin < content_end_) blank_lines_.Add(index_.segments.size());
        return true;
    }
    const std::string_view line = bytes.substr(begin, end - begin);
    const char field = index_.delimiters.field;
    if (BeginsSegment(line, field)) return AddSegment(begin, end, first_field, end_field);
    if (IsBlank(line)) {
        blank_lines_.Add(index_.segments.size());
        return true;
    }
    const std::size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
    if (internal::BeginsMsh(line, field)) return RefuseSecondMsh(begin);
    if (indent > 0 && BeginsSegment(line.substr(indent), field)) {
        indented_.Add(index_.segments.size());
        return AddSegment(begin + indent, end, first_field, end_field);
    }
    if (LooksLikeSegment(begin, first_field, end_field) && index_.segments.size() > 1) {
        return AddUnknown(begin, end, first_field, end_field);
    }
    return Continue(begin, end, first_field, end_field);
}

bool MessageParser::LooksLikeSegment(std::size_t begin, std::uint32_t first_field,
                                     std::uint32_t end_field) const {
    constexpr std::size_t kIdBytesMax = 7;
    if (first_field == end_field) return false;
    const std::size_t size = index_.scan.fields[first_field] - begin;
    if (size > kIdBytesMax) return false;
    const Delimiters& d = index_.delimiters;
    return std::none_of(text().begin() + static_cast<std::ptrdiff_t>(begin),
                        text().begin() + static_cast<std::ptrdiff_t>(begin + size), [&d](char c) {
                            return c == d.component || c == d.repetition || c == d.subcomponent;
                        });
}

bool MessageParser::RefuseLine(std::size_t begin) {
    const std::string after = SegmentPath(index_.segments.size() - 1);
    return Refuse({Code::kInvalid,
                   "the line after the " + after + " does not begin with a segment id",
                   after,
                   {},
                   begin,
                   false});
}

bool MessageParser::Continue(std::size_t begin, std::size_t end, std::uint32_t first_field,
                             std::uint32_t end_field) {
    // A line of three capitals before a line of text was text as well: it has no field to go on
    // with.
    while (index_.segments.size() > 1 && index_.segments.back().fields == 0) {
        begin = index_.segments.back().begin;
        --index_.ids.entry(index_.segments.back().id).count;
        --bare_ids_.count;
        index_.segments.pop_back();
    }
    const std::size_t before = index_.segments.size() - 1;
    Segment& last = index_.segments[before];
    const bool known = last.head != Head::kUnknown;
    if (known && !HoldsText(std::string_view(index_.bytes).substr(last.begin, 3))) {
        const bool comment =
            index_.bytes[begin] == '#' && (before == 0 || first_field == end_field);
        if (comment) comments_.Add(before);
        return comment || RefuseLine(begin);
    }
    continued_.Add(before);
    if (known && EndsInObservationText(last)) {
        last.end = static_cast<std::uint32_t>(end);
        last.fields = end_field - last.first_field;
        return true;
    }
    const std::size_t text_end =
        first_field == end_field ? end : std::size_t{index_.scan.fields[first_field]};
    last.end = static_cast<std::uint32_t>(text_end);
    return text_end == end || AddUnknown(text_end, end, first_field, end_field);
}

// Where feeds break lines: inside OBX-5. What follows the text are then the fields behind it.
bool MessageParser::EndsInObservationText(const Segment& segment) const {
    return segment.fields == 5 && std::string_view(index_.bytes).substr(segment.begin, 3) == "OBX";
}

bool MessageParser::AddSegment(std::size_t begin, std::size_t end, std::uint32_t first_field,
                               std::uint32_t end_field) {
    const std::uint32_t key = internal::IdKey(std::string_view(index_.bytes).substr(begin, 3));
    if (key == internal::IdKey("MSH") && !index_.segments.empty()) return RefuseSecondMsh(begin);
    if (first_field == end_field) bare_ids_.Add(index_.segments.size());
    const bool declares = key == internal::IdKey("MSH") || key == internal::IdKey("BHS") ||
                          key == internal::IdKey("FHS");
    return Add(key, declares ? Head::kIdDeclares : Head::kId, begin, end, first_field, end_field);
}

bool MessageParser::AddUnknown(std::size_t begin, std::size_t end, std::uint32_t first_field,
                               std::uint32_t end_field) {
    unknown_.Add(index_.segments.size());
    return Add(internal::IdKey(kUnknownSegment), Head::kUnknown, begin, end, first_field,
               end_field);
}

bool MessageParser::Add(std::uint32_t key, Head head, std::size_t begin, std::size_t end,
                        std::uint32_t first_field, std::uint32_t end_field) {
    if (index_.segments.size() >= options_.segments_max) {
        return Refuse({Code::kLimit,
                       "the message has more segments than segments_max",
                       {},
                       {},
                       begin,
                       false});
    }
    const bool repeats =
        !index_.segments.empty() && index_.ids.entry(index_.segments.back().id).key == key;
    const std::uint32_t id = repeats ? index_.segments.back().id : index_.ids.FindOrAdd(key);
    index_.segments.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end),
                               first_field, end_field - first_field, id,
                               ++index_.ids.entry(id).count, 0, head});
    return true;
}

void MessageParser::SortById() {
    std::uint32_t next = 0;
    for (IdTable::Entry& entry : index_.ids.entries()) {
        entry.first_sorted = next;
        next += entry.count;
    }
    for (std::size_t i = 0; i < index_.segments.size(); ++i) {
        const Segment& segment = index_.segments[i];
        const std::uint32_t place =
            index_.ids.entry(segment.id).first_sorted + segment.occurrence - 1;
        index_.segments[place].sorted = static_cast<std::uint32_t>(i);
    }
}

std::string MessageParser::SegmentPath(std::size_t segment) const {
    if (segment >= index_.segments.size()) return {};
    const Segment& entry = index_.segments[segment];
    std::string path = entry.head == Head::kUnknown ? std::string(kUnknownSegment)
                                                    : index_.bytes.substr(entry.begin, 3);
    if (index_.ids.entry(entry.id).count > 1) {
        path += '[' + std::to_string(entry.occurrence) + ']';
    }
    return path;
}

std::string MessageParser::PlaceOf(std::size_t offset) const {
    const auto after =
        std::upper_bound(index_.segments.begin(), index_.segments.end(), offset,
                         [](std::size_t at, const Segment& segment) { return at < segment.begin; });
    if (after == index_.segments.begin()) return {};
    const Segment& segment = *(after - 1);
    const std::uint32_t* const first = index_.scan.fields.data() + segment.first_field;
    const auto number = std::lower_bound(first, first + segment.fields, offset) - first;
    return SegmentPath(static_cast<std::size_t>(after - 1 - index_.segments.begin())) + '-' +
           std::to_string(number + (segment.head != Head::kId ? 1 : 0));
}

void MessageParser::NoteAt(const Repair& repair, std::string message) {
    if (repair.count == 0) return;
    if (repair.count > 1)
        message += " (" + std::to_string(repair.count) + " times, the first here)";
    AddNote(SegmentPath(repair.first_segment), std::move(message));
}

void MessageParser::NoteLines() {
    if (line_feeds_.count > 0) AddNote("", "line feeds taken as segment ends");
    if (blank_lines_.count > 0) AddNote("", "empty lines skipped");
    NoteAt(indented_, "blanks before the segment id skipped");
    NoteAt(
        continued_,
        "a line that does not begin with a segment id taken as part of this segment's last field");
    NoteAt(
        unknown_,
        "a line, or the rest of one, that holds fields and does not begin with a segment id: kept "
        "apart as an unknown segment, never mapped");
    NoteAt(comments_, "a line behind this segment that begins with # left out");
    NoteAt(bare_ids_, "a segment id without fields");
}

void MessageParser::NoteHighBytes() {
    Charset& charset = index_.charset;
    if (charset.coding == Coding::kAscii && declared_ascii_) {
        if (IsUtf8(index_.bytes)) {
            charset = {"UTF-8", Coding::kUtf8, Trail::kNone, false};
            AddNote("MSH-18",
                    "bytes above 0x7F where ASCII is declared: they are valid UTF-8 and read so");
            return;
        }
        const Charset fallback = internal::ChooseCharset({}, 0, options_.fallback_charset).charset;
        if (fallback.eight_bit && fallback.coding != Coding::kAscii) {
            charset = fallback;
            AddNote("MSH-18", "bytes above 0x7F where ASCII is declared: read as the fallback " +
                                  fallback.name);
            return;
        }
    }
    if (charset.coding == Coding::kAscii || charset.coding == Coding::kUtf8) {
        if (charset.coding == Coding::kAscii || !IsUtf8(index_.bytes)) NoteUndecodable();
        return;
    }
    if (charset.coding == Coding::kLatin1) {
        const bool c1 = std::any_of(index_.bytes.begin(), index_.bytes.end(), [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return byte >= 0x80 && byte < 0xA0;
        });
        if (c1 && IsUtf8(index_.bytes)) {
            AddNote("MSH-18",
                    "the bytes are valid UTF-8 where 8859/1 is declared: read as declared");
        } else if (c1) {
            AddNote("MSH-18", "bytes 0x80 to 0x9F where 8859/1 is declared: read as windows-1252");
        }
    }
}

void MessageParser::NoteUndecodable() {
    std::size_t count = 0;
    std::size_t first = 0;
    const std::string_view bytes = index_.bytes;
    for (std::size_t i = 0; i < index_.scan.fields.size(); ++i) {
        const std::size_t begin = index_.scan.fields[i] + 1;
        const std::size_t end =
            i + 1 < index_.scan.fields.size() ? index_.scan.fields[i + 1] : bytes.size();
        const std::string_view field = bytes.substr(begin, end - begin);
        const bool ascii = index_.charset.coding == Coding::kAscii;
        if (ascii ? internal::IsAscii(field) : IsUtf8(field)) continue;
        if (count++ == 0) first = begin;
    }
    if (count == 0) return;
    AddNote(PlaceOf(first), "bytes that are not " + index_.charset.name + ", kept raw (" +
                                std::to_string(count) + " fields, the first here)");
}

void MessageParser::NoteEscapes(std::size_t begin) {
    const std::string_view search = text().substr(0, content_end_);
    const std::string_view bytes = index_.bytes;
    const char escape = index_.delimiters.escape;
    std::size_t kept = 0;
    std::size_t first_kept = 0;
    std::size_t unknown = 0;
    std::size_t first_unknown = 0;
    std::string resolved;
    const char field = index_.delimiters.field;
    const auto next_stop = [&](std::size_t at) {
        while (at < search.size() && search[at] != field && search[at] != escape &&
               search[at] != '\r' && search[at] != '\n') {
            ++at;
        }
        return at;
    };
    for (std::size_t open = search.find(escape, begin); open < search.size();) {
        const std::size_t close = next_stop(open + 1);
        const bool closed = close < search.size() && search[close] == escape;
        resolved.clear();
        const auto kind = closed ? internal::ResolveEscape(bytes.substr(open + 1, close - open - 1),
                                                           index_.delimiters, resolved)
                                 : internal::EscapeKind::kUnknown;
        if (kind == internal::EscapeKind::kKeptRaw && kept++ == 0) first_kept = open;
        if (kind == internal::EscapeKind::kUnknown && unknown++ == 0) first_unknown = open;
        const bool reopen = closed && kind == internal::EscapeKind::kUnknown;
        open = reopen ? close : search.find(escape, close + (closed ? 1 : 0));
    }
    if (kept > 0) {
        AddNote(PlaceOf(first_kept), "escape sequences C, M or Z kept as written (" +
                                         std::to_string(kept) + ", the first here)");
    }
    if (unknown > 0) {
        AddNote(PlaceOf(first_unknown),
                "escape characters without a known sequence kept as written (" +
                    std::to_string(unknown) + ", the first here)");
    }
}

}  // namespace carestream::hl7
