#pragma once
// MLLP framing. Source: HL7 v2 Transport Specification, MLLP Release 1: <0x0B> payload <0x1C><0x0D>.
// Pure code: no sockets, no clock, no log, so tests and fuzzers drive it directly.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::hl7 {

struct MllpLimits {
    std::size_t frame_bytes_max = 64u << 20;  // payload, framing not counted; >= 1
};

// Owned by one connection and confined to its strand. Lenient where feeds are: bytes between frames
// are skipped and counted (a lone CR or LF after a frame is not junk), the CR after 0x1C may be
// missing. A 0x0B inside an open frame is payload.
class MllpDecoder {
public:
    explicit MllpDecoder(MllpLimits limits);

    // `bytes` is copied. Linear in total however the stream is cut. Error kLimit: the open frame is
    // too long; `oversized_head()` then gives its first bytes so that the caller can answer AR, and
    // the connection must be closed.
    [[nodiscard]] Result<void> Feed(std::string_view bytes);
    // The oldest complete payload, framing removed.
    [[nodiscard]] std::optional<std::string> Next();

    [[nodiscard]] bool frame_open() const;            // a start byte came, its end did not yet
    [[nodiscard]] std::size_t junk_bytes() const;     // skipped between frames since the start
    [[nodiscard]] std::string_view oversized_head() const;

private:
    MllpLimits limits_;
    std::string pending_;
    std::size_t scanned_ = 0;
    std::size_t junk_bytes_ = 0;
    bool oversized_ = false;
};

[[nodiscard]] std::string FrameMllp(std::string_view payload);

}  // namespace carestream::hl7
