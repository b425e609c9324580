#pragma once
// The link of a destination to its peer: connects, sends, reads. Confined to the thread of its
// context.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "adapters/mllp/destination.h"
#include "adapters/mllp/internal/transport.h"
#include "hl7/mllp.h"

namespace carestream::adapters::mllp {

class Link : public std::enable_shared_from_this<Link> {
public:
    using Opened = std::function<void(Result<void>)>;
    using Sent = std::function<void(channel::Sending)>;

    Link(boost::asio::io_context& io, DestinationOptions options, channel::AnswerSink& sink,
         telemetry::Counter& junk_bytes);

    void Open(Opened done);
    void Send(std::string message, Sent done);
    // Ends what is under way; the sink is not called any more.
    void Stop();
    [[nodiscard]] bool open() const { return open_; }  // from any thread

private:
    void Connect(const boost::asio::ip::tcp::resolver::results_type& endpoints);
    void Connected();
    void Shaken(ErrorCode error);
    void Read();
    void OnRead(ErrorCode error, std::size_t count);
    void TakeFrames();
    void CountJunk();
    void OnAckTimeout();
    // Calls `then` unless the time is cancelled or of an earlier step.
    void Arm(int timeout_ms, void (Link::*then)());
    void OnConnectTimeout();
    void Finish(channel::Sending sending);
    void Broken(const std::string& why, bool refused = false);
    void Close();

    boost::asio::io_context& io_;
    const DestinationOptions options_;
    channel::AnswerSink& sink_;
    telemetry::Counter& junk_bytes_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<Transport> transport_;
    hl7::MllpDecoder decoder_;
    std::string read_buffer_;
    std::string frame_;  // being written
    Opened opened_;
    Sent sent_;
    std::uint64_t id_ = 0;     // of the connection: what belongs to older ones is dropped
    std::uint64_t armed_ = 0;  // likewise of the timer
    std::size_t junk_seen_ = 0;
    int unanswered_ = 0;            // messages in a row behind which the peer was silent
    bool heard_something_ = false;  // since the message was sent
    bool heard_ = false;            // anything on this connection
    bool writing_ = false;
    bool stopped_ = false;
    std::atomic<bool> open_ = false;
};

}  // namespace carestream::adapters::mllp
