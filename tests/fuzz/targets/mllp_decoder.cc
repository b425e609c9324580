// Any stream: what comes out does not depend on how it was cut, and frames that we write are read.
// The first byte gives the frame limit, the second the cut.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "hl7/mllp.h"

namespace {

struct Outcome {
    std::vector<std::string> payloads;
    std::size_t junk = 0;
    bool open = false;
    bool too_long = false;
    std::string head;
    bool operator==(const Outcome&) const = default;
};

Outcome Run(std::string_view stream, std::size_t limit, std::size_t step) {
    carestream::hl7::MllpDecoder decoder({.frame_bytes_max = limit});
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
    if (stream.find('\x1c') == stream.npos) {
        const Outcome framed =
            Run(carestream::hl7::FrameMllp(stream), stream.size() + 1, 1 + data[1] % 32);
        CARESTREAM_ASSERT(framed.payloads == std::vector<std::string>{std::string(stream)});
    }
    return 0;
}
