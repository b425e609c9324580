// What many open WebSockets cost over TLS: memory of the server for each idle one, and how long a
// message to all of them takes. The clients are a process of their own, so that the memory is the
// server's alone. usage: bench_websocket [sockets] [broadcasts]
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/http.h"
#include "tests/bench/must.h"
#include "tests/support/certificates.h"

namespace {

using namespace carestream;

constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
constexpr std::size_t kMessageBytes = 1024;

std::int64_t NowUs() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::size_t ResidentBytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t all = 0;
    std::size_t resident = 0;
    file >> all >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void RaiseFileLimit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

SSL* OpenPeer(SSL_CTX* tls, std::uint16_t port) {
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
        std::perror("connect");
        std::exit(1);
    }
    SSL* ssl = SSL_new(tls);
    SSL_set_fd(ssl, socket);
    std::string answer(1024, '\0');
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, kUpgrade.data(), kUpgrade.size()) <= 0 ||
        SSL_read(ssl, answer.data(), 1024) <= 0 || !answer.starts_with("HTTP/1.1 101")) {
        std::fprintf(stderr, "a client was not upgraded: %.30s\n", answer.c_str());
        std::exit(1);
    }
    return ssl;
}

double Percentile(std::vector<std::int64_t>& values, double part) {
    const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at),
                     values.end());
    return static_cast<double>(values[at]) / 1000;
}

// Reads the time at the beginning of each message and prints how old it was.
[[noreturn]] void RunPeers(std::uint16_t port, int sockets, int broadcasts, int ready) {
    SSL_CTX* tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < sockets; ++i) {
        SSL* ssl = OpenPeer(tls, port);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = ssl;
        ::epoll_ctl(poll, EPOLL_CTL_ADD, SSL_get_fd(ssl), &event);
    }
    if (::write(ready, "r", 1) != 1) std::exit(1);
    std::vector<std::int64_t> ages;
    const auto expected = static_cast<std::size_t>(sockets) * static_cast<std::size_t>(broadcasts);
    std::string frame(kMessageBytes + 64, '\0');
    std::vector<epoll_event> events(256);
    while (ages.size() < expected) {
        const int count = ::epoll_wait(poll, events.data(), 256, 60'000);
        if (count <= 0) break;
        for (int i = 0; i < count; ++i) {
            auto* ssl = static_cast<SSL*>(events[static_cast<std::size_t>(i)].data.ptr);
            do {  // one record is one frame: 4 bytes of head, then the text; others are pings
                const int got = SSL_read(ssl, frame.data(), static_cast<int>(frame.size()));
                if (got <= 0) std::exit(1);
                if (got > 100) ages.push_back(NowUs() - std::atoll(frame.c_str() + 4));
            } while (SSL_pending(ssl) > 0);
        }
    }
    if (ages.size() < expected) {
        std::fprintf(stderr, "%zu of %zu messages came\n", ages.size(), expected);
        std::exit(1);
    }
    std::printf("broadcast to %d: p50 %.1f ms, p99 %.1f ms, last %.1f ms\n", sockets,
                Percentile(ages, 0.5), Percentile(ages, 0.99), Percentile(ages, 1.0));
    std::fflush(stdout);
    std::_Exit(0);
}

struct Sockets {
    std::mutex mutex;
    std::vector<std::shared_ptr<net::WebSocket>> all;
};

net::HttpOptions Options(Sockets& sockets, int count) {
    net::HttpOptions options;
    options.websocket.websockets_max = count;
    options.websocket.upgrade =
        [&sockets](const net::Request&, const std::shared_ptr<net::UpgradeResponder>& responder) {
            net::WebSocketHandler handler;
            handler.opened = [&sockets](std::shared_ptr<net::WebSocket> socket) {
                const std::lock_guard lock(sockets.mutex);
                sockets.all.push_back(std::move(socket));
            };
            responder->Accept(std::move(handler));
        };
    return options;
}

void Broadcast(Sockets& sockets) {
    std::string text = std::to_string(NowUs());
    text.resize(kMessageBytes, ' ');
    for (const auto& socket : sockets.all) socket->Send(text);
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 10'000;
    const int broadcasts = argc > 2 ? std::atoi(argv[2]) : 10;
    RaiseFileLimit();
    const test::Certificates certificates;
    int port_pipe[2];
    int ready_pipe[2];
    if (::pipe(port_pipe) != 0 || ::pipe(ready_pipe) != 0) return 1;
    const pid_t peers = ::fork();  // before there are threads
    if (peers == 0) {
        std::uint16_t port = 0;
        if (::read(port_pipe[0], &port, sizeof port) != sizeof port) std::_Exit(1);
        RunPeers(port, count, broadcasts, ready_pipe[1]);
    }
    ::close(ready_pipe[1]);
    telemetry::Log log;
    telemetry::Metrics metrics;
    net::Executor executor;
    Sockets sockets;
    net::HttpServer server(
        executor, Options(sockets, count),
        [](const net::Request&, const std::shared_ptr<net::Responder>& responder) {
            responder->Send({});
        },
        log, metrics);
    net::TlsServerOptions tls;
    tls.certificate_file = certificates["server.pem"];
    tls.key_file = certificates["server.key"];
    const auto bound = bench::Must(server.Listen(bench::Must(net::ParseAddress("127.0.0.1:0")),
                                                 bench::Must(net::MakeTlsContext(tls))));
    const std::size_t before = ResidentBytes();
    const auto begin = NowUs();
    char ready = 0;
    if (::write(port_pipe[1], &bound.port, sizeof bound.port) < 0 ||
        ::read(ready_pipe[0], &ready, 1) != 1) {
        return 1;
    }
    const std::size_t after = ResidentBytes();
    std::printf("%d TLS WebSockets opened in %.1f s; %.1f KiB each, %.0f MiB resident in all\n",
                count, static_cast<double>(NowUs() - begin) / 1e6,
                static_cast<double>(after - before) / 1024 / count,
                static_cast<double>(after) / (1 << 20));
    std::fflush(stdout);
    for (int i = 0; i < broadcasts; ++i) {
        Broadcast(sockets);
        std::this_thread::sleep_for(std::chrono::seconds(2));
    }
    int status = 0;
    ::waitpid(peers, &status, 0);
    std::printf("%.0f MiB resident after %d broadcasts\n",
                static_cast<double>(ResidentBytes()) / (1 << 20), broadcasts);
    sockets.all.clear();
    server.Stop();
    return status == 0 ? 0 : 1;
}
