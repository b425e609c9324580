#pragma once
// WebSockets on an HTTP listener: text messages both ways. Source: RFC 6455; neither subprotocols
// nor extensions (so no permessage-deflate). TCP and TLS, not Unix sockets.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace carestream::net {

struct Request;
class UpgradeResponder;

// One connection. Thread-safe; who holds it longer than the connection lives holds an empty shell.
class WebSocket {
public:
    virtual ~WebSocket() = default;
    // Queues a text message (UTF-8); the order is kept. A peer behind whom more than send_bytes_max
    // would wait is too slow: what waits is dropped, and the connection closed with 1008. A single
    // message of any size is taken when nothing waits. A message that is not taken within
    // write_timeout_ms ends the connection. Does nothing unless open.
    virtual void Send(std::string text) = 0;
    // Ends the connection after what was sent before; the peer has 5 s to take it and to answer.
    // `code`: 1000, 1001, 1003, 1007-1014 or 3000-4999; `reason`: UTF-8, cut after 123 bytes. The
    // first close counts.
    virtual void Close(std::uint16_t code, std::string_view reason) = 0;
    // False from this side's Close on, and soon after the peer's or the loss of the connection.
    [[nodiscard]] virtual bool Open() const = 0;
};

// Called on the connection's thread, one at a time; must not block. What they throw closes the
// connection with 1011.
struct WebSocketHandler {
    // Once, when the peer has its 101; not at all if it went away before.
    std::function<void(std::shared_ptr<WebSocket>)> opened;
    // Between `opened` and the first close of either side.
    std::function<void(std::string text)> message;
    // Exactly once after `opened`, also when the server stops; then the handler is destroyed.
    std::function<void()> closed;
};

// Decides about a request to upgrade, as an HttpHandler does about others: a handler, or the
// response that refuses. Browsers send an Origin and no Authorization header.
using UpgradeHandler =
    std::function<void(Request request, std::shared_ptr<UpgradeResponder> responder)>;

struct WebSocketOptions {
    UpgradeHandler upgrade = {};  // absent: HTTP's handler answers such requests as any other
    int websockets_max = 12'000;  // beyond connections_max; above it 503
    std::size_t message_bytes_max = 64u << 10;  // received; above it 1009
    std::size_t send_bytes_max = 256u << 10;    // waiting to be sent, of one connection
    int ping_interval_ms = 25'000;  // a peer of whom nothing comes for two intervals is dropped
};

}  // namespace carestream::net
