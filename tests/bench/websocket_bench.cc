// What many open WebSockets cost over TLS: memory of the server for each idle one, and how long a
// message to all of them takes. The clients are a process of their own, so that the memory is the
// server's alone. usage: bench_websocket [sockets] [broadcasts]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/http.h"
#include "tests/bench/must.h"
#include "tests/bench/tls_peers.h"
#include "tests/support/certificates.h"

namespace {

using namespace carestream;

constexpr std::size_t kMessageBytes = 1024;

using bench::NowUs;
using bench::ResidentBytes;

double Percentile(std::vector<std::int64_t>& values, double part) {
    const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at),
                     values.end());
    return static_cast<double>(values[at]) / 1000;
}

// Reads the time at the beginning of each message and prints how old it was.
[[noreturn]] void RunPeers(std::uint16_t port, int sockets, int broadcasts, int ready) {
    bench::TlsPeers peers;
    for (int i = 0; i < sockets; ++i) peers.Open(port, "/ws");
    if (::write(ready, "r", 1) != 1) std::exit(1);
    std::vector<std::int64_t> ages;
    const auto expected = static_cast<std::size_t>(sockets) * static_cast<std::size_t>(broadcasts);
    // One record is one frame: 4 bytes of head, then the text; others are pings.
    peers.Read(60'000, [&](std::string_view record) {
        if (record.size() > 100) ages.push_back(NowUs() - std::atoll(record.data() + 4));
        return ages.size() < expected;
    });
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
    bench::RaiseFileLimit();
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
