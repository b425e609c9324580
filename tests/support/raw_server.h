#pragma once
// An HTTP server of plain sockets that does what a test says: slow, mute, rude or gone.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "net/url.h"

namespace carestream::test {

// Accepts on loopback and has each connection served by a thread of its own.
class RawServer {
public:
    using Serve = std::function<void(int socket, int number)>;

    explicit RawServer(Serve serve) : serve_(std::move(serve)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_, 64), 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { Accept(); });
    }
    ~RawServer() {
        stop_ = true;
        acceptor_.join();
        for (auto& thread : threads_) thread.join();
        ::close(listener_);
    }

    [[nodiscard]] net::Url At(const std::string& target = "/") const {
        return {.tls = false, .host = "127.0.0.1", .port = port_, .target = target};
    }
    [[nodiscard]] int accepted() const { return accepted_; }
    [[nodiscard]] int closed() const { return closed_; }

    // One request with its body (of Content-Length); "" when the client has gone or the test ends.
    std::string Read(int socket) const {
        std::string text;
        while (!stop_) {
            const auto head = text.find("\r\n\r\n");
            if (head != std::string::npos) {
                const auto at = text.find("Content-Length: ");
                const std::size_t body =
                    at == std::string::npos ? 0 : std::stoul(text.substr(at + 16));
                if (text.size() >= head + 4 + body) return text;
            }
            if (!Readable(socket)) continue;
            std::string piece(4096, '\0');
            const auto got = ::recv(socket, piece.data(), piece.size(), 0);
            if (got <= 0) return {};
            text.append(piece, 0, static_cast<std::size_t>(got));
        }
        return {};
    }
    // Until the client closes.
    void AwaitEnd(int socket) const {
        char byte = 0;
        while (!stop_ && (!Readable(socket) || ::recv(socket, &byte, 1, 0) > 0)) {
        }
    }
    static void Write(int socket, std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

private:
    static bool Readable(int socket) {
        pollfd watched{socket, POLLIN, 0};
        return ::poll(&watched, 1, 20) > 0;
    }
    void Accept() {
        while (!stop_) {
            if (!Readable(listener_)) continue;
            const int socket = ::accept(listener_, nullptr, nullptr);
            threads_.emplace_back([this, socket, number = accepted_++] {
                serve_(socket, number);
                ::close(socket);
                ++closed_;
            });
        }
    }

    Serve serve_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_ = false;
    std::atomic<int> accepted_ = 0;
    std::atomic<int> closed_ = 0;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace carestream::test
