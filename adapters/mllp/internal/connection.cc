#include "adapters/mllp/internal/connection.h"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>

namespace carestream::adapters::mllp {

namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 16u << 10;
constexpr std::size_t kReadBytesLarge = 256u << 10;  // while a long frame is open
constexpr auto kLingerTime = milliseconds(2000);

SteadyTime In(int ms) {
    return std::chrono::steady_clock::now() + milliseconds(ms);
}

// What the sink holds for one frame.
class Ticket final : public channel::Exchange {
public:
    Ticket(std::weak_ptr<Connection> connection, std::uint64_t number)
        : connection_(std::move(connection)), number_(number) {}
    ~Ticket() override {
        if (!answered_.exchange(true)) Post({}, false, {});
    }
    bool Open() const override {
        const auto connection = connection_.lock();
        return connection != nullptr && connection->open();
    }
    void Answer(std::string ack) override {
        if (!answered_.exchange(true)) Post(std::move(ack), false, {});
    }
    void Follow(std::string ack) override {
        if (const auto connection = connection_.lock()) connection->PostFollow(std::move(ack));
    }
    void Close(std::string_view why) override {
        answered_ = true;
        Post({}, true, why);
    }

private:
    void Post(std::string ack, bool close, std::string_view why) {
        if (const auto connection = connection_.lock()) {
            connection->PostAnswer(number_, std::move(ack), close, why);
        }
    }
    const std::weak_ptr<Connection> connection_;
    const std::uint64_t number_;
    std::atomic<bool> answered_ = false;
};

}  // namespace

Connection::Connection(std::shared_ptr<ListenerCore> core, Lane& lane,
                       std::unique_ptr<Transport> transport, std::string peer)
    : core_(std::move(core)),
      lane_(lane),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      decoder_({core_->options.frame_bytes_max}),
      read_buffer_(kReadBytes, '\0'),
      last_active_(std::chrono::steady_clock::now()) {}

Connection::~Connection() = default;

void Connection::Start() {
    if (core_->options.tls != nullptr)
        handshake_deadline_ = In(core_->options.handshake_timeout_ms);
    transport_->Handshake([self = shared_from_this()](ErrorCode error) {
        if (self->closed_) return;
        self->handshake_deadline_.reset();
        if (error) {
            self->core_->meters.Refused("tls");
            self->Close("tls", "TLS handshake failed: " + error.message());
            return;
        }
        self->handshaken_ = true;
        self->Read();
    });
}

void Connection::Read() {
    if (reading_ || closed_ || peer_finished_ || !handshaken_) return;
    if (!lingering_ && (finishing_ || Saturated())) return;
    const bool large = decoder_.open_bytes() >= kReadBytes;
    const std::size_t size = large ? kReadBytesLarge : kReadBytes;
    if (read_buffer_.size() != size) {
        read_buffer_.resize(size);
        read_buffer_.shrink_to_fit();
    }
    reading_ = true;
    transport_->Read(asio::buffer(read_buffer_),
                     [self = shared_from_this()](ErrorCode error, std::size_t count) {
                         self->OnRead(error, count);
                     });
}

void Connection::OnRead(ErrorCode error, std::size_t count) {
    reading_ = false;
    if (closed_) return;
    last_active_ = std::chrono::steady_clock::now();
    if (error) return OnEnd(error);
    if (lingering_ || finishing_) {
        if (lingering_) Read();
        return;  // what a peer sends after that is not answered: it was not accepted
    }
    const Result<void> fed = decoder_.Feed({read_buffer_.data(), count});
    bool complete = false;
    while (auto payload = decoder_.Next()) {
        complete = true;
        Deliver(std::move(*payload));
    }
    CountJunk();
    CountAborted();
    if (complete) frame_deadline_.reset();
    if (decoder_.frame_open() && !frame_deadline_) {
        frame_deadline_ = In(core_->options.frame_timeout_ms);
    }
    Account();
    if (!fed) return DeliverOversized();
    Read();
}

