// The listener: accepts, refuses, spreads connections over the executor's threads.
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "adapters/mllp/internal/connection.h"
#include "adapters/mllp/internal/listener_core.h"
#include "adapters/mllp/internal/transport.h"
#include "adapters/mllp/source.h"

namespace carestream::adapters::mllp {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr auto kTick = milliseconds(100);
constexpr auto kAcceptPause = milliseconds(100);
constexpr auto kBrake = std::chrono::seconds(10);

class Listener final : public channel::Source {
public:
    Listener(ListenerOptions options, channel::SourceParts parts)
        : core_(std::make_shared<ListenerCore>(std::move(options), std::move(parts))) {}
    ~Listener() override { Stop(); }

    Result<void> Start(channel::Sink& sink) override;
    void Stop() override;
    std::string Describe() const override {
        net::Address address = core_->options.listen;
        if (bound_port_ != 0) address.port = bound_port_;
        return address.ToString();
    }
    int connections() const override { return core_->connections; }

private:
    Result<void> Bind(tcp::acceptor& acceptor);
    Error Taken(const boost::system::error_code& error) const;
    void Accept();
    void OnAccepted(ErrorCode error, tcp::socket socket, Lane& lane);
    void Refuse(const char* reason, const std::string& peer);
    static void Tick(const std::shared_ptr<ListenerCore>& core, Lane& lane);
    void OnLane(std::size_t index, const std::function<void(Lane&)>& task);

    const std::shared_ptr<ListenerCore> core_;
    std::shared_ptr<tcp::acceptor> acceptor_;
    std::unique_ptr<asio::steady_timer> accept_pause_;
    std::uint16_t bound_port_ = 0;
    std::size_t next_lane_ = 0;
};

Error Listener::Taken(const boost::system::error_code& error) const {
    const ListenerOptions& options = core_->options;
    std::string text = "cannot listen on " + options.listen.ToString() + ": " + error.message();
    if (error == asio::error::address_in_use) {
        const std::string holder = net::PortHolder(options.listen.port);
        if (!holder.empty()) text += ", it is held by " + holder;
        text += options.listen_variable.empty()
                    ? "; stop it or change 'listen' of channel " + core_->parts.channel
                    : "; stop it or set " + options.listen_variable + " to another address";
    }
    return Error{Code::kUnavailable, std::move(text), {}, {}, 0, false};
}

Result<void> Listener::Bind(tcp::acceptor& acceptor) {
    boost::system::error_code error;
    tcp::resolver resolver(acceptor.get_executor());
    const net::Address& listen = core_->options.listen;
    const auto found =
        resolver.resolve(listen.host, std::to_string(listen.port), tcp::resolver::passive, error);
    if (error || found.empty()) {
        return Fail(Code::kInvalid, "'" + listen.host + "' is no address of this machine");
    }
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (error) return Fail(Taken(error));
    bound_port_ = acceptor.local_endpoint(error).port();
    return {};
}

Result<void> Listener::Start(channel::Sink& sink) {
    net::Executor& executor = core_->parts.executor;
    auto acceptor = std::make_shared<tcp::acceptor>(executor.context(0));
    CARESTREAM_TRY(Bind(*acceptor));
    core_->sink = &sink;
    if (core_->lanes.empty()) {
        for (std::size_t i = 0; i < executor.size(); ++i) {
            core_->lanes.push_back(std::make_unique<Lane>(executor.context(i)));
        }
    }
    for (std::size_t i = 0; i < core_->lanes.size(); ++i) {
        OnLane(i, [this](Lane& lane) {
            lane.ticking = true;
            Tick(core_, lane);
        });
    }
    OnLane(0, [&](Lane& lane) {
        acceptor_ = std::move(acceptor);
        accept_pause_ = std::make_unique<asio::steady_timer>(lane.io);
        Accept();
    });
    return {};
}

void Listener::OnLane(std::size_t index, const std::function<void(Lane&)>& task) {
    core_->parts.executor.RunOn(index, [&] { task(*core_->lanes[index]); });
}

void Listener::Tick(const std::shared_ptr<ListenerCore>& core, Lane& lane) {
    const SteadyTime now = std::chrono::steady_clock::now();
    const std::vector<std::shared_ptr<Connection>> all(lane.connections.begin(),
                                                       lane.connections.end());
    for (const auto& connection : all) connection->Tick(now);
    lane.timer.expires_at(now + kTick);
    lane.timer.async_wait([core, &lane](ErrorCode error) {
        if (!error && lane.ticking) Tick(core, lane);
    });
}

void Listener::Accept() {
    Lane& lane = *core_->lanes[next_lane_++ % core_->lanes.size()];
    acceptor_->async_accept(
        lane.io, [this, acceptor = acceptor_, &lane](ErrorCode error, tcp::socket socket) {
            if (!acceptor->is_open()) return;  // stopped; `this` may be gone
            OnAccepted(error, std::move(socket), lane);
        });
}

void Listener::OnAccepted(ErrorCode error, tcp::socket socket, Lane& lane) {
    if (error) {
        Refuse("accept", error.message());
        accept_pause_->expires_after(kAcceptPause);
        accept_pause_->async_wait([this, acceptor = acceptor_](ErrorCode) {
            if (acceptor->is_open()) Accept();
        });
        return;
    }
    boost::system::error_code gone;
    const auto remote = socket.remote_endpoint(gone);
    const std::string host = gone ? std::string() : remote.address().to_string();
    const auto& allow = core_->options.allow;
    const bool allowed = allow.empty() || std::any_of(allow.begin(), allow.end(),
                                                      [&](const config::Network& network) {
                                                          return network.Contains(host);
                                                      });
    if (gone) {
        // It left before we looked.
    } else if (!allowed) {
        Refuse("address", host);
    } else if (core_->connections >= core_->options.connections_max) {
        Refuse("limit", host);
    } else {
        TuneSocket(socket, core_->options.user_timeout_ms);
        ++core_->connections;
        core_->meters.connections.Add(1);
        core_->meters.accepted.Add();
        asio::post(lane.io, [core = core_, &lane, peer = host + ":" + std::to_string(remote.port()),
                             socket = std::make_shared<tcp::socket>(std::move(socket))]() mutable {
            auto connection = std::make_shared<Connection>(
                core, lane, MakeTransport(std::move(*socket), core->options.tls), std::move(peer));
            lane.connections.insert(connection);
            connection->Start();
        });
    }
    Accept();
}

void Listener::Refuse(const char* reason, const std::string& peer) {
    core_->meters.Refused(reason);
    const int held_back = core_->brake_refused.Pass();
    if (held_back < 0) return;
    core_->parts.log.Warn("mllp.refused", "a connection was refused",
                          {{"channel", core_->parts.channel},
                           {"reason", reason},
                           {"peer", peer},
                           {"limit", std::to_string(core_->options.connections_max)},
                           {"held_back", std::to_string(held_back)}});
}

void Listener::Stop() {
    if (acceptor_ == nullptr) return;
    OnLane(0, [this](Lane&) {
        boost::system::error_code ignored;
        acceptor_->close(ignored);
        accept_pause_->cancel();
    });
    const auto each = [this](const std::function<void(Connection&)>& task) {
        for (std::size_t i = 0; i < core_->lanes.size(); ++i) {
            OnLane(i, [&](Lane& lane) {
                const auto all = lane.connections;
                for (const auto& connection : all) task(*connection);
            });
        }
    };
    each([](Connection& connection) { connection.Finish(); });
    const SteadyTime deadline =
        std::chrono::steady_clock::now() + milliseconds(core_->options.drain_ms);
    while (core_->connections > 0 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(milliseconds(10));
    }
    each([](Connection& connection) { connection.Close(); });
    for (std::size_t i = 0; i < core_->lanes.size(); ++i) {
        OnLane(i, [](Lane& lane) {
            lane.ticking = false;
            lane.timer.cancel();
        });
    }
    acceptor_.reset();
    accept_pause_.reset();
}

}  // namespace

