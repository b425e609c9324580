#include "net/http_sender.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "net/internal/outbound_connection.h"

namespace carestream::net {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kSweep{1};

// A request from Send to its callback. Whichever of answer, time-out and Stop comes first is told;
// what comes later finds it done.
struct Exchange {
    Exchange(asio::io_context& io, OutboundRequest the_request, HttpSender::Callback the_callback)
        : request(std::move(the_request)),
          callback(std::move(the_callback)),
          origin(request.url.Origin()),
          timer(io) {}

    [[nodiscard]] bool done() const { return !callback; }
    void Complete(Result<ClientResponse> answer) {
        if (done()) return;
        timer.cancel();
        const HttpSender::Callback told = std::exchange(callback, {});
        told(std::move(answer), sent || (connection && connection->written()));
    }

    const OutboundRequest request;
    HttpSender::Callback callback;
    const std::string origin;
    asio::steady_timer timer;
    SteadyClock::time_point deadline;
    std::string_view step;
    std::unique_ptr<OutboundConnection> connection;
    bool sent = false;  // on a connection that is given up, at least a byte
};

using ExchangePtr = std::shared_ptr<Exchange>;

struct Kept {
    std::unique_ptr<OutboundConnection> connection;
    SteadyClock::time_point since;
};

// A server, by its origin. Forgotten when nothing is open and nobody waits.
struct Host {
    int open = 0;  // connections, with the idle ones
    std::deque<ExchangePtr> waiting;
    std::deque<Kept> idle;  // the longest idle first
};

}  // namespace

// Everything on the thread of `io`.
struct HttpSender::Core : std::enable_shared_from_this<HttpSender::Core> {
    Core(Executor& the_executor, std::size_t the_index, SenderOptions the_options,
         TlsContext the_tls)
        : executor(the_executor),
          index(the_index),
          io(the_executor.context(the_index)),
          options(std::move(the_options)),
          tls(std::move(the_tls)) {}

    void Begin(const ExchangePtr& exchange);
    void Stop();

private:
    void Wait(const ExchangePtr& exchange, Host& host);
    [[nodiscard]] bool MayStart(const Host& host);
    void Start(const ExchangePtr& exchange, Host& host);
    [[nodiscard]] std::unique_ptr<OutboundConnection> TakeIdle(Host& host);
    void StartWaiting(Host& host);
    void StartStarved();
    void Finish(const ExchangePtr& exchange, Result<ClientResponse> answer);
    void Keep(Host& host, std::unique_ptr<OutboundConnection> connection);
    [[nodiscard]] bool DropOldestIdle();
    void DropIdle(Host& host);
    void ForgetIfUnused(const std::string& origin);
    void Sweep();
    void SweepLater();

    void Enter(const ExchangePtr& exchange, std::string_view step, int step_ms = 0);
    void End(const ExchangePtr& exchange, std::string message);
    static asio::awaitable<void> Run(std::shared_ptr<Core> self, ExchangePtr exchange);
    static asio::awaitable<Result<void>> Open(Core& self, ExchangePtr exchange);

public:
    Executor& executor;
    const std::size_t index;
    asio::io_context& io;
    const SenderOptions options;
    const TlsContext tls;

private:
    bool stopping_ = false;
    std::unordered_map<std::string, Host> hosts_;
    std::unordered_set<ExchangePtr> live_;  // not finished: under way or waiting
    std::deque<std::string> starved_;       // origins that wait without any connection
    int open_ = 0;
    int idle_ = 0;
    int waiting_ = 0;
    std::optional<asio::steady_timer> sweep_;  // while there are idle connections
};

void HttpSender::Core::Begin(const ExchangePtr& exchange) {
    const int timeout_ms = exchange->request.timeout_ms;
    exchange->deadline = SteadyClock::now() +
                         milliseconds(timeout_ms > 0 ? timeout_ms : options.exchange_timeout_ms);
    live_.insert(exchange);
    if (stopping_) return End(exchange, "the sender has stopped");
    if (auto good = CheckRequest(exchange->request); !good) {
        live_.erase(exchange);
        return exchange->Complete(Fail(std::move(good).error()));
    }
    Host& host = hosts_[exchange->origin];
    if (host.waiting.empty() && MayStart(host)) {
        Start(exchange, host);
    } else {
        Wait(exchange, host);
    }
}

void HttpSender::Core::Wait(const ExchangePtr& exchange, Host& host) {
    const bool host_full =
        host.waiting.size() >= static_cast<std::size_t>(options.waiting_per_host_max);
    if (host_full || waiting_ >= options.waiting_max) {
        live_.erase(exchange);
        Error full{Code::kLimit, "too many requests wait for a connection", exchange->origin, {}, 0,
                   true};
        if (host_full) full.message += " to this server";
        ForgetIfUnused(exchange->origin);
        return exchange->Complete(Fail(std::move(full)));
    }
    if (host.open == 0 && host.waiting.empty()) starved_.push_back(exchange->origin);
    host.waiting.push_back(exchange);
    ++waiting_;
    Enter(exchange, "waiting for a connection");
}

