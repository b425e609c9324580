// Any stream: what comes out does not depend on how it was cut, frames that we write are read, and
// a message that follows a frame which was never ended comes out alone. The first byte gives the
// frame limit, the second the cut.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "hl7/mllp.h"

namespace {

using carestream::hl7::FrameMllp;
using carestream::hl7::MllpDecoder;

struct Outcome {
    std::vector<std::string> payloads;
    std::size_t junk = 0;
    std::size_t aborted = 0;
    bool open = false;
    bool too_long = false;
    std::string head;
    bool operator==(const Outcome&) const = default;
};

Outcome Run(std::string_view stream, std::size_t limit, std::size_t step) {
    MllpDecoder decoder({.frame_bytes_max = limit});
    Outcome outcome;
    while (!stream.empty() && !outcome.too_long) {
        const std::size_t size = std::min(step, stream.size());
        outcome.too_long = !decoder.Feed(stream.substr(0, size));
        stream.remove_prefix(size);
        while (auto payload = decoder.Next()) {
            CARESTREAM_ASSERT(payload->size() <= limit);
            outcome.payloads.push_back(std::move(*payload));
        }
    }
    outcome.junk = decoder.junk_bytes();
    outcome.aborted = decoder.aborted_frames();
    outcome.open = decoder.frame_open();
    outcome.head = decoder.oversized_head();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t limit = 1 + data[0];
    const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
    const Outcome whole = Run(stream, limit, stream.size() + 1);
    CARESTREAM_ASSERT(whole == Run(stream, limit, 1));
    CARESTREAM_ASSERT(whole == Run(stream, limit, 1 + data[1] % 32));
    if (stream.find('\x1c') != stream.npos || stream.find('\x0b') != stream.npos) return 0;
    const std::size_t step = 1 + data[1] % 32;
    const std::string frame = FrameMllp(stream);
    const Outcome framed = Run(frame, stream.size() + 1, step);
    CARESTREAM_ASSERT(framed.payloads == std::vector<std::string>{std::string(stream)});
    const std::string message = "MSH" + std::string(stream);
    const std::string resent = frame.substr(0, 1 + stream.size()) + FrameMllp(message);
    const Outcome restarted = Run(resent, message.size(), step);
    CARESTREAM_ASSERT(restarted.payloads == std::vector<std::string>{message});
    CARESTREAM_ASSERT(restarted.aborted == (stream.empty() ? 0u : 1u));
    CARESTREAM_ASSERT(restarted.junk == stream.size() + 1);
    return 0;
}
