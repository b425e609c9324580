// From the commit of an event to its receiver: subscriptions on a durable, encrypted store. Told by
// websocket up to where a text is handed to its connection; or over TLS to clients in a process of
// their own (--sockets N: the first N subscriptions have one each, and the events are theirs; prints
// what is resident, too); or by rest-hook over loopback. Store, engine and receivers share the
// machine.
//   bench_subscriptions [--subscriptions N] [--events N] [--rate N] [--sockets N | --hook]
//                       [--state DIR]
// Each subscription is of one patient; each event is a report of one of them. Latency counts from
// the moment at which the writer's commit was answered.
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "auth/owner.h"
#include "fhir/json.h"
#include "net/http.h"
#include "net/http_sender.h"
#include "rest/service.h"
#include "search/index.h"
#include "store/store.h"
#include "subscriptions/endpoint.h"
#include "subscriptions/engine.h"
#include "tests/bench/must.h"
#include "tests/bench/tls_peers.h"
#include "tests/support/certificates.h"

namespace {

using namespace carestream;
using bench::Must;

struct Flags {
    std::size_t subscriptions = 1'000;
    std::size_t events = 6'000;
    double rate = 300;
    std::size_t sockets = 0;
    bool hook = false;
    std::string state = "/tmp/carestream-bench-subscriptions";
};

Flags Parse(int count, char** values) {
    Flags flags;
    for (int i = 1; i < count; ++i) {
        const std::string name = values[i];
        const auto value = [&] { return std::string(i + 1 < count ? values[++i] : "0"); };
        if (name == "--subscriptions")
            flags.subscriptions = std::stoul(value());
        else if (name == "--events")
            flags.events = std::stoul(value());
        else if (name == "--rate")
            flags.rate = std::stod(value());
        else if (name == "--sockets")
            flags.sockets = std::stoul(value());
        else if (name == "--hook")
            flags.hook = true;
        else if (name == "--state")
            flags.state = value();
        else {
            std::fprintf(stderr, "unknown option %s\n", name.c_str());
            std::exit(2);
        }
    }
    return flags;
}

using bench::NowUs;

constexpr std::string_view kMark = "bench-event-";

// When each event was committed, and when its receiver had it; by the number in its conclusion.
class Ledger {
public:
    explicit Ledger(std::size_t events) : committed_(events), told_(events) {}
    void Committed(std::size_t event) { committed_[event] = NowUs(); }
    void Told(std::string_view body) {
        const Micros now = NowUs();
        for (std::size_t at = body.find(kMark); at != std::string_view::npos;
             at = body.find(kMark, at + 1)) {
            Told(std::strtoul(body.data() + at + kMark.size(), nullptr, 10), now);
        }
    }
    void Told(std::size_t event, Micros at) {
        Micros none = 0;
        if (event < told_.size() && told_[event].compare_exchange_strong(none, at)) ++count_;
    }
    [[nodiscard]] std::size_t count() const { return count_; }
    void Print(const char* name) const {
        std::vector<double> ms;
        for (std::size_t i = 0; i < told_.size(); ++i) {
            if (told_[i] != 0) {
                ms.push_back(static_cast<double>(std::max<Micros>(0, told_[i] - committed_[i])) /
                             1e3);
            }
        }
        std::sort(ms.begin(), ms.end());
        if (ms.empty()) return;
        const auto at = [&](double share) {
            return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))];
        };
        std::printf(
            "%s: %zu of %zu told; commit -> received p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", name,
            ms.size(), told_.size(), at(0.5), at(0.99), ms.back());
    }

private:
    std::vector<std::atomic<Micros>> committed_;
    std::vector<std::atomic<Micros>> told_;
    std::atomic<std::size_t> count_ = 0;
};

class SocketPeer final : public subscriptions::Peer {
public:
    explicit SocketPeer(Ledger& ledger) : ledger_(ledger) { who_.open = true; }
    void Send(std::string text) override { ledger_.Told(text); }
    void Close(std::string) override {}
    [[nodiscard]] const auth::Principal* principal() const override { return &who_; }

private:
    Ledger& ledger_;
    auth::Principal who_;
};

