#include "adapters/mllp/internal/link.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <chrono>

namespace carestream::adapters::mllp {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using channel::Sending;

constexpr std::size_t kReadBytes = 16u << 10;
constexpr int kUnansweredMax = 2;

Error Unavailable(const std::string& why) {
    return Error{Code::kUnavailable, why, {}, {}, 0, true};
}

}  // namespace

Link::Link(asio::io_context& io, DestinationOptions options, channel::AnswerSink& sink,
           telemetry::Counter& junk_bytes)
    : io_(io),
      options_(std::move(options)),
      sink_(sink),
      junk_bytes_(junk_bytes),
      resolver_(io),
      socket_(io),
      timer_(io),
      decoder_({options_.answer_bytes_max}),
      read_buffer_(kReadBytes, '\0') {}

void Link::Open(Opened done) {
    if (stopped_) return done(Fail(Unavailable("the destination stops")));
    if (open_) return done({});
    opened_ = std::move(done);
    ++id_;
    Arm(options_.connect_timeout_ms, &Link::OnConnectTimeout);
    resolver_.async_resolve(
        options_.connect_to.host, std::to_string(options_.connect_to.port),
        [self = shared_from_this(), id = id_](ErrorCode error,
                                              const tcp::resolver::results_type& endpoints) {
            if (id != self->id_) return;
            if (error) return self->Broken("the host's name is not found: " + error.message());
            self->Connect(endpoints);
        });
}

void Link::Connect(const tcp::resolver::results_type& endpoints) {
    socket_ = tcp::socket(io_);
    asio::async_connect(
        socket_, endpoints,
        [self = shared_from_this(), id = id_](ErrorCode error, const tcp::endpoint&) {
            if (id != self->id_) return;
            if (error) return self->Broken("cannot connect: " + error.message());
            self->Connected();
        });
}

void Link::Connected() {
    TuneSocket(socket_, options_.user_timeout_ms);
    transport_ = MakeTransport(std::move(socket_), options_.tls, false, options_.server_name);
    transport_->Handshake([self = shared_from_this(), id = id_](ErrorCode error) {
        if (id == self->id_) self->Shaken(error);
    });
}

void Link::Shaken(ErrorCode error) {
    if (error) return Broken("TLS handshake failed: " + error.message());
    ++armed_;
    timer_.cancel();
    decoder_ = hl7::MllpDecoder({options_.answer_bytes_max});
    junk_seen_ = 0;
    unanswered_ = 0;
    heard_ = false;
    open_ = true;
    Read();
    std::exchange(opened_, nullptr)({});
}

void Link::OnConnectTimeout() {
    Broken("no connection within connect_timeout");
}

void Link::Send(std::string message, Sent done) {
    if (!open_) return done({Sending::End::kUnsent, Unavailable("the link was closed")});
    sent_ = std::move(done);
    frame_ = hl7::FrameMllp(message);
    writing_ = true;
    heard_something_ = false;
    Arm(options_.ack_timeout_ms, &Link::OnAckTimeout);
    transport_->Write(
        asio::buffer(frame_), [self = shared_from_this(), id = id_](ErrorCode error, std::size_t) {
            if (id != self->id_) return;
            self->writing_ = false;
            // With TLS the peer may have refused us: its alert is there to read.
            if (error && self->options_.tls != nullptr) return;
            if (error) return self->Broken("the link broke while sending: " + error.message());
            self->Arm(self->options_.ack_timeout_ms, &Link::OnAckTimeout);
        });
}

void Link::Read() {
    transport_->Read(asio::buffer(read_buffer_),
                     [self = shared_from_this(), id = id_](ErrorCode error, std::size_t count) {
                         if (id == self->id_) self->OnRead(error, count);
                     });
}

void Link::OnRead(ErrorCode error, std::size_t count) {
    // In TLS 1.3 the peer checks our certificate after our side of the handshake is done. A peer
    // that refuses it has read nothing of what came behind it.
    if (error.category() == asio::error::get_ssl_category()) {
        return Broken("the peer ended TLS: " + error.message(), !heard_);
    }
    if (error) return Broken("the peer closed the link before it answered");
    heard_ = true;
    const bool fed = decoder_.Feed({read_buffer_.data(), count}).has_value();
    const std::uint64_t id = id_;
    TakeFrames();
    if (id != id_) return;
    CountJunk();
    if (!fed) return Broken("an answer is longer than answer_bytes_max");
    Read();
}

void Link::TakeFrames() {
    const std::uint64_t id = id_;
    while (id == id_) {
        auto answer = decoder_.Next();
        if (!answer) return;
        if (answer->empty()) continue;
        unanswered_ = 0;
        heard_something_ = true;
        const bool answered = sink_.Answer(std::move(*answer));
        if (answered && sent_ != nullptr) Finish({Sending::End::kAnswered, {}});
    }
}

void Link::CountJunk() {
    junk_bytes_.Add(static_cast<double>(decoder_.junk_bytes() - junk_seen_));
    junk_seen_ = decoder_.junk_bytes();
}

void Link::OnAckTimeout() {
    Error error = Unavailable("no answer within ack_timeout");
    if (!heard_something_) ++unanswered_;
    if (unanswered_ >= kUnansweredMax) Close();
    Finish({Sending::End::kInDoubt, std::move(error)});
}

void Link::Arm(int timeout_ms, void (Link::*then)()) {
    timer_.expires_after(std::chrono::milliseconds(timeout_ms));
    timer_.async_wait([self = shared_from_this(), armed = ++armed_, then](ErrorCode error) {
        if (!error && armed == self->armed_) ((*self).*then)();
    });
}

void Link::Finish(Sending sending) {
    ++armed_;
    timer_.cancel();
    // An answer that came before the end of its message says that the peer did not read all of it.
    if (!options_.keep || writing_) Close();
    if (const Sent done = std::exchange(sent_, nullptr)) done(std::move(sending));
}

void Link::Broken(const std::string& why, bool refused) {
    Close();
    ++armed_;
    timer_.cancel();
    if (const Opened done = std::exchange(opened_, nullptr)) done(Fail(Unavailable(why)));
    if (sent_ == nullptr) return;
    Finish({refused ? Sending::End::kUnsent : Sending::End::kInDoubt, Unavailable(why)});
}

void Link::Close() {
    ++id_;
    open_ = false;
    writing_ = false;
    ErrorCode ignored;
    resolver_.cancel();
    if (socket_.is_open()) socket_.close(ignored);
    if (transport_ == nullptr) return;
    transport_->Close();
    // Its aborted operations still refer to it.
    asio::post(io_, [dead = std::shared_ptr<Transport>(std::move(transport_)),
                     self = shared_from_this()] {});
}

void Link::Stop() {
    stopped_ = true;
    Broken("the destination stops");
}

}  // namespace carestream::adapters::mllp
