#include "hl7/mllp.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace carestream::hl7 {

namespace {
constexpr char kStartBlock = 0x0B;
constexpr char kEndBlock = 0x1C;
constexpr std::size_t kHeadBytes = 64 << 10;

tl::unexpected<Error> TooLong() {
    return Fail(Code::kLimit, "the MLLP frame is longer than frame_bytes_max");
}
bool IsBlank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum class Begins : std::uint8_t { kNo, kMaybe, kYes };

// Does a message begin with these bytes, as far as they go?
Begins BeginsMessage(std::string_view bytes) {
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    constexpr std::size_t kLeadMax = 16;
    std::size_t lead = 0;
    while (lead < bytes.size()) {
        const bool mark = bytes.substr(lead).starts_with(kMark);
        if (!mark && !IsBlank(bytes[lead])) break;
        lead += mark ? kMark.size() : 1;
    }
    if (lead > kLeadMax) return Begins::kNo;
    const std::string_view rest = bytes.substr(lead);
    for (const std::string_view begin :
         {std::string_view("MSH"), std::string_view("FHS"), std::string_view("BHS"), kMark}) {
        if (rest.starts_with(begin)) return Begins::kYes;
        if (begin.starts_with(rest)) return Begins::kMaybe;
    }
    return Begins::kNo;
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

// False if the frame is too long; then its head is kept.
bool MllpDecoder::Append(std::string_view bytes) {
    if (bytes.size() <= limits_.frame_bytes_max - open_.size()) {
        open_.append(bytes);
        return true;
    }
    const std::size_t head = std::min(kHeadBytes, limits_.frame_bytes_max);
    if (open_.size() < head) open_.append(bytes.substr(0, head - open_.size()));
    open_.resize(std::min(open_.size(), head));
    open_.shrink_to_fit();
    state_ = State::kOversized;
    return false;
}

void MllpDecoder::EndFrame() {
    ready_.push_back(std::move(open_));
    open_.clear();
    state_ = State::kAfterFrame;
}

void MllpDecoder::DropFrame() {
    if (!open_.empty()) ++aborted_frames_;
    junk_bytes_ += open_.size() + 1;  // and its start byte
    open_.clear();
}

// Takes what follows a start byte inside the frame, until it is clear what that byte is. False if
// the frame is too long.
bool MllpDecoder::TakeHeld(std::string_view& bytes) {
    const char next = bytes.front();
    if (next != kStartBlock && next != kEndBlock) {
        held_.push_back(next);
        bytes.remove_prefix(1);
        const Begins begins = BeginsMessage(std::string_view(held_).substr(1));
        if (begins == Begins::kMaybe) return true;
        if (begins == Begins::kYes) {
            DropFrame();
            held_.erase(0, 1);
        }
    }
    return Append(std::exchange(held_, {}));
}

// False if the frame is too long. Start bytes are looked for first: a search for the end that went
// beyond them would make a frame of start bytes quadratic.
bool MllpDecoder::TakeFrame(std::string_view& bytes) {
    if (!held_.empty()) return TakeHeld(bytes);
    const std::size_t start = std::min(bytes.find(kStartBlock), bytes.size());
    const std::size_t end = std::min(bytes.substr(0, start).find(kEndBlock), start);
    if (!Append(bytes.substr(0, end))) return false;
    bytes.remove_prefix(end);
    if (bytes.empty()) return true;
    if (bytes.front() == kEndBlock) {
        EndFrame();
    } else {
        held_.push_back(kStartBlock);
    }
    bytes.remove_prefix(1);
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
