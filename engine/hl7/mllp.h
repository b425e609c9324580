#pragma once
// MLLP framing. Source: HL7 v2 Transport Specification, MLLP Release 1: <0x0B> payload
// <0x1C><0x0D>. Pure code: no sockets, no clock, no log, so tests and fuzzers drive it directly.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::hl7 {

struct MllpLimits {
    std::size_t frame_bytes_max = 64u << 20;  // payload, framing not counted; >= 1
};

// Owned by one connection and confined to its strand. Lenient where feeds are: bytes between frames
// are skipped and counted (CR, LF or CRLF right after a frame is not junk), the CR after 0x1C may
// be missing. 0x1C always ends a frame.
//
// A 0x0B inside an open frame begins a new one if a message can begin behind it: `MSH`, `FHS` or
// `BHS`, with no more before it than what feeds put there (blanks, line ends, a byte order mark;
// together at most 16 bytes). A sender that died inside a frame and sends again on the same link
// looks like that; taken as payload, the second message would become fields of the first. The open
// frame is dropped: it was never answered, so its sender has to send it again. Any other 0x0B is
// payload, which the parser copes with. What comes out does not depend on how the stream was cut.
class MllpDecoder {
public:
    explicit MllpDecoder(MllpLimits limits);

    // `bytes` is copied. Linear in total however the stream is cut. Error kLimit: the open frame is
    // too long; `oversized_head()` then gives its first bytes (at most 64 KiB) so that the caller
    // can answer AR, every later Feed fails alike, and the connection must be closed. Frames that
    // were complete before it remain to be taken.
    [[nodiscard]] Result<void> Feed(std::string_view bytes);
    // The oldest complete payload, framing removed; it may be empty.
    [[nodiscard]] std::optional<std::string> Next();

    [[nodiscard]] bool frame_open() const { return state_ == State::kFrame; }
    // Bytes of the frame that is open now.
    [[nodiscard]] std::size_t open_bytes() const { return open_.size(); }
    // Since the start: bytes outside of frames and of dropped frames.
    [[nodiscard]] std::size_t junk_bytes() const { return junk_bytes_; }
    // Since the start: frames with content that the beginning of the next one cut short.
    [[nodiscard]] std::size_t aborted_frames() const { return aborted_frames_; }
    [[nodiscard]] std::string_view oversized_head() const;

private:
    enum class State : std::uint8_t { kBetween, kAfterFrame, kAfterReturn, kFrame, kOversized };

    void SkipBetween(std::string_view& bytes);
    [[nodiscard]] bool TakeFrame(std::string_view& bytes);
    [[nodiscard]] bool TakeHeld(std::string_view& bytes);
    [[nodiscard]] bool Append(std::string_view bytes);
    void EndFrame();
    void DropFrame();

    MllpLimits limits_;
    State state_ = State::kBetween;
    std::string open_;
    // A 0x0B inside the open frame and what followed it, until it is clear what it is.
    std::string held_;
    std::deque<std::string> ready_;
    std::size_t junk_bytes_ = 0;
    std::size_t aborted_frames_ = 0;
};

// <0x0B> payload <0x1C><0x0D>
[[nodiscard]] std::string FrameMllp(std::string_view payload);

}  // namespace carestream::hl7
