#pragma once
// One peer: reads frames, hands them to the sink, writes the answers in the order of the frames.
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/mllp/internal/listener_core.h"
#include "adapters/mllp/internal/transport.h"
#include "hl7/mllp.h"

namespace carestream::adapters::mllp {

// Confined to its lane's thread, but for `open` and `Post...`. Kept alive by its lane until it
// closes.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<ListenerCore> core, Lane& lane, std::unique_ptr<Transport> transport,
               std::string peer);
    ~Connection();

    void Start();
    // The lane calls it ten times a second: deadlines, and reading again after a shortage of
    // memory.
    void Tick(SteadyTime now);
    // Reads no more; closes once everything is answered.
    void Finish();
    // `word` counts in the metric, `reason` goes to the log; without them it is nothing special.
    void Close(std::string_view word = {}, std::string_view reason = {});

    // From any thread.
    [[nodiscard]] bool open() const { return open_.load(std::memory_order_relaxed); }
    void PostAnswer(std::uint64_t number, std::string ack, bool close, std::string_view why);
    void PostFollow(std::string ack);

private:
    struct Slot {
        std::size_t bytes = 0;
        bool ready = false;
        bool close = false;
        std::string ack;
    };

    void Read();
    void OnRead(ErrorCode error, std::size_t count);
    void OnEnd(ErrorCode error);
    void Deliver(std::string payload);
    void DeliverOversized();
    [[nodiscard]] std::shared_ptr<channel::Exchange> OpenSlot(std::size_t bytes);
    void CountJunk();
    void CountAborted();
    void Account();
    [[nodiscard]] bool Saturated() const;
    void Answered(std::uint64_t number, std::string ack, bool close);
    void Flush();
    void Write();
    void OnWritten(ErrorCode error);
    void Linger();
    void CloseIfDone();

    const std::shared_ptr<ListenerCore> core_;
    Lane& lane_;
    const std::unique_ptr<Transport> transport_;
    const std::string peer_;
    std::atomic<bool> open_ = true;

    hl7::MllpDecoder decoder_;
    std::string read_buffer_;
    SteadyTime last_active_;
    std::size_t junk_bytes_ = 0;
    std::size_t aborted_frames_ = 0;

    std::deque<Slot> slots_;
    std::uint64_t first_slot_ = 0;  // number of slots_.front()
    std::size_t in_flight_bytes_ = 0;
    std::size_t accounted_bytes_ = 0;

    std::string outgoing_;  // framed, not yet handed to the transport
    std::string writing_;

    bool handshaken_ = false;
    bool reading_ = false;
    bool peer_finished_ = false;  // it sends nothing more
    bool finishing_ = false;      // we read nothing more
    bool lingering_ = false;
    bool closed_ = false;
    std::optional<SteadyTime> handshake_deadline_;
    std::optional<SteadyTime> frame_deadline_;
    std::optional<SteadyTime> write_deadline_;
    std::optional<SteadyTime> linger_deadline_;
};

}  // namespace carestream::adapters::mllp
