// Goal: messages arrive whole, in order and once; each opened connection is told its end exactly
// once; a peer that is greedy, slow, silent or rude costs what the limits say. Method: a real
// server; Beast's client for polite peers, bytes as they are for the others.
#include "net/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "net/http.h"
#include "net/http_client.h"
#include "tests/support/certificates.h"

namespace carestream::net {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;
using ErrorCode = boost::system::error_code;

constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
}

// A client that answers pings and closes; blocking.
template <typename Next>
struct Peer {
    explicit Peer(asio::ssl::context& tls) : stream(io, tls) {}
    Peer() : stream(io) {}

    ErrorCode Open(const Address& address, const std::string& target = "/ws") {
        const tcp::endpoint server(asio::ip::make_address(address.host), address.port);
        beast::get_lowest_layer(stream).connect(server);
        ErrorCode error;
        if constexpr (!std::is_same_v<Next, tcp::socket>) {
            stream.next_layer().handshake(asio::ssl::stream_base::client);
        }
        stream.handshake(response, "localhost", target, error);
        return error;
    }
    void Send(const std::string& text) { stream.write(asio::buffer(text)); }
    // The next message, or "closed <code> <reason>", or "lost".
    std::string Hear() {
        beast::flat_buffer buffer;
        ErrorCode error;
        stream.read(buffer, error);
        if (!error) return beast::buffers_to_string(buffer.data());
        if (error != beast::websocket::error::closed) return "lost";
        return "closed " + std::to_string(stream.reason().code) + " " +
               std::string(stream.reason().reason.c_str());
    }

    asio::io_context io;
    beast::websocket::stream<Next, false> stream;
    beast::websocket::response_type response;
};
using PlainPeer = Peer<tcp::socket>;
using TlsPeer = Peer<asio::ssl::stream<tcp::socket>>;

class WebSocketTest : public testing::Test {
protected:
    ~WebSocketTest() override {
        for (auto& decision : decisions_) decision.join();
        if (server_) server_->Stop();
    }

