#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <thread>

#include "net/http.h"
#include "net/http_date.h"
#include "net/internal/http_connection.h"
#include "net/internal/http_core.h"
#include "net/internal/http_head.h"

namespace carestream::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;
using SteadyClock = std::chrono::steady_clock;

constexpr int kBacklog = 1024;
constexpr std::chrono::milliseconds kPoll{2};

template <typename Protocol>
using Acceptor = asio::basic_socket_acceptor<Protocol>;

HttpPeer PeerOf(Tcp::socket&, const Tcp::endpoint& peer) {
    return {peer.address().to_string() + ":" + std::to_string(peer.port()), false, {}};
}
HttpPeer PeerOf(Local::socket& socket, const Local::endpoint&) {
    HttpPeer peer{"unix", true, {}};
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
        peer.user = who.uid;
    }
    return peer;
}

void Tune(Tcp::socket& socket) {
    ErrorCode ignored;  // only slower without
    socket.set_option(Tcp::no_delay(true), ignored);
}
void Tune(Local::socket&) {}

// Says why on a plain connection; a TLS client sees the close.
template <typename Socket>
void Refuse(HttpCore& core, Socket& socket, bool tls) {
    core.Refused("connections");
    core.log.Warn("http.refused", "the limit of connections is reached",
                  {{"listener", core.options.name},
                   {"connections_max", std::to_string(core.options.connections_max)}});
    if (tls) return;
    Response response = core.Error(503, "too many connections");
    std::string text;
    std::size_t bytes = 0;
    for (const auto& piece : response.body) bytes += piece.size();
    const std::string date = FormatHttpDate(std::time(nullptr));
    AppendHead(response, {.date = date, .content_bytes = bytes, .keep_alive = false}, text);
    for (const auto& piece : response.body) text += piece;
    ErrorCode ignored;  // best effort
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(text), ignored);
    socket.shutdown(asio::socket_base::shutdown_both, ignored);
}

template <typename Protocol>
void Admit(const std::shared_ptr<HttpCore>& core, HttpLane& lane, typename Protocol::socket socket,
           const typename Protocol::endpoint& peer, const TlsContext& tls) {
    Tune(socket);
    HttpPeer other = PeerOf(socket, peer);
    lane.load.fetch_add(1, std::memory_order_relaxed);
    core->connections_gauge.Set(core->connections.fetch_add(1) + 1);
    auto connection = std::make_shared<HttpConnection>(
        core, lane, MakeTransport(StreamSocket(std::move(socket)), tls), std::move(other));
    asio::post(lane.io, [connection = std::move(connection)] { connection->Start(); });
}

// Accepts into the least loaded lane until the acceptor is closed.
template <typename Protocol>
asio::awaitable<void> AcceptLoop(std::shared_ptr<HttpCore> core,
                                 std::shared_ptr<Acceptor<Protocol>> acceptor, TlsContext tls) {
    asio::steady_timer pause(acceptor->get_executor());
    while (acceptor->is_open() && !core->stopping) {
        HttpLane& lane = core->LightestLane();
        typename Protocol::socket socket(lane.io);
        typename Protocol::endpoint peer;
        ErrorCode error;
        co_await acceptor->async_accept(socket, peer,
                                        asio::redirect_error(asio::use_awaitable, error));
        if (!acceptor->is_open() || core->stopping) co_return;
        if (error == asio::error::connection_aborted) continue;
        if (error) {  // out of descriptors or memory: the backlog waits until some are free
            core->Refused("accept");
            core->log.Warn("http.accept", error.message(), {{"listener", core->options.name}});
            pause.expires_after(std::chrono::milliseconds(100));
            ErrorCode ignored;
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            continue;
        }
        if (core->connections >= core->options.connections_max) {
            Refuse(*core, socket, tls != nullptr);
            continue;
        }
        Admit<Protocol>(core, lane, std::move(socket), peer, tls);
    }
}

Result<Tcp::endpoint> Resolve(asio::io_context& io, const Address& address) {
    ErrorCode error;
    Tcp::resolver resolver(io);
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), Tcp::resolver::passive, error);
    if (error || found.empty()) {
        return Fail(Code::kInvalid, "the host is not known: " + error.message(),
                    address.ToString());
    }
    return found.begin()->endpoint();
}

Result<std::shared_ptr<Acceptor<Tcp>>> OpenTcp(asio::io_context& io, const Address& address) {
    CARESTREAM_ASSIGN(endpoint, Resolve(io, address));
    auto acceptor = std::make_shared<Acceptor<Tcp>>(io);
    ErrorCode error;
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(kBacklog, error);
    if (error == asio::error::address_in_use) {
        const std::string holder = PortHolder(address.port);
        return Fail(Code::kUnavailable,
                    "the port is taken" + (holder.empty() ? "" : " by " + holder),
                    address.ToString());
    }
    if (error) {
        return Fail(Code::kUnavailable, "cannot listen: " + error.message(), address.ToString());
    }
    return acceptor;
}

