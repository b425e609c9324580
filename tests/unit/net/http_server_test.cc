// Goal: the server answers what HTTP/1.1 asks for and bounds what a client can take. Method: a real
// server on loopback and on a Unix socket, and bytes as a client (or an attacker) would send them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "net/http.h"
#include "net/http_client.h"

namespace carestream::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t CountOf(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
}

class HttpServerTest : public testing::Test {
protected:
    void Start(HttpOptions options = {}, HttpHandler handler = {}) {
        options.drain_ms = std::min(options.drain_ms, 500);
        if (!handler)
            handler = [this](Request request, std::shared_ptr<Responder> responder) {
                Default(std::move(request), std::move(responder));
            };
        server_ = std::make_unique<HttpServer>(executor_, std::move(options), std::move(handler),
                                               log_, metrics_);
        const auto bound = server_->Listen(*ParseAddress("127.0.0.1:0"));
        ASSERT_TRUE(bound.has_value()) << bound.error().ToString();
        address_ = *bound;
    }

    // /echo gives the body back, /big many pieces, /later answers from another thread, /never keeps
    // the responder, /drop lets it go, /throw throws.
    void Default(Request request, std::shared_ptr<Responder> responder) {
        if (request.path == "/throw") throw std::runtime_error("value of a patient");
        if (request.path == "/drop") return;
        if (request.path == "/never") {
            const std::lock_guard lock(mutex_);
            kept_.push_back(std::move(responder));
            return;
        }
        Response response = Response::Text(200, "application/json", "");
        response.route = "/{any}";
        response.body.assign(1, request.body);
        if (request.path == "/big") response.body.assign(300, std::string(1000, 'x') + "\n");
        if (request.path == "/who" && request.peer_user) {
            response.body.assign(1, std::to_string(*request.peer_user));
        }
        if (request.path == "/hello") response.body.assign(1, std::string(request.query));
        if (request.path == "/later") {
            std::thread([responder, response]() mutable {
                std::this_thread::sleep_for(20ms);
                responder->Send(std::move(response));
            }).detach();
            return;
        }
        responder->Send(std::move(response));
    }

    HttpClient Client(ClientOptions options = {}) {
        auto client = HttpClient::Connect(address_, std::move(options));
        EXPECT_TRUE(client.has_value()) << client.error().ToString();
        return std::move(*client);
    }
    std::string Raw(std::string_view bytes) {
        auto client = Client({.timeout_ms = 10'000});
        auto answer = client.Exchange(bytes);
        return answer ? *answer : "error: " + answer.error().ToString();
    }

    std::vector<std::string> lines_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<Responder>> kept_;
    telemetry::Log log_{telemetry::Level::kDebug, [this](std::string_view line) {
                            const std::lock_guard lock(mutex_);
                            lines_.emplace_back(line);
                        }};
    telemetry::Metrics metrics_;
    Executor executor_{2};
    std::unique_ptr<HttpServer> server_;
    Address address_;
};

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
    Start();
    auto client = Client();
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.Send({.target = "/hello?n=" + std::to_string(i)});
        ASSERT_TRUE(answer.has_value()) << answer.error().ToString();
        EXPECT_EQ(answer->status, 200);
        EXPECT_EQ(answer->body, "n=" + std::to_string(i));
        EXPECT_FALSE(answer->Header("Date").empty());
    }
    EXPECT_EQ(server_->connections(), 1);
    EXPECT_THAT(metrics_.Expose(),
                HasSubstr("carestream_http_requests_total{listener=\"http\",method=\"GET\","
                          "route=\"/{any}\",status=\"200\"}"));
}

