// What tokens and the audit of accesses cost a search: pages of 20 of one patient's observations
// over HTTP, from a durable, encrypted store, by keep-alive connections of this same process, which
// shares the machine with service and PostgreSQL. Modes take turns, so that all see the same
// machine:
//   bare     nobody is asked, nothing is noted (not offered by the daemon)
//   audit    nobody is asked, each access is noted
//   staff    a token of staff, noted
//   patient  a patient's token, noted
// usage: bench_rest [--seconds N] [--rounds N] [--connections N] [--mode M] [--state DIR]
#include <unistd.h>

#include <algorithm>
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
#include <filesystem>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "auth/gate.h"
#include "fhir/json.h"
#include "net/http.h"
#include "rest/outcome.h"
#include "rest/service.h"
#include "search/index.h"
#include "store/store.h"
#include "tests/bench/must.h"
#include "tests/support/token_gate.h"

namespace {

using namespace carestream;
using bench::Must;
namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kPatients = 100;
constexpr int kObservations = 25;  // of each

struct Flags {
    int seconds = 5;
    int rounds = 4;
    int connections = 16;
    std::string mode;  // empty: all
    std::string state = "/tmp/carestream-bench-rest";
};

Flags Parse(int count, char** values) {
    Flags flags;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string name = values[i];
        if (name == "--seconds") {
            flags.seconds = std::atoi(values[i + 1]);
        } else if (name == "--rounds") {
            flags.rounds = std::atoi(values[i + 1]);
        } else if (name == "--connections") {
            flags.connections = std::atoi(values[i + 1]);
        } else if (name == "--mode") {
            flags.mode = values[i + 1];
        } else if (name == "--state") {
            flags.state = values[i + 1];
        } else {
            std::fprintf(stderr, "unknown option %s\n", name.c_str());
            std::exit(2);
        }
    }
    return flags;
}

class NoAudit final : public store::AccessAudit {
public:
    bool Append(store::AccessRow) override { return true; }
    void AppendDurably(store::AccessRow, store::Callback<void> done) override { done({}); }
    [[nodiscard]] bool Available() const override { return true; }
    [[nodiscard]] std::size_t waiting() const override { return 0; }
};

void Fill(store::Writer& writer) {
    std::vector<std::future<void>> written;
    const auto put = [&](const std::string& type, const std::string& id, const std::string& text) {
        store::RestWrite write;
        write.method = store::RestMethod::kUpdate;
        write.type = type;
        write.id = id;
        write.resource = Must(fhir::ParseJson(text));
        auto done = std::make_shared<std::promise<void>>();
        written.push_back(done->get_future());
        writer.SubmitRest(std::move(write), [done](Result<store::RestResult> result) {
            if (!result) bench::GiveUp(result.error());
            done->set_value();
        });
    };
    for (int p = 0; p < kPatients; ++p) {
        const std::string id = "p" + std::to_string(p);
        put("Patient", id,
            R"({"resourceType":"Patient","id":")" + id + R"(","name":[{"family":"Bench"}]})");
        for (int o = 0; o < kObservations; ++o) {
            const std::string own = id + "-" + std::to_string(o);
            put("Observation", own,
                R"({"resourceType":"Observation","id":")" + own +
                    R"(","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"718-7",)"
                    R"("display":"Hemoglobin"}]},"subject":{"reference":"Patient/)" +
                    id + R"("},"effectiveDateTime":"2026-05-0)" + std::to_string(1 + o % 9) +
                    R"(T08:00:00Z","valueQuantity":{"value":13.5,"unit":"g/dL","system":"http://unitsofmeasure.org","code":"g/dL"},)"
                    R"("referenceRange":[{"text":"12.0-15.5"}]})");
        }
        for (auto& one : written) one.get();
        written.clear();
    }
}

// One closed loop.
asio::awaitable<void> Ask(asio::io_context& io, tcp::endpoint server,
                          std::vector<std::string> requests,
                          std::chrono::steady_clock::time_point until,
                          std::atomic<std::int64_t>& answers, std::atomic<std::int64_t>& wrong) {
    tcp::socket socket(io);
    boost::system::error_code error;
    co_await socket.async_connect(server, asio::redirect_error(asio::use_awaitable, error));
    socket.set_option(tcp::no_delay(true), error);
    std::string buffer(256u << 10, '\0');
    for (std::size_t turn = 0; !error && std::chrono::steady_clock::now() < until; ++turn) {
        const std::string& request = requests[turn % requests.size()];
        co_await asio::async_write(socket, asio::buffer(request),
                                   asio::redirect_error(asio::use_awaitable, error));
        std::size_t got = 0;
        std::size_t expected = 0;
        while (!error && (expected == 0 || got < expected) && got < buffer.size()) {
            const auto space = asio::buffer(buffer.data() + got, buffer.size() - got);
            got += co_await socket.async_read_some(
                space, asio::redirect_error(asio::use_awaitable, error));
            const std::string_view text(buffer.data(), got);
            const auto head = text.find("\r\n\r\n");
            const auto length = text.find("Content-Length: ");
            if (expected == 0 && head != std::string_view::npos && length < head) {
                expected = head + 4 + std::strtoul(buffer.data() + length + 16, nullptr, 10);
            }
        }
        if (error) break;
        const bool good =
            std::string_view(buffer.data(), got).starts_with("HTTP/1.1 200") &&
            std::string_view(buffer.data(), got).find("Hemoglobin") != std::string_view::npos;
        (good ? answers : wrong).fetch_add(1, std::memory_order_relaxed);
    }
    if (error) wrong.fetch_add(1);
}

