#pragma once
// A small blocking HTTP/1.1 client: for the command line (admin.sock), tests and benchmarks.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/tls.h"

namespace carestream::net {

struct ClientRequest {
    std::string method = "GET";
    std::string target = "/";
    std::vector<std::pair<std::string, std::string>> headers =
        {};  // Host and Content-Length are added
    std::string body = {};
};

struct ClientResponse {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;  // gzip decoded

    // The first header of that name (case ignored), or "".
    [[nodiscard]] std::string_view Header(std::string_view name) const;
};

struct ClientOptions {
    int timeout_ms = 30'000;  // of connecting and of each exchange
    std::size_t body_bytes_max = 256u << 20;
    TlsContext tls = {};           // set = TLS; its context decides about verification
    std::string server_name = {};  // what the certificate must name; empty = the host
};

// One connection, kept alive. One thread.
class HttpClient {
public:
    // Errors: kUnavailable (retryable).
    [[nodiscard]] static Result<HttpClient> Connect(const Address& address,
                                                    ClientOptions options = {});
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;
    ~HttpClient();

    // Errors: kUnavailable (retryable; the connection is lost), kLimit, kInvalid (no HTTP).
    [[nodiscard]] Result<ClientResponse> Send(const ClientRequest& request);
    // Bytes as they are, and what comes back until the peer closes: for tests of the protocol.
    [[nodiscard]] Result<std::string> Exchange(std::string_view bytes);
    // Sends bytes without waiting for an answer.
    [[nodiscard]] Result<void> Write(std::string_view bytes);

private:
    struct Connection;
    explicit HttpClient(std::unique_ptr<Connection> connection);
    std::unique_ptr<Connection> connection_;
};

}  // namespace carestream::net