    void Start(HttpOptions options = {}, TlsContext tls = nullptr) {
        options.drain_ms = std::min(options.drain_ms, 1'000);
        if (!options.websocket.upgrade) {
            options.websocket.upgrade = [this](Request request,
                                               std::shared_ptr<UpgradeResponder> responder) {
                Decide(std::move(request), std::move(responder));
            };
        }
        server_ = std::make_unique<HttpServer>(
            executor_, std::move(options),
            [](Request, std::shared_ptr<Responder> responder) {
                responder->Send(Response::Text(200, "text/plain", "http"));
            },
            log_, metrics_);
        const auto bound = server_->Listen(*ParseAddress("127.0.0.1:0"), std::move(tls));
        ASSERT_TRUE(bound.has_value()) << bound.error().ToString();
        address_ = *bound;
    }

    // /refuse answers 403, /later decides on another thread, /throw is accepted and then throws.
    void Decide(Request request, std::shared_ptr<UpgradeResponder> responder) {
        if (request.path == "/refuse") {
            responder->Send(Response::Text(403, "text/plain", "no"));
            return;
        }
        if (request.path == "/drop") return;
        const bool throws = request.path == "/throw";
        WebSocketHandler handler;
        // As a session does: what the handler holds holds the connection.
        auto own = std::make_shared<std::shared_ptr<WebSocket>>();
        handler.opened = [this, own](std::shared_ptr<WebSocket> socket) {
            *own = socket;
            const std::lock_guard lock(mutex_);
            last_ = std::move(socket);
            ++opened_;
        };
        handler.message = [own, throws](std::string text) {
            if (throws) throw std::runtime_error("value of a patient");
            (*own)->Send("echo " + text);
        };
        handler.closed = [this] { ++closed_; };
        if (request.path == "/later") {
            const std::lock_guard lock(mutex_);
            decisions_.emplace_back([responder, handler]() mutable {
                std::this_thread::sleep_for(20ms);
                responder->Accept(std::move(handler));
            });
            return;
        }
        responder->Accept(std::move(handler));
    }

    std::shared_ptr<WebSocket> Last() {
        EXPECT_TRUE(Eventually([&] {
            const std::lock_guard lock(mutex_);
            return last_ != nullptr;
        }));
        const std::lock_guard lock(mutex_);
        return last_;
    }
    HttpClient Raw(std::string_view bytes) {
        auto client = HttpClient::Connect(address_, {.timeout_ms = 20'000});
        EXPECT_TRUE(client.has_value());
        EXPECT_TRUE(client->Write(bytes).has_value());
        return std::move(*client);
    }
    // What a server says until it closes.
    std::string Answer(std::string_view bytes) {
        auto client = Raw(bytes);
        const auto answer = client.Exchange("");
        return answer ? *answer : "error: " + answer.error().ToString();
    }

    std::vector<std::string> lines_;
    std::mutex mutex_;
    std::shared_ptr<WebSocket> last_;
    std::vector<std::thread> decisions_;
    std::atomic<int> opened_ = 0;
    std::atomic<int> closed_ = 0;
    telemetry::Log log_{telemetry::Level::kDebug, [this](std::string_view line) {
                            const std::lock_guard lock(mutex_);
                            lines_.emplace_back(line);
                        }};
    telemetry::Metrics metrics_;
    Executor executor_{2};
    std::unique_ptr<HttpServer> server_;
    Address address_;
};

std::string Replaced(std::string text, std::string_view what, std::string_view by) {
    text.replace(text.find(what), what.size(), by);
    return text;
}

TEST_F(WebSocketTest, MessagesGoBothWaysInOrder) {
    Start();
    PlainPeer peer;
    ASSERT_FALSE(peer.Open(address_));
    EXPECT_EQ(peer.response[beast::http::field::sec_websocket_protocol], "");
    EXPECT_EQ(peer.response[beast::http::field::sec_websocket_extensions], "");
    peer.Send("h\xc3\xa9");
    EXPECT_EQ(peer.Hear(), "echo h\xc3\xa9");
    const auto socket = Last();
    EXPECT_TRUE(socket->Open());
    for (int i = 0; i < 500; ++i) socket->Send(std::to_string(i));
    for (int i = 0; i < 500; ++i) ASSERT_EQ(peer.Hear(), std::to_string(i));
    const std::string large(200'000, 'x');
    socket->Send(large);
    EXPECT_EQ(peer.Hear(), large);
    EXPECT_EQ(server_->websockets(), 1);
    EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
    const std::string text = metrics_.Expose();
    EXPECT_THAT(text, HasSubstr("carestream_websockets{listener=\"http\"} 1"));
    EXPECT_THAT(text, HasSubstr("carestream_websocket_messages_total{direction=\"in\","
                                "listener=\"http\"} 1"));
    EXPECT_THAT(text, HasSubstr("status=\"101\""));
    peer.stream.close(beast::websocket::close_code::normal);
    EXPECT_TRUE(Eventually([&] { return closed_ == 1; }));
    EXPECT_TRUE(Eventually([&] { return server_->websockets() == 0; }));
    EXPECT_FALSE(socket->Open());
    EXPECT_THAT(metrics_.Expose(), HasSubstr("carestream_websocket_messages_total{"
                                             "direction=\"out\",listener=\"http\"} 502"));
}

TEST_F(WebSocketTest, TlsCarriesThemToo) {
    const test::Certificates certificates;
    if (!certificates.made()) GTEST_SKIP() << "the openssl command is not installed";
    TlsServerOptions server;
    server.certificate_file = certificates["server.pem"];
    server.key_file = certificates["server.key"];
    Start({}, MakeTlsContext(server).value());
    asio::ssl::context tls(asio::ssl::context::tls_client);
    TlsPeer peer(tls);
    ASSERT_FALSE(peer.Open(address_));
    for (int i = 0; i < 20; ++i) {
        peer.Send(std::string(3'000, 'a'));
        EXPECT_EQ(peer.Hear(), "echo " + std::string(3'000, 'a'));
    }
    Last()->Send(std::string(100'000, 'b'));
    EXPECT_EQ(peer.Hear(), std::string(100'000, 'b'));
    Last()->Close(1000, "done");
    EXPECT_EQ(peer.Hear(), "closed 1000 done");
    ErrorCode ignored;
    peer.stream.next_layer().shutdown(ignored);
    EXPECT_TRUE(Eventually([&] { return closed_ == 1 && server_->websockets() == 0; }));
}

TEST_F(WebSocketTest, OtherRequestsAndRefusedOnesStayHttp) {
    Start();
    auto client = HttpClient::Connect(address_).value();
    EXPECT_EQ(client.Send({.target = "/ws"})->body, "http");
    const std::vector<std::pair<std::string, std::string>> upgrade = {
        {"Connection", "keep-alive, Upgrade"},
        {"Upgrade", "websocket"},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
        {"Sec-WebSocket-Version", "13"}};
    const auto refused = client.Send({.target = "/refuse", .headers = upgrade});
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->status, 403);
    EXPECT_EQ(client.Send({.target = "/drop", .headers = upgrade})->status, 500);
    EXPECT_EQ(client.Send({.target = "/again"})->body, "http");
    EXPECT_EQ(opened_ + closed_, 0);
    EXPECT_EQ(server_->websockets(), 0);
}

TEST_F(WebSocketTest, WrongUpgradesTable) {
    Start();
    const std::string good(kUpgrade);
    const struct {
        std::string wire;
        std::string_view status;
        std::string_view text;
    } rows[] = {
        {Replaced(good, "Version: 13", "Version: 8"), "HTTP/1.1 426", "Sec-WebSocket-Version: 13"},
        {Replaced(good, "Sec-WebSocket-Key", "X"), "HTTP/1.1 400", "Sec-WebSocket-Key"},
        {Replaced(good, "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), "HTTP/1.1 400", "16 bytes"},
        {Replaced(good, "dGhlIHNhbXBsZSBub25jZQ==", "d(hlIHNhbXBsZSBub25jZQ=="), "HTTP/1.1 400",
         "16 bytes"},
        {good + "\x81\x80\x01\x02\x03\x04", "HTTP/1.1 400", "before the upgrade's answer"},
        {Replaced(good, "HTTP/1.1", "HTTP/1.0"), "HTTP/1.1 200", "http"},
        {Replaced(good, "GET", "POST"), "HTTP/1.1 200", "http"},
        {Replaced(good, "Upgrade: websocket", "Upgrade: h2c"), "HTTP/1.1 200", "http"},
    };
    for (const auto& row : rows) {
        auto client = Raw(row.wire);
        const auto answer =
            client.Exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        ASSERT_TRUE(answer.has_value()) << row.wire;
        EXPECT_THAT(*answer, StartsWith(row.status)) << row.wire;
        EXPECT_THAT(*answer, HasSubstr(row.text)) << row.wire;
    }
    EXPECT_EQ(opened_, 0);
    EXPECT_THAT(metrics_.Expose(), HasSubstr("reason=\"websocket\"} 5"));
}

TEST_F(WebSocketTest, UnixSocketsCarryNone) {
    Start();
    const std::string path =
        (std::filesystem::temp_directory_path() / ("cs_ws_" + std::to_string(::getpid()))).string();
    const auto bound = server_->Listen(*ParseAddress("unix:" + path));
    ASSERT_TRUE(bound.has_value()) << bound.error().ToString();
    auto client = HttpClient::Connect(*bound).value();
    const auto answer = client.Exchange(
        Replaced(std::string(kUpgrade), "Connection: Upgrade", "Connection: Upgrade, close"));
    EXPECT_THAT(*answer, StartsWith("HTTP/1.1 400"));
}

TEST_F(WebSocketTest, ADecisionMayComeLaterAndFromAnotherThread) {
    Start();
    PlainPeer peer;
    ASSERT_FALSE(peer.Open(address_, "/later"));
    peer.Send("x");
    EXPECT_EQ(peer.Hear(), "echo x");
}

TEST_F(WebSocketTest, AnswerAfterTheClientHasGoneOpensNothing) {
    Start();
    { auto client = Raw(Replaced(std::string(kUpgrade), "/ws", "/later")); }
    std::this_thread::sleep_for(50ms);
    EXPECT_TRUE(Eventually([&] { return server_->connections() + server_->websockets() == 0; }));
    EXPECT_EQ(opened_, closed_);
}

TEST_F(WebSocketTest, PlacesAreLimitedApartFromConnections) {
    HttpOptions options;
    options.connections_max = 1;
    options.websocket.websockets_max = 2;
    Start(options);
    PlainPeer first;
    PlainPeer second;
    ASSERT_FALSE(first.Open(address_));
    ASSERT_TRUE(Eventually([&] { return server_->connections() == 0; }));
    ASSERT_FALSE(second.Open(address_));
    ASSERT_TRUE(Eventually([&] { return server_->connections() == 0; }));
    PlainPeer third;
    EXPECT_TRUE(third.Open(address_));
    EXPECT_EQ(third.response.result_int(), 503u);
    EXPECT_EQ(third.response[beast::http::field::retry_after], "1");
    EXPECT_EQ(opened_, 2);
    beast::get_lowest_layer(third.stream).close();
    second.stream.close(beast::websocket::close_code::normal);
    ASSERT_TRUE(Eventually([&] { return server_->websockets() + server_->connections() == 1; }));
    PlainPeer fourth;
    EXPECT_FALSE(fourth.Open(address_));
    EXPECT_THAT(metrics_.Expose(), HasSubstr("reason=\"websockets\"} 1"));
}

TEST_F(WebSocketTest, LargeAndBinaryMessagesCloseTheConnection) {
    HttpOptions options;
    options.websocket.message_bytes_max = 1000;
    Start(options);
    PlainPeer greedy;
    ASSERT_FALSE(greedy.Open(address_));
    greedy.Send(std::string(1000, 'a'));
    EXPECT_EQ(greedy.Hear().size(), 1005u);
    greedy.Send(std::string(1001, 'a'));
    EXPECT_THAT(greedy.Hear(), StartsWith("closed 1009"));
    PlainPeer binary;
    ASSERT_FALSE(binary.Open(address_));
    binary.stream.binary(true);
    binary.Send("x");
    EXPECT_THAT(binary.Hear(), StartsWith("closed 1003"));
    PlainPeer broken;
    ASSERT_FALSE(broken.Open(address_));
    broken.Send("\xff");
    EXPECT_THAT(broken.Hear(), StartsWith("closed 1007"));
    EXPECT_TRUE(Eventually([&] { return closed_ == 3; }));
    EXPECT_THAT(metrics_.Expose(), HasSubstr("reason=\"websocket_message\"} 1"));
}

TEST_F(WebSocketTest, WhatWasSentBeforeACloseArrivesBeforeIt) {
    Start();
    PlainPeer peer;
    ASSERT_FALSE(peer.Open(address_));
    const auto socket = Last();
    for (int i = 0; i < 50; ++i) socket->Send(std::to_string(i));
    std::string reason(122, 'r');
    reason += "\xc3\xa9";  // does not fit whole
    socket->Close(4000, reason);
    EXPECT_FALSE(socket->Open());
    socket->Send("late");
    socket->Close(1000, "second");
    for (int i = 0; i < 50; ++i) EXPECT_EQ(peer.Hear(), std::to_string(i));
    EXPECT_EQ(peer.Hear(), "closed 4000 " + std::string(122, 'r'));
    EXPECT_TRUE(Eventually([&] { return closed_ == 1 && server_->websockets() == 0; }));
}

TEST_F(WebSocketTest, APeerThatDoesNotReadIsClosedAndTold) {
    HttpOptions options;
    options.websocket.send_bytes_max = 100'000;
    Start(options);
    PlainPeer peer;
    ASSERT_FALSE(peer.Open(address_));
    const auto socket = Last();
    int sent = 0;
    while (socket->Open() && sent < 100'000) {
        socket->Send(std::string(10'000, 'x'));
        ++sent;
    }
    EXPECT_LT(sent, 100'000);
    EXPECT_TRUE(Eventually([&] { return closed_ == 1; }));
    EXPECT_THAT(metrics_.Expose(), HasSubstr("reason=\"websocket_slow\"} 1"));
    EXPECT_EQ(closed_, 1);
}

TEST_F(WebSocketTest, AWriteWithoutProgressEndsTheConnection) {
    HttpOptions options;
    options.write_timeout_ms = 300;
    Start(options);
    PlainPeer peer;
    ASSERT_FALSE(peer.Open(address_));
    Last()->Send(std::string(32u << 20, 'x'));  // one alone is taken, whatever its size
    EXPECT_TRUE(Eventually([&] { return closed_ == 1; }));
}

TEST_F(WebSocketTest, SilentPeersArePingedAndDroppedOthersStay) {
    HttpOptions options;
    options.websocket.ping_interval_ms = 200;
    Start(options);
    auto silent = Raw(kUpgrade);
    const auto heard = silent.Exchange("");  // until the server drops it
    ASSERT_TRUE(heard.has_value()) << heard.error().ToString();
    EXPECT_THAT(*heard, HasSubstr("\r\n\r\n\x89"));  // FIN and ping
    EXPECT_TRUE(Eventually([&] { return closed_ == 1; }));

    PlainPeer polite;
    ASSERT_FALSE(polite.Open(address_));
    std::atomic<int> pings = 0;
    polite.stream.control_callback([&](beast::websocket::frame_type kind, beast::string_view) {
        if (kind == beast::websocket::frame_type::ping) ++pings;
    });
    auto answer = std::async(std::launch::async, [&] { return polite.Hear(); });
    EXPECT_TRUE(Eventually([&] { return pings >= 5; }));
    Last()->Send("still here");
    EXPECT_EQ(answer.get(), "still here");
}

TEST_F(WebSocketTest, StopSaysGoodbyeAndTellsEachHandlerOnce) {
    Start();
    PlainPeer polite;
    ASSERT_FALSE(polite.Open(address_));
    ASSERT_TRUE(Eventually([&] { return opened_ == 1; }));
    auto deaf = Raw(kUpgrade);
    ASSERT_TRUE(Eventually([&] { return opened_ == 2; }));
    Last()->Send("last words");
    auto end = std::async(std::launch::async, [&] { return polite.Hear(); });
    server_->Stop();
    EXPECT_THAT(end.get(), StartsWith("closed 1001"));
    EXPECT_EQ(closed_, 2);
    EXPECT_EQ(server_->websockets(), 0);
    const auto heard = deaf.Exchange("");
    if (heard) {
        EXPECT_THAT(*heard, HasSubstr("last words"));
    }
    const auto kept = Last();
    server_.reset();
    kept->Send("nobody hears");
    kept->Close(1000, "");
    EXPECT_FALSE(kept->Open());
}

TEST_F(WebSocketTest, APeerThatClosesHalfwayIsLetGo) {
    const test::Certificates certificates;
    if (!certificates.made()) GTEST_SKIP() << "the openssl command is not installed";
    TlsServerOptions options;
    options.certificate_file = certificates["server.pem"];
    options.key_file = certificates["server.key"];
    Start();
    const auto secure =
        server_->Listen(*ParseAddress("127.0.0.1:0"), MakeTlsContext(options).value());
    ASSERT_TRUE(secure.has_value());
    // Three close the WebSocket or are asked to, and then neither TLS nor TCP.
    const std::string close_frame("\x88\x82\x00\x00\x00\x00\x03\xe8", 8);
    asio::io_context io;
    asio::ssl::context tls(asio::ssl::context::tls_client);
    asio::ssl::stream<tcp::socket> encrypted(io, tls);
    encrypted.next_layer().connect({asio::ip::make_address(secure->host), secure->port});
    encrypted.handshake(asio::ssl::stream_base::client);
    asio::write(encrypted, asio::buffer(kUpgrade));
    auto plain = Raw(kUpgrade);
    ASSERT_TRUE(Eventually([&] { return opened_ == 2; }));
    auto mute = Raw(kUpgrade);
    ASSERT_TRUE(Eventually([&] { return opened_ == 3; }));
    Last()->Close(1000, "");
    asio::write(encrypted, asio::buffer(close_frame));
    ASSERT_TRUE(plain.Write(close_frame).has_value());
    EXPECT_TRUE(Eventually([&] { return closed_ == 3; }));
}

TEST_F(WebSocketTest, AThrowingHandlerClosesAndNamesNoValue) {
    Start();
    PlainPeer peer;
    ASSERT_FALSE(peer.Open(address_, "/throw"));
    peer.Send("x");
    EXPECT_THAT(peer.Hear(), StartsWith("closed 1011"));
    EXPECT_TRUE(Eventually([&] { return closed_ == 1; }));
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(lines_, testing::Contains(HasSubstr("websocket.handler_failed")));
    for (const auto& line : lines_) EXPECT_THAT(line, testing::Not(HasSubstr("patient")));
}

TEST_F(WebSocketTest, ManyThreadsSendWhilePeersComeAndGo) {
    Start();
    std::atomic<bool> done = false;
    std::vector<std::thread> senders;
    for (int t = 0; t < 3; ++t) {
        senders.emplace_back([&, t] {
            for (int i = 0; !done; ++i) {
                std::shared_ptr<WebSocket> socket;
                {
                    const std::lock_guard lock(mutex_);
                    socket = last_;
                }
                if (socket) socket->Send("from " + std::to_string(t));
                if (socket && t == 0 && i % 50 == 49) socket->Close(1000, "enough");
                std::this_thread::sleep_for(100us);
            }
        });
    }
    for (int round = 0; round < 60; ++round) {
        PlainPeer peer;
        ASSERT_FALSE(peer.Open(address_));
        // Else a late `opened` of the round before would take this one's place in last_.
        ASSERT_TRUE(Eventually([&] { return opened_ == round + 1; }));
        for (int i = 0; i < round % 7; ++i) {
            if (!peer.Hear().starts_with("from ")) break;
        }
    }
    done = true;
    for (auto& sender : senders) sender.join();
    EXPECT_TRUE(Eventually([&] { return server_->websockets() == 0; }));
    EXPECT_EQ(opened_, 60);
    EXPECT_EQ(closed_, 60);
}

}  // namespace
}  // namespace carestream::net