int LogBrake::Pass() {
    const SteadyTime now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (now < next_) {
        ++held_back_;
        return -1;
    }
    next_ = now + kBrake;
    return std::exchange(held_back_, 0);
}

Meters::Meters(telemetry::Metrics& metrics_, const std::string& channel_)
    : metrics(metrics_),
      channel(channel_),
      connections(metrics.gauge("carestream_mllp_connections", "Open MLLP connections.",
                                {{"channel", channel}})),
      accepted(metrics.counter("carestream_mllp_connections_total", "MLLP connections accepted.",
                               {{"channel", channel}})),
      junk_bytes(metrics.counter("carestream_mllp_junk_bytes_total",
                                 "Bytes skipped between frames and in frames that were cut short.",
                                 {{"channel", channel}})),
      aborted_frames(metrics.counter("carestream_mllp_aborted_frames_total",
                                     "Frames that the beginning of the next one cut short: not "
                                     "accepted, not answered.",
                                     {{"channel", channel}})) {}

void Meters::Refused(const std::string& reason) const {
    metrics
        .counter("carestream_mllp_refused_total", "MLLP connections refused, by reason.",
                 {{"channel", channel}, {"reason", reason}})
        .Add();
}

void Meters::Closed(const std::string& reason) const {
    metrics
        .counter("carestream_mllp_closed_total",
                 "MLLP connections that we closed or lost out of order, by reason.",
                 {{"channel", channel}, {"reason", reason}})
        .Add();
}

std::unique_ptr<channel::Source> MakeListener(ListenerOptions options, channel::SourceParts parts) {
    return std::make_unique<Listener>(std::move(options), std::move(parts));
}

}  // namespace carestream::adapters::mllp
