// Any header that can be answered: the ACK is a message, is the same each time, repeats the
// control id and carries our texts.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "hl7/ack.h"
#include "hl7/header.h"
#include "hl7/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carestream;
    using namespace carestream::hl7;
    if (size < 2) return 0;
    const auto code = static_cast<AckCode>(data[0] % 6);
    const std::size_t text_size = data[1] % size;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::string_view text = all.substr(size - text_size);
    const auto header = ScanHeader(all.substr(2));
    if (!header) return 0;
    std::vector<AckError> errors;
    if (text_size % 3 != 0) {
        errors.push_back({std::string(text.substr(0, 12)), 101, 'E', std::string(text)});
    }
    const std::string ack = BuildAck(*header, code, "1234", 1764014828123456, errors);
    CARESTREAM_ASSERT(ack == BuildAck(*header, code, "1234", 1764014828123456, errors));
    const auto message = Message::Parse(ack);
    CARESTREAM_ASSERT(message.has_value());
    CARESTREAM_ASSERT(message->segment_count() == 2 + errors.size());
    CARESTREAM_ASSERT(message->SegmentId(1) == "MSA");
    CARESTREAM_ASSERT(message->Field(1, 1) == ToString(code));
    (void)WantsAcceptAck(*header, true);
    const auto again = ScanHeader(ack);
    CARESTREAM_ASSERT(again.has_value());
    CARESTREAM_ASSERT(again->message_code == "ACK");
    return 0;
}