TEST_F(HttpServerTest, BodiesOfAnySizeAndCutComeThrough) {
    Start();
    auto client = Client();
    for (const std::size_t size : {0u, 1u, 5000u, 1'000'000u}) {
        std::string body(size, 'a');
        for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + i % 26);
        const auto answer = client.Send({.method = "POST", .target = "/echo", .body = body});
        ASSERT_TRUE(answer.has_value()) << answer.error().ToString();
        EXPECT_EQ(answer->body, body);
    }
    const std::string wire =
        "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n\r\n";
    for (std::size_t cut = 1; cut < wire.size(); cut += 7) {
        auto pieces = Client();
        ASSERT_TRUE(pieces.Write(wire.substr(0, cut)).has_value());
        std::this_thread::sleep_for(1ms);
        EXPECT_THAT(*pieces.Exchange(wire.substr(cut)), HasSubstr("\r\n\r\nabcdefg")) << cut;
    }
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
    Start();
    const std::string answer =
        Raw("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /hello?2 HTTP/1.1\r\nHost: x\r\n\r\n"
            "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
            "GET /hello?4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(CountOf(answer, "HTTP/1.1 200 OK"), 4u) << answer;
    const auto second = answer.find("\r\n\r\n2");
    const auto third = answer.find("\r\n\r\nab");
    EXPECT_LT(second, third);
    EXPECT_LT(third, answer.find("\r\n\r\n4"));
}

TEST_F(HttpServerTest, LargeAnswersInPiecesAreWhole) {
    Start();
    auto client = Client();
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.Send({.target = "/big"});
        ASSERT_TRUE(answer.has_value());
        EXPECT_EQ(answer->body.size(), 300u * 1001u);
        EXPECT_EQ(answer->Header("Content-Encoding"), "");
    }
    const auto packed = client.Send({.target = "/big", .headers = {{"Accept-Encoding", "gzip"}}});
    EXPECT_EQ(packed->body.size(), 300u * 1001u);
    EXPECT_EQ(packed->Header("Content-Encoding"), "gzip");
    EXPECT_EQ(packed->Header("Vary"), "Accept-Encoding");
    EXPECT_LT(std::stoul(std::string(packed->Header("Content-Length"))), 20'000u);
}

TEST_F(HttpServerTest, HeadGivesTheLengthWithoutTheBody) {
    Start();
    auto client = Client();
    const auto answer = client.Send({.method = "HEAD", .target = "/big"});
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->Header("Content-Length"), "300300");
    EXPECT_EQ(answer->body, "");
    EXPECT_EQ(client.Send({.target = "/hello?x"})->body, "x");
}

