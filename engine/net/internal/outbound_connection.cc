#include "net/internal/outbound_connection.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <string_view>

#include "net/internal/http_head.h"

namespace carestream::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::redirect_error;
using asio::use_awaitable;

constexpr std::size_t kAddressesMax = 4;
constexpr std::uint32_t kHeadBytesMax = 16u << 10;
constexpr std::size_t kReadBytes = 8u << 10;
constexpr int kInterimMax = 8;  // 1xx answers before the answer

// RFC 9110 5.6.2.
bool IsToken(std::string_view text) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    for (const char c : text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && kOthers.find(c) == std::string_view::npos) return false;
    }
    return !text.empty();
}

bool HasControls(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return true;
    }
    return false;
}

constexpr std::array<std::string_view, 9> kReserved = {
    "Host",    "Content-Length", "Connection", "Transfer-Encoding", "TE",
    "Trailer", "Upgrade",        "Expect",     "Keep-Alive"};

std::string HeadOf(const OutboundRequest& request) {
    const Url& url = request.url;
    const bool usual_port = url.port == (url.tls ? 443 : 80);
    const bool brackets = url.host.find(':') != std::string::npos;
    std::string head = request.method + " " + url.target + " HTTP/1.1\r\nHost: ";
    head += brackets ? "[" + url.host + "]" : url.host;
    if (!usual_port) head += ":" + std::to_string(url.port);
    head += "\r\n";
    for (const auto& [name, value] : request.headers) {
        head += name;
        head += ": ";
        head += value;
        head += "\r\n";
    }
    const bool may_carry = request.method == "POST" || request.method == "PUT" ||
                           request.method == "PATCH" || !request.body.empty();
    if (may_carry) head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    head += "\r\n";
    return head;
}

// Alerts by which a server says that it takes no connection from us. Source: RFC 8446 6.2; OpenSSL
// numbers them from 1000.
bool RefusesCertificate(const boost::system::error_code& error) {
    if (error.category() != asio::error::get_ssl_category()) return false;
    constexpr int kAlerts[] = {40, 42, 43, 44, 45, 46, 48, 49, 116};
    const int alert = ERR_GET_REASON(static_cast<unsigned long>(error.value())) - 1000;
    return std::find(std::begin(kAlerts), std::end(kAlerts), alert) != std::end(kAlerts);
}

bool IsHttpError(const boost::system::error_code& error) {
    return error.category() == http::make_error_code(http::error::end_of_stream).category() &&
           error != http::error::end_of_stream && error != http::error::partial_message;
}

}  // namespace

Result<void> CheckRequest(const OutboundRequest& request) {
    if (!IsToken(request.method)) return Fail(Code::kInvalid, "the method is no HTTP token");
    const Url& url = request.url;
    if (url.host.empty() || url.port == 0 || !url.target.starts_with('/') ||
        HasControls(url.host) || url.target.find_first_of(" \t\r\n") != std::string::npos) {
        return Fail(Code::kInvalid, "the URL does not come from ParseUrl");
    }
    return CheckHeaders(request.headers);
}

Result<void> CheckHeaders(const std::vector<std::pair<std::string, std::string>>& headers) {
    for (const auto& [name, value] : headers) {
        if (!IsToken(name)) return Fail(Code::kInvalid, "a header's name is no HTTP token");
        for (const std::string_view reserved : kReserved) {
            if (!EqualsIgnoringCase(name, reserved)) continue;
            return Fail(Code::kInvalid, "the header " + std::string(reserved) +
                                            " is not the caller's; leave it out");
        }
        if (HasControls(value)) {
            return Fail(Code::kInvalid, "a header's value has line ends or control characters");
        }
    }
    return {};
}

OutboundConnection::OutboundConnection(asio::io_context& io, const Url& url)
    : url_(url), resolver_(io), socket_(io) {
    url_.target.clear();
}

OutboundConnection::~OutboundConnection() = default;

void OutboundConnection::Abort() {
    aborted_ = true;
    ErrorCode ignored;  // closed is closed
    resolver_.cancel();
    socket().close(ignored);
}

tl::unexpected<Error> OutboundConnection::Lost(std::string what, const ErrorCode& error) const {
    if (error) what += ": " + error.message();
    Error lost{Code::kUnavailable, std::move(what), url_.Origin(), {}, 0, true};
    return Fail(std::move(lost));
}

asio::awaitable<Result<std::vector<asio::ip::tcp::endpoint>>> OutboundConnection::Resolve() {
    ErrorCode error;
    std::vector<Tcp::endpoint> found;
    const auto numeric = asio::ip::make_address(url_.host, error);
    if (!error) {
        found.emplace_back(numeric, url_.port);
        co_return found;
    }
    const std::string port = std::to_string(url_.port);
    const auto results =
        co_await resolver_.async_resolve(url_.host, port, redirect_error(use_awaitable, error));
    if (error) co_return Lost("the host's address was not found", error);
    for (const auto& result : results) found.push_back(result.endpoint());
    co_return found;
}

asio::awaitable<Result<void>> OutboundConnection::Connect(const AddressPolicy& policy) {
    if (const auto allowed = CheckHost(policy, url_.host); !allowed) co_return allowed;
    auto found = co_await Resolve();
    if (!found) co_return Fail(std::move(found).error());
    std::erase_if(*found, [&](const Tcp::endpoint& endpoint) {
        return !AllowsAddress(policy, endpoint.address().to_string());
    });
    if (found->empty()) {
        co_return Fail(Code::kDenied,
                       "the host has private or reserved addresses only; if it is to be reached, "
                       "allow its network or private addresses",
                       url_.Origin());
    }
    if (found->size() > kAddressesMax) found->resize(kAddressesMax);
    ErrorCode error;
    for (const Tcp::endpoint& endpoint : *found) {
        if (aborted_) break;
        ErrorCode ignored;  // closed is closed
        socket_.close(ignored);
        co_await socket_.async_connect(endpoint, redirect_error(use_awaitable, error));
        if (error) continue;
        if (aborted_) break;
        socket_.set_option(Tcp::no_delay(true), ignored);
        co_return Result<void>{};
    }
    co_return Lost("no connection", error);
}

