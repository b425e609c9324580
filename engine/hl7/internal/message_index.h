#pragma once
// What Message keeps beside the bytes. One segment = a run of field delimiters in `scan.fields`, so
// that a field is found by index arithmetic.
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "hl7/internal/charset.h"
#include "hl7/internal/scan.h"
#include "hl7/message.h"

namespace carestream::hl7 {

namespace internal {

// "PID" as a number: compared in one step.
[[nodiscard]] constexpr std::uint32_t IdKey(std::string_view id) {
    return id.size() != 3 ? 0
                          : static_cast<std::uint32_t>(static_cast<unsigned char>(id[0]) << 16 |
                                                       static_cast<unsigned char>(id[1]) << 8 |
                                                       static_cast<unsigned char>(id[2]));
}

// What stands before a segment's first field delimiter, and with that the number of the field
// behind it.
enum class Head : std::uint8_t {
    kId,          // PID|1: the id, field 1 follows
    kIdDeclares,  // MSH|^~\&|: the id, field 1 is the delimiter itself (MSH, FHS, BHS)
    kUnknown,     // no id: what stands there is field 1
};

struct Segment {
    std::uint32_t begin;        // offset of the id, or of the line that has none
    std::uint32_t end;          // behind the last field
    std::uint32_t first_field;  // index in scan.fields of the first delimiter
    std::uint32_t fields;       // number of delimiters
    std::uint32_t id;           // index in IdTable
    std::uint32_t occurrence;   // from 1
    std::uint32_t sorted;       // segment at this place of the order (id, occurrence)
    Head head;
};

// The ids of one message. Few differ, so they are searched one by one; a hostile message with many
// gets a hash map.
class IdTable {
public:
    struct Entry {
        std::uint32_t key;
        std::uint32_t count = 0;
        std::uint32_t first_sorted = 0;
    };
    static constexpr std::uint32_t kNone = 0xFFFFFFFF;

    IdTable() { entries_.reserve(16); }
    [[nodiscard]] std::uint32_t Find(std::uint32_t key) const;
    [[nodiscard]] std::uint32_t FindOrAdd(std::uint32_t key);
    [[nodiscard]] Entry& entry(std::uint32_t i) { return entries_[i]; }
    [[nodiscard]] const Entry& entry(std::uint32_t i) const { return entries_[i]; }
    [[nodiscard]] std::vector<Entry>& entries() { return entries_; }

private:
    static constexpr std::size_t kLinearMax = 48;
    std::vector<Entry> entries_;
    std::unordered_map<std::uint32_t, std::uint32_t> map_;  // only above kLinearMax
};

}  // namespace internal

struct Message::Index {
    std::string bytes;
    // Non-empty only if the character set hides delimiters in multi-byte characters: the same bytes
    // with those replaced, searched instead of `bytes`.
    std::string masked;
    Delimiters delimiters;
    internal::Charset charset;
    internal::Scan scan;
    std::vector<internal::Segment> segments;
    internal::IdTable ids;
    std::vector<Note> notes;

    // The text in which to look for delimiters of `raw`, a part of `bytes`.
    [[nodiscard]] std::string_view Searchable(std::string_view raw) const {
        if (masked.empty()) return raw;
        return SearchableMasked(raw);
    }
    [[nodiscard]] std::string_view SearchableMasked(std::string_view raw) const;
    [[nodiscard]] std::string_view Piece(std::string_view raw, char delimiter, int n) const;
};

}  // namespace carestream::hl7
