#pragma once
// gzip of bodies. Source: RFC 1952, through zlib.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace carestream::net {

// Keeps its 256 KiB of working memory between calls. One thread.
class Gzip {
public:
    Gzip();
    ~Gzip();
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;

    // One gzip member of the pieces joined.
    [[nodiscard]] std::string Compress(const std::vector<std::string>& pieces);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Errors: kInvalid (no gzip, damaged, cut off, bytes behind it), kLimit (more than `bytes_max`).
[[nodiscard]] Result<std::string> Gunzip(std::string_view compressed, std::size_t bytes_max);

}  // namespace carestream::net
