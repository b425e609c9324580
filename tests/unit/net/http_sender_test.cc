// Goal: a request gets one answer or one error, whatever its server does, and reaches no server
// that the policy does not allow. Method: our own server for polite exchanges, and threads with
// plain sockets that are slow, mute, rude or gone.
#include "net/http_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "net/http.h"
#include "tests/support/certificates.h"
#include "tests/support/raw_server.h"

namespace carestream::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
}

using test::RawServer;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class HttpSenderTest : public testing::Test {
protected:
    void Make(SenderOptions options = {}) {
        options.policy.allow_private = true;
        MakeStrict(std::move(options));
    }
    void MakeStrict(SenderOptions options) {
        auto made = HttpSender::Create(executor_, std::move(options));
        ASSERT_TRUE(made.has_value()) << made.error().ToString();
        sender_ = std::move(*made);
    }
    std::future<Result<ClientResponse>> Begin(OutboundRequest request) {
        auto promise = std::make_shared<std::promise<Result<ClientResponse>>>();
        sender_->Send(std::move(request),
                      [this, promise](Result<ClientResponse> answer, bool sent) {
                          sent_ = sent;
                          promise->set_value(std::move(answer));  // throws when it is called twice
                      });
        return promise->get_future();
    }
    Result<ClientResponse> Ask(OutboundRequest request) { return Begin(std::move(request)).get(); }
    // "200 body", or the error.
    std::string Outcome(OutboundRequest request) {
        const auto answer = Ask(std::move(request));
        if (!answer) return answer.error().ToString();
        return std::to_string(answer->status) + " " + answer->body;
    }

    Executor executor_{2};
    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    std::unique_ptr<HttpSender> sender_;
    std::atomic<bool> sent_ = false;  // of the last answer
};

