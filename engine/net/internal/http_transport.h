#pragma once
// The byte stream below a connection: TCP or Unix socket, plain or TLS. One thread.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <span>

#include "net/internal/websocket_transport.h"
#include "net/tls.h"

namespace carestream::net {

using StreamSocket = boost::asio::generic::stream_protocol::socket;
using ErrorCode = boost::system::error_code;

// A view over buffers that Asio may copy freely.
struct BufferView {
    using value_type = boost::asio::const_buffer;
    using const_iterator = const boost::asio::const_buffer*;
    const_iterator first = nullptr;
    const_iterator last = nullptr;
    [[nodiscard]] const_iterator begin() const { return first; }
    [[nodiscard]] const_iterator end() const { return last; }
};

class HttpTransport {
public:
    virtual ~HttpTransport() = default;
    [[nodiscard]] virtual boost::asio::awaitable<void> Handshake(ErrorCode& error) = 0;
    [[nodiscard]] virtual boost::asio::awaitable<std::size_t> Read(
        boost::asio::mutable_buffer buffer, ErrorCode& error) = 0;
    [[nodiscard]] virtual boost::asio::awaitable<std::size_t> Write(BufferView buffers,
                                                                    ErrorCode& error) = 0;
    // Tells the peer that nothing more will come; TLS says so first.
    [[nodiscard]] virtual boost::asio::awaitable<void> FinishWriting() = 0;
    // Ends a waiting operation with operation_aborted.
    virtual void Cancel() = 0;
    virtual void Close() = 0;
    [[nodiscard]] virtual bool encrypted() const = 0;
    // True when the peer has closed or reset its end, whether or not bytes are left to read.
    [[nodiscard]] virtual bool PeerHasGone() = 0;
    // The stream moves out: nothing else may be called afterwards.
    [[nodiscard]] virtual std::unique_ptr<WebSocketTransport> IntoWebSocket(
        const WebSocketOptions& options) = 0;
};

[[nodiscard]] std::unique_ptr<HttpTransport> MakeTransport(StreamSocket socket, TlsContext tls);

}  // namespace carestream::net
