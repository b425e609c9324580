#include "net/http_client.h"

#include <openssl/x509v3.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

#include "net/internal/gzip.h"
#include "net/internal/http_head.h"

namespace carestream::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;
using Socket = asio::generic::stream_protocol::socket;
using TlsStream = asio::ssl::stream<Socket>;
using ErrorCode = boost::system::error_code;

}  // namespace

struct HttpClient::Connection {
    asio::io_context io{1};
    ClientOptions options;
    std::string host;  // of the Host header
    std::optional<TlsStream> tls;
    std::optional<Socket> plain;
    boost::beast::flat_buffer buffer;

    [[nodiscard]] Socket& socket() { return tls ? tls->next_layer() : *plain; }

    // Runs one asynchronous step to its end, or fails after the time-out.
    template <typename Start>
    Result<std::size_t> Run(const Start& start) {
        std::optional<ErrorCode> outcome;
        std::size_t bytes = 0;
        start([&](ErrorCode error, std::size_t count) {
            outcome = error;
            bytes = count;
        });
        io.restart();
        io.run_for(std::chrono::milliseconds(options.timeout_ms));
        if (!outcome) {
            ErrorCode ignored;  // closing ends the step
            socket().close(ignored);
            io.restart();
            io.run();
            return FailRetryable("no answer within the time-out");
        }
        if (*outcome == http::error::body_limit) {
            return Fail(Code::kLimit, "the answer is larger than the limit");
        }
        if (*outcome && *outcome != asio::error::eof) {
            const bool http_error =
                outcome->category() == http::make_error_code(http::error::end_of_stream).category();
            if (http_error && *outcome != http::error::end_of_stream &&
                *outcome != http::error::partial_message) {
                return Fail(Code::kInvalid, "the answer is no HTTP: " + outcome->message());
            }
            return FailRetryable("the connection failed: " + outcome->message());
        }
        return bytes;
    }

    template <typename Step>
    auto OnStream(const Step& step) {
        return tls ? step(*tls) : step(*plain);
    }
};

namespace {

Result<Socket> OpenSocket(asio::io_context& io, const Address& address) {
    ErrorCode error;
    if (address.IsUnix()) {
        Local::socket socket(io);
        socket.connect(Local::endpoint(address.unix_path), error);
        if (error) return FailRetryable(address.ToString() + ": " + error.message());
        return Socket(std::move(socket));
    }
    Tcp::resolver resolver(io);
    const auto found = resolver.resolve(address.host, std::to_string(address.port), error);
    Tcp::socket socket(io);
    if (!error) asio::connect(socket, found, error);
    if (error) return FailRetryable(address.ToString() + ": " + error.message());
    socket.set_option(Tcp::no_delay(true), error);
    return Socket(std::move(socket));
}

}  // namespace

std::string_view ClientResponse::Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (EqualsIgnoringCase(key, name)) return value;
    }
    return {};
}

HttpClient::HttpClient(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClient> HttpClient::Connect(const Address& address, ClientOptions options) {
    auto connection = std::make_unique<Connection>();
    connection->options = std::move(options);
    connection->host = address.IsUnix() ? "localhost" : address.ToString();
    CARESTREAM_ASSIGN(socket, OpenSocket(connection->io, address));
    if (!connection->options.tls) {
        connection->plain.emplace(std::move(socket));
        return HttpClient(std::move(connection));
    }
    auto& tls = connection->tls.emplace(std::move(socket), *connection->options.tls);
    const std::string& name =
        connection->options.server_name.empty() ? address.host : connection->options.server_name;
    SSL_set_tlsext_host_name(tls.native_handle(), name.c_str());
    tls.set_verify_callback(asio::ssl::host_name_verification(name));
    if (SSL_CTX_get_verify_mode(connection->options.tls->native_handle()) == SSL_VERIFY_NONE) {
        tls.set_verify_mode(asio::ssl::verify_none);
    }
    CARESTREAM_TRY(connection->Run([&](auto done) {
        tls.async_handshake(asio::ssl::stream_base::client,
                            [done](ErrorCode error) { done(error, 0); });
    }));
    return HttpClient(std::move(connection));
}

Result<ClientResponse> HttpClient::Send(const ClientRequest& request) {
    http::request<http::string_body> message;
    message.method_string(request.method);
    message.target(request.target);
    message.set(http::field::host, connection_->host);
    for (const auto& [name, value] : request.headers) message.insert(name, value);
    message.body() = request.body;
    const bool has_body = request.method == "POST" || request.method == "PUT" ||
                          request.method == "PATCH" || !request.body.empty();
    if (has_body) message.prepare_payload();
    CARESTREAM_TRY(connection_->Run([&](auto done) {
        connection_->OnStream([&](auto& stream) { http::async_write(stream, message, done); });
    }));
    http::response_parser<http::string_body> parser;
    parser.body_limit(connection_->options.body_bytes_max);
    parser.skip(request.method == "HEAD");
    CARESTREAM_TRY(connection_->Run([&](auto done) {
        connection_->OnStream(
            [&](auto& stream) { http::async_read(stream, connection_->buffer, parser, done); });
    }));
    auto answer = parser.release();
    ClientResponse response;
    response.status = static_cast<int>(answer.result_int());
    for (const auto& field : answer) {
        response.headers.emplace_back(field.name_string(), field.value());
    }
    response.body = std::move(answer.body());
    if (EqualsIgnoringCase(response.Header("Content-Encoding"), "gzip") && !response.body.empty()) {
        CARESTREAM_ASSIGN(plain, Gunzip(response.body, connection_->options.body_bytes_max));
        response.body = std::move(plain);
    }
    return response;
}

Result<void> HttpClient::Write(std::string_view bytes) {
    CARESTREAM_TRY(connection_->Run([&](auto done) {
        connection_->OnStream(
            [&](auto& stream) { asio::async_write(stream, asio::buffer(bytes), done); });
    }));
    return {};
}

Result<std::string> HttpClient::Exchange(std::string_view bytes) {
    CARESTREAM_TRY(Write(bytes));
    std::string answer;
    CARESTREAM_TRY(connection_->Run([&](auto done) {
        connection_->OnStream([&](auto& stream) {
            asio::async_read(stream, asio::dynamic_buffer(answer), asio::transfer_all(), done);
        });
    }));
    return answer;
}

}  // namespace carestream::net
