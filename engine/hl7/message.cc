#include "hl7/message.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>

#include "base/assert.h"
#include "base/text.h"
#include "hl7/internal/charset.h"
#include "hl7/internal/escape.h"
#include "hl7/internal/message_index.h"
#include "hl7/internal/msh.h"

namespace carestream::hl7 {

using internal::CountPieces;
using internal::Head;
using internal::IdKey;
using internal::IdTable;
using internal::Segment;

namespace internal {

std::uint32_t IdTable::Find(std::uint32_t key) const {
    if (!map_.empty()) {
        const auto found = map_.find(key);
        return found == map_.end() ? kNone : found->second;
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].key == key) return static_cast<std::uint32_t>(i);
    }
    return kNone;
}

std::uint32_t IdTable::FindOrAdd(std::uint32_t key) {
    const std::uint32_t found = Find(key);
    if (found != kNone) return found;
    const auto added = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({key});
    if (entries_.size() > kLinearMax) {
        for (std::size_t i = map_.empty() ? 0 : added; i < entries_.size(); ++i) {
            map_.emplace(entries_[i].key, static_cast<std::uint32_t>(i));
        }
    }
    return added;
}

}  // namespace internal

std::string_view Message::Index::SearchableMasked(std::string_view raw) const {
    const std::less_equal<const char*> not_after;
    const char* const first = bytes.data();
    const char* const last = first + bytes.size();
    // Text that is not a part of this message has no mask.
    if (!not_after(first, raw.data()) || !not_after(raw.data() + raw.size(), last)) return raw;
    return std::string_view(masked).substr(static_cast<std::size_t>(raw.data() - first),
                                           raw.size());
}

std::string_view Message::Index::Piece(std::string_view raw, char delimiter, int n) const {
    if (masked.empty()) return internal::NthPiece(raw, delimiter, n);
    const std::string_view text = SearchableMasked(raw);
    const std::string_view piece = internal::NthPiece(text, delimiter, n);
    if (piece.data() == nullptr) return {};
    return raw.substr(static_cast<std::size_t>(piece.data() - text.data()), piece.size());
}

Message::Message(std::unique_ptr<Index> index) : index_(std::move(index)) {}
Message::Message(Message&&) noexcept = default;
Message& Message::operator=(Message&&) noexcept = default;
Message::~Message() = default;

std::string_view Message::bytes() const {
    return index_->bytes;
}
const Delimiters& Message::delimiters() const {
    return index_->delimiters;
}
const std::vector<Note>& Message::notes() const {
    return index_->notes;
}
std::string_view Message::charset() const {
    return index_->charset.name;
}
std::size_t Message::segment_count() const {
    return index_->segments.size();
}

std::string_view Message::SegmentId(std::size_t segment) const {
    if (segment >= index_->segments.size()) return {};
    const Segment& entry = index_->segments[segment];
    if (entry.head == Head::kUnknown) return kUnknownSegment;
    return std::string_view(index_->bytes).substr(entry.begin, 3);
}

std::string_view Message::SegmentBytes(std::size_t segment) const {
    if (segment >= index_->segments.size()) return {};
    const Segment& entry = index_->segments[segment];
    return std::string_view(index_->bytes).substr(entry.begin, entry.end - entry.begin);
}

int Message::Occurrence(std::size_t segment) const {
    if (segment >= index_->segments.size()) return 0;
    return static_cast<int>(index_->segments[segment].occurrence);
}

int Message::OccurrenceCount(std::string_view id) const {
    const std::uint32_t found = index_->ids.Find(IdKey(id));
    return found == IdTable::kNone ? 0 : static_cast<int>(index_->ids.entry(found).count);
}

std::size_t Message::FindSegment(std::string_view id, int occurrence) const {
    const std::uint32_t found = index_->ids.Find(IdKey(id));
    if (found == IdTable::kNone || occurrence < 1) return segment_count();
    const IdTable::Entry& entry = index_->ids.entry(found);
    if (static_cast<std::uint32_t>(occurrence) > entry.count) return segment_count();
    return index_->segments[entry.first_sorted + static_cast<std::uint32_t>(occurrence) - 1].sorted;
}

bool Message::DeclaresDelimiters(std::size_t segment) const {
    return segment < index_->segments.size() && index_->segments[segment].head == Head::kIdDeclares;
}

int Message::FieldCount(std::size_t segment) const {
    if (segment >= index_->segments.size()) return 0;
    const Segment& entry = index_->segments[segment];
    return static_cast<int>(entry.fields) + (entry.head != Head::kId && entry.fields != 0 ? 1 : 0);
}