TEST_F(HttpSenderTest, AsksAndKeepsTheConnection) {
    std::mutex mutex;
    std::vector<std::string> heard;
    RawServer server([&](int socket, int) {
        while (true) {
            const std::string request = server.Read(socket);
            if (request.empty()) return;
            {
                const std::lock_guard lock(mutex);
                heard.push_back(request);
            }
            RawServer::Write(socket, kOk);
        }
    });
    Make();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(Outcome({.url = server.At("/hook?token=1"),
                           .headers = {{"Authorization", "Bearer x"}},
                           .body = "{}"}),
                  "200 ok");
    }
    EXPECT_EQ(Outcome({.method = "GET", .url = server.At()}), "200 ok");
    EXPECT_EQ(server.accepted(), 1);
    const std::string host = "127.0.0.1:" + std::to_string(server.At().port);
    EXPECT_EQ(heard[0], "POST /hook?token=1 HTTP/1.1\r\nHost: " + host +
                            "\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_EQ(heard[3], "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

TEST_F(HttpSenderTest, AnswersOfEveryShapeTable) {
    struct Row {
        std::string_view wire;
        std::string_view outcome;
    };
    const Row rows[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", "204 "},
        {"HTTP/1.1 302 Found\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n", "302 "},
        {"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
         "500 abcd"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
         "Content-Length: 1\r\n\r\nx",
         "200 x"},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", "200 until the end"},
        {"SSH-2.0-x\r\n\r\n", "the answer is no HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "the answer is no HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "in the middle of the answer"},
        {"HTTP/1.1 200 OK\r\nContent-Le", "in the middle of the answer"},
        {"", "before an answer"},
    };
    std::atomic<std::size_t> row = 0;
    RawServer server([&](int socket, int) {
        if (!server.Read(socket).empty()) RawServer::Write(socket, rows[row].wire);
    });
    Make();
    for (; row < std::size(rows); ++row) {
        // Idempotent: the connection of the row before may be about to close.
        const auto answer = Ask({.url = server.At("/secret?of=patient"),
                                 .body = "body of patient",
                                 .idempotent = true});
        const std::string outcome = answer ? std::to_string(answer->status) + " " + answer->body
                                           : answer.error().ToString();
        EXPECT_THAT(outcome, HasSubstr(rows[row].outcome)) << rows[row].wire;
        EXPECT_THAT(outcome, Not(HasSubstr("patient")));
        EXPECT_THAT(outcome, Not(HasSubstr("secret")));
        if (!answer) {
            EXPECT_EQ(answer.error().retryable, answer.error().code == Code::kUnavailable);
        }
    }
}

TEST_F(HttpSenderTest, LargeAnswersAreCutAndTheirConnectionClosed) {
    const std::string large(1u << 20, 'x');
    RawServer server([&](int socket, int number) {
        while (!server.Read(socket).empty()) {
            if (number == 0) {
                RawServer::Write(socket,
                                 "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + large);
            } else if (number == 1) {  // a promise that nobody can keep
                RawServer::Write(socket,
                                 "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n");
                RawServer::Write(socket, large);
            } else {
                RawServer::Write(socket, kOk);
            }
        }
    });
    Make();
    for (int i = 0; i < 2; ++i) {
        const auto answer = Ask({.url = server.At()});
        ASSERT_TRUE(answer.has_value()) << answer.error().ToString();
        EXPECT_EQ(answer->body, large.substr(0, 64u << 10));
        EXPECT_EQ(answer->status, 200);
    }
    EXPECT_EQ(Outcome({.url = server.At()}), "200 ok");
    EXPECT_EQ(server.accepted(), 3);
}

// What was not sent may be sent again without a second thought; the rest may have arrived.
TEST_F(HttpSenderTest, SaysWhetherTheServerMayHaveHadIt) {
    RawServer server([&](int socket, int) {
        const std::string request = server.Read(socket);
        if (request.find("/answers") != std::string::npos) RawServer::Write(socket, kOk);
        if (request.find("/waits") != std::string::npos) server.AwaitEnd(socket);
    });
    Make();
    EXPECT_TRUE(Ask({.url = server.At("/answers")}));
    EXPECT_TRUE(sent_);
    EXPECT_FALSE(Ask({.url = server.At("/hangs-up")}));
    EXPECT_TRUE(sent_);
    EXPECT_FALSE(Ask({.url = server.At("/waits"), .timeout_ms = 100}));
    EXPECT_TRUE(sent_);
    EXPECT_FALSE(Ask({.method = "BAD METHOD", .url = server.At("/")}));
    EXPECT_FALSE(sent_);
    Url nobody = server.At("/");
    nobody.port = 1;
    EXPECT_FALSE(Ask({.url = nobody}));
    EXPECT_FALSE(sent_);
    sender_->Stop();
    EXPECT_FALSE(Ask({.url = server.At("/answers")}));
    EXPECT_FALSE(sent_);
}

TEST_F(HttpSenderTest, TimeOutsNameTheStep) {
    RawServer mute([&](int socket, int) { mute.AwaitEnd(socket); });
    SenderOptions options;
    options.exchange_timeout_ms = 500;
    options.tls_timeout_ms = 200;
    options.connections_per_host_max = 1;
    Make(options);
    const auto late = Ask({.url = mute.At(), .body = "x"});
    ASSERT_FALSE(late.has_value());
    EXPECT_EQ(late.error().code, Code::kUnavailable);
    EXPECT_TRUE(late.error().retryable);
    EXPECT_THAT(late.error().message, HasSubstr("the answer took too long; the server may have"));
    Url encrypted = mute.At();
    encrypted.tls = true;
    EXPECT_THAT(Outcome({.url = encrypted}), HasSubstr("the TLS handshake took too long"));
    auto first = Begin({.url = mute.At()});
    auto second = Begin({.url = mute.At()});
    EXPECT_THAT(first.get().error().message, HasSubstr("the answer took too long"));
    const auto waited = second.get();
    EXPECT_FALSE(waited.has_value());
    // Drips a byte now and then: the whole is what counts.
    RawServer slow([&](int socket, int) {
        static_cast<void>(slow.Read(socket));
        for (int i = 0; i < 40; ++i) {
            RawServer::Write(socket,
                             std::string_view("HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaa")
                                 .substr(static_cast<std::size_t>(i), 1));
            std::this_thread::sleep_for(50ms);
        }
    });
    EXPECT_THAT(Outcome({.url = slow.At()}), HasSubstr("the answer took too long"));
}

TEST_F(HttpSenderTest, RefusedAndUnknownServersAreRetryable) {
    Make();
    Url nobody;
    {
        RawServer closed([](int, int) {});
        nobody = closed.At();
    }
    auto refused = Ask({.url = nobody});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::kUnavailable);
    EXPECT_TRUE(refused.error().retryable);
    nobody.host = "absent.invalid";
    refused = Ask({.url = nobody});
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.error().retryable) << refused.error().ToString();
    EXPECT_THAT(refused.error().ToString(), HasSubstr("absent.invalid"));
}

