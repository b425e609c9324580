#pragma once
// Outbound HTTP/1.1 requests without waiting: to servers that others name (rest-hooks), so every
// address is checked before it is connected to. Source: RFC 9110, RFC 9112.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/address_policy.h"
#include "net/executor.h"
#include "net/http_client.h"
#include "net/tls.h"
#include "net/url.h"

namespace carestream::net {

struct OutboundRequest {
    std::string method = "POST";
    Url url = {};
    // Host, Content-Length and Connection are the sender's, and nobody may set Transfer-Encoding,
    // TE, Trailer, Upgrade or Expect.
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};
    // Doing it twice is as good as once. Then a kept connection that turns out dead after the
    // request was written is replaced by a fresh one, once.
    bool idempotent = false;
    int timeout_ms = 0;  // from Send to the answer; 0 = the sender's exchange_timeout_ms
};

// May a request have these headers? Error kInvalid: says what is wrong and repeats no value.
[[nodiscard]] Result<void> CheckHeaders(
    const std::vector<std::pair<std::string, std::string>>& headers);

struct SenderOptions {
    AddressPolicy policy = {};
    TlsClientOptions tls = {};  // the chain and the URL's host are verified; server_name is unused
    int connections_max = 256;
    int connections_per_host_max = 16;  // a host here is scheme, name and port
    int waiting_max = 4'096;            // requests without a connection yet; above it kLimit
    int waiting_per_host_max = 512;     // so that one slow server leaves room for the others
    int idle_max = 64;                  // kept connections without a request
    int idle_timeout_ms = 30'000;
    int connect_timeout_ms = 5'000;  // finding the address, and TCP
    int tls_timeout_ms = 5'000;
    int exchange_timeout_ms = 30'000;        // from Send to the answer, with all of the above
    std::size_t body_bytes_max = 64u << 10;  // of answers; the rest is dropped
};

// Thread-safe. Connections and callbacks live on one thread of the executor, which outlives the
// sender. Redirects are answers like others: nobody follows them.
class HttpSender {
public:
    // Called exactly once, on the executor's thread; must neither block nor throw. The body has at
    // most body_bytes_max. Errors name the origin and never path, query, headers or body:
    // kInvalid (method, header, or the answer is no HTTP), kDenied (the policy; with the remedy),
    // kLimit (too many wait; retryable), kUnavailable (retryable: not found, refused, TLS,
    // time-out, closed; also when the sender stops). `sent`: the server may have had the request;
    // without it not a byte of it left, or a server that refused our certificate read none.
    using Callback = std::function<void(Result<ClientResponse> answer, bool sent)>;

    // Errors: as MakeTlsContext.
    [[nodiscard]] static Result<std::unique_ptr<HttpSender>> Create(Executor& executor,
                                                                    SenderOptions options);
    ~HttpSender();  // Stop()
    HttpSender(const HttpSender&) = delete;
    HttpSender& operator=(const HttpSender&) = delete;

    // The executor runs: after its Stop no callback comes.
    void Send(OutboundRequest request, Callback callback);
    // Ends requests under way (kUnavailable) and closes connections. Every callback has been called
    // when it returns, but for requests sent by other threads at that very moment: theirs follow.
    // Idempotent.
    void Stop();

private:
    struct Core;
    explicit HttpSender(std::shared_ptr<Core> core);
    std::shared_ptr<Core> core_;
};

}  // namespace carestream::net