asio::awaitable<Result<void>> OutboundConnection::Handshake(asio::ssl::context& context) {
    if (!url_.tls) co_return Result<void>{};
    tls_.emplace(std::move(socket_), context);
    SSL* native = tls_->native_handle();
    ErrorCode error;
    asio::ip::make_address(url_.host, error);
    X509_VERIFY_PARAM* expected = SSL_get0_param(native);
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool is_name = static_cast<bool>(error);
    const int set = is_name ? X509_VERIFY_PARAM_set1_host(expected, url_.host.c_str(), 0)
                            : X509_VERIFY_PARAM_set1_ip_asc(expected, url_.host.c_str());
    if (set != 1 || (is_name && SSL_set_tlsext_host_name(native, url_.host.c_str()) != 1)) {
        co_return Fail(Code::kInvalid, "no certificate can name this host", url_.Origin());
    }
    co_await tls_->async_handshake(asio::ssl::stream_base::client,
                                   redirect_error(use_awaitable, error));
    if (!error) co_return Result<void>{};
    const long verified = SSL_get_verify_result(native);
    if (verified != X509_V_OK) {
        co_return Lost(std::string("TLS: the certificate is refused: ") +
                           X509_verify_cert_error_string(verified),
                       {});
    }
    co_return Lost("TLS", error);
}

asio::awaitable<Result<ClientResponse>> OutboundConnection::Exchange(const OutboundRequest& request,
                                                                     std::size_t body_bytes_max) {
    if (tls_) return ExchangeOn(*tls_, request, body_bytes_max);
    return ExchangeOn(socket_, request, body_bytes_max);
}

template <typename Stream>
asio::awaitable<Result<ClientResponse>> OutboundConnection::ExchangeOn(
    Stream& stream, const OutboundRequest& request, std::size_t body_bytes_max) {
    reusable_ = answered_ = false;
    written_ = true;  // until it is known that nothing was
    const std::string head = HeadOf(request);
    const std::array<asio::const_buffer, 2> wire = {asio::buffer(head), asio::buffer(request.body)};
    ErrorCode error;
    const std::size_t count =
        co_await asio::async_write(stream, wire, redirect_error(use_awaitable, error));
    written_ = count > 0;
    // With TLS the server may have refused us: its alert is there to read.
    if (error && !tls_) co_return Lost("the connection was lost while the request was sent", error);
    auto answer = co_await ReadAnswer(stream, request.method == "HEAD", body_bytes_max);
    co_return answer;
}

template <typename Stream>
asio::awaitable<Result<ClientResponse>> OutboundConnection::ReadAnswer(Stream& stream, bool head,
                                                                       std::size_t body_bytes_max) {
    ErrorCode error;
    std::optional<http::response_parser<http::buffer_body>> parser;
    for (int interim = 0; interim <= kInterimMax; ++interim) {
        parser.emplace();
        parser->header_limit(kHeadBytesMax);
        parser->body_limit(boost::none);  // the body is taken in pieces and cut
        parser->skip(head);
        co_await http::async_read_header(stream, buffer_, *parser,
                                         redirect_error(use_awaitable, error));
        answered_ = answered_ || parser->got_some() || buffer_.size() > 0;
        if (error || parser->get().result_int() >= 200) break;
    }
    if (!error && parser->get().result_int() < 200) error = http::error::bad_status;
    ClientResponse response;
    std::array<char, kReadBytes> piece;
    while (!error && !parser->is_done() && response.body.size() < body_bytes_max) {
        auto& body = parser->get().body();
        const std::size_t space = std::min(piece.size(), body_bytes_max - response.body.size());
        body.data = piece.data();
        body.size = space;
        co_await http::async_read_some(stream, buffer_, *parser,
                                       redirect_error(use_awaitable, error));
        if (error == http::error::need_buffer) error = {};
        response.body.append(piece.data(), space - body.size);
    }
    if (error && IsHttpError(error)) {
        co_return Fail(Code::kInvalid, "the answer is no HTTP: " + error.message(), url_.Origin());
    }
    // In TLS 1.3 the server checks our certificate after our side of the handshake is done. One
    // that refuses it has read nothing of what came behind it.
    if (!answered_ && RefusesCertificate(error)) {
        written_ = false;
        co_return Lost("the server refuses our certificate, or that there is none", error);
    }
    if (error) {
        co_return Lost(answered_
                           ? "the connection was lost in the middle of the answer; the server "
                             "has had the request"
                           : "the connection was lost before an answer; the server may have "
                             "had the request",
                       error);
    }
    response.status = static_cast<int>(parser->get().result_int());
    for (const auto& field : parser->get()) {
        response.headers.emplace_back(field.name_string(), field.value());
    }
    reusable_ = parser->is_done() && parser->keep_alive() && buffer_.size() == 0 && !aborted_;
    co_return response;
}

bool OutboundConnection::StillOpen() {
    pollfd watched{socket().native_handle(), POLLIN | POLLRDHUP, 0};
    return ::poll(&watched, 1, 0) == 0;
}

}  // namespace carestream::net
