#include "net/internal/websocket_connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket/error.hpp>
#include <exception>
#include <typeinfo>

#include "base/assert.h"

namespace carestream::net {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;

constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kNotText = 1003;
constexpr std::uint16_t kPolicy = 1008;
constexpr std::uint16_t kInternal = 1011;
constexpr std::size_t kReasonBytesMax = 123;  // RFC 6455 5.5
// What an idle connection keeps for the next message.
constexpr std::size_t kKeptBytesMax = 4u << 10;

bool MayBeSent(std::uint16_t code) {
    return code == 1000 || code == 1001 || code == 1003 || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

std::string_view CutReason(std::string_view reason) {
    if (reason.size() <= kReasonBytesMax) return reason;
    std::size_t end = kReasonBytesMax;
    while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) --end;
    return reason.substr(0, end);
}

void RethrowBug(const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);  // ends the process
}

}  // namespace

WebSocketConnection::WebSocketConnection(std::shared_ptr<HttpCore> core, HttpLane& lane,
                                         std::unique_ptr<WebSocketTransport> transport,
                                         WebSocketHandler handler)
    : core_(std::move(core)),
      lane_(lane),
      transport_(std::move(transport)),
      handler_(std::move(handler)) {}

WebSocketConnection::~WebSocketConnection() = default;

void WebSocketConnection::Start(std::shared_ptr<const UpgradeRequest> request) {
    lane_.Add(this);
    lane_.load.fetch_add(1, std::memory_order_relaxed);
    ++coroutines_;
    asio::co_spawn(lane_.io, ReadAll(shared_from_this(), std::move(request)), RethrowBug);
}

void WebSocketConnection::CheckDeadline(SteadyTime now) {
    if (opened_ && transport_ && !transport_->open()) NoteClosing(now);
    if (now < write_deadline_ && now < close_deadline_) return;
    if (now >= write_deadline_) core_->Refused("websocket_slow");
    write_deadline_ = SteadyTime::max();
    Drop();
}

// Beast itself would wait for the rest of a peer's close until the next ping.
void WebSocketConnection::NoteClosing(SteadyTime now) {
    if (close_deadline_ != SteadyTime::max()) return;
    close_deadline_ = now + std::chrono::milliseconds(kWebSocketCloseMs);
    const std::lock_guard lock(mutex_);
    state_ = State::kClosed;  // what the peer would not read is not written
    outbox_.clear();
}

void WebSocketConnection::GoAway() {
    if (opened_) {
        Close(kGoingAway, "the server stops");
    } else {
        Drop();
    }
}

void WebSocketConnection::Drop() {
    if (transport_) transport_->Drop();
}

void WebSocketConnection::Send(std::string text) {
    bool wake = false;
    bool slow = false;
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::kOpen) return;
        slow = waiting_bytes_ > 0 &&
               waiting_bytes_ + text.size() > core_->options.websocket.send_bytes_max;
        if (slow) {
            outbox_.clear();
            BeginClose(kPolicy, "too slow: more waits than is kept for a connection");
        } else {
            waiting_bytes_ += text.size();
            outbox_.push_back(std::move(text));
            wake = !std::exchange(writing_, true);
        }
    }
    if (slow) core_->Refused("websocket_slow");
    if (wake || slow) WakeWriter(slow);
}

void WebSocketConnection::Close(std::uint16_t code, std::string_view reason) {
    CARESTREAM_ASSERT(MayBeSent(code));
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::kOpen) return;
        BeginClose(code, reason);
    }
    WakeWriter(true);
}

bool WebSocketConnection::Open() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::kOpen;
}

void WebSocketConnection::BeginClose(std::uint16_t code, std::string_view reason) {
    const std::string_view cut = CutReason(reason);
    state_ = State::kClosing;
    reason_ = std::make_unique<CloseReason>(static_cast<websocket::close_code>(code),
                                            boost::beast::string_view(cut.data(), cut.size()));
}

void WebSocketConnection::WakeWriter(bool closing) {
    asio::post(lane_.io, [self = shared_from_this(), closing] { self->StartWriter(closing); });
}

