// Goal: the listener keeps framing, order and its limits whatever peers do. Method: a real listener
// on loopback, a sink that answers as each test says, raw sockets as peers.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include "adapters/mllp/source.h"
#include "hl7/mllp.h"

namespace carestream::adapters::mllp {
namespace {

using channel::Exchange;
using std::chrono::milliseconds;

template <typename Condition>
bool Eventually(Condition condition, int timeout_ms = 5000) {
    for (int waited = 0; waited < timeout_ms; waited += 5) {
        if (condition()) return true;
        std::this_thread::sleep_for(milliseconds(5));
    }
    return condition();
}

// Keeps what it got; answers "ACK <payload>" at once unless told to hold.
class TestSink final : public channel::Sink {
public:
    void Receive(std::string payload, std::shared_ptr<Exchange> exchange) override {
        const std::lock_guard lock(mutex_);
        payloads_.push_back(payload);
        if (hold_) {
            held_.push_back(std::move(exchange));
        } else {
            exchange->Answer("ACK " + payload);
        }
    }
    void Oversized(std::string_view head, std::shared_ptr<Exchange> exchange) override {
        const std::lock_guard lock(mutex_);
        heads_.emplace_back(head);
        exchange->Answer("AR");
        exchange->Close("oversized");
    }
    void Hold(bool hold) {
        const std::lock_guard lock(mutex_);
        hold_ = hold;
    }
    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return payloads_.size();
    }
    std::vector<std::string> payloads() {
        const std::lock_guard lock(mutex_);
        return payloads_;
    }
    std::vector<std::shared_ptr<Exchange>> TakeHeld() {
        const std::lock_guard lock(mutex_);
        return std::move(held_);
    }

private:
    std::mutex mutex_;
    bool hold_ = false;
    std::vector<std::string> payloads_;
    std::vector<std::string> heads_;
    std::vector<std::shared_ptr<Exchange>> held_;
};

class Peer {
public:
    explicit Peer(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ~Peer() { ::close(socket_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    bool Send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // How many bytes the other side takes until it has not read for 300 ms.
    std::size_t SendUntilBlocked(const std::string& block, std::size_t bytes_max) {
        std::size_t total = 0;
        while (total < bytes_max) {
            pollfd waiting{socket_, POLLOUT, 0};
            if (::poll(&waiting, 1, 300) <= 0 || (waiting.revents & (POLLERR | POLLHUP)) != 0)
                break;
            const auto sent =
                ::send(socket_, block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent <= 0) break;
            total += static_cast<std::size_t>(sent);
        }
        return total;
    }
    // The next frame, or "closed", or "timeout".
    std::string Next(int timeout_ms = 3000) {
        for (;;) {
            if (auto payload = decoder_.Next()) return *payload;
            pollfd waiting{socket_, POLLIN, 0};
            if (::poll(&waiting, 1, timeout_ms) <= 0) return "timeout";
            char buffer[4096];
            const auto count = ::recv(socket_, buffer, sizeof buffer, 0);
            if (count <= 0) return "closed";
            EXPECT_TRUE(decoder_.Feed({buffer, static_cast<std::size_t>(count)}));
        }
    }
    void FinishSending() { ::shutdown(socket_, SHUT_WR); }

private:
    int socket_;
    hl7::MllpDecoder decoder_{{}};
};

class ListenerTest : public testing::Test {
protected:
    ListenerTest() {
        options_.listen = {"127.0.0.1", 0, {}};
        options_.connections_max = 64;
        options_.frame_bytes_max = 1 << 20;
        options_.frame_timeout_ms = 30'000;
        options_.handshake_timeout_ms = 1000;
        options_.write_timeout_ms = 30'000;
        options_.user_timeout_ms = 60'000;
        options_.in_flight_max = 256;
        options_.in_flight_bytes_max = 8 << 20;
        options_.buffered_bytes_max = 64 << 20;
        options_.ack_buffer_bytes_max = 64 << 10;
        options_.drain_ms = 500;
    }
    ~ListenerTest() override {
        if (source_ != nullptr) source_->Stop();
    }

    void Start() {
        source_ = MakeListener(options_, parts_);
        const auto started = source_->Start(sink_);
        ASSERT_TRUE(started) << started.error().ToString();
    }
    int port() const {
        return std::atoi(source_->Describe().substr(source_->Describe().rfind(':') + 1).c_str());
    }
    bool MetricSays(const std::string& line) const {
        return metrics_.Expose().find(line) != std::string::npos;
    }

    bool LogSays(const std::string& event) {
        const std::lock_guard lock(log_mutex_);
        return logged_.find(event) != std::string::npos;
    }

    std::mutex log_mutex_;
    std::string logged_;
    net::Executor executor_{2};
    telemetry::Log log_{telemetry::Level::kWarn, [this](std::string_view line) {
                            const std::lock_guard lock(log_mutex_);
                            logged_ += line;
                        }};
    telemetry::Metrics metrics_;
    channel::SourceParts parts_{"test", executor_, log_, metrics_};
    ListenerOptions options_;
    TestSink sink_;
    std::unique_ptr<channel::Source> source_;
};

TEST_F(ListenerTest, SameAnswersForEveryCut) {
    Start();
    const std::string wire =
        "\x0b"
        "one\x1c\r"
        "\x0b"
        "two\x1c"
        "\x0b"
        "three\x1c\r";
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        Peer peer(port());
        peer.Send(wire.substr(0, cut));
        if (cut % 3 == 0) std::this_thread::sleep_for(milliseconds(2));
        peer.Send(wire.substr(cut));
        EXPECT_EQ(peer.Next(), "ACK one") << cut;
        EXPECT_EQ(peer.Next(), "ACK two") << cut;
        EXPECT_EQ(peer.Next(), "ACK three") << cut;
    }
}

TEST_F(ListenerTest, PipelinedAnswersKeepTheOrderOfTheFrames) {
    Start();
    sink_.Hold(true);
    Peer peer(port());
    std::string wire;
    for (int i = 0; i < 100; ++i) wire += hl7::FrameMllp(std::to_string(i));
    peer.Send(wire);
    ASSERT_TRUE(Eventually([&] { return sink_.count() == 100; }));
    auto held = sink_.TakeHeld();
    for (std::size_t i = held.size(); i-- > 0;) held[i]->Answer(std::to_string(i));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(peer.Next(), std::to_string(i));
}

TEST_F(ListenerTest, AnUnansweredExchangeDoesNotBlockLaterOnes) {
    Start();
    sink_.Hold(true);
    Peer peer(port());
    peer.Send(hl7::FrameMllp("a") + hl7::FrameMllp("b") + hl7::FrameMllp("c"));
    ASSERT_TRUE(Eventually([&] { return sink_.count() == 3; }));
    auto held = sink_.TakeHeld();
    held[2]->Answer("C");
    held[1]->Answer({});  // MSH-15 NE: nothing to say
    held[0].reset();      // dropped
    EXPECT_EQ(peer.Next(), "C");
    held[2]->Follow("LATER");
    EXPECT_EQ(peer.Next(), "LATER");
}

TEST_F(ListenerTest, StopsReadingWhileAnswersAreWithheld) {
    options_.in_flight_max = 10;
    Start();
    sink_.Hold(true);
    Peer peer(port());
    const std::string frame = hl7::FrameMllp(std::string(2000, 'x'));
    peer.SendUntilBlocked(frame, 64u << 20);
    // One read may hold several frames, so the limit is passed by at most what one read brought.
    EXPECT_GE(sink_.count(), 10u);
    EXPECT_LE(sink_.count(), 20u);
    const std::size_t before = sink_.count();
    for (const auto& exchange : sink_.TakeHeld()) exchange->Answer("A");
    EXPECT_TRUE(Eventually([&] { return sink_.count() > before; }));
}

TEST_F(ListenerTest, BoundsWhatAllLinksBufferTogether) {
    options_.buffered_bytes_max = 200'000;
    Start();
    sink_.Hold(true);
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<std::thread> senders;
    for (int i = 0; i < 20; ++i) {
        peers.push_back(std::make_unique<Peer>(port()));
        senders.emplace_back([&peer = *peers.back()] {
            peer.SendUntilBlocked(hl7::FrameMllp(std::string(10'000, 'x')), 4u << 20);
        });
    }
    for (std::thread& sender : senders) sender.join();
    std::size_t bytes = 0;
    for (const std::string& payload : sink_.payloads()) bytes += payload.size();
    EXPECT_GE(bytes, 150'000u);
    EXPECT_LE(bytes, 200'000u + 20 * (16u << 10));
    const std::size_t before = sink_.count();
    for (const auto& exchange : sink_.TakeHeld()) exchange->Answer("A");
    EXPECT_TRUE(Eventually([&] { return sink_.count() > before; }));
}

TEST_F(ListenerTest, APeerThatNeverReadsItsAcksIsBoundedAndClosed) {
    options_.ack_buffer_bytes_max = 32 << 10;
    options_.write_timeout_ms = 700;
    Start();
    Peer peer(port());
    const std::size_t sent =
        peer.SendUntilBlocked(hl7::FrameMllp(std::string(1000, 'x')), 512u << 20);
    EXPECT_LT(sent, 64u << 20);  // socket buffers, and little more
    EXPECT_TRUE(Eventually([&] { return source_->connections() == 0; }));
    EXPECT_TRUE(
        MetricSays("carestream_mllp_closed_total{channel=\"test\",reason=\"write_timeout\"} 1"));
}

TEST_F(ListenerTest, RefusesBeyondTheLimitVisibly) {
    options_.connections_max = 2;
    Start();
    Peer first(port());
    auto second = std::make_unique<Peer>(port());
    ASSERT_TRUE(Eventually([&] { return source_->connections() == 2; }));
    Peer third(port());
    EXPECT_EQ(third.Next(), "closed");
    EXPECT_TRUE(MetricSays("carestream_mllp_refused_total{channel=\"test\",reason=\"limit\"} 1"));
    second.reset();
    ASSERT_TRUE(Eventually([&] { return source_->connections() == 1; }));
    Peer fourth(port());
    fourth.Send(hl7::FrameMllp("m"));
    EXPECT_EQ(fourth.Next(), "ACK m");
}

TEST_F(ListenerTest, RefusesWhoIsNotAllowed) {
    options_.allow.push_back(*config::Network::Parse("10.0.0.0/8"));
    Start();
    Peer peer(port());
    EXPECT_EQ(peer.Next(), "closed");
    EXPECT_TRUE(MetricSays("carestream_mllp_refused_total{channel=\"test\",reason=\"address\"} 1"));
}

TEST_F(ListenerTest, AnOversizedFrameGetsItsAnswerThenTheLinkCloses) {
    options_.frame_bytes_max = 1000;
    Start();
    Peer peer(port());
    peer.Send(hl7::FrameMllp("small") + "\x0b" + std::string(200'000, 'x'));
    EXPECT_EQ(peer.Next(), "ACK small");
    EXPECT_EQ(peer.Next(), "AR");
    EXPECT_EQ(peer.Next(), "closed");
    Peer next(port());
    next.Send(hl7::FrameMllp("m"));
    EXPECT_EQ(next.Next(), "ACK m");
}

TEST_F(ListenerTest, AFrameMustBeFinishedInTime) {
    options_.frame_timeout_ms = 300;
    Start();
    Peer quiet(port());
    Peer slow(port());
    for (int i = 0; i < 10; ++i) {
        slow.Send(i == 0 ? "\x0b"
                           "x"
                         : "x");
        std::this_thread::sleep_for(milliseconds(60));
    }
    EXPECT_EQ(slow.Next(), "closed");
    quiet.Send(hl7::FrameMllp("m"));  // idle is no reason to close
    EXPECT_EQ(quiet.Next(), "ACK m");
}

TEST_F(ListenerTest, IdleLinksCloseOnlyIfAsked) {
    options_.idle_timeout_ms = 200;
    Start();
    Peer peer(port());
    peer.Send(hl7::FrameMllp("m"));
    EXPECT_EQ(peer.Next(), "ACK m");
    EXPECT_EQ(peer.Next(), "closed");
}

TEST_F(ListenerTest, APeerThatHasFinishedSendingStillGetsItsAnswers) {
    Start();
    sink_.Hold(true);
    Peer peer(port());
    peer.Send(hl7::FrameMllp("m"));
    peer.FinishSending();
    ASSERT_TRUE(Eventually([&] { return sink_.count() == 1; }));
    std::this_thread::sleep_for(milliseconds(50));
    sink_.TakeHeld()[0]->Answer("A");
    EXPECT_EQ(peer.Next(), "A");
    EXPECT_EQ(peer.Next(), "closed");
}

TEST_F(ListenerTest, CloseKeepsEarlierAnswersAndDropsLaterFrames) {
    Start();
    sink_.Hold(true);
    Peer peer(port());
    peer.Send(hl7::FrameMllp("a") + hl7::FrameMllp("b") + hl7::FrameMllp("c"));
    ASSERT_TRUE(Eventually([&] { return sink_.count() == 3; }));
    auto held = sink_.TakeHeld();
    held[1]->Close("test");
    EXPECT_TRUE(held[2]->Open());
    held[0]->Answer("A");
    EXPECT_EQ(peer.Next(), "A");
    EXPECT_EQ(peer.Next(), "closed");
    EXPECT_TRUE(Eventually([&] { return !held[2]->Open(); }));
}

TEST_F(ListenerTest, JunkAndEmptyFramesAreCounted) {
    Start();
    Peer peer(port());
    peer.Send("GET / HTTP/1.0\r\n\r\n" + hl7::FrameMllp("m"));
    EXPECT_EQ(peer.Next(), "ACK m");
    EXPECT_TRUE(MetricSays("carestream_mllp_junk_bytes_total{channel=\"test\"} 18"));
    peer.Send(hl7::FrameMllp("") + hl7::FrameMllp("n"));
    EXPECT_EQ(peer.Next(), "ACK n");
    EXPECT_TRUE(MetricSays("carestream_mllp_junk_bytes_total{channel=\"test\"} 21"));
}

TEST_F(ListenerTest, AFrameThatWasNeverEndedIsDroppedAndSaid) {
    Start();
    Peer peer(port());
    ASSERT_TRUE(peer.Send("\x0bMSH|D1\rPID|1||66001\x0bMSH|D2\rPID|1||66002\x1c\r"));
    EXPECT_EQ(peer.Next(), "ACK MSH|D2\rPID|1||66002");
    EXPECT_EQ(sink_.count(), 1u);
    EXPECT_TRUE(MetricSays("carestream_mllp_aborted_frames_total{channel=\"test\"} 1"));
    EXPECT_TRUE(MetricSays("carestream_mllp_junk_bytes_total{channel=\"test\"} 20"));
    EXPECT_TRUE(LogSays("mllp.aborted"));
}

TEST_F(ListenerTest, StopsAndStartsAgain) {
    Start();
    Peer before(port());
    before.Send(hl7::FrameMllp("m"));
    EXPECT_EQ(before.Next(), "ACK m");
    source_->Stop();
    source_->Stop();
    EXPECT_EQ(before.Next(), "closed");
    EXPECT_EQ(source_->connections(), 0);
    ASSERT_TRUE(source_->Start(sink_));
    Peer after(port());
    after.Send(hl7::FrameMllp("m"));
    EXPECT_EQ(after.Next(), "ACK m");
}

TEST_F(ListenerTest, StopLetsAnswersUnderWayLeave) {
    Start();
    sink_.Hold(true);
    Peer peer(port());
    peer.Send(hl7::FrameMllp("m"));
    ASSERT_TRUE(Eventually([&] { return sink_.count() == 1; }));
    std::thread answer([this] {
        std::this_thread::sleep_for(milliseconds(100));
        sink_.TakeHeld()[0]->Answer("A");
    });
    source_->Stop();
    answer.join();
    EXPECT_EQ(peer.Next(), "A");
    EXPECT_EQ(peer.Next(), "closed");
}

TEST_F(ListenerTest, ATakenPortNamesItsHolderAndTheRemedy) {
    Start();
    options_.listen.port = static_cast<std::uint16_t>(port());
    options_.listen_variable = "CARESTREAM_MLLP";
    const auto other = MakeListener(options_, parts_);
    const auto started = other->Start(sink_);
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("held by unit_adapters"), std::string::npos)
        << started.error().message;
    EXPECT_NE(started.error().message.find("set CARESTREAM_MLLP"), std::string::npos);
}

}  // namespace
}  // namespace carestream::adapters::mllp