struct Bench {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::unique_ptr<store::Store> store;
    SystemClock clock;
    telemetry::Log log{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics;
    net::Executor executor{2};
    NoAudit no_audit;
    std::unique_ptr<auth::Gate> gate;
    const test::TokenGate tokens;

    // Answers in a second.
    double Run(const std::string& mode, const Flags& flags) {
        const bool asks = mode == "staff" || mode == "patient";
        rest::ServiceOptions options;
        options.client_limit.per_second = 0;
        rest::Service service(options,
                              rest::ServiceParts{definitions,
                                                 store->reader(),
                                                 store->writer(),
                                                 mode == "bare" ? no_audit : store->access_audit(),
                                                 store->login_links(),
                                                 store->keys(),
                                                 clock,
                                                 log,
                                                 [] { return false; },
                                                 asks ? gate.get() : nullptr,
                                                 {},
                                                 {}},
                              {});
        net::HttpOptions http;
        http.name = mode;
        net::HttpServer server(executor, http, service.handler(), log, metrics);
        const auto address = Must(server.Listen(*net::ParseAddress("127.0.0.1:0")));
        asio::io_context io;
        std::atomic<std::int64_t> answers = 0;
        std::atomic<std::int64_t> wrong = 0;
        const auto began = std::chrono::steady_clock::now();
        const tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
        for (int i = 0; i < flags.connections; ++i) {
            std::vector<std::string> requests;
            for (int p = i; p < kPatients; p += flags.connections) {
                requests.push_back(RequestOf(mode, "p" + std::to_string(p)));
            }
            asio::co_spawn(io,
                           Ask(io, endpoint, std::move(requests),
                               began + std::chrono::seconds(flags.seconds), answers, wrong),
                           asio::detached);
        }
        io.run();
        const double took =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        server.Stop();
        if (wrong != 0) {
            std::fprintf(stderr, "%s: %lld wrong answers\n", mode.c_str(),
                         static_cast<long long>(wrong.load()));
            std::exit(1);
        }
        return static_cast<double>(answers) / took;
    }

    std::string RequestOf(const std::string& mode, const std::string& patient) {
        std::string head = "GET /fhir/r4/Observation?patient=" + patient +
                           "&_count=20 HTTP/1.1\r\nHost: 127.0.0.1\r\n";
        if (mode == "staff" || mode == "patient") {
            const std::string scope = mode == "staff" ? "user/*.rs" : "patient/*.rs";
            const auto header = tokens.Token(patient, patient, scope).front();
            head += header.first + ": " + header.second + "\r\n";
        }
        return head + "\r\n";
    }
};

}  // namespace

int main(int count, char** values) {
    const Flags flags = Parse(count, values);
    std::filesystem::remove_all(flags.state);
    std::filesystem::create_directories(flags.state);
    Bench bench;
    bench.definitions =
        Must(fhir::Definitions::Load(std::string(CARESTREAM_SOURCE_DIR) + "/schemas/fhir/r4"));
    store::StoreOptions options;
    options.state_folder = flags.state;
    options.schemas_sql = std::string(CARESTREAM_SOURCE_DIR) + "/schemas/sql";
    bench.store =
        Must(store::Store::Open(options, bench.definitions,
                                Must(search::Indexer::Create(bench.definitions)), bench.clock, {}));
    bench.gate = bench.tokens.Make(flags.state, bench.clock, bench.log);
    Fill(bench.store->writer());
    // As autovacuum does it a while after so many rows came.
    const std::string analyze =
        "psql -XAtq '" + bench.store->connection_url() + "' -c 'vacuum analyze'";
    if (std::system(analyze.c_str()) != 0) return 1;
    std::vector<std::string> modes = {"bare", "audit", "staff", "patient"};
    if (!flags.mode.empty()) modes = {flags.mode};
    std::map<std::string, std::vector<double>> rates;
    for (const auto& mode : modes) bench.Run(mode, {1, 1, flags.connections, "", ""});  // warm
    for (int round = 0; round < flags.rounds; ++round) {
        for (const auto& mode : modes) rates[mode].push_back(bench.Run(mode, flags));
    }
    const auto median = [](std::vector<double> all) {
        std::sort(all.begin(), all.end());
        return all[all.size() / 2];
    };
    for (const auto& mode : modes) {
        std::printf("%-8s %7.0f searches/s", mode.c_str(), median(rates[mode]));
        if (rates.contains("bare")) {
            std::printf(", %+.1f %% of bare",
                        100 * (median(rates[mode]) / median(rates["bare"]) - 1));
        }
        std::printf("\n");
    }
    bench.store.reset();
    std::filesystem::remove_all(flags.state);
    return 0;
}