void WebSocketConnection::StartWriter(bool closing) {
    if (!transport_) return;  // it ended meanwhile
    if (closing) close_deadline_ = lane_.now() + std::chrono::milliseconds(kWebSocketCloseMs);
    if (std::exchange(writer_runs_, true)) return;
    ++coroutines_;
    asio::co_spawn(lane_.io, WriteAll(shared_from_this()), RethrowBug);
}

asio::awaitable<void> WebSocketConnection::ReadAll(std::shared_ptr<WebSocketConnection> self,
                                                   std::shared_ptr<const UpgradeRequest> request) {
    ErrorCode error;
    co_await self->transport_->Accept(*request, error);
    request.reset();
    if (!error) {
        self->Opened();
        boost::beast::flat_buffer buffer;
        while (!error) {
            co_await self->transport_->Read(buffer, error);
            if (!error) self->Received(buffer);
        }
    }
    self->Ended(error);
    self->Leave();
}

asio::awaitable<void> WebSocketConnection::WriteAll(std::shared_ptr<WebSocketConnection> self) {
    std::string text;
    ErrorCode error;
    Step step = self->NextStep(text);
    while (step == Step::kWrite && !error) {
        self->write_deadline_ =
            self->lane_.now() + std::chrono::milliseconds(self->core_->options.write_timeout_ms);
        co_await self->transport_->Write(asio::buffer(text), error);
        self->write_deadline_ = SteadyTime::max();
        self->Written(text.size());
        if (error) {
            self->Drop();  // ends the reader, which ends the rest
        } else {
            step = self->NextStep(text);
        }
    }
    if (step == Step::kClose) co_await self->transport_->Close(*self->reason_, error);
    self->Leave();
}

WebSocketConnection::Step WebSocketConnection::NextStep(std::string& text) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kClosed && !outbox_.empty()) {
        text = std::move(outbox_.front());
        outbox_.pop_front();
        return Step::kWrite;
    }
    if (state_ == State::kClosing) return Step::kClose;
    writing_ = writer_runs_ = false;
    return Step::kRest;
}

void WebSocketConnection::Written(std::size_t bytes) {
    core_->websocket_metrics->sent.Add();
    const std::lock_guard lock(mutex_);
    waiting_bytes_ -= bytes;
}

void WebSocketConnection::Opened() {
    {
        const std::lock_guard lock(mutex_);
        state_ = State::kOpen;
    }
    opened_ = true;
    if (handler_.opened) Call([this] { handler_.opened(shared_from_this()); });
}

void WebSocketConnection::Received(boost::beast::flat_buffer& buffer) {
    core_->websocket_metrics->received.Add();
    if (!transport_->got_text()) {
        Close(kNotText, "only text messages are understood");
    } else if (handler_.message && Open()) {
        Call([&] { handler_.message(boost::beast::buffers_to_string(buffer.data())); });
    }
    buffer.clear();
    if (buffer.capacity() > kKeptBytesMax) buffer.shrink_to_fit();
}

void WebSocketConnection::Ended(const ErrorCode& error) {
    if (error == websocket::error::message_too_big) core_->Refused("websocket_message");
    Drop();
    const std::lock_guard lock(mutex_);
    state_ = State::kClosed;
    outbox_.clear();
}

void WebSocketConnection::Leave() {
    if (--coroutines_ == 0) Finish();
}

// The reader leaves first or the writer does; it is over when both have.
void WebSocketConnection::Finish() {
    transport_.reset();
    if (opened_ && handler_.closed) Call(handler_.closed);
    handler_ = {};  // often holds this connection
    lane_.Remove(this);
    lane_.load.fetch_sub(1, std::memory_order_relaxed);
    core_->LeaveWebSocket();
}

void WebSocketConnection::Call(const std::function<void()>& callback) {
    try {
        callback();
    } catch (const std::exception& thrown) {
        // Its text may hold what the peer sent: only the type is named.
        core_->log.Error("websocket.handler_failed", "a handler threw; the connection is closed",
                         {{"listener", core_->options.name}, {"type", typeid(thrown).name()}});
        Close(kInternal, "the message could not be handled");
    }
}

}  // namespace carestream::net
