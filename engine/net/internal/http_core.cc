#include "net/internal/http_core.h"

#include "net/http_date.h"
#include "net/internal/http_connection.h"
#include "net/internal/websocket_connection.h"

namespace carestream::net {
namespace {

constexpr std::chrono::milliseconds kSweep{250};

constexpr std::array<std::string_view, 8> kMethods = {"other", "GET",   "HEAD",   "POST",
                                                      "PUT",   "PATCH", "DELETE", "OPTIONS"};

int MethodIndex(std::string_view method) {
    for (std::size_t i = 1; i < kMethods.size(); ++i) {
        if (kMethods[i] == method) return static_cast<int>(i);
    }
    return 0;
}

}  // namespace

void HttpLane::Add(HttpConnection* connection) {
    connections_.insert(connection);
    StartSweeping();
}

void HttpLane::Remove(HttpConnection* connection) {
    connections_.erase(connection);
}

void HttpLane::Add(WebSocketConnection* connection) {
    websockets_.insert(connection);
    StartSweeping();
}

void HttpLane::Remove(WebSocketConnection* connection) {
    websockets_.erase(connection);
}

void HttpLane::CloseIdle() {
    for (auto* connection : connections_) connection->CloseIfIdle();
    for (auto* connection : websockets_) connection->GoAway();
}

void HttpLane::CloseAll() {
    for (auto* connection : connections_) connection->Close();
    for (auto* connection : websockets_) connection->Drop();
}

void HttpLane::StartSweeping() {
    if (!sweep_) sweep_.emplace(io);
    if (!sweeping_) Sweep();
}

// Runs while there are connections: an idle server has no ticks.
void HttpLane::Sweep() {
    now_ = std::chrono::steady_clock::now();
    for (auto* connection : connections_) connection->CheckDeadline(now_);
    for (auto* connection : websockets_) connection->CheckDeadline(now_);
    sweeping_ = !(connections_.empty() && websockets_.empty()) && sweep_.has_value();
    if (!sweeping_) return;
    sweep_->expires_at(now_ + kSweep);
    sweep_->async_wait([core = core_.shared_from_this(), this](boost::system::error_code error) {
        if (!error) Sweep();
    });
}

std::string_view HttpLane::date() {
    const std::time_t second = std::time(nullptr);
    if (second != date_second_) {
        date_second_ = second;
        date_ = FormatHttpDate(second);
    }
    return date_;
}

Gzip& HttpLane::gzip() {
    if (!gzip_) gzip_ = std::make_unique<Gzip>();
    return *gzip_;
}

void HttpLane::Count(std::string_view method, std::string_view route, int status, double seconds) {
    if (route.empty()) route = "other";
    const int method_index = MethodIndex(method);
    auto& counter = counters_[RouteKey{route.data(), status, method_index}];
    if (counter == nullptr) {
        counter = &core_.metrics.counter(
            "carestream_http_requests_total", "HTTP requests answered",
            {{"listener", core_.options.name},
             {"route", std::string(route)},
             {"method", std::string(kMethods[static_cast<std::size_t>(method_index)])},
             {"status", std::to_string(status)}});
    }
    counter->Add();
    auto& histogram = histograms_[route.data()];
    if (histogram == nullptr) {
        histogram = &core_.metrics.histogram(
            "carestream_http_request_seconds", "From the whole request to its answer's last byte",
            {{"listener", core_.options.name}, {"route", std::string(route)}});
    }
    histogram->Observe(seconds);
}

HttpCore::HttpCore(Executor& the_executor, HttpOptions the_options, HttpHandler the_handler,
                   telemetry::Log& the_log, telemetry::Metrics& the_metrics)
    : executor(the_executor),
      options(std::move(the_options)),
      handler(std::move(the_handler)),
      log(the_log),
      metrics(the_metrics),
      connections_gauge(metrics.gauge("carestream_http_connections", "Open HTTP connections",
                                      {{"listener", options.name}})) {
    for (std::size_t i = 0; i < executor.size(); ++i) {
        lanes.push_back(std::make_unique<HttpLane>(*this, executor.context(i)));
    }
    if (!options.websocket.upgrade) return;
    const auto messages = [&](std::string direction) -> telemetry::Counter& {
        return metrics.counter("carestream_websocket_messages_total",
                               "WebSocket messages received and sent",
                               {{"listener", options.name}, {"direction", std::move(direction)}});
    };
    websocket_metrics.emplace(WebSocketMetrics{
        metrics.gauge("carestream_websockets", "Open WebSockets", {{"listener", options.name}}),
        messages("in"), messages("out")});
}

HttpLane& HttpCore::LightestLane() {
    HttpLane* best = lanes.front().get();
    for (const auto& lane : lanes) {
        if (lane->load < best->load) best = lane.get();
    }
    return *best;
}

void HttpCore::Refused(std::string_view reason) {
    metrics
        .counter("carestream_http_refused_total", "Connections and requests refused by a limit",
                 {{"listener", options.name}, {"reason", std::string(reason)}})
        .Add();
}

bool HttpCore::EnterWebSocket() {
    const int open = websockets.fetch_add(1) + 1;
    if (open > options.websocket.websockets_max) {
        websockets.fetch_sub(1);
        return false;
    }
    websocket_metrics->open.Add(1);
    return true;
}

void HttpCore::LeaveWebSocket() {
    websocket_metrics->open.Add(-1);
    websockets.fetch_sub(1);
}

Response HttpCore::Error(int status, std::string_view text) const {
    if (options.error_response) return options.error_response(status, text);
    return Response::Text(status, "text/plain; charset=utf-8", std::string(text) + "\n");
}

}  // namespace carestream::net
