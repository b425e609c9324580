#pragma once
// HTTP/1.1 server: keep-alive, pipelining (answers in order), gzip, limits, timeouts, TLS, Unix
// sockets. Source: RFC 9110, RFC 9112.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/executor.h"
#include "net/tls.h"
#include "net/websocket.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::net {

// Copyable; views live as long as any copy of the request.
struct Request {
    std::string_view method;  // "GET", upper case as sent
    std::string_view path;    // still percent-encoded, starts with '/'
    std::string_view query;   // still percent-encoded, without '?'
    std::vector<std::pair<std::string_view, std::string_view>> headers;  // as sent, in order
    std::string body;                                                    // decoded (chunked, gzip)
    std::string client;  // "127.0.0.1:50312", "unix"
    bool tls = false;
    bool local_socket = false;  // came through a Unix socket
    // Who opened that socket, as the kernel says (SO_PEERCRED); absent for TCP.
    std::optional<std::uint32_t> peer_user;

    // The first header of that name (case ignored), or "".
    [[nodiscard]] std::string_view Header(std::string_view name) const;

    std::shared_ptr<const void> storage;  // what the views point into
};

struct Response {
    int status = 200;
    // Content-Length, Date, Connection, Content-Encoding and Vary are the server's.
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::string> body;  // sent one after the other, without joining large ones
    // Names the request in metrics and logs: "/fhir/r4/{type}/{id}". Static text; "" = "other".
    std::string_view route;
    bool close = false;  // end the connection after this answer

    [[nodiscard]] static Response Text(int status, std::string_view content_type, std::string body);
};

// How a handler answers: once, from any thread. If the last reference goes away without an answer
// the client gets a 500.
class Responder {
public:
    virtual ~Responder() = default;
    // The first call counts; later ones, and those after a disconnect or deadline, do nothing.
    virtual void Send(Response response) = 0;
    // Becomes true when the client has gone or the deadline has passed: stop working.
    [[nodiscard]] virtual const std::shared_ptr<std::atomic<bool>>& cancelled() const = 0;
};

// How an UpgradeHandler answers: the first of Send (which refuses) and Accept counts.
class UpgradeResponder : public Responder {
public:
    // The client gets its 101, or 503 if websockets_max are open or the server stops.
    virtual void Accept(WebSocketHandler handler) = 0;
};

// Called on the connection's thread; must not block.
using HttpHandler = std::function<void(Request request, std::shared_ptr<Responder> responder)>;

struct HttpOptions {
    std::string name = "http";  // of the listener in metrics and logs
    std::size_t header_bytes_max = 32u << 10;
    std::size_t url_bytes_max = 16u << 10;
    std::size_t body_bytes_max = 16u << 20;  // before and after decompression
    int connections_max = 2048;
    int requests_max = 512;          // being handled at once; above it 503
    int header_timeout_ms = 10'000;  // from the first byte of a request (and for the TLS handshake)
    int body_timeout_ms = 60'000;
    int handler_timeout_ms = 30'000;  // then 503 and the work is cancelled
    int write_timeout_ms = 30'000;    // without any progress
    int idle_timeout_ms = 60'000;     // between requests
    int drain_ms = 5'000;             // Stop lets requests under way finish for so long
    bool gzip = true;                 // of answers, when the client accepts it
    std::size_t gzip_bytes_min = 1400;
    WebSocketOptions websocket = {};
    // Renders the answers that the server itself gives (400, 408, 413, 414, 415, 417, 426, 431,
    // 500, 503); absent: plain text. Called on the connection's thread.
    std::function<Response(int status, std::string_view text)> error_response;
};

// Starts with Listen, ends with Stop (or its destruction). Executor, log and metrics outlive it.
// Metrics: carestream_http_requests_total{listener,route,method,status},
// carestream_http_request_seconds {listener,route}, carestream_http_connections{listener},
// carestream_http_refused_total{listener,reason}; of a listener that upgrades also
// carestream_websockets{listener}, carestream_websocket_messages_total{listener,direction}.
class HttpServer {
public:
    HttpServer(Executor& executor, HttpOptions options, HttpHandler handler, telemetry::Log& log,
               telemetry::Metrics& metrics);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // May be called several times. A Unix socket is made with mode 0600; a stale one is replaced.
    // Gives the address with the port that was bound. Errors: kUnavailable with the holder of a
    // taken port, kInvalid.
    [[nodiscard]] Result<Address> Listen(const Address& address, TlsContext tls = nullptr);

    // Closes listeners and idle connections, tells WebSockets to go away (1001), waits for requests
    // under way and for these (drain_ms), closes the rest. Idempotent; not from a thread of the
    // executor.
    void Stop();

    [[nodiscard]] int connections() const;
    [[nodiscard]] int websockets() const;
    [[nodiscard]] int requests_under_way() const;

private:
    struct Core;
    std::shared_ptr<Core> core_;
};

}  // namespace carestream::net