// Clients over TLS in a process of their own, which begins before there are threads here.
class Clients {
public:
    explicit Clients(std::size_t count) : count_(count) {
        bench::RaiseFileLimit();
        if (::pipe(to_) != 0 || ::pipe(from_) != 0) std::exit(1);
        child_ = ::fork();
        if (child_ != 0) return;
        ::close(from_[0]);
        ::close(to_[1]);
        Run();
    }
    void Open(std::uint16_t port) {
        ::close(from_[1]);
        char ready = 0;
        if (::write(to_[1], &port, sizeof port) < 0 || ::read(from_[0], &ready, 1) != 1) {
            std::fprintf(stderr, "the clients did not come\n");
            std::exit(1);
        }
    }
    // What each heard and when, once nothing came for three seconds.
    void Tell(Ledger& ledger) {
        std::int64_t one[2];
        while (::read(from_[0], one, sizeof one) == sizeof one) {
            ledger.Told(static_cast<std::size_t>(one[0]), one[1]);
        }
        ::waitpid(child_, nullptr, 0);
    }

private:
    [[noreturn]] void Run() {
        std::uint16_t port = 0;
        if (::read(to_[0], &port, sizeof port) != sizeof port) std::_Exit(1);
        bench::TlsPeers peers;
        for (std::size_t i = 0; i < count_; ++i) {
            peers.Open(port, subscriptions::kWebSocketPath, "bind s" + std::to_string(i));
            if (i % 100 == 0) peers.Read(0, [](std::string_view) { return true; });
        }
        if (::write(from_[1], "r", 1) != 1) std::_Exit(1);
        std::vector<std::int64_t> heard;
        Micros last = 0;
        const auto take = [&](std::string_view record) {
            const Micros now = NowUs();
            for (std::size_t at = record.find(kMark); at != std::string_view::npos;
                 at = record.find(kMark, at + 1)) {
                heard.push_back(std::atoll(record.data() + at + kMark.size()));
                heard.push_back(now);
                last = now;
            }
            return last == 0 || now - last < 3'000'000;  // pings come all the time
        };
        while (heard.empty()) peers.Read(10, take);
        peers.Read(3'000, take);
        for (std::size_t i = 0; i < heard.size(); i += 2) {
            if (::write(from_[1], &heard[i], 2 * sizeof heard[0]) < 0) std::_Exit(1);
        }
        std::_Exit(0);
    }

    std::size_t count_;
    int to_[2] = {};
    int from_[2] = {};
    pid_t child_ = 0;
};

// The API's websocket, as the daemon serves it.
class Server {
public:
    Server(net::Executor& executor, subscriptions::Engine& engine, rest::ServiceParts parts,
           std::size_t sockets, telemetry::Log& log, telemetry::Metrics& metrics)
        : service_({}, std::move(parts)),
          server_(executor, Options(engine, sockets), service_.handler(), log, metrics) {
        net::TlsServerOptions tls;
        tls.certificate_file = certificates_["server.pem"];
        tls.key_file = certificates_["server.key"];
        port_ = Must(server_.Listen(Must(net::ParseAddress("127.0.0.1:0")),
                                    Must(net::MakeTlsContext(tls))))
                    .port;
    }
    ~Server() { server_.Stop(); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    net::HttpOptions Options(subscriptions::Engine& engine, std::size_t sockets) {
        net::HttpOptions options;
        options.websocket.websockets_max = static_cast<int>(sockets);
        options.websocket.upgrade = subscriptions::Endpoint(engine, service_, 1);
        return options;
    }

    const test::Certificates certificates_;
    rest::Service service_;
    net::HttpServer server_;
    std::uint16_t port_ = 0;
};

template <typename T>
T Await(const std::function<void(store::Callback<T>)>& ask) {
    std::promise<Result<T>> promise;
    ask([&](Result<T> answer) { promise.set_value(std::move(answer)); });
    return Must(promise.get_future().get());
}

}  // namespace

int main(int count, char** values) {
    const Flags flags = Parse(count, values);
    std::optional<Clients> clients;
    if (flags.sockets > 0) clients.emplace(flags.sockets);
    std::filesystem::remove_all(flags.state);
    const std::string source = CARESTREAM_SOURCE_DIR;
    const SystemClock clock;
    telemetry::Log log(telemetry::Level::kError, [](std::string_view line) {
        std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    });
    telemetry::Metrics metrics;
    const auto definitions = Must(fhir::Definitions::Load(source + "/schemas/fhir/r4"));
    const auto topics = topics::Topics::Load(source + "/mappings/topics", "", definitions).topics;
    subscriptions::Engine* engine_pointer = nullptr;
    store::StoreEvents events;
    events.committed = [&](std::int64_t) {
        if (engine_pointer != nullptr) engine_pointer->Wake();
    };
    store::StoreOptions options;
    options.state_folder = flags.state;
    options.schemas_sql = source + "/schemas/sql";
    auto store = Must(store::Store::Open(
        options, definitions, Must(search::Indexer::Create(definitions)), clock, events));
    net::Executor executor(2);
    Ledger ledger(flags.events);

    net::HttpOptions http;
    http.name = "receiver";
    net::HttpServer receiver(
        executor, http,
        [&](net::Request request, std::shared_ptr<net::Responder> responder) {
            ledger.Told(request.body);
            responder->Send(net::Response::Text(200, "text/plain", ""));
        },
        log, metrics);
    const net::Address address = Must(receiver.Listen(Must(net::ParseAddress("127.0.0.1:0"))));
    net::SenderOptions sender_options;
    sender_options.policy.allow_private = true;
    auto sender = Must(net::HttpSender::Create(executor, sender_options));

    const auto write = [&](const std::string& json, std::function<void()> done) {
        store::RestWrite one;
        one.resource = Must(fhir::ParseJson(json));
        one.type = one.resource.TextOf("resourceType");
        one.id = one.resource.TextOf("id");
        one.method = store::RestMethod::kUpdate;
        store->writer().SubmitRest(std::move(one), [done](Result<store::RestResult> result) {
            Must(std::move(result));
            if (done) done();
        });
    };
    const auto write_all = [&](const std::vector<std::string>& all) {
        std::atomic<std::size_t> left = all.size();
        std::promise<void> finished;
        for (const std::string& json : all) {
            write(json, [&] {
                if (--left == 0) finished.set_value();
            });
        }
        finished.get_future().wait();
    };
    std::vector<std::string> patients, subscribed;
    const std::string content =
        R"("payload":"application/fhir+json","_payload":{"extension":[{"url":")" +
        std::string(subscriptions::kBackport) +
        R"(backport-payload-content","valueCode":"full-resource"}]})";
    for (std::size_t i = 0; i < flags.subscriptions; ++i) {
        const std::string id = "p" + std::to_string(i);
        patients.push_back(R"({"resourceType":"Patient","id":")" + id + "\"}");
        fhir::Node resource = Must(fhir::ParseJson(
            R"({"resourceType":"Subscription","id":"s)" + std::to_string(i) +
            R"(","status":"active","reason":"x","criteria":"urn:carestream:topic:result",)"
            R"("_criteria":{"extension":[{"url":")" +
            std::string(subscriptions::kBackport) +
            R"(backport-filter-criteria","valueString":"DiagnosticReport?patient=Patient/)" + id +
            R"("}]},"channel":{)" +
            (flags.hook
                 ? R"("type":"rest-hook","endpoint":"https://)" + address.ToString() + R"(/hook",)"
                 : std::string(R"("type":"websocket",)")) +
            content + "}}"));
        auth::Principal open;
        open.open = true;
        auth::SetOwner(resource, open);
        subscribed.push_back(fhir::ToJson(resource));
    }
    for (std::size_t first = 0; first < patients.size(); first += 1'000) {
        const auto last = std::min(first + 1'000, patients.size());
        const auto part = [&](const std::vector<std::string>& all) {
            return std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(first),
                                            all.begin() + static_cast<std::ptrdiff_t>(last));
        };
        write_all(part(patients));
        write_all(part(subscribed));
    }

    subscriptions::EngineOptions engine_options;
    engine_options.base_url = "https://bench/fhir/r4";
    engine_options.burst_pause = 0;  // each event is measured
    subscriptions::Engine engine(
        engine_options,
        subscriptions::EngineParts{
            definitions,
            [&] { return topics; },
            store->MakeEvents(),
            store->MakeSubscriptions(),
            store->reader(),
            store->writer(),
            [&](subscriptions::HookRequest request,
                std::function<void(subscriptions::HookAnswer)> done) {
                // The receiver speaks http: TLS on loopback is not what is measured here.
                request.url.replace(0, 5, "http");
                net::OutboundRequest outbound;
                outbound.method = request.method;
                outbound.url = Must(net::ParseUrl(request.url));
                outbound.headers = std::move(request.headers);
                outbound.body = std::move(request.body);
                sender->Send(std::move(outbound), [done](Result<net::ClientResponse> answer, bool) {
                    done({answer ? answer->status : 0, "", answer ? "" : answer.error().message});
                });
            },
            {},
            clock,
            log,
            metrics});
    const Micros began = NowUs();
    engine.Start();
    engine_pointer = &engine;
    while (engine.size() < flags.subscriptions) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::printf("%zu subscriptions in force after %.2f s\n", engine.size(),
                static_cast<double>(NowUs() - began) / 1e6);
    std::vector<subscriptions::PeerPtr> peers;
    std::optional<Server> server;
    if (clients) {
        const auto resident = [](const char* when) {
            std::printf("%.0f MiB resident %s\n",
                        static_cast<double>(bench::ResidentBytes()) / (1 << 20), when);
        };
        resident("before the sockets");
        server.emplace(
            executor, engine,
            rest::ServiceParts{definitions, store->reader(), store->writer(), store->access_audit(),
                               store->login_links(), store->keys(), clock, log},
            flags.sockets, log, metrics);
        clients->Open(server->port());
        std::this_thread::sleep_for(std::chrono::seconds(2));
        resident("with the sockets");
    } else if (!flags.hook) {
        // Each has a socket of its own, bound by R4's way.
        for (std::size_t i = 0; i < flags.subscriptions; ++i) {
            peers.push_back(std::make_shared<SocketPeer>(ledger));
            engine.Opened(peers.back());
            engine.Heard(peers.back(), 1, "bind s" + std::to_string(i));
        }
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    const std::size_t heard = flags.sockets > 0 ? flags.sockets : flags.subscriptions;
    const Micros start = NowUs();
    for (std::size_t i = 0; i < flags.events; ++i) {
        const Micros due = start + static_cast<Micros>(static_cast<double>(i) * 1e6 / flags.rate);
        const Micros now = NowUs();
        if (due > now) std::this_thread::sleep_for(std::chrono::microseconds(due - now));
        write(R"({"resourceType":"DiagnosticReport","id":"r)" + std::to_string(i) +
                  R"(","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p)" +
                  std::to_string(i * 7919 % heard) +
                  R"("},"conclusion":"bench-event-)" + std::to_string(i) + "\"}",
              [&ledger, i] { ledger.Committed(i); });
    }
    const Micros end = NowUs();
    if (clients) clients->Tell(ledger);
    for (int i = 0; i < 2'000 && !clients && ledger.count() < flags.events; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::printf("%.0f events/s\n",
                static_cast<double>(flags.events) / (static_cast<double>(end - start) / 1e6));
    ledger.Print(flags.hook ? "rest-hook" : clients ? "websocket over TLS" : "websocket");
    if (clients) {
        std::printf("%.0f MiB resident at the end\n",
                    static_cast<double>(bench::ResidentBytes()) / (1 << 20));
    }
    engine.Stop();
    server.reset();
    sender.reset();
    receiver.Stop();
    store.reset();
    std::filesystem::remove_all(flags.state);
    return 0;
}