void Connection::OnEnd(ErrorCode error) {
    peer_finished_ = true;
    const bool clean = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    if (lingering_ || !clean) {
        clean || lingering_ ? Close() : Close("error", error.message());
        return;
    }
    if (decoder_.frame_open()) {
        core_->meters.Closed("truncated");
        if (const int held_back = core_->brake_closed.Pass(); held_back >= 0) {
            core_->parts.log.Warn("mllp.truncated",
                                  "a peer closed inside a frame; it was not accepted",
                                  {{"channel", core_->parts.channel},
                                   {"peer", peer_},
                                   {"held_back", std::to_string(held_back)}});
        }
    }
    // A peer may close its sending side and still wait for its ACKs.
    finishing_ = true;
    frame_deadline_.reset();
    CloseIfDone();
}

std::shared_ptr<channel::Exchange> Connection::OpenSlot(std::size_t bytes) {
    slots_.push_back({bytes, false, false, {}});
    in_flight_bytes_ += bytes;
    return std::make_shared<Ticket>(weak_from_this(), first_slot_ + slots_.size() - 1);
}

void Connection::Deliver(std::string payload) {
    if (payload.empty()) {
        core_->meters.junk_bytes.Add(3);  // an empty frame: nothing to accept or to refuse
        return;
    }
    auto exchange = OpenSlot(payload.size());
    core_->sink->Receive(std::move(payload), std::move(exchange));
}

void Connection::DeliverOversized() {
    finishing_ = true;
    frame_deadline_.reset();
    auto exchange = OpenSlot(0);
    slots_.back().close = true;
    core_->sink->Oversized(decoder_.oversized_head(), exchange);
}

void Connection::CountJunk() {
    const std::size_t junk = decoder_.junk_bytes();
    if (junk == junk_bytes_) return;
    core_->meters.junk_bytes.Add(static_cast<double>(junk - junk_bytes_));
    junk_bytes_ = junk;
    if (const int held_back = core_->brake_junk.Pass(); held_back >= 0) {
        core_->parts.log.Warn("mllp.junk", "bytes that belong to no complete frame were skipped",
                              {{"channel", core_->parts.channel},
                               {"peer", peer_},
                               {"bytes", std::to_string(junk)},
                               {"held_back", std::to_string(held_back)}});
    }
}

void Connection::CountAborted() {
    const std::size_t aborted = decoder_.aborted_frames();
    if (aborted == aborted_frames_) return;
    core_->meters.aborted_frames.Add(static_cast<double>(aborted - aborted_frames_));
    aborted_frames_ = aborted;
    frame_deadline_.reset();  // it was the dropped frame's
    if (const int held_back = core_->brake_aborted.Pass(); held_back >= 0) {
        core_->parts.log.Warn("mllp.aborted",
                              "a frame was cut short by the beginning of the next one; it was not "
                              "accepted, its sender has to send it again",
                              {{"channel", core_->parts.channel},
                               {"peer", peer_},
                               {"frames", std::to_string(aborted)},
                               {"held_back", std::to_string(held_back)}});
    }
}

// Keeps the listener's sum of buffered bytes current.
void Connection::Account() {
    const std::size_t now = closed_ ? 0 : in_flight_bytes_ + decoder_.open_bytes();
    core_->buffered_bytes += now - accounted_bytes_;  // modulo 2^64, so it also falls
    accounted_bytes_ = now;
}

bool Connection::Saturated() const {
    const ListenerOptions& options = core_->options;
    return slots_.size() >= options.in_flight_max ||
           in_flight_bytes_ >= options.in_flight_bytes_max ||
           outgoing_.size() + writing_.size() >= options.ack_buffer_bytes_max ||
           core_->buffered_bytes >= options.buffered_bytes_max;
}

void Connection::PostAnswer(std::uint64_t number, std::string ack, bool close,
                            std::string_view why) {
    if (close && core_->parts.log.Enabled(telemetry::Level::kInfo)) {
        if (const int held_back = core_->brake_closed.Pass(); held_back >= 0) {
            core_->parts.log.Info("mllp.close", why,
                                  {{"channel", core_->parts.channel},
                                   {"peer", peer_},
                                   {"held_back", std::to_string(held_back)}});
        }
    }
    asio::post(lane_.io,
               [self = shared_from_this(), number, close, ack = std::move(ack)]() mutable {
                   self->Answered(number, std::move(ack), close);
               });
}

void Connection::PostFollow(std::string ack) {
    asio::post(lane_.io, [self = shared_from_this(), ack = std::move(ack)] {
        if (self->closed_ || self->lingering_) return;
        self->outgoing_ += hl7::FrameMllp(ack);
        self->Write();
    });
}