std::string_view Message::Field(std::size_t segment, int field) const {
    if (segment >= index_->segments.size() || field < 1) return {};
    const Segment& entry = index_->segments[segment];
    const std::string_view bytes = index_->bytes;
    auto at = static_cast<std::uint32_t>(field) - 1;
    const std::uint32_t* const cuts = index_->scan.fields.data() + entry.first_field;
    if (entry.head != Head::kId) {
        if (at == 0) {
            if (entry.fields == 0) return bytes.substr(0, 0);
            if (entry.head == Head::kIdDeclares) return bytes.substr(cuts[0], 1);
            return bytes.substr(entry.begin, cuts[0] - entry.begin);
        }
        --at;
    }
    if (at >= entry.fields) return {};
    const std::uint32_t begin = cuts[at] + 1;
    const std::uint32_t end = at + 1 < entry.fields ? cuts[at + 1] : entry.end;
    return bytes.substr(begin, end - begin);
}

int Message::RepetitionCount(std::size_t segment, int field) const {
    const std::string_view raw = Field(segment, field);
    if (raw.empty()) return 0;
    if (field <= 2 && DeclaresDelimiters(segment)) return 1;
    return CountPieces(index_->Searchable(raw), index_->delimiters.repetition);
}

std::string_view Message::Repetition(std::size_t segment, int field, int repetition) const {
    const std::string_view raw = Field(segment, field);
    if (raw.empty()) return {};
    if (field <= 2 && DeclaresDelimiters(segment)) {
        return repetition == 1 ? raw : std::string_view{};
    }
    return index_->Piece(raw, index_->delimiters.repetition, repetition);
}

int Message::ComponentCount(std::string_view repetition) const {
    return CountPieces(index_->Searchable(repetition), index_->delimiters.component);
}

std::string_view Message::Component(std::string_view repetition, int component) const {
    return index_->Piece(repetition, index_->delimiters.component, component);
}

int Message::SubcomponentCount(std::string_view component) const {
    return CountPieces(index_->Searchable(component), index_->delimiters.subcomponent);
}

std::string_view Message::Subcomponent(std::string_view component, int subcomponent) const {
    return index_->Piece(component, index_->delimiters.subcomponent, subcomponent);
}

namespace {

// Escapes resolved, still in the message's character set.
std::string Unescape(std::string_view raw, std::string_view search, const Delimiters& delimiters) {
    std::string out;
    out.reserve(raw.size());
    std::size_t at = 0;
    while (at < raw.size()) {
        const std::size_t open = search.find(delimiters.escape, at);
        const std::size_t close =
            open == search.npos ? search.npos : search.find(delimiters.escape, open + 1);
        if (close == search.npos) break;
        out.append(raw.substr(at, open - at));
        switch (internal::ResolveEscape(raw.substr(open + 1, close - open - 1), delimiters, out)) {
            case internal::EscapeKind::kResolved:
                at = close + 1;
                break;
            case internal::EscapeKind::kKeptRaw:
                out.append(raw.substr(open, close + 1 - open));
                at = close + 1;
                break;
            case internal::EscapeKind::kUnknown:
                // The second escape character may open a sequence of its own.
                out.append(raw.substr(open, close - open));
                at = close;
                break;
        }
    }
    out.append(raw.substr(std::min(at, raw.size())));
    return out;
}

}  // namespace

std::string Message::Decode(std::string_view raw, bool* clean) const {
    if (clean != nullptr) *clean = true;
    const Index& index = *index_;
    const char escape = index.delimiters.escape;
    const std::string_view search = index.Searchable(raw);
    const bool has_escape = escape != 0 && search.find(escape) != search.npos;
    const bool plain = index.charset.trail != internal::Trail::kIso2022;
    if (!has_escape && plain && internal::IsAscii(raw)) return std::string(raw);
    std::string bytes = has_escape ? Unescape(raw, search, index.delimiters) : std::string(raw);
    if (plain && internal::IsAscii(bytes)) return bytes;
    std::string text;
    text.reserve(bytes.size() + bytes.size() / 2);
    if (internal::ToUtf8(index.charset, bytes, text)) return text;
    if (clean != nullptr) *clean = false;
    return bytes;
}

