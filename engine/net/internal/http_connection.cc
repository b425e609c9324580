#include "net/internal/http_connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <exception>
#include <typeinfo>

#include "base/text.h"
#include "net/internal/http_head.h"
#include "net/internal/http_responder.h"
#include "net/internal/websocket_connection.h"
#include "net/url.h"

namespace carestream::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr int kLingerMs = 2'000;
constexpr std::size_t kLingerBytesMax = 1u << 20;
constexpr std::size_t kReadBytes = 4u << 10;
constexpr std::size_t kBodyReadBytes = 64u << 10;
// Up to here one copy is cheaper than a longer scatter list.
constexpr std::size_t kJoinBytesMax = 16u << 10;

}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<HttpCore> core, HttpLane& lane,
                               std::unique_ptr<HttpTransport> transport, HttpPeer peer)
    : core_(std::move(core)),
      lane_(lane),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      answer_signal_(lane.io) {}

HttpConnection::~HttpConnection() {
    if (cancelled_) *cancelled_ = true;
    lane_.Remove(this);
    lane_.load.fetch_sub(1, std::memory_order_relaxed);
    core_->connections_gauge.Set(core_->connections.fetch_sub(1) - 1);
}

void HttpConnection::Start() {
    lane_.Add(this);
    Enter(Phase::kHandshake, core_->options.header_timeout_ms);
    asio::co_spawn(lane_.io, Drive(shared_from_this()), [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);  // a bug: ends the process
    });
}

void HttpConnection::CheckDeadline(SteadyTime now) {
    if (phase_ == Phase::kHandler && !answered_ && transport_->PeerHasGone()) {
        core_->Refused("disconnected");
        Close();
        return;
    }
    if (now < deadline_) return;
    switch (phase_) {
        case Phase::kHeader:
        case Phase::kBody:
            timed_out_ = true;
            deadline_ = SteadyTime::max();
            transport_->Cancel();
            break;
        case Phase::kHandler: {
            deadline_ = SteadyTime::max();
            *cancelled_ = true;
            core_->Refused("deadline");
            Response late = core_->Error(503, "the request took too long and was cancelled");
            Deliver(number_, std::move(late));
            break;
        }
        default:
            Close();
    }
}

void HttpConnection::CloseIfIdle() {
    const bool unasked = phase_ == Phase::kIdle && buffer_.size() == 0;
    if (unasked || phase_ == Phase::kHandshake || phase_ == Phase::kLinger) Close();
}

void HttpConnection::Close() {
    if (phase_ == Phase::kClosed) return;
    phase_ = Phase::kClosed;
    if (cancelled_) *cancelled_ = true;
    transport_->Close();
    answer_signal_.cancel();
}

void HttpConnection::Deliver(std::uint64_t number, Response response) {
    if (number != number_ || answered_) return;
    answered_ = true;
    response_ = std::move(response);
    answer_signal_.cancel();
}

void HttpConnection::DeliverAccept(std::uint64_t number, WebSocketHandler handler) {
    if (number != number_ || answered_) return;
    accepted_ = std::make_unique<WebSocketHandler>(std::move(handler));
    Deliver(number, {});
}

void HttpConnection::Enter(Phase phase, int timeout_ms) {
    if (phase_ == Phase::kClosed) return;
    phase_ = phase;
    deadline_ = lane_.now() + std::chrono::milliseconds(timeout_ms);
}

asio::awaitable<void> HttpConnection::Drive(std::shared_ptr<HttpConnection> self) {
    ErrorCode error;
    co_await self->transport_->Handshake(error);
    if (error) {
        self->core_->Refused("handshake");
        self->core_->log.Debug("http.handshake", "TLS handshake failed",
                               {{"listener", self->core_->options.name}});
        self->Close();
        co_return;
    }
    bool more = true;
    while (more) more = co_await self->ServeOne();
    if (self->accepted_ && self->phase_ != Phase::kClosed) {
        self->BecomeWebSocket();
        co_return;
    }
    if (self->phase_ != Phase::kClosed) co_await self->Linger();
    self->Close();
}