bool HttpSender::Core::MayStart(const Host& host) {
    if (!host.idle.empty()) return true;
    if (host.open >= options.connections_per_host_max) return false;
    return open_ < options.connections_max || DropOldestIdle();
}

void HttpSender::Core::Start(const ExchangePtr& exchange, Host& host) {
    exchange->connection = TakeIdle(host);
    if (!exchange->connection) {
        ++host.open;
        ++open_;
    }
    // Not at once: Start may be called from another exchange's coroutine.
    asio::post(io, [self = shared_from_this(), exchange] {
        asio::co_spawn(self->io, Run(self, exchange), [](const std::exception_ptr& thrown) {
            if (thrown) std::rethrow_exception(thrown);  // a bug: ends the process
        });
    });
}

// The one used last, without those that their server closed meanwhile; null if none is left.
std::unique_ptr<OutboundConnection> HttpSender::Core::TakeIdle(Host& host) {
    while (!host.idle.empty()) {
        auto connection = std::move(host.idle.back().connection);
        host.idle.pop_back();
        --idle_;
        if (connection->StillOpen()) return connection;
        --host.open;
        --open_;
    }
    return nullptr;
}

void HttpSender::Core::StartWaiting(Host& host) {
    while (!host.waiting.empty() && MayStart(host)) {
        const ExchangePtr next = std::move(host.waiting.front());
        host.waiting.pop_front();
        --waiting_;
        Start(next, host);
    }
}

// A busy server's connections would otherwise never leave room for the others.
void HttpSender::Core::StartStarved() {
    while (!starved_.empty()) {
        const auto found = hosts_.find(starved_.front());
        const bool starves =
            found != hosts_.end() && found->second.open == 0 && !found->second.waiting.empty();
        if (starves && !MayStart(found->second)) return;
        starved_.pop_front();
        if (starves) StartWaiting(found->second);
    }
}

asio::awaitable<Result<void>> HttpSender::Core::Open(Core& self, ExchangePtr exchange) {
    exchange->connection = std::make_unique<OutboundConnection>(self.io, exchange->request.url);
    self.Enter(exchange, "connecting", self.options.connect_timeout_ms);
    Result<void> opened = co_await exchange->connection->Connect(self.options.policy);
    if (!opened || exchange->done()) co_return opened;
    self.Enter(exchange, "the TLS handshake", self.options.tls_timeout_ms);
    opened = co_await exchange->connection->Handshake(*self.tls);
    co_return opened;
}

asio::awaitable<void> HttpSender::Core::Run(std::shared_ptr<Core> self, ExchangePtr exchange) {
    Result<ClientResponse> answer = FailRetryable("not sent");
    bool fresh = !exchange->connection;
    bool again = !exchange->done();
    while (again) {
        again = false;
        if (fresh) {
            const Result<void> opened = co_await Open(*self, exchange);
            if (!opened) answer = Fail(opened.error());
            if (!opened || exchange->done()) break;
        }
        OutboundConnection& connection = *exchange->connection;
        self->Enter(exchange, "the answer");
        answer = co_await connection.Exchange(exchange->request, self->options.body_bytes_max);
        const bool was_dead = !answer && !fresh && !connection.answered() && !exchange->done();
        if (was_dead && (exchange->request.idempotent || !connection.written())) {
            exchange->sent = exchange->sent || connection.written();
            fresh = again = true;
        }
    }
    self->Finish(exchange, std::move(answer));
}

void HttpSender::Core::Finish(const ExchangePtr& exchange, Result<ClientResponse> answer) {
    live_.erase(exchange);
    Host& host = hosts_[exchange->origin];
    auto connection = std::move(exchange->connection);
    exchange->sent = exchange->sent || (connection && connection->written());
    if (answer && connection->reusable() && !stopping_ && !exchange->done()) {
        Keep(host, std::move(connection));
    } else {
        connection.reset();
        --host.open;
        --open_;
    }
    StartStarved();
    StartWaiting(host);
    if (host.open == 0 && !host.waiting.empty()) starved_.push_back(exchange->origin);
    ForgetIfUnused(exchange->origin);
    exchange->Complete(std::move(answer));
}

void HttpSender::Core::Keep(Host& host, std::unique_ptr<OutboundConnection> connection) {
    host.idle.push_back({std::move(connection), SteadyClock::now()});
    ++idle_;
    if (!sweep_) SweepLater();
    if (idle_ > options.idle_max) static_cast<void>(DropOldestIdle());
}