// A socket file outlives its process. It is removed only if nobody answers on it.
Result<void> RemoveStale(asio::io_context& io, const Address& address) {
    struct stat status {};
    if (::lstat(address.unix_path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode)) {
        return Fail(Code::kInvalid, "exists and is no socket", address.unix_path);
    }
    Local::socket probe(io);
    ErrorCode error;
    probe.connect(Local::endpoint(address.unix_path), error);
    if (!error) return Fail(Code::kUnavailable, "another process listens", address.unix_path);
    ::unlink(address.unix_path.c_str());
    return {};
}

Result<std::shared_ptr<Acceptor<Local>>> OpenLocal(asio::io_context& io, const Address& address) {
    CARESTREAM_TRY(RemoveStale(io, address));
    auto acceptor = std::make_shared<Acceptor<Local>>(io);
    ErrorCode error;
    acceptor->open(Local(), error);
    if (!error) acceptor->bind(Local::endpoint(address.unix_path), error);
    // Nobody can connect before listen, so there is no moment with other permissions.
    if (!error && ::chmod(address.unix_path.c_str(), S_IRUSR | S_IWUSR) != 0) {
        error.assign(errno, boost::system::system_category());
    }
    if (!error) acceptor->listen(kBacklog, error);
    if (error) {
        return Fail(Code::kUnavailable, "cannot listen: " + error.message(), address.unix_path);
    }
    return acceptor;
}

bool WaitUntil(SteadyClock::time_point deadline, const auto& condition) {
    while (!condition()) {
        if (SteadyClock::now() >= deadline) return false;
        std::this_thread::sleep_for(kPoll);
    }
    return true;
}

}  // namespace

std::string_view Request::Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (EqualsIgnoringCase(key, name)) return value;
    }
    return {};
}

Response Response::Text(int status, std::string_view content_type, std::string body) {
    Response response;
    response.status = status;
    response.headers.emplace_back("Content-Type", content_type);
    response.body.push_back(std::move(body));
    return response;
}

struct HttpServer::Core : HttpCore {
    using HttpCore::HttpCore;
    // Index of the lane whose thread accepts: one accepts for all, so that load is even.
    static constexpr std::size_t kAcceptLane = 0;
    std::vector<std::function<void()>> close_listeners;  // each on the accepting thread
    std::vector<std::string> socket_files;
    bool stopped = false;
};

HttpServer::HttpServer(Executor& executor, HttpOptions options, HttpHandler handler,
                       telemetry::Log& log, telemetry::Metrics& metrics)
    : core_(
          std::make_shared<Core>(executor, std::move(options), std::move(handler), log, metrics)) {}

HttpServer::~HttpServer() {
    Stop();
}

Result<Address> HttpServer::Listen(const Address& address, TlsContext tls) {
    auto& io = core_->executor.context(Core::kAcceptLane);
    const auto begin = [&](auto acceptor) {
        core_->close_listeners.push_back([acceptor] {
            ErrorCode ignored;  // closed is closed
            acceptor->close(ignored);
        });
        using Protocol = typename std::decay_t<decltype(*acceptor)>::protocol_type;
        asio::co_spawn(io, AcceptLoop<Protocol>(core_, acceptor, std::move(tls)),
                       [](const std::exception_ptr& thrown) {
                           if (thrown) std::rethrow_exception(thrown);  // a bug: ends the process
                       });
    };
    Address bound = address;
    if (address.IsUnix()) {
        CARESTREAM_ASSIGN(acceptor, OpenLocal(io, address));
        core_->socket_files.push_back(address.unix_path);
        begin(acceptor);
    } else {
        CARESTREAM_ASSIGN(acceptor, OpenTcp(io, address));
        bound.port = acceptor->local_endpoint().port();
        begin(acceptor);
    }
    return bound;
}

void HttpServer::Stop() {
    if (core_->stopped) return;
    core_->stopped = true;
    core_->stopping = true;
    auto& executor = core_->executor;
    executor.RunOn(Core::kAcceptLane, [this] {
        for (const auto& close : core_->close_listeners) close();
    });
    core_->close_listeners.clear();
    for (const auto& file : core_->socket_files) ::unlink(file.c_str());

    const auto idle = [this] { return core_->connections == 0 && core_->websockets == 0; };
    for (std::size_t i = 0; i < executor.size(); ++i) {
        executor.RunOn(i, [&] { core_->lanes[i]->CloseIdle(); });
    }
    const auto drained = std::chrono::milliseconds(core_->options.drain_ms);
    if (!WaitUntil(SteadyClock::now() + drained, idle)) {
        core_->log.Warn("http.drain", "requests or WebSockets were cut off at the end of drain_ms",
                        {{"listener", core_->options.name}});
    }
    for (std::size_t i = 0; i < executor.size(); ++i) {
        executor.RunOn(i, [&] {
            core_->lanes[i]->CloseAll();
            core_->lanes[i]->StopSweeping();
        });
    }
    WaitUntil(SteadyClock::now() + std::chrono::seconds(2), idle);
}

int HttpServer::connections() const {
    return core_->connections;
}
int HttpServer::websockets() const {
    return core_->websockets;
}
int HttpServer::requests_under_way() const {
    return core_->requests;
}

}  // namespace carestream::net
