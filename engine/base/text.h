#pragma once
// Small text helpers that several modules need. ASCII rules only; Unicode folding is ICU's work.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carestream {

[[nodiscard]] std::vector<std::string_view> Split(std::string_view text, char separator);
[[nodiscard]] std::string_view Trim(std::string_view text);
[[nodiscard]] std::string ToLowerAscii(std::string_view text);
[[nodiscard]] bool IsDigits(std::string_view text);  // false for the empty text

// The candidate nearest to `word` (edit distance <= max(1, length / 3), case ignored), or "".
[[nodiscard]] std::string_view NearestName(std::string_view word,
                                           std::span<const std::string_view> candidates);

// ", did you mean 'listen'?" or "" when nothing is near.
[[nodiscard]] std::string DidYouMean(std::string_view word,
                                     std::span<const std::string_view> candidates);

[[nodiscard]] constexpr bool IsDigit(char c) {
    return c >= '0' && c <= '9';
}

// The value of a hexadecimal digit of either case, or -1.
[[nodiscard]] constexpr int HexValue(char c) {
    if (IsDigit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

[[nodiscard]] std::string ToHex(std::string_view bytes);
[[nodiscard]] bool FromHex(std::string_view hex, std::string& bytes);

inline constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
[[nodiscard]] std::string ToBase64(std::string_view bytes, std::string_view alphabet = kBase64);
// Appends to `bytes`. The padding may be missing. False at a character that is not of the alphabet.
[[nodiscard]] bool FromBase64(std::string_view text, std::string& bytes,
                              std::string_view alphabet = kBase64);

// True if `bytes` is well-formed UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] bool IsUtf8(std::string_view bytes);

// Appends a code point up to 0x10FFFF. Inline: decoders call it for each character.
inline void AppendUtf8(std::uint32_t point, std::string& out) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (point < 0x80) {
        put(point);
        return;
    }
    if (point < 0x800) {
        put(0xC0 | point >> 6);
    } else {
        if (point < 0x10000) {
            put(0xE0 | point >> 12);
        } else {
            put(0xF0 | point >> 18);
            put(0x80 | (point >> 12 & 0x3F));
        }
        put(0x80 | (point >> 6 & 0x3F));
    }
    put(0x80 | (point & 0x3F));
}

// 32-bit and 64-bit FNV-1a: for tables and ids that must not change between builds; never for
// secrets.
[[nodiscard]] constexpr std::uint32_t Fnv32(std::string_view text) {
    std::uint32_t hash = 2166136261u;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return hash;
}
[[nodiscard]] constexpr std::uint64_t Fnv64(std::string_view text) {
    std::uint64_t hash = 14695981039346656037ull;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return hash;
}

}  // namespace carestream