TEST_F(HttpSenderTest, RequestsThatWouldBreakTheirFramingAreRefused) {
    RawServer server([&](int socket, int) {
        while (!server.Read(socket).empty()) RawServer::Write(socket, kOk);
    });
    Make();
    const std::vector<OutboundRequest> requests = {
        {.method = "GET /", .url = server.At()},
        {.method = "", .url = server.At()},
        {.url = server.At("/ HTTP/1.1\r\nX: y")},
        {.url = server.At("relative")},
        {.url = {}},
        {.url = server.At(), .headers = {{"X", "a\r\nY: b"}}},
        {.url = server.At(), .headers = {{"X", std::string("a\0b", 3)}}},
        {.url = server.At(), .headers = {{"X y", "a"}}},
        {.url = server.At(), .headers = {{"", "a"}}},
        {.url = server.At(), .headers = {{"content-length", "1"}}},
        {.url = server.At(), .headers = {{"TRANSFER-ENCODING", "chunked"}}},
        {.url = server.At(), .headers = {{"Host", "other"}}},
    };
    for (const auto& request : requests) {
        const auto answer = Ask(request);
        ASSERT_FALSE(answer.has_value());
        EXPECT_EQ(answer.error().code, Code::kInvalid);
        EXPECT_FALSE(answer.error().retryable);
    }
    EXPECT_EQ(server.accepted(), 0);
}

TEST_F(HttpSenderTest, PrivateAddressesAreDeniedByWhateverName) {
    RawServer server([&](int socket, int) {
        while (!server.Read(socket).empty()) RawServer::Write(socket, kOk);
    });
    MakeStrict({});
    for (const char* host : {"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0",
                             "169.254.169.254", "127.1", "2130706433", "0x7f000001"}) {
        Url url = server.At();
        url.host = host;
        const auto denied = Ask({.url = url});
        ASSERT_FALSE(denied.has_value()) << host;
        EXPECT_EQ(denied.error().code, Code::kDenied) << host << denied.error().ToString();
        EXPECT_FALSE(denied.error().retryable) << host;
        EXPECT_THAT(denied.error().message, HasSubstr("allow"));
    }
    EXPECT_EQ(server.accepted(), 0);
    SenderOptions options;
    options.policy.networks.push_back(config::Network::Parse("127.0.0.0/8").value());
    options.policy.hosts = {"127.0.0.1"};
    MakeStrict(options);
    EXPECT_EQ(Outcome({.url = server.At()}), "200 ok");
    Url other = server.At();
    other.host = "localhost";
    EXPECT_EQ(Ask({.url = other}).error().code, Code::kDenied);
}

TEST_F(HttpSenderTest, AKeptConnectionThatDiedIsReplacedOnlyWhenThatIsSafe) {
    std::atomic<int> requests = 0;
    RawServer server([&](int socket, int) {
        // Answers once; takes the next request and closes without a word.
        if (server.Read(socket).empty()) return;
        ++requests;
        RawServer::Write(socket, kOk);
        if (!server.Read(socket).empty()) ++requests;
    });
    Make();
    EXPECT_EQ(Outcome({.url = server.At()}), "200 ok");
    const auto lost = Ask({.url = server.At()});
    ASSERT_FALSE(lost.has_value());
    EXPECT_TRUE(lost.error().retryable);
    EXPECT_THAT(lost.error().message, HasSubstr("may have had the request"));
    EXPECT_EQ(requests, 2);
    EXPECT_EQ(Outcome({.url = server.At()}), "200 ok");
    EXPECT_EQ(Outcome({.url = server.At(), .idempotent = true}), "200 ok");
    EXPECT_EQ(requests, 5);
    EXPECT_EQ(server.accepted(), 3);
}

