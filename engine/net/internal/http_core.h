#pragma once
// What the connections of one server share, and what those of one thread share.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "net/http.h"
#include "net/internal/gzip.h"

namespace carestream::net {

class HttpConnection;
class WebSocketConnection;
struct HttpCore;
using SteadyTime = std::chrono::steady_clock::time_point;

// The connections of one executor thread; everything but `load` belongs to that thread.
class HttpLane {
public:
    HttpLane(HttpCore& core, boost::asio::io_context& context) : core_(core), io(context) {}

    void Add(HttpConnection* connection);
    void Remove(HttpConnection* connection);
    void Add(WebSocketConnection* connection);
    void Remove(WebSocketConnection* connection);
    void CloseIdle();  // WebSockets are told to go away
    void CloseAll();
    void StopSweeping() { sweep_.reset(); }

    // Coarse time: deadlines are checked every kSweep, so reading a clock per step buys nothing.
    [[nodiscard]] SteadyTime now() const { return now_; }
    [[nodiscard]] std::string_view date();
    [[nodiscard]] Gzip& gzip();
    void Count(std::string_view method, std::string_view route, int status, double seconds);

private:
    struct RouteKey {
        const char* route;  // static text: its address is its name
        int status;
        int method;
        bool operator==(const RouteKey&) const = default;
    };
    struct RouteHash {
        std::size_t operator()(const RouteKey& key) const {
            return std::hash<const void*>()(key.route) * 31 +
                   static_cast<std::size_t>(key.status * 16 + key.method);
        }
    };
    void StartSweeping();
    void Sweep();

    HttpCore& core_;

public:
    boost::asio::io_context& io;
    std::atomic<int> load = 0;  // connections; read by the acceptor

private:
    std::unordered_set<HttpConnection*> connections_;
    std::unordered_set<WebSocketConnection*> websockets_;
    std::optional<boost::asio::steady_timer> sweep_;
    bool sweeping_ = false;
    SteadyTime now_ = std::chrono::steady_clock::now();
    std::time_t date_second_ = 0;
    std::string date_;
    std::unique_ptr<Gzip> gzip_;
    std::unordered_map<RouteKey, telemetry::Counter*, RouteHash> counters_;
    std::unordered_map<const char*, telemetry::Histogram*> histograms_;
};

struct HttpCore : std::enable_shared_from_this<HttpCore> {
    HttpCore(Executor& the_executor, HttpOptions the_options, HttpHandler the_handler,
             telemetry::Log& the_log, telemetry::Metrics& the_metrics);

    [[nodiscard]] HttpLane& LightestLane();
    void Refused(std::string_view reason);
    [[nodiscard]] Response Error(int status, std::string_view text) const;
    // A place among the websockets_max; false if there is none.
    [[nodiscard]] bool EnterWebSocket();
    void LeaveWebSocket();

    Executor& executor;
    const HttpOptions options;
    const HttpHandler handler;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
    telemetry::Gauge& connections_gauge;
    struct WebSocketMetrics {
        telemetry::Gauge& open;
        telemetry::Counter& received;
        telemetry::Counter& sent;
    };
    std::optional<WebSocketMetrics> websocket_metrics;  // of a listener that upgrades
    std::atomic<int> connections = 0;
    std::atomic<int> websockets = 0;
    std::atomic<int> requests = 0;  // handed to the handler and not let go of by it
    std::atomic<bool> stopping = false;
    std::vector<std::unique_ptr<HttpLane>> lanes;
};

}  // namespace carestream::net
