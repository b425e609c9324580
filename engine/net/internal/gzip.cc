#include "net/internal/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "base/assert.h"

namespace carestream::net {
namespace {

constexpr int kGzipWindow = 15 + 16;  // 32 KiB window, gzip framing
constexpr int kFastest = 1;           // most of the gain on JSON at a fraction of level 6's time

Bytef* Input(std::string_view text) {
    return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write to it
}

}  // namespace

struct Gzip::State {
    z_stream stream{};
};

Gzip::Gzip() : state_(std::make_unique<State>()) {
    const int made =
        deflateInit2(&state_->stream, kFastest, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY);
    CARESTREAM_ASSERT(made == Z_OK);
}

Gzip::~Gzip() {
    deflateEnd(&state_->stream);
}

std::string Gzip::Compress(const std::vector<std::string>& pieces) {
    auto& stream = state_->stream;
    deflateReset(&stream);
    std::size_t total = 0;
    for (const auto& piece : pieces) total += piece.size();
    std::string out(deflateBound(&stream, static_cast<uLong>(total)), '\0');
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    for (const auto& piece : pieces) {
        stream.next_in = Input(piece);
        stream.avail_in = static_cast<uInt>(piece.size());
        const int result = deflate(&stream, Z_NO_FLUSH);
        CARESTREAM_ASSERT((result == Z_OK || result == Z_BUF_ERROR) && stream.avail_in == 0);
    }
    stream.next_in = nullptr;
    stream.avail_in = 0;
    CARESTREAM_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(out.size() - stream.avail_out);
    return out;
}

Result<std::string> Gunzip(std::string_view compressed, std::size_t bytes_max) {
    z_stream stream{};
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) return Fail(Code::kInternal, "zlib failed");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
    stream.next_in = Input(compressed);
    stream.avail_in = static_cast<uInt>(compressed.size());
    std::string out;
    int result = Z_OK;
    while (result != Z_STREAM_END) {
        const std::size_t used = out.size();
        if (used > bytes_max) return Fail(Code::kLimit, "the body is too large when decompressed");
        out.resize(used + std::min<std::size_t>(std::max<std::size_t>(used, 16u << 10), 1u << 20));
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
        stream.avail_out = static_cast<uInt>(out.size() - used);
        result = inflate(&stream, Z_NO_FLUSH);
        out.resize(out.size() - stream.avail_out);
        const bool stalled = result == Z_BUF_ERROR ||
                             (result == Z_OK && stream.avail_in == 0 && stream.avail_out != 0);
        if (stalled || (result != Z_OK && result != Z_STREAM_END)) {
            return Fail(Code::kInvalid, "the body is not valid gzip");
        }
    }
    if (out.size() > bytes_max)
        return Fail(Code::kLimit, "the body is too large when decompressed");
    if (stream.avail_in != 0) return Fail(Code::kInvalid, "bytes follow the gzip body");
    return out;
}

}  // namespace carestream::net