TEST_F(HttpServerTest, RefusalsTable) {
    HttpOptions options;
    options.header_bytes_max = 2000;
    options.url_bytes_max = 500;
    options.body_bytes_max = 1000;
    Start(options);
    struct Row {
        std::string wire;
        std::string_view expected;
    };
    const std::string host = "Host: x\r\n";
    const Row rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/2.0\r\n" + host + "\r\n", "HTTP/1.1 400"},
        {"GET  / HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400"},
        {"GET a HTTP/1.1\r\nConnection: close\r\n" + host + "\r\n", "HTTP/1.1 400"},
        {"garbage\r\n\r\n", "HTTP/1.1 400"},
        {std::string("\x16\x03\x01\x02\x00", 5) + "\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\nBad Name: x\r\n\r\n", "HTTP/1.1 400"},
        {"GET /" + std::string(600, 'a') + " HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 414"},
        {"GET / HTTP/1.1\r\n" + host + "X: " + std::string(3000, 'a') + "\r\n\r\n", "HTTP/1.1 431"},
        {"GET / HTTP/1.1\r\n" + host + "X: " + std::string(3000, 'a'), "HTTP/1.1 431"},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1001\r\n\r\n", "HTTP/1.1 413"},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n",
         "HTTP/1.1 400"},
        {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" +
             std::string(2000, 'a') + "\r\n0\r\n\r\n",
         "HTTP/1.1 413"},
        {"POST / HTTP/1.1\r\n" + host +
             "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400"},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
         "HTTP/1.1 400"},
        {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nExpect: tea\r\n\r\nx",
         "HTTP/1.1 417"},
        {"POST / HTTP/1.1\r\nConnection: close\r\n" + host +
             "Content-Length: 3\r\nContent-Encoding: br\r\n\r\nabc",
         "HTTP/1.1 415"},
        {"POST / HTTP/1.1\r\nConnection: close\r\n" + host +
             "Content-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc",
         "HTTP/1.1 400"},
    };
    for (const auto& row : rows) {
        const std::string answer = Raw(row.wire);
        EXPECT_THAT(answer, StartsWith(row.expected)) << row.wire.substr(0, 120);
        EXPECT_THAT(answer, HasSubstr("Connection: close")) << row.wire.substr(0, 120);
        EXPECT_EQ(CountOf(answer, "HTTP/1.1 4"), 1u) << row.wire.substr(0, 120);
    }
    EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, GzipBodiesAreUnpackedWithinTheLimit) {
    HttpOptions options;
    options.body_bytes_max = 10'000;
    Start(options);
    // gzip of 20,000 and of 9,000 letters 'a', as any gzip makes it: fetched from our own server.
    HttpOptions big;
    big.name = "packer";
    const auto pack = [&](std::size_t size) {
        Executor executor(1);
        HttpServer packer(
            executor, big,
            [&](Request, std::shared_ptr<Responder> responder) {
                responder->Send(Response::Text(200, "text/plain", std::string(size, 'a')));
            },
            log_, metrics_);
        const auto address = packer.Listen(*ParseAddress("127.0.0.1:0"));
        auto client = HttpClient::Connect(*address);
        const auto raw = client->Exchange(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n");
        return raw->substr(raw->find("\r\n\r\n") + 4);
    };
    auto client = Client();
    const std::vector<std::pair<std::string, std::string>> gzip = {{"Content-Encoding", "gzip"}};
    const auto good =
        client.Send({.method = "POST", .target = "/echo", .headers = gzip, .body = pack(9000)});
    EXPECT_EQ(good->status, 200);
    EXPECT_EQ(good->body, std::string(9000, 'a'));
    const auto bomb =
        client.Send({.method = "POST", .target = "/echo", .headers = gzip, .body = pack(20'000)});
    EXPECT_EQ(bomb->status, 413);
    std::string cut = pack(9000);
    cut.resize(cut.size() - 5);
    EXPECT_EQ(client.Send({.method = "POST", .target = "/", .headers = gzip, .body = cut})->status,
              400);
}

TEST_F(HttpServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
    Start();
    auto client = Client();
    ASSERT_TRUE(client
                    .Write("POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                           "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
                    .has_value());
    std::this_thread::sleep_for(50ms);
    const auto exchanged = client.Exchange("abc");
    ASSERT_TRUE(exchanged.has_value()) << exchanged.error().ToString();
    const std::string answer = *exchanged;
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"));
    EXPECT_THAT(answer, HasSubstr("\r\n\r\nabc"));
}

TEST_F(HttpServerTest, Http10ClosesUnlessAsked) {
    Start();
    EXPECT_THAT(Raw("GET /hello?x HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close"));
    const std::string kept =
        Raw("GET /hello?x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello?y HTTP/1.0\r\n\r\n");
    EXPECT_EQ(CountOf(kept, "HTTP/1.1 200"), 2u);
}

TEST_F(HttpServerTest, SlowHeadsAndBodiesEndWith408AndIdleOnesAreClosed) {
    HttpOptions options;
    options.header_timeout_ms = 300;
    options.body_timeout_ms = 300;
    options.idle_timeout_ms = 300;
    Start(options);
    EXPECT_THAT(Raw("GET / HTTP/1.1\r\nHost:"), StartsWith("HTTP/1.1 408"));
    EXPECT_THAT(Raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"),
                StartsWith("HTTP/1.1 408"));
    EXPECT_EQ(Raw(""), "");
    // One byte at a time does not move the deadline.
    auto slow = Client();
    const auto begin = std::chrono::steady_clock::now();
    bool open = true;
    for (int i = 0; i < 100 && open; ++i) {
        open = slow.Write("a").has_value();
        std::this_thread::sleep_for(50ms);
    }
    EXPECT_FALSE(open);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
    EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, HandlerDeadlineAnswers503AndCancels) {
    HttpOptions options;
    options.handler_timeout_ms = 200;
    Start(options);
    auto client = Client();
    const auto late = client.Send({.target = "/never"});
    ASSERT_TRUE(late.has_value());
    EXPECT_EQ(late->status, 503);
    ASSERT_EQ(kept_.size(), 1u);
    EXPECT_TRUE(*kept_[0]->cancelled());
    kept_[0]->Send(Response::Text(200, "text/plain", "too late"));
    EXPECT_EQ(client.Send({.target = "/hello?next"})->body, "next");
    EXPECT_EQ(server_->requests_under_way(), 1);
    kept_.clear();
    EXPECT_EQ(server_->requests_under_way(), 0);
}

TEST_F(HttpServerTest, DisconnectCancels) {
    Start();
    {
        auto client = Client();
        ASSERT_TRUE(client.Write("GET /never HTTP/1.1\r\nHost: x\r\n\r\n").has_value());
        ASSERT_TRUE(Eventually([&] {
            const std::lock_guard lock(mutex_);
            return kept_.size() == 1;
        }));
        EXPECT_FALSE(*kept_[0]->cancelled());
    }
    EXPECT_TRUE(Eventually([&] { return kept_[0]->cancelled()->load(); }));
    EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
    kept_[0]->Send(Response::Text(200, "text/plain", "nobody hears"));
}

TEST_F(HttpServerTest, DroppedAndThrowingHandlersAnswer500AndNameNoValue) {
    Start();
    auto client = Client();
    EXPECT_EQ(client.Send({.target = "/drop"})->status, 500);
    const auto thrown = client.Send({.target = "/throw"});
    EXPECT_EQ(thrown->status, 500);
    EXPECT_THAT(thrown->body, testing::Not(HasSubstr("patient")));
    const std::lock_guard lock(mutex_);
    for (const auto& line : lines_) EXPECT_THAT(line, testing::Not(HasSubstr("patient")));
}

TEST_F(HttpServerTest, RequestsAboveTheLimitAreRefusedAndLaterOnesNot) {
    HttpOptions options;
    options.requests_max = 1;
    Start(options);
    auto first = Client();
    ASSERT_TRUE(first.Write("GET /never HTTP/1.1\r\nHost: x\r\n\r\n").has_value());
    ASSERT_TRUE(Eventually([&] { return server_->requests_under_way() == 1; }));
    auto second = Client();
    const auto refused = second.Send({.target = "/hello"});
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(refused->Header("Retry-After"), "1");
    {
        const std::lock_guard lock(mutex_);
        kept_.clear();
    }
    EXPECT_TRUE(Eventually([&] { return server_->requests_under_way() == 0; }));
    EXPECT_EQ(second.Send({.target = "/hello?x"})->status, 200);
}

TEST_F(HttpServerTest, ConnectionsAboveTheLimitAreToldSo) {
    HttpOptions options;
    options.connections_max = 2;
    Start(options);
    auto first = Client();
    auto second = Client();
    ASSERT_EQ(first.Send({.target = "/hello"})->status, 200);
    ASSERT_EQ(second.Send({.target = "/hello"})->status, 200);
    EXPECT_THAT(Raw(""), StartsWith("HTTP/1.1 503"));
    const std::string text = metrics_.Expose();
    EXPECT_THAT(text, HasSubstr("carestream_http_refused_total{listener=\"http\","
                                "reason=\"connections\"} 1"));
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(lines_, testing::Contains(HasSubstr("http.refused")));
}

TEST_F(HttpServerTest, AReaderThatStopsIsClosed) {
    HttpOptions options;
    options.write_timeout_ms = 300;
    Start(options, [](Request, std::shared_ptr<Responder> responder) {
        Response response;
        response.body.assign(64, std::string(1u << 20, 'x'));
        responder->Send(std::move(response));
    });
    auto client = Client();
    ASSERT_TRUE(client.Write("GET / HTTP/1.1\r\nHost: x\r\n\r\n").has_value());
    ASSERT_TRUE(Eventually([&] { return server_->connections() == 1; }));
    EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, StopLetsRequestsUnderWayFinish) {
    HttpOptions options;
    Start(options);
    auto idle = Client();
    ASSERT_EQ(idle.Send({.target = "/hello"})->status, 200);
    auto busy = Client();
    ASSERT_TRUE(busy.Write("GET /later HTTP/1.1\r\nHost: x\r\n\r\n").has_value());
    ASSERT_TRUE(Eventually([&] { return server_->requests_under_way() == 1; }));
    auto answer = std::async(std::launch::async, [&] { return busy.Exchange(""); });
    server_->Stop();
    EXPECT_THAT(*answer.get(), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(server_->connections(), 0);
    EXPECT_FALSE(HttpClient::Connect(address_).has_value());
    server_->Stop();
}

TEST_F(HttpServerTest, StopEndsRequestsThatNeverAnswer) {
    Start();
    auto client = Client();
    ASSERT_TRUE(client.Write("GET /never HTTP/1.1\r\nHost: x\r\n\r\n").has_value());
    ASSERT_TRUE(Eventually([&] { return server_->requests_under_way() == 1; }));
    server_->Stop();
    EXPECT_EQ(server_->connections(), 0);
    EXPECT_TRUE(*kept_[0]->cancelled());
    server_.reset();
    kept_.clear();
}

TEST_F(HttpServerTest, UnixSocketIsPrivateReplacedWhenStaleAndRemoved) {
    const std::string path =
        (std::filesystem::temp_directory_path() / ("cs_http_" + std::to_string(::getpid())))
            .string();
    for (int round = 0; round < 2; ++round) {
        Start();
        const auto bound = server_->Listen(*ParseAddress("unix:" + path));
        ASSERT_TRUE(bound.has_value()) << bound.error().ToString();
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777u, 0600u);
        auto client = HttpClient::Connect(*bound);
        ASSERT_TRUE(client.has_value()) << client.error().ToString();
        EXPECT_EQ(client->Send({.target = "/hello?u"})->body, "u");
        EXPECT_EQ(client->Send({.target = "/who"})->body, std::to_string(::getuid()));
        HttpServer other(
            executor_, {}, [](Request, std::shared_ptr<Responder>) {}, log_, metrics_);
        EXPECT_EQ(other.Listen(*bound).error().code, Code::kUnavailable);
        server_->Stop();
        EXPECT_FALSE(std::filesystem::exists(path));
    }
    std::ofstream(path) << "no socket";
    Start();
    EXPECT_EQ(server_->Listen(*ParseAddress("unix:" + path)).error().code, Code::kInvalid);
    std::filesystem::remove(path);
}

TEST_F(HttpServerTest, ATakenPortNamesItsHolder) {
    Start();
    HttpServer other(
        executor_, {}, [](Request, std::shared_ptr<Responder>) {}, log_, metrics_);
    const auto taken = other.Listen(address_);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code, Code::kUnavailable);
    EXPECT_THAT(taken.error().message, HasSubstr("pid " + std::to_string(::getpid())));
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
    Start();
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 16; ++t) {
        threads.emplace_back([&, t] {
            auto client = Client();
            for (int i = 0; i < 50; ++i) {
                const std::string body = std::to_string(t) + "/" + std::to_string(i);
                const auto answer = client.Send(
                    {.method = "POST", .target = i % 5 ? "/echo" : "/later", .body = body});
                if (answer && answer->body == body) ++good;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 16 * 50);
}

}  // namespace
}  // namespace carestream::net