TEST_F(HttpSenderTest, ConnectionsThatTheServerClosedAreNotUsed) {
    std::atomic<int> closed = 0;
    RawServer server([&](int socket, int) {
        if (!server.Read(socket).empty()) RawServer::Write(socket, kOk);
        ::shutdown(socket, SHUT_RDWR);
        ++closed;
    });
    Make();
    for (int i = 1; i <= 5; ++i) {
        EXPECT_EQ(Outcome({.url = server.At()}), "200 ok");
        ASSERT_TRUE(Eventually([&] { return closed == i; }));
    }
    EXPECT_EQ(server.accepted(), 5);
}

TEST_F(HttpSenderTest, IdleConnectionsEndAfterTheirTimeAndAboveTheirNumber) {
    std::atomic<int> ended = 0;
    const auto serve = [&](RawServer*& self) {
        return [&](int socket, int) {
            while (!self->Read(socket).empty()) RawServer::Write(socket, kOk);
            ++ended;
        };
    };
    RawServer* self_a = nullptr;
    RawServer* self_b = nullptr;
    RawServer a(serve(self_a));
    RawServer b(serve(self_b));
    self_a = &a;
    self_b = &b;
    SenderOptions options;
    options.idle_max = 1;
    options.idle_timeout_ms = 200;
    Make(options);
    EXPECT_EQ(Outcome({.url = a.At()}), "200 ok");
    EXPECT_EQ(Outcome({.url = b.At()}), "200 ok");
    EXPECT_TRUE(Eventually([&] { return ended >= 1; }));
    EXPECT_TRUE(Eventually([&] { return ended == 2; }));
    EXPECT_EQ(Outcome({.url = a.At()}), "200 ok");
}

TEST_F(HttpSenderTest, ConnectionsAndWaitingRequestsAreLimited) {
    std::atomic<int> inside = 0;
    std::atomic<int> most = 0;
    std::atomic<bool> open = false;
    RawServer server([&](int socket, int) {
        while (!server.Read(socket).empty()) {
            most = std::max<int>(most, ++inside);
            while (!open) std::this_thread::sleep_for(1ms);
            --inside;
            RawServer::Write(socket, kOk);
        }
    });
    SenderOptions options;
    options.connections_per_host_max = 2;
    options.waiting_per_host_max = 3;
    Make(options);
    std::vector<std::future<Result<ClientResponse>>> answers;
    for (int i = 0; i < 5; ++i) answers.push_back(Begin({.url = server.At()}));
    const auto refused = Ask({.url = server.At()});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::kLimit);
    EXPECT_TRUE(refused.error().retryable);
    open = true;
    for (auto& answer : answers) EXPECT_TRUE(answer.get().has_value());
    EXPECT_LE(most, 2);
    EXPECT_EQ(server.accepted(), 2);
    EXPECT_EQ(Outcome({.url = server.At()}), "200 ok");
}

TEST_F(HttpSenderTest, ABusyServerLeavesRoomForAnother) {
    const auto serve = [](RawServer*& self) {
        return [&self](int socket, int) {
            while (!self->Read(socket).empty()) {
                std::this_thread::sleep_for(2ms);
                RawServer::Write(socket, kOk);
            }
        };
    };
    RawServer* self_busy = nullptr;
    RawServer* self_rare = nullptr;
    RawServer busy(serve(self_busy));
    RawServer rare(serve(self_rare));
    self_busy = &busy;
    self_rare = &rare;
    SenderOptions options;
    options.connections_max = 1;
    Make(options);
    std::vector<std::future<Result<ClientResponse>>> answers;
    for (int i = 0; i < 200; ++i) answers.push_back(Begin({.url = busy.At()}));
    EXPECT_EQ(Outcome({.url = rare.At()}), "200 ok");
    EXPECT_NE(answers.back().wait_for(0s), std::future_status::ready);  // it did not wait for all
    for (auto& answer : answers) EXPECT_TRUE(answer.get().has_value());
}

