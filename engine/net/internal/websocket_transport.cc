#include "net/internal/websocket_transport.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>

namespace carestream::net {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using asio::redirect_error;
using asio::use_awaitable;
using Socket = asio::generic::stream_protocol::socket;
using std::chrono::milliseconds;

template <typename Next>
class BeastTransport final : public WebSocketTransport {
public:
    BeastTransport(Next next, TlsContext tls, const WebSocketOptions& options)
        : tls_(std::move(tls)), stream_(std::move(next)) {
        // Beast pings when half of the idle time has passed.
        stream_.set_option(websocket::stream_base::timeout{
            milliseconds(kWebSocketCloseMs), 2 * milliseconds(options.ping_interval_ms), true});
        stream_.set_option(
            websocket::stream_base::decorator([](websocket::response_type& response) {
                response.set(boost::beast::http::field::server, "CareStream");
            }));
        stream_.read_message_max(options.message_bytes_max);
        stream_.auto_fragment(false);  // a message is one write, without a buffer of its own
        stream_.text(true);
    }

    asio::awaitable<void> Accept(const UpgradeRequest& request, ErrorCode& error) override {
        return stream_.async_accept(request, redirect_error(use_awaitable, error));
    }
    asio::awaitable<std::size_t> Read(boost::beast::flat_buffer& buffer,
                                      ErrorCode& error) override {
        return stream_.async_read(buffer, redirect_error(use_awaitable, error));
    }
    bool open() const override { return stream_.is_open(); }
    bool got_text() const override { return stream_.got_text(); }
    asio::awaitable<std::size_t> Write(asio::const_buffer text, ErrorCode& error) override {
        return stream_.async_write(text, redirect_error(use_awaitable, error));
    }
    asio::awaitable<void> Close(const websocket::close_reason& reason, ErrorCode& error) override {
        return stream_.async_close(reason, redirect_error(use_awaitable, error));
    }
    void Drop() override {
        ErrorCode ignored;  // closed is closed
        boost::beast::get_lowest_layer(stream_).close(ignored);
    }

private:
    TlsContext tls_;  // outlives the stream
    websocket::stream<Next, false> stream_;
};

}  // namespace

std::unique_ptr<WebSocketTransport> MakeWebSocketTransport(Socket socket,
                                                           const WebSocketOptions& options) {
    return std::make_unique<BeastTransport<Socket>>(std::move(socket), nullptr, options);
}

std::unique_ptr<WebSocketTransport> MakeWebSocketTransport(asio::ssl::stream<Socket> stream,
                                                           TlsContext tls,
                                                           const WebSocketOptions& options) {
    return std::make_unique<BeastTransport<asio::ssl::stream<Socket>>>(std::move(stream),
                                                                       std::move(tls), options);
}

}  // namespace carestream::net