asio::awaitable<bool> HttpConnection::ServeOne() {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(core_->options.header_bytes_max));
    parser.body_limit(core_->options.body_bytes_max);
    facts_ = {};
    Refusal refusal = co_await ReadHeader(parser);
    if (refusal.status == 0) {
        NoteHeader(parser);
        refusal = CheckHeader(parser);
    }
    if (refusal.status == 0 && !parser.is_done()) refusal = co_await ReadBody(parser);
    if (refusal.status == kGone || phase_ == Phase::kClosed) co_return false;

    const auto begin = std::chrono::steady_clock::now();
    Response response;
    if (refusal.status == 0) {
        co_await Answer(parser, response);
    } else {  // what follows on the wire cannot be trusted to be a request
        response = Refuse(refusal);
        response.close = true;
    }
    if (phase_ == Phase::kClosed) co_return false;
    if (accepted_) {
        refusal = EnterWebSocket();
        if (refusal.status == 0) {
            const std::chrono::duration<double> decided = std::chrono::steady_clock::now() - begin;
            lane_.Count(facts_.method, "websocket", 101, decided.count());
            co_return false;
        }
        response = Refuse(refusal);
    }
    const bool keep = facts_.keep_alive && !response.close && !core_->stopping;
    PrepareOutput(response, keep);
    const bool written = co_await WriteAll();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    lane_.Count(facts_.method, response.route, response.status, took.count());
    response_ = {};
    co_return written&& keep;
}

// Bytes to the parser, one step at a time: reading, pipelining and deadlines stay in one place.
asio::awaitable<HttpConnection::Refusal> HttpConnection::ReadHeader(Parser& parser) {
    Enter(Phase::kIdle, core_->options.idle_timeout_ms);
    parser.eager(false);
    while (!parser.is_header_done()) {
        ErrorCode error = http::error::need_more;
        if (buffer_.size() > 0) {
            if (phase_ == Phase::kIdle) Enter(Phase::kHeader, core_->options.header_timeout_ms);
            error = {};
            buffer_.consume(parser.put(buffer_.data(), error));
        }
        if (error == http::error::need_more) {
            if (buffer_.size() > core_->options.header_bytes_max) {
                co_return RefusalOf(http::error::header_limit);
            }
            const bool got = co_await ReadMore();
            if (!got && timed_out_) {
                co_return Refusal{408, "the request head did not come in time", "slow"};
            }
            if (!got) co_return Refusal{kGone, {}, {}};
        } else if (error) {
            co_return RefusalOf(error);
        }
    }
    co_return Refusal{};
}

asio::awaitable<HttpConnection::Refusal> HttpConnection::ReadBody(Parser& parser) {
    Enter(Phase::kBody, core_->options.body_timeout_ms);
    if (facts_.expects_continue && buffer_.size() == 0) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        out_.assign(1, asio::buffer(kContinue));
        const bool written = co_await WriteAll();
        if (!written) co_return Refusal{kGone, {}, {}};
        Enter(Phase::kBody, core_->options.body_timeout_ms);
    }
    parser.eager(true);
    while (!parser.is_done()) {
        ErrorCode error = http::error::need_more;
        if (buffer_.size() > 0) {
            error = {};
            buffer_.consume(parser.put(buffer_.data(), error));
        }
        if (error == http::error::need_more || (!error && !parser.is_done())) {
            const bool got = co_await ReadMore();
            if (!got && timed_out_) co_return Refusal{408, "the body did not come in time", "slow"};
            if (!got) co_return Refusal{kGone, {}, {}};
        } else if (error) {
            co_return RefusalOf(error);
        }
    }
    co_return Refusal{};
}

asio::awaitable<bool> HttpConnection::ReadMore() {
    const auto space = buffer_.prepare(phase_ == Phase::kBody ? kBodyReadBytes : kReadBytes);
    ErrorCode error;
    const std::size_t count = co_await transport_->Read(space, error);
    buffer_.commit(count);
    co_return !error && phase_ != Phase::kClosed;
}

void HttpConnection::NoteHeader(const Parser& parser) {
    const auto& message = parser.get();
    facts_.method = std::string(message.method_string());
    facts_.keep_alive = message.keep_alive();
    facts_.http_1_0 = message.version() == 10;
    facts_.accepts_gzip = core_->options.gzip && AcceptsGzip(message[http::field::accept_encoding]);
    facts_.expects_continue =
        !facts_.http_1_0 && EqualsIgnoringCase(message[http::field::expect], "100-continue");
}

