#include "net/internal/http_transport.h"

#include <poll.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carestream::net {
namespace {

namespace asio = boost::asio;
using asio::redirect_error;
using asio::use_awaitable;

bool HasHungUp(StreamSocket& socket) {
    pollfd watched{socket.native_handle(), POLLRDHUP, 0};
    return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

class PlainTransport final : public HttpTransport {
public:
    explicit PlainTransport(StreamSocket socket) : socket_(std::move(socket)) {}

    asio::awaitable<void> Handshake(ErrorCode& error) override {
        error = {};
        co_return;
    }
    asio::awaitable<std::size_t> Read(asio::mutable_buffer buffer, ErrorCode& error) override {
        return socket_.async_read_some(buffer, redirect_error(use_awaitable, error));
    }
    asio::awaitable<std::size_t> Write(BufferView buffers, ErrorCode& error) override {
        return socket_.async_write_some(buffers, redirect_error(use_awaitable, error));
    }
    asio::awaitable<void> FinishWriting() override {
        ErrorCode ignored;  // the peer may be gone already
        socket_.shutdown(asio::socket_base::shutdown_send, ignored);
        co_return;
    }
    void Cancel() override {
        ErrorCode ignored;  // nothing waits: nothing to cancel
        socket_.cancel(ignored);
    }
    void Close() override {
        ErrorCode ignored;  // closed is closed
        socket_.close(ignored);
    }
    bool encrypted() const override { return false; }
    bool PeerHasGone() override { return HasHungUp(socket_); }
    std::unique_ptr<WebSocketTransport> IntoWebSocket(const WebSocketOptions& options) override {
        return MakeWebSocketTransport(std::move(socket_), options);
    }

private:
    StreamSocket socket_;
};

class TlsTransport final : public HttpTransport {
public:
    TlsTransport(StreamSocket socket, TlsContext tls)
        : tls_(std::move(tls)), stream_(std::move(socket), *tls_) {}

    asio::awaitable<void> Handshake(ErrorCode& error) override {
        return stream_.async_handshake(asio::ssl::stream_base::server,
                                       redirect_error(use_awaitable, error));
    }
    asio::awaitable<std::size_t> Read(asio::mutable_buffer buffer, ErrorCode& error) override {
        return stream_.async_read_some(buffer, redirect_error(use_awaitable, error));
    }
    asio::awaitable<std::size_t> Write(BufferView buffers, ErrorCode& error) override {
        return stream_.async_write_some(buffers, redirect_error(use_awaitable, error));
    }
    asio::awaitable<void> FinishWriting() override {
        ErrorCode ignored;
        co_await stream_.async_shutdown(redirect_error(use_awaitable, ignored));
    }
    void Cancel() override {
        ErrorCode ignored;
        stream_.lowest_layer().cancel(ignored);
    }
    void Close() override {
        ErrorCode ignored;
        stream_.lowest_layer().close(ignored);
    }
    bool encrypted() const override { return true; }
    bool PeerHasGone() override { return HasHungUp(stream_.next_layer()); }
    std::unique_ptr<WebSocketTransport> IntoWebSocket(const WebSocketOptions& options) override {
        return MakeWebSocketTransport(std::move(stream_), std::move(tls_), options);
    }

private:
    TlsContext tls_;  // outlives the stream
    asio::ssl::stream<StreamSocket> stream_;
};

}  // namespace

std::unique_ptr<HttpTransport> MakeTransport(StreamSocket socket, TlsContext tls) {
    if (tls) return std::make_unique<TlsTransport>(std::move(socket), std::move(tls));
    return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace carestream::net