void Connection::Answered(std::uint64_t number, std::string ack, bool close) {
    if (closed_ || number < first_slot_ || number - first_slot_ >= slots_.size()) return;
    Slot& slot = slots_[number - first_slot_];
    if (!slot.ready) slot.ack = std::move(ack);
    slot.ready = true;
    slot.close = slot.close || close;
    if (number == first_slot_) Flush();
}

void Connection::Flush() {
    bool close = false;
    while (!slots_.empty() && slots_.front().ready && !close) {
        Slot& slot = slots_.front();
        if (!slot.ack.empty()) outgoing_ += hl7::FrameMllp(slot.ack);
        in_flight_bytes_ -= slot.bytes;
        close = slot.close;
        slots_.pop_front();
        ++first_slot_;
    }
    if (close) {
        // Later frames of this peer are not accepted any more: it sends them again.
        open_ = false;
        finishing_ = true;
        first_slot_ += slots_.size();
        slots_.clear();
        in_flight_bytes_ = 0;
        core_->meters.Closed("channel");
    }
    Account();
    Write();
    if (close && outgoing_.empty() && writing_.empty()) return Linger();
    CloseIfDone();
    Read();
}

void Connection::Write() {
    if (closed_ || !writing_.empty() || outgoing_.empty()) return;
    writing_.swap(outgoing_);
    write_deadline_ = In(core_->options.write_timeout_ms);
    transport_->Write(
        asio::buffer(writing_),
        [self = shared_from_this()](ErrorCode error, std::size_t) { self->OnWritten(error); });
}

void Connection::OnWritten(ErrorCode error) {
    writing_.clear();
    write_deadline_.reset();
    if (closed_) return;
    if (error) return Close("error", error.message());
    last_active_ = std::chrono::steady_clock::now();
    Write();
    if (!open_ && writing_.empty() && !lingering_) return Linger();
    CloseIfDone();
    Read();
}

// Closing at once while the peer still sends would let the kernel throw away our last answer.
void Connection::Linger() {
    if (closed_) return;
    if (peer_finished_) return Close();
    lingering_ = true;
    linger_deadline_ = std::chrono::steady_clock::now() + kLingerTime;
    transport_->ShutdownSend();
    Read();
}

void Connection::CloseIfDone() {
    if (closed_ || lingering_ || !finishing_ || !open_) return;
    if (slots_.empty() && outgoing_.empty() && writing_.empty()) Close();
}

void Connection::Finish() {
    finishing_ = true;
    frame_deadline_.reset();
    if (!handshaken_) return Close();
    CloseIfDone();
}

void Connection::Tick(SteadyTime now) {
    const auto passed = [now](const std::optional<SteadyTime>& deadline) {
        return deadline && now >= *deadline;
    };
    if (passed(handshake_deadline_)) return Close("tls", "no TLS handshake in time");
    if (passed(frame_deadline_)) return Close("frame_timeout", "a frame was not finished in time");
    if (passed(write_deadline_)) return Close("write_timeout", "the peer does not read its ACKs");
    if (passed(linger_deadline_)) return Close();
    const int idle_ms = core_->options.idle_timeout_ms;
    const bool idle = handshaken_ && slots_.empty() && writing_.empty() && !decoder_.frame_open();
    if (idle_ms > 0 && idle && now - last_active_ >= milliseconds(idle_ms)) {
        return Close("idle", "idle for longer than idle_timeout");
    }
    Read();
}

void Connection::Close(std::string_view word, std::string_view reason) {
    if (closed_) return;
    closed_ = true;
    open_ = false;
    transport_->Close();
    slots_.clear();
    Account();
    if (!word.empty()) {
        core_->meters.Closed(std::string(word));
        if (const int held_back = core_->brake_closed.Pass(); held_back >= 0) {
            core_->parts.log.Warn("mllp.closed", reason,
                                  {{"channel", core_->parts.channel},
                                   {"peer", peer_},
                                   {"held_back", std::to_string(held_back)}});
        }
    }
    core_->meters.connections.Add(-1);
    --core_->connections;
    lane_.connections.erase(shared_from_this());
}

}  // namespace carestream::adapters::mllp
