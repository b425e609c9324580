#pragma once
// Frames above a connection's byte stream, by Beast. One thread; at most one read, and one write or
// close, at a time.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <memory>

#include "net/tls.h"
#include "net/websocket.h"

namespace carestream::net {

using UpgradeRequest = boost::beast::http::request<boost::beast::http::string_body>;

// For the 101, and for a close of either side.
inline constexpr int kWebSocketCloseMs = 5'000;

class WebSocketTransport {
public:
    using ErrorCode = boost::system::error_code;

    virtual ~WebSocketTransport() = default;
    // Sends the 101; the request lives until then.
    [[nodiscard]] virtual boost::asio::awaitable<void> Accept(const UpgradeRequest& request,
                                                              ErrorCode& error) = 0;
    // One message. Answers pings and a close on the way. Ends with an error when the connection is
    // over, in whatever way.
    [[nodiscard]] virtual boost::asio::awaitable<std::size_t> Read(
        boost::beast::flat_buffer& buffer, ErrorCode& error) = 0;
    [[nodiscard]] virtual bool got_text() const = 0;
    // False from the first close frame of either side and from a broken frame on.
    [[nodiscard]] virtual bool open() const = 0;
    [[nodiscard]] virtual boost::asio::awaitable<std::size_t> Write(boost::asio::const_buffer text,
                                                                    ErrorCode& error) = 0;
    [[nodiscard]] virtual boost::asio::awaitable<void> Close(
        const boost::beast::websocket::close_reason& reason, ErrorCode& error) = 0;
    // Ends everything that waits with an error.
    virtual void Drop() = 0;
};

// The streams have nothing under way.
[[nodiscard]] std::unique_ptr<WebSocketTransport> MakeWebSocketTransport(
    boost::asio::generic::stream_protocol::socket socket, const WebSocketOptions& options);
[[nodiscard]] std::unique_ptr<WebSocketTransport> MakeWebSocketTransport(
    boost::asio::ssl::stream<boost::asio::generic::stream_protocol::socket> stream, TlsContext tls,
    const WebSocketOptions& options);

}  // namespace carestream::net
