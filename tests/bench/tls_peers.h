#pragma once
// Clients of TLS WebSockets for benchmarks: many in one process, without threads. To be used in a
// process of their own, so that the server's memory is the server's alone.
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace carestream::bench {

// The same in all processes of a machine.
inline std::int64_t NowUs() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

inline std::size_t ResidentBytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t all = 0;
    std::size_t resident = 0;
    file >> all >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

inline void RaiseFileLimit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

class TlsPeers {
public:
    TlsPeers() : tls_(SSL_CTX_new(TLS_client_method())), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
        SSL_CTX_set_mode(tls_, SSL_MODE_RELEASE_BUFFERS);
    }

    // One more, upgraded at `path`; ends the process when it is not. `hello`: sent at once ("" =
    // nothing).
    void Open(std::uint16_t port, const std::string& path, std::string_view hello = {}) {
        sockaddr_in server{};
        server.sin_family = AF_INET;
        server.sin_port = htons(port);
        server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(socket, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
            std::perror("connect");
            std::exit(1);
        }
        SSL* ssl = SSL_new(tls_);
        SSL_set_fd(ssl, socket);
        const std::string upgrade =
            "GET " + path +
            " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        std::string answer(1024, '\0');
        if (SSL_connect(ssl) != 1 ||
            SSL_write(ssl, upgrade.data(), static_cast<int>(upgrade.size())) <= 0 ||
            SSL_read(ssl, answer.data(), 1024) <= 0 || !answer.starts_with("HTTP/1.1 101")) {
            std::fprintf(stderr, "a client was not upgraded: %.30s\n", answer.c_str());
            std::exit(1);
        }
        if (!hello.empty()) Frame(ssl, '\x81', hello);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = ssl;
        ::epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event);
    }

    // Gives what comes, as it comes (one record, heads of frames too), to `take`, until nothing came
    // for `quiet_ms`.
    template <typename Take>
    void Read(int quiet_ms, const Take& take) {
        std::string record(32 << 10, '\0');
        std::vector<epoll_event> events(256);
        for (;;) {
            const int count = ::epoll_wait(poll_, events.data(), 256, quiet_ms);
            if (count <= 0) return;
            for (int i = 0; i < count; ++i) {
                auto* ssl = static_cast<SSL*>(events[static_cast<std::size_t>(i)].data.ptr);
                do {
                    const int got = SSL_read(ssl, record.data(), static_cast<int>(record.size()));
                    if (got <= 0) {
                        std::fprintf(stderr, "a client was closed\n");
                        std::exit(1);
                    }
                    const std::string_view text(record.data(), static_cast<std::size_t>(got));
                    if (text.starts_with('\x89')) Frame(ssl, '\x8a', {});  // a ping
                    if (!take(text)) return;
                } while (SSL_pending(ssl) > 0);
            }
        }
    }

private:
    // Less than 126 bytes; the mask is nought (RFC 6455 5.2).
    static void Frame(SSL* ssl, char head, std::string_view text) {
        std::string frame(1, head);
        frame += static_cast<char>(0x80 | text.size());
        frame.append(4, '\0');
        frame += text;
        SSL_write(ssl, frame.data(), static_cast<int>(frame.size()));
    }

    SSL_CTX* tls_;
    int poll_;
};

}  // namespace carestream::bench