TEST_F(HttpSenderTest, TheEndTellsEveryCallbackOnce) {
    RawServer mute([&](int socket, int) { mute.AwaitEnd(socket); });
    for (int round = 0; round < 20; ++round) {
        SenderOptions options;
        options.connections_per_host_max = 4;
        Make(options);
        std::atomic<int> told = 0;
        std::atomic<int> unavailable = 0;
        for (int i = 0; i < 20; ++i) {
            Url url = mute.At();
            if (i % 5 == 0) url.host = "localhost";
            if (i % 7 == 0) url.tls = true;
            sender_->Send({.url = url}, [&](const Result<ClientResponse>& answer, bool) {
                ++told;
                if (!answer && answer.error().code == Code::kUnavailable) ++unavailable;
            });
        }
        if (round % 2 == 0) std::this_thread::sleep_for(5ms);
        sender_.reset();
        EXPECT_EQ(told, 20);
        EXPECT_EQ(unavailable, 20);
    }
}

TEST_F(HttpSenderTest, ACallbackMaySendAndMayEndTheSender) {
    RawServer server([&](int socket, int) {
        while (!server.Read(socket).empty()) RawServer::Write(socket, kOk);
    });
    Make();
    std::promise<std::string> second;
    sender_->Send({.url = server.At()}, [&](const Result<ClientResponse>&, bool) {
        sender_->Send({.url = server.At()}, [&](const Result<ClientResponse>& answer, bool) {
            sender_.reset();
            second.set_value(answer ? answer->body : answer.error().ToString());
        });
    });
    EXPECT_EQ(second.get_future().get(), "ok");
}

TEST_F(HttpSenderTest, ManyThreadsManyServers) {
    HttpOptions http;
    http.drain_ms = 100;
    HttpServer server(
        executor_, http,
        [](Request request, std::shared_ptr<Responder> responder) {
            Response response = Response::Text(200, "text/plain", request.body);
            response.close = request.body.size() % 7 == 0;
            responder->Send(std::move(response));
        },
        log_, metrics_);
    std::vector<Url> urls;
    for (int i = 0; i < 5; ++i) {
        const auto bound = server.Listen(*ParseAddress("127.0.0.1:0"));
        ASSERT_TRUE(bound.has_value());
        urls.push_back({.tls = false, .host = bound->host, .port = bound->port, .target = "/"});
    }
    SenderOptions options;
    options.connections_max = 8;
    options.connections_per_host_max = 3;
    options.idle_max = 4;
    Make(options);
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 100; ++i) {
                const std::string body(static_cast<std::size_t>(i * 37 % 500), 'b');
                const auto& url = urls[static_cast<std::size_t>(t + i) % urls.size()];
                const auto answer = Ask({.url = url, .body = body, .idempotent = true});
                if (answer && answer->body == body) ++good;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 400);
}

class HttpSenderTlsTest : public HttpSenderTest {
protected:
    void SetUp() override {
        if (!certificates_.made()) GTEST_SKIP() << "the openssl command is not installed";
    }
    Url Serve(const std::string& name, bool mutual = false) {
        TlsServerOptions tls;
        if (mutual) tls.client_ca_file = certificates_["ca.pem"];
        tls.certificate_file = certificates_[name + ".pem"];
        tls.key_file = certificates_[name + ".key"];
        HttpOptions http;
        http.drain_ms = 100;
        servers_.push_back(std::make_unique<HttpServer>(
            executor_, http,
            [](const Request& request, const std::shared_ptr<Responder>& responder) {
                responder->Send(Response::Text(200, "text/plain", request.tls ? "tls" : "plain"));
            },
            log_, metrics_));
        const auto bound =
            servers_.back()->Listen(*ParseAddress("127.0.0.1:0"), MakeTlsContext(tls).value());
        EXPECT_TRUE(bound.has_value());
        return {.tls = true, .host = "localhost", .port = bound->port, .target = "/"};
    }
    void MakeTrusting() {
        SenderOptions options;
        options.tls.ca_file = certificates_["ca.pem"];
        Make(options);
    }