HttpConnection::Refusal HttpConnection::CheckHeader(const Parser& parser) const {
    const auto& message = parser.get();
    if (message.target().size() > core_->options.url_bytes_max) {
        return {414, "the URL is too long; POST _search takes parameters in the body", "url"};
    }
    const auto hosts = message.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && !facts_.http_1_0)) {
        return {400, "a request has one Host header", "invalid"};
    }
    if (message.count(http::field::expect) > 0 && !facts_.expects_continue) {
        return {417, "only Expect: 100-continue is known", "invalid"};
    }
    return {};
}

HttpConnection::Refusal HttpConnection::RefusalOf(const ErrorCode& error) {
    if (error == http::error::header_limit) {
        return {431, "the request head is too large", "header"};
    }
    if (error == http::error::body_limit) return {413, "the body is too large", "body"};
    return {400, "this is not a valid HTTP/1.1 request", "invalid"};
}

Response HttpConnection::Refuse(const Refusal& refusal) const {
    core_->Refused(refusal.reason);
    Response response = core_->Error(refusal.status, refusal.text);
    if (refusal.status == 503) response.headers.emplace_back("Retry-After", "1");
    if (refusal.status == 426) response.headers.emplace_back("Sec-WebSocket-Version", "13");
    return response;
}

asio::awaitable<void> HttpConnection::Answer(Parser& parser, Response& response) {
    Request request;
    Refusal refusal = BuildRequest(parser, request);
    if (refusal.status == 0 && core_->requests >= core_->options.requests_max) {
        refusal = {503, "too many requests are being handled", "requests"};
    }
    if (refusal.status == 0 && upgrade_) refusal = CheckUpgrade();
    if (refusal.status != 0) {
        response = Refuse(refusal);
        co_return;
    }
    Ask(std::move(request));
    while (!answered_ && phase_ != Phase::kClosed) {
        ErrorCode woken;
        answer_signal_.expires_at(SteadyTime::max());
        co_await answer_signal_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    response = std::move(response_);
}

HttpConnection::Refusal HttpConnection::BuildRequest(Parser& parser, Request& request) {
    auto message = std::make_shared<http::request<http::string_body>>(parser.release());
    const std::string_view encoding = (*message)[http::field::content_encoding];
    if (EqualsIgnoringCase(encoding, "gzip")) {
        auto body = Gunzip(message->body(), core_->options.body_bytes_max);
        if (!body && body.error().code == Code::kLimit) {
            return {413, "the body is too large when decompressed", "body"};
        }
        if (!body) return {400, "the body is not valid gzip", "invalid"};
        request.body = std::move(*body);
    } else if (encoding.empty() || EqualsIgnoringCase(encoding, "identity")) {
        request.body = std::move(message->body());
    } else {
        return {415, "the only Content-Encoding known is gzip", "invalid"};
    }
    const auto target = SplitTarget(message->target());
    if (!target) return {400, "the request target is not valid", "invalid"};
    request.method = message->method_string();
    request.path = target->path;
    request.query = target->query;
    for (const auto& field : *message) {
        request.headers.emplace_back(field.name_string(), field.value());
    }
    request.client = peer_.name;
    request.tls = transport_->encrypted();
    request.local_socket = peer_.local_socket;
    request.peer_user = peer_.user;
    upgrade_.reset();
    if (core_->options.websocket.upgrade && beast::websocket::is_upgrade(*message)) {
        upgrade_ = message;
    }
    request.storage = std::move(message);
    return {};
}

// Source: RFC 6455 4.2.1.
HttpConnection::Refusal HttpConnection::CheckUpgrade() const {
    constexpr std::size_t kKeyBytes = 16;
    if (peer_.local_socket) return {400, "a Unix socket carries no WebSockets", "websocket"};
    if ((*upgrade_)[http::field::sec_websocket_version] != "13") {
        return {426, "the WebSocket version is 13", "websocket"};
    }
    std::string key;
    const bool decoded = FromBase64((*upgrade_)[http::field::sec_websocket_key], key);
    if (!decoded || key.size() != kKeyBytes) {
        return {400, "Sec-WebSocket-Key is the base64 of 16 bytes", "websocket"};
    }
    if (buffer_.size() > 0) return {400, "frames came before the upgrade's answer", "websocket"};
    return {};
}

HttpConnection::Refusal HttpConnection::EnterWebSocket() {
    if (!core_->stopping && core_->EnterWebSocket()) return {};
    accepted_.reset();
    return {503, core_->stopping ? "the server stops" : "too many WebSockets are open",
            "websockets"};
}

// The stream and its place in the world go over; this connection ends without closing it.
void HttpConnection::BecomeWebSocket() {
    phase_ = Phase::kClosed;
    const auto socket = std::make_shared<WebSocketConnection>(
        core_, lane_, transport_->IntoWebSocket(core_->options.websocket), std::move(*accepted_));
    socket->Start(std::move(upgrade_));
}

void HttpConnection::Ask(Request request) {
    Enter(Phase::kHandler, core_->options.handler_timeout_ms);
    ++number_;
    answered_ = false;
    cancelled_ = std::make_shared<std::atomic<bool>>(false);
    const auto responder =
        std::make_shared<ConnectionResponder>(core_, lane_, weak_from_this(), number_, cancelled_);
    try {
        if (upgrade_) {
            core_->options.websocket.upgrade(std::move(request), responder);
        } else {
            core_->handler(std::move(request), responder);
        }
    } catch (const std::exception& thrown) {
        // Its text may hold what the client sent: only the type is named.
        core_->log.Error("http.handler_failed", "a handler threw; the request was answered 500",
                         {{"listener", core_->options.name}, {"type", typeid(thrown).name()}});
        responder->Send(core_->Error(500, "the request could not be handled"));
    }
}

void HttpConnection::PrepareOutput(Response& response, bool keep) {
    const bool compressible = core_->options.gzip && Compressible(response);
    std::size_t total = 0;
    for (const auto& piece : response.body) total += piece.size();
    const bool with_body = HasBody(response.status) && facts_.method != "HEAD";
    const bool compress =
        compressible && with_body && facts_.accepts_gzip && total >= core_->options.gzip_bytes_min;
    if (compress) {
        std::string packed = lane_.gzip().Compress(response.body);
        total = packed.size();
        response.body.assign(1, std::move(packed));
    }
    head_.clear();
    AppendHead(response,
               {.date = lane_.date(),
                .content_bytes = total,
                .keep_alive = keep,
                .http_1_0 = facts_.http_1_0,
                .gzip = compress,
                .vary = compressible},
               head_);
    out_.clear();
    const bool join = transport_->encrypted() || total <= kJoinBytesMax;
    if (with_body && join) {
        for (const auto& piece : response.body) head_ += piece;
    }
    out_.push_back(asio::buffer(head_));
    if (with_body && !join) {
        for (const auto& piece : response.body) {
            if (!piece.empty()) out_.push_back(asio::buffer(piece));
        }
    }
}

// Writes `out_`. The deadline moves with the progress: a slow reader is fine, a dead one is not.
asio::awaitable<bool> HttpConnection::WriteAll() {
    std::size_t first = 0;
    while (first < out_.size()) {
        Enter(Phase::kWrite, core_->options.write_timeout_ms);
        ErrorCode error;
        const BufferView view{out_.data() + first, out_.data() + out_.size()};
        std::size_t count = co_await transport_->Write(view, error);
        if (error || phase_ == Phase::kClosed) co_return false;
        while (first < out_.size() && count >= out_[first].size()) count -= out_[first++].size();
        if (first < out_.size()) out_[first] += count;
    }
    if (head_.capacity() > 2 * kJoinBytesMax) std::string().swap(head_);
    co_return true;
}

// Closing while the client still sends would reset the connection and could destroy the answer.
asio::awaitable<void> HttpConnection::Linger() {
    Enter(Phase::kLinger, kLingerMs);
    co_await transport_->FinishWriting();
    std::size_t total = 0;
    while (total < kLingerBytesMax && phase_ != Phase::kClosed) {
        buffer_.clear();
        const bool got = co_await ReadMore();
        if (!got) break;
        total += buffer_.size();
    }
}

}  // namespace carestream::net
