#include "adapters/mllp/internal/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace carestream::adapters::mllp {

namespace {

namespace asio = boost::asio;

void SetOption(int socket, int level, int name, int value) {
    // An option that the kernel does not know is no reason to refuse a peer.
    (void)::setsockopt(socket, level, name, &value, sizeof value);
}

class PlainTransport final : public Transport {
public:
    explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}
    void Handshake(std::function<void(ErrorCode)> done) override {
        asio::post(socket_.get_executor(), [done = std::move(done)] { done({}); });
    }
    void Read(asio::mutable_buffer buffer, Done done) override {
        socket_.async_read_some(buffer, std::move(done));
    }
    void Write(asio::const_buffer all, Done done) override {
        asio::async_write(socket_, all, std::move(done));
    }
    void ShutdownSend() override {
        ErrorCode ignored;
        socket_.shutdown(Socket::shutdown_send, ignored);
    }
    void Close() override {
        ErrorCode ignored;
        socket_.close(ignored);
    }

private:
    Socket socket_;
};

class TlsTransport final : public Transport {
public:
    TlsTransport(Socket socket, net::TlsContext context, bool server,
                 const std::string& server_name)
        : context_(std::move(context)), stream_(std::move(socket), *context_), server_(server) {
        if (server_ || server_name.empty()) return;
        SSL_set_tlsext_host_name(stream_.native_handle(), server_name.c_str());
        stream_.set_verify_callback(asio::ssl::host_name_verification(server_name));
    }
    void Handshake(std::function<void(ErrorCode)> done) override {
        stream_.async_handshake(
            server_ ? asio::ssl::stream_base::server : asio::ssl::stream_base::client,
            std::move(done));
    }
    void Read(asio::mutable_buffer buffer, Done done) override {
        stream_.async_read_some(buffer, std::move(done));
    }
    void Write(asio::const_buffer all, Done done) override {
        asio::async_write(stream_, all, std::move(done));
    }
    void ShutdownSend() override {
        // close_notify without waiting for the peer's.
        SSL_shutdown(stream_.native_handle());
        ErrorCode ignored;
        stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
    }
    void Close() override {
        ErrorCode ignored;
        stream_.next_layer().close(ignored);
    }

private:
    net::TlsContext context_;
    asio::ssl::stream<Socket> stream_;
    bool server_;
};

}  // namespace

void TuneSocket(Socket& socket, int user_timeout_ms) {
    const int handle = socket.native_handle();
    const int probe_s = std::max(1, user_timeout_ms / 2000);
    SetOption(handle, IPPROTO_TCP, TCP_NODELAY, 1);
    SetOption(handle, SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(handle, IPPROTO_TCP, TCP_KEEPIDLE, probe_s);
    SetOption(handle, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, probe_s / 3));
    SetOption(handle, IPPROTO_TCP, TCP_KEEPCNT, 3);
    SetOption(handle, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms);
}

std::unique_ptr<Transport> MakeTransport(Socket socket, net::TlsContext tls, bool server,
                                         const std::string& server_name) {
    if (tls == nullptr) return std::make_unique<PlainTransport>(std::move(socket));
    return std::make_unique<TlsTransport>(std::move(socket), std::move(tls), server, server_name);
}

}  // namespace carestream::adapters::mllp
