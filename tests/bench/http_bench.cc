// Requests per second of the HTTP server, without FHIR or a database: a constant answer of 2 KB,
// asked for by keep-alive connections of this same process. usage: bench_http [seconds]
// [connections] With the argument "serve" it only serves, for another load client: bench_http serve
// 127.0.0.1:18080
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "net/http.h"

namespace {

using namespace carestream;
namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kBodyBytes = 2030;
constexpr std::string_view kRequest = "GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n";

// One closed loop: as many answers as `until` allows. All answers have the size of the first.
asio::awaitable<void> Ask(asio::io_context& io, tcp::endpoint server,
                          std::chrono::steady_clock::time_point until,
                          std::atomic<std::int64_t>& answers) {
    tcp::socket socket(io);
    boost::system::error_code error;
    co_await socket.async_connect(server, asio::redirect_error(asio::use_awaitable, error));
    socket.set_option(tcp::no_delay(true), error);
    std::string buffer(16u << 10, '\0');
    std::size_t expected = 0;
    while (!error && std::chrono::steady_clock::now() < until) {
        co_await asio::async_write(socket, asio::buffer(kRequest),
                                   asio::redirect_error(asio::use_awaitable, error));
        std::size_t got = 0;
        while (!error && (expected == 0 || got < expected)) {
            const auto space = asio::buffer(buffer.data() + got, buffer.size() - got);
            got += co_await socket.async_read_some(
                space, asio::redirect_error(asio::use_awaitable, error));
            const auto head = std::string_view(buffer.data(), got).find("\r\n\r\n");
            if (expected == 0 && head != std::string_view::npos) expected = head + 4 + kBodyBytes;
        }
        if (!error) answers.fetch_add(1, std::memory_order_relaxed);
    }
}

int Load(const net::Address& address, int seconds, int connections) {
    const tcp::endpoint server(asio::ip::make_address(address.host), address.port);
    const auto begin = std::chrono::steady_clock::now();
    const auto until = begin + std::chrono::seconds(seconds);
    std::atomic<std::int64_t> answers = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
            asio::io_context io{1};
            for (int i = t; i < connections; i += 2) {
                asio::co_spawn(io, Ask(io, server, until, answers), asio::detached);
            }
            io.run();
        });
    }
    for (auto& thread : threads) thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("http keep-alive, %d connections, %zu B bodies: %.0f requests/s\n", connections,
                kBodyBytes, static_cast<double>(answers) / took.count());
    return answers > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const bool serve = argc > 1 && std::string_view(argv[1]) == "serve";
    telemetry::Log log;
    telemetry::Metrics metrics;
    net::Executor executor;
    const std::string body(kBodyBytes, 'x');
    net::HttpServer server(
        executor, {},
        [&](const net::Request&, const std::shared_ptr<net::Responder>& responder) {
            auto response = net::Response::Text(200, "application/fhir+json", body);
            response.route = "/hello";
            responder->Send(std::move(response));
        },
        log, metrics);
    const auto wanted = net::ParseAddress(serve && argc > 2 ? argv[2] : "127.0.0.1:0");
    if (!wanted) {
        std::fprintf(stderr, "%s\n", wanted.error().ToString().c_str());
        return 2;
    }
    const auto bound = server.Listen(*wanted);
    if (!bound) {
        std::fprintf(stderr, "%s\n", bound.error().ToString().c_str());
        return 1;
    }
    if (serve) {
        std::printf("serving on %s\n", bound->ToString().c_str());
        std::fflush(stdout);
        pause();
        return 0;
    }
    const int seconds = argc > 1 ? std::atoi(argv[1]) : 5;
    const int connections = argc > 2 ? std::atoi(argv[2]) : 64;
    return Load(*bound, seconds, connections);
}