bool HttpSender::Core::DropOldestIdle() {
    Host* oldest = nullptr;
    for (auto& [origin, host] : hosts_) {
        if (host.idle.empty()) continue;
        if (oldest != nullptr && host.idle.front().since >= oldest->idle.front().since) continue;
        oldest = &host;
    }
    if (oldest == nullptr) return false;
    DropIdle(*oldest);
    return true;
}

void HttpSender::Core::DropIdle(Host& host) {
    host.idle.pop_front();
    --host.open;
    --open_;
    --idle_;
}

void HttpSender::Core::ForgetIfUnused(const std::string& origin) {
    const auto found = hosts_.find(origin);
    if (found == hosts_.end()) return;
    if (found->second.open == 0 && found->second.waiting.empty()) hosts_.erase(found);
}

void HttpSender::Core::Sweep() {
    const auto oldest = SteadyClock::now() - milliseconds(options.idle_timeout_ms);
    for (auto entry = hosts_.begin(); entry != hosts_.end();) {
        Host& host = entry->second;
        while (!host.idle.empty() && host.idle.front().since <= oldest) DropIdle(host);
        const bool unused = host.open == 0 && host.waiting.empty();
        entry = unused ? hosts_.erase(entry) : std::next(entry);
    }
    if (idle_ == 0) return sweep_.reset();
    SweepLater();
}

void HttpSender::Core::SweepLater() {
    if (!sweep_) sweep_.emplace(io);
    sweep_->expires_after(kSweep);
    sweep_->async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (!error && self && !self->stopping_) self->Sweep();
    });
}

// The step that begins may take so long (0: as long as the whole), and never longer than the whole.
void HttpSender::Core::Enter(const ExchangePtr& exchange, std::string_view step, int step_ms) {
    if (exchange->done()) return;
    exchange->step = step;
    exchange->timer.expires_at(
        step_ms == 0 ? exchange->deadline
                     : std::min(exchange->deadline, SteadyClock::now() + milliseconds(step_ms)));
    exchange->timer.async_wait(
        [core = weak_from_this(), weak = std::weak_ptr(exchange)](boost::system::error_code error) {
            const auto self = core.lock();
            const auto late = weak.lock();
            if (error || !self || !late || late->timer.expiry() > SteadyClock::now()) return;
            const bool sent = late->connection && late->connection->written();
            self->End(late, std::string(late->step) + " took too long" +
                                (sent ? "; the server may have had the request" : ""));
        });
}

// One that waits ends here; of one that runs the coroutine does the rest.
void HttpSender::Core::End(const ExchangePtr& exchange, std::string message) {
    if (exchange->connection) exchange->connection->Abort();
    const auto host = hosts_.find(exchange->origin);
    if (host != hosts_.end()) {
        const auto waited = std::erase(host->second.waiting, exchange);
        waiting_ -= static_cast<int>(waited);
        if (waited > 0) live_.erase(exchange);
        ForgetIfUnused(exchange->origin);
    }
    if (stopping_) live_.erase(exchange);
    Error error{Code::kUnavailable, std::move(message), exchange->origin, {}, 0, true};
    exchange->Complete(Fail(std::move(error)));
}

void HttpSender::Core::Stop() {
    if (stopping_) return;
    stopping_ = true;
    sweep_.reset();
    for (auto& [origin, host] : hosts_) {
        while (!host.idle.empty()) DropIdle(host);
    }
    const std::vector<ExchangePtr> all(live_.begin(), live_.end());
    for (const ExchangePtr& exchange : all) {
        End(exchange, "the sender stops; the server may have had the request");
    }
}

Result<std::unique_ptr<HttpSender>> HttpSender::Create(Executor& executor, SenderOptions options) {
    CARESTREAM_ASSIGN(tls, MakeTlsContext(options.tls));
    constexpr std::size_t kIndex = 0;  // one thread: requests out are few beside those in
    return std::unique_ptr<HttpSender>(new HttpSender(
        std::make_shared<Core>(executor, kIndex, std::move(options), std::move(tls))));
}

HttpSender::HttpSender(std::shared_ptr<Core> core) : core_(std::move(core)) {}

HttpSender::~HttpSender() {
    Stop();
}

void HttpSender::Send(OutboundRequest request, Callback callback) {
    auto exchange = std::make_shared<Exchange>(core_->io, std::move(request), std::move(callback));
    asio::post(core_->io,
               [core = core_, exchange = std::move(exchange)] { core->Begin(exchange); });
}

void HttpSender::Stop() {
    core_->executor.RunOn(core_->index, [this] { core_->Stop(); });
}

}  // namespace carestream::net
