#include "hl7/mllp.h"

#include <algorithm>

#include "base/assert.h"

namespace carestream::hl7 {

namespace {
constexpr char kStartBlock = 0x0B;
constexpr char kEndBlock = 0x1C;
constexpr std::size_t kHeadBytes = 64 << 10;

tl::unexpected<Error> TooLong() {
    return Fail(Code::kLimit, "the MLLP frame is longer than frame_bytes_max");
}
}  // namespace

MllpDecoder::MllpDecoder(MllpLimits limits) : limits_(limits) {
    CARESTREAM_ASSERT(limits.frame_bytes_max >= 1);
}

void MllpDecoder::SkipBetween(std::string_view& bytes) {
    if (state_ == State::kAfterFrame && bytes.front() == '\r') {
        state_ = State::kAfterReturn;
        bytes.remove_prefix(1);
        return;
    }
    if (state_ != State::kBetween && bytes.front() == '\n') {
        state_ = State::kBetween;
        bytes.remove_prefix(1);
        return;
    }
    state_ = State::kBetween;
    const std::size_t start = std::min(bytes.find(kStartBlock), bytes.size());
    junk_bytes_ += start;
    if (start < bytes.size()) state_ = State::kFrame;
    bytes.remove_prefix(std::min(start + 1, bytes.size()));
}

// False if the frame is too long.
bool MllpDecoder::TakeFrame(std::string_view& bytes) {
    const std::size_t end = std::min(bytes.find(kEndBlock), bytes.size());
    if (end > limits_.frame_bytes_max - open_.size()) {
        const std::size_t head = std::min(kHeadBytes, limits_.frame_bytes_max);
        if (open_.size() < head) open_.append(bytes.substr(0, head - open_.size()));
        open_.resize(std::min(open_.size(), head));
        open_.shrink_to_fit();
        state_ = State::kOversized;
        return false;
    }
    open_.append(bytes.substr(0, end));
    if (end < bytes.size()) {
        ready_.push_back(std::move(open_));
        open_.clear();
        state_ = State::kAfterFrame;
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    return true;
}

Result<void> MllpDecoder::Feed(std::string_view bytes) {
    if (state_ == State::kOversized) return TooLong();
    while (!bytes.empty()) {
        if (state_ != State::kFrame) {
            SkipBetween(bytes);
        } else if (!TakeFrame(bytes)) {
            return TooLong();
        }
    }
    return {};
}

std::optional<std::string> MllpDecoder::Next() {
    if (ready_.empty()) return std::nullopt;
    std::optional<std::string> payload(std::move(ready_.front()));
    ready_.pop_front();
    return payload;
}

std::string_view MllpDecoder::oversized_head() const {
    return state_ == State::kOversized ? std::string_view(open_) : std::string_view();
}

std::string FrameMllp(std::string_view payload) {
    std::string frame;
    frame.reserve(payload.size() + 3);
    frame.push_back(kStartBlock);
    frame.append(payload);
    frame.push_back(kEndBlock);
    frame.push_back('\r');
    return frame;
}

}  // namespace carestream::hl7
