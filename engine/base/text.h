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

[[nodiscard]] std::string ToHex(std::string_view bytes);
[[nodiscard]] bool FromHex(std::string_view hex, std::string& bytes);

// True if `bytes` is well-formed UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] bool IsUtf8(std::string_view bytes);

// 32-bit and 64-bit FNV-1a: for tables and ids that must not change between builds; never for secrets.
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