namespace {

// Calls `use(n, piece)` for each piece of `text` that is not empty; linear in the text.
template <typename Use>
void ForEachPiece(std::string_view text, char delimiter, Use use) {
    int n = 1;
    std::size_t at = 0;
    while (at <= text.size()) {
        const std::size_t cut =
            delimiter == 0 ? text.size() : std::min(text.find(delimiter, at), text.size());
        if (cut != at) use(n, text.substr(at, cut - at));
        at = cut + 1;
        ++n;
    }
}

// Calls `use(leaf, piece)` for each leaf of a field. `field` is searchable text: its delimiters are
// real ones.
template <typename Use>
void ForEachLeaf(std::string_view field, const Delimiters& delimiters, Leaf leaf, Use use) {
    ForEachPiece(field, delimiters.repetition, [&](int r, std::string_view repetition) {
        leaf.repetition = r;
        ForEachPiece(repetition, delimiters.component, [&](int c, std::string_view component) {
            leaf.component = c;
            leaf.subcomponent = 0;
            const bool several = delimiters.subcomponent != 0 &&
                                 component.find(delimiters.subcomponent) != component.npos;
            if (!several) return use(leaf, component);
            ForEachPiece(component, delimiters.subcomponent, [&](int s, std::string_view piece) {
                leaf.subcomponent = s;
                use(leaf, piece);
            });
        });
    });
}

// Writes `before` and the number at `out`; gives what is behind them.
char* WriteNumber(char before, int number, char* out) {
    *out++ = before;
    return std::to_chars(out, out + std::numeric_limits<int>::digits10 + 2, number).ptr;
}

char* WriteIndex(int index, char* out) {
    out = WriteNumber('[', index, out);
    *out++ = ']';
    return out;
}

// Writes the paths of leaves; what those of one field have in common is made once.
class PathWriter {
public:
    explicit PathWriter(const Message& message) : message_(message) {}
    PathWriter(const PathWriter&) = delete;
    PathWriter& operator=(const PathWriter&) = delete;

    std::string Write(const Leaf& leaf) {
        if (leaf.segment != segment_ || leaf.field != field_) Begin(leaf);
        char* end = behind_field_;
        if (several_ || leaf.repetition > 1) end = WriteIndex(leaf.repetition, end);
        end = WriteNumber('.', leaf.component, end);
        if (leaf.subcomponent > 0) end = WriteNumber('.', leaf.subcomponent, end);
        return {text_, end};
    }

private:
    void Begin(const Leaf& leaf) {
        segment_ = leaf.segment;
        field_ = leaf.field;
        const std::string_view id = message_.SegmentId(segment_);
        char* end = std::copy(id.begin(), id.end(), text_);
        if (message_.OccurrenceCount(id) > 1) end = WriteIndex(message_.Occurrence(segment_), end);
        behind_field_ = WriteNumber('-', field_, end);
        // Counting comes last: it reads the whole field, which is long where there are many.
        several_ = leaf.repetition > 1 || !message_.Repetition(segment_, field_, 2).empty() ||
                   message_.RepetitionCount(segment_, field_) > 1;
    }

    const Message& message_;
    std::size_t segment_ = 0;
    int field_ = 0;
    char text_[80];  // an id and five numbers
    char* behind_field_ = text_;
    bool several_ = false;
};

}  // namespace

std::vector<std::string_view> Message::Repetitions(std::size_t segment, int field) const {
    std::vector<std::string_view> pieces;
    const std::string_view raw = Field(segment, field);
    if (raw.empty()) return pieces;
    if (field <= 2 && DeclaresDelimiters(segment)) return {raw};
    const std::string_view text = index_->Searchable(raw);
    const char delimiter = index_->delimiters.repetition;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t cut =
            delimiter == 0 ? text.size() : std::min(text.find(delimiter, at), text.size());
        pieces.push_back(raw.substr(at, cut - at));
        at = cut + 1;
    }
    return pieces;
}

std::string_view Message::Searchable(std::string_view raw) const {
    return index_->Searchable(raw);
}

std::vector<Leaf> Leaves(const Message& message, std::vector<std::uint32_t>* offsets) {
    std::vector<Leaf> leaves;
    leaves.reserve(message.segment_count() * 16);
    if (offsets != nullptr) offsets->reserve(message.segment_count() * 16);
    const char* const start = message.Searchable(message.bytes()).data();
    const auto add = [&](const Leaf& leaf, std::string_view piece) {
        leaves.push_back(leaf);
        if (offsets != nullptr) {
            offsets->push_back(static_cast<std::uint32_t>(piece.data() - start));
        }
    };
    for (std::size_t segment = 0; segment < message.segment_count(); ++segment) {
        const int fields = message.FieldCount(segment);
        for (int field = message.DeclaresDelimiters(segment) ? 3 : 1; field <= fields; ++field) {
            const std::string_view raw = message.Field(segment, field);
            if (raw.empty()) continue;
            ForEachLeaf(message.Searchable(raw), message.delimiters(), {segment, field, 1, 1, 0},
                        add);
        }
    }
    return leaves;
}

std::string PathOf(const Message& message, const Leaf& leaf) {
    return PathWriter(message).Write(leaf);
}

std::vector<std::string> PathsOf(const Message& message, const std::vector<Leaf>& leaves) {
    PathWriter writer(message);
    std::vector<std::string> paths;
    paths.reserve(leaves.size());
    for (const Leaf& leaf : leaves) paths.push_back(writer.Write(leaf));
    return paths;
}

}  // namespace carestream::hl7
