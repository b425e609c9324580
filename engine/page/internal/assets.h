#pragma once
// The files of assets/, embedded at build time.
#include <span>
#include <string_view>

namespace carestream::page {

struct Asset {
    std::string_view name;  // "main.mjs"
    std::string_view hash;  // of its text, 32 hex digits
    std::string_view text;  // UTF-8
};

[[nodiscard]] std::span<const Asset> Assets();

}  // namespace carestream::page
