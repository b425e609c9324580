#pragma once
// Character sets of MSH-18 (table 0211) and their conversion, through ICU.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carestream::hl7::internal {

// How bytes above 0x7F, or bytes after an escape sequence, hide what looks like a delimiter.
enum class Trail : std::uint8_t {
    kNone,      // no byte of a multi-byte character is below 0x80
    kBig5,      // lead 0x81-0xFE, trail 0x40-0x7E or 0x80-0xFE (Big5, GBK, GB 18030)
    kShiftJis,  // lead 0x81-0x9F or 0xE0-0xFC, trail 0x40-0x7E or 0x80-0xFC
    kIso2022,   // escape sequences switch to two-byte sets of 0x21-0x7E
};

enum class Coding : std::uint8_t {
    kAscii,
    kUtf8,
    kLatin1,  // ISO 8859-1, its C1 range read as windows-1252
    kIcu,
};

struct Charset {
    std::string name;  // IANA name, which ICU knows
    Coding coding = Coding::kUtf8;
    Trail trail = Trail::kNone;
    bool eight_bit = false;  // one byte per character
};

// `name` from table 0211 or any alias that ICU knows; case, blanks, '-' and '_' do not matter.
// nullopt: unknown, or one whose bytes do not contain ASCII (UTF-16, UTF-32).
[[nodiscard]] std::optional<Charset> FindCharset(std::string_view name);

struct CharsetChoice {
    Charset charset;
    bool declared = false;          // MSH-18 decided
    bool unknown_declared = false;  // MSH-18 is valued and of no use
    bool unknown_fallback = false;  // the fallback's name is of no use: UTF-8 stands in
};

// The set in force. `declared` is MSH-18, whose further repetitions name sets that escape sequences
// of ISO 2022 switch to; `repetition` is its delimiter.
[[nodiscard]] CharsetChoice ChooseCharset(std::string_view declared, char repetition,
                                          std::string_view fallback);

// The same for a whole MSH segment. Its earlier fields may hold two-byte characters that look like
// field delimiters before the set is known: then MSH-18 is the field that becomes the 18th once the
// set that it names is applied.
[[nodiscard]] CharsetChoice ChooseCharsetOfMsh(std::string_view msh, char repetition,
                                               std::string_view fallback);

// Appends `bytes` as UTF-8. False, and `out` unchanged, if a byte does not belong to the set.
[[nodiscard]] bool ToUtf8(const Charset& charset, std::string_view bytes, std::string& out);

// Appends `utf8` in the set. False, and `out` unchanged, if a character has no code in it or `utf8`
// is malformed.
[[nodiscard]] bool FromUtf8(const Charset& charset, std::string_view utf8, std::string& out);

// `utf8` with what the set does not have replaced: by the base letters of its decomposition, else
// by
// '?'. Malformed bytes become '?' as well.
[[nodiscard]] std::string Reduce(const Charset& charset, std::string_view utf8);

// A copy in which each byte that is part of a multi-byte character and below 0x80 reads 0x80, so
// that a search for delimiters does not find it.
[[nodiscard]] std::string MaskTrails(Trail trail, std::string_view bytes);

[[nodiscard]] bool IsAscii(std::string_view bytes);

}  // namespace carestream::hl7::internal