    test::Certificates certificates_;
    std::vector<std::unique_ptr<HttpServer>> servers_;
};

TEST_F(HttpSenderTlsTest, VerifiedServersAreAskedAndTheirConnectionsKept) {
    Url url = Serve("server");
    MakeTrusting();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Outcome({.url = url, .body = "x"}), "200 tls");
    EXPECT_EQ(servers_[0]->connections(), 1);
    url.host = "127.0.0.1";  // named by the certificate as an address
    EXPECT_EQ(Outcome({.url = url}), "200 tls");
}

TEST_F(HttpSenderTlsTest, WrongNamesStrangersAndExpiredCertificatesAreRefused) {
    MakeTrusting();
    const std::string script = "cd " + certificates_["."].string() +
                               " && openssl req -new -key server.key -subj /CN=x -out e.csr"
                               " && printf 'subjectAltName=DNS:localhost' > e.ext"
                               " && cp server.key expired.key && cp server.key misnamed.key"
                               " && openssl x509 -req -in e.csr -CA ca.pem -CAkey ca.key -days -1"
                               "    -CAcreateserial -extfile e.ext -out expired.pem"
                               " && printf 'subjectAltName=DNS:other.example' > e.ext"
                               " && openssl x509 -req -in e.csr -CA ca.pem -CAkey ca.key -days 2"
                               "    -CAcreateserial -extfile e.ext -out misnamed.pem";
    ASSERT_EQ(std::system(("( " + script + " ) >/dev/null 2>&1").c_str()), 0);
    const struct {
        std::string name;
        std::string_view reason;
    } rows[] = {{"expired", "expired"}, {"misnamed", "ostname mismatch"}, {"stranger", "self"}};
    for (const auto& row : rows) {
        const auto refused = Ask({.url = Serve(row.name)});
        ASSERT_FALSE(refused.has_value()) << row.name;
        EXPECT_EQ(refused.error().code, Code::kUnavailable);
        EXPECT_TRUE(refused.error().retryable);
        EXPECT_THAT(refused.error().message, HasSubstr(row.reason));
    }
    Url plain = Serve("server");
    plain.tls = false;
    EXPECT_FALSE(Ask({.url = plain}).has_value());
    Make();  // the system's authorities do not know ours
    EXPECT_FALSE(Ask({.url = Serve("server")}).has_value());
}

TEST_F(HttpSenderTlsTest, WithoutTheCertificateThatIsWantedNothingWasSent) {
    const Url url = Serve("server", true);
    MakeTrusting();
    const auto refused = Ask({.url = url, .body = std::string(100'000, 'x')});
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr("refuses our certificate"));
    EXPECT_TRUE(refused.error().retryable);
    EXPECT_FALSE(sent_);
    const Url stranger = Serve("stranger");
    EXPECT_FALSE(Ask({.url = stranger}));
    EXPECT_FALSE(sent_);
    SenderOptions options;
    options.tls.ca_file = certificates_["ca.pem"];
    options.tls.certificate_file = certificates_["client.pem"];
    options.tls.key_file = certificates_["client.key"];
    Make(options);
    EXPECT_EQ(Outcome({.url = url}), "200 tls");
    EXPECT_TRUE(sent_);
}

TEST_F(HttpSenderTlsTest, MissingAuthoritiesAreNamed) {
    SenderOptions options;
    options.tls.ca_file = certificates_["absent.pem"];
    const auto made = HttpSender::Create(executor_, options);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().path, options.tls.ca_file.string());
}

}  // namespace
}  // namespace carestream::net
