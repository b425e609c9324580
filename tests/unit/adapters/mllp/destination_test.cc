// Goal: a message that was sent is answered, or unsent, or in doubt, and never called one when it
// is another. Method: a real destination, a raw socket as its peer that does what each test says.
#include "adapters/mllp/destination.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "hl7/mllp.h"
#include "tests/support/certificates.h"
#include "tests/support/mllp_peer.h"

namespace carestream::adapters::mllp {
namespace {

using channel::Sending;
using std::chrono::seconds;
using test::MllpPeer;

// Takes what holds "yes" as the answer.
class TestSink final : public channel::AnswerSink {
public:
    bool Answer(std::string message) override {
        const std::lock_guard lock(mutex_);
        answers_.push_back(message);
        return message.find("yes") != std::string::npos;
    }
    std::vector<std::string> answers() {
        const std::lock_guard lock(mutex_);
        return answers_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> answers_;
};

class MllpDestinationTest : public testing::Test {
protected:
    ~MllpDestinationTest() override {
        if (destination_ != nullptr) destination_->Stop();
    }
    void Make(const std::string& more = "", const std::string& address = "",
              const std::string& ack_timeout = "300ms") {
        const std::string to =
            address.empty() ? "127.0.0.1:" + std::to_string(peer_.port()) : address;
        const auto made = TryMake("mllp: {connect_to: \"" + to + "\", ack_timeout: " + ack_timeout +
                                  ", connect_timeout: 2s" + more + "}");
        ASSERT_EQ(made, "");
        destination_->Start(sink_);
    }
    // "" or the error.
    std::string TryMake(const std::string& text) {
        const auto yaml = config::Yaml::Parse(text, "c.yaml");
        const config::Spec spec{
            .name = "t", .title = "", .description = "", .fields = {DestinationType().field}};
        if (!yaml) return yaml.error().ToString();
        config::Read read = config::ReadSpec(spec, *yaml, config::References::OfProcess());
        if (!read.errors.empty()) return read.errors[0].ToString();
        auto made =
            DestinationType().make(read.values.Object("mllp"), {"test", executor_, log_, metrics_});
        if (!made) return made.error().ToString();
        destination_ = std::move(*made);
        return "";
    }
    std::string Open() {
        auto done = std::make_shared<std::promise<Result<void>>>();
        destination_->Open([done](Result<void> opened) { done->set_value(std::move(opened)); });
        const auto opened = done->get_future().get();
        return opened ? "open" : opened.error().message;
    }
    std::future<Sending> Send(const std::string& bytes) {
        auto done = std::make_shared<std::promise<Sending>>();
        destination_->Send({"1", bytes}, [done](Sending sending) { done->set_value(sending); });
        return done->get_future();
    }
    Sending::End EndOf(const std::string& bytes) {
        auto sending = Send(bytes);
        if (sending.wait_for(seconds(10)) != std::future_status::ready) {
            ADD_FAILURE() << "no end of the sending";
            return Sending::End::kTaken;
        }
        return sending.get().end;
    }

    net::Executor executor_{2};
    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    TestSink sink_;
    MllpPeer peer_;
    std::unique_ptr<channel::Destination> destination_;
};

TEST_F(MllpDestinationTest, OneLinkCarriesAllMessagesAndItsAnswers) {
    Make();
    peer_.Answer([](const std::string& message) { return "yes " + message; });
    for (const char* message : {"a", "b", "c"}) {
        ASSERT_EQ(Open(), "open");
        EXPECT_EQ(EndOf(message), Sending::End::kAnswered);
    }
    EXPECT_TRUE(destination_->IsOpen());
    EXPECT_EQ(peer_.received(), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(sink_.answers(), (std::vector<std::string>{"yes a", "yes b", "yes c"}));
    EXPECT_TRUE(test::EventuallyTrue([&] { return peer_.connections() == 1; }));
}

TEST_F(MllpDestinationTest, PerMessageClosesAfterEachAnswer) {
    Make(", connect: per_message");
    peer_.Answer([](const std::string& message) { return "yes " + message; });
    for (const char* message : {"a", "b"}) {
        ASSERT_EQ(Open(), "open");
        EXPECT_EQ(EndOf(message), Sending::End::kAnswered);
        EXPECT_FALSE(destination_->IsOpen());
    }
    EXPECT_TRUE(test::EventuallyTrue([&] { return peer_.connections() == 2; }));
}

TEST_F(MllpDestinationTest, AnAnswerInTwoPiecesBehindOthersIsFound) {
    Make();
    ASSERT_EQ(Open(), "open");
    auto sending = Send("a");
    ASSERT_TRUE(peer_.Await(1));
    peer_.Write("noise\x0bwrong\x1c\r\x0bye");
    peer_.Write("s\x1c");
    ASSERT_EQ(sending.wait_for(seconds(10)), std::future_status::ready);
    EXPECT_EQ(sending.get().end, Sending::End::kAnswered);
    EXPECT_EQ(sink_.answers(), (std::vector<std::string>{"wrong", "yes"}));
}

TEST_F(MllpDestinationTest, NobodyThereIsUnsent) {
    Make("", "127.0.0.1:" + std::to_string(test::FreePort()));
    EXPECT_NE(Open().find("cannot connect"), std::string::npos);
    EXPECT_EQ(EndOf("a"), Sending::End::kUnsent);
}

TEST_F(MllpDestinationTest, ALinkThatClosesBehindTheMessageLeavesItInDoubt) {
    Make();
    ASSERT_EQ(Open(), "open");
    auto sending = Send("a");
    ASSERT_TRUE(peer_.Await(1));
    peer_.CloseLink();
    ASSERT_EQ(sending.wait_for(seconds(10)), std::future_status::ready);
    EXPECT_EQ(sending.get().end, Sending::End::kInDoubt);
    EXPECT_FALSE(destination_->IsOpen());
    peer_.Answer([](const std::string&) { return "yes"; });
    ASSERT_EQ(Open(), "open");
    EXPECT_EQ(EndOf("b"), Sending::End::kAnswered);
}

TEST_F(MllpDestinationTest, ALateAnswerComesOnTheLinkThatWasLeftOpen) {
    Make();
    ASSERT_EQ(Open(), "open");
    EXPECT_EQ(EndOf("a"), Sending::End::kInDoubt);
    EXPECT_TRUE(destination_->IsOpen());
    peer_.Write("\x0byes late\x1c\r");
    EXPECT_TRUE(test::EventuallyTrue([&] { return sink_.answers().size() == 1; }));
    ASSERT_EQ(Open(), "open");
    auto sending = Send("b");
    ASSERT_TRUE(peer_.Await(2));
    peer_.Write("\x0byes b\x1c\r");
    EXPECT_EQ(sending.get().end, Sending::End::kAnswered);
    EXPECT_TRUE(test::EventuallyTrue([&] { return peer_.connections() == 1; }));
}

TEST_F(MllpDestinationTest, ALinkThatStaysSilentTwiceIsGivenUp) {
    Make();
    ASSERT_EQ(Open(), "open");
    EXPECT_EQ(EndOf("a"), Sending::End::kInDoubt);
    ASSERT_EQ(Open(), "open");
    EXPECT_EQ(EndOf("a"), Sending::End::kInDoubt);
    EXPECT_FALSE(destination_->IsOpen());
    ASSERT_EQ(Open(), "open");
    EXPECT_TRUE(test::EventuallyTrue([&] { return peer_.connections() == 2; }));
}

TEST_F(MllpDestinationTest, AnAnswerThatIsTooLongClosesTheLink) {
    Make(", answer_bytes_max: 1KiB");
    ASSERT_EQ(Open(), "open");
    peer_.Answer([](const std::string&) { return std::string(5000, 'y'); });
    EXPECT_EQ(EndOf("a"), Sending::End::kInDoubt);
    EXPECT_FALSE(destination_->IsOpen());
}

TEST_F(MllpDestinationTest, StopEndsWhatIsUnderWay) {
    Make("", "", "60s");
    ASSERT_EQ(Open(), "open");
    auto sending = Send("a");
    ASSERT_TRUE(peer_.Await(1));
    destination_->Stop();
    EXPECT_EQ(sending.get().end, Sending::End::kInDoubt);
    EXPECT_EQ(EndOf("b"), Sending::End::kUnsent);
    EXPECT_NE(Open(), "open");
}

TEST_F(MllpDestinationTest, MistakesInItsSettingsAreNamedWithTheirPlace) {
    EXPECT_EQ(TryMake("mllp: {connect_to: \"a:1\", tls: {ca: x.pem}}"),
              "c.yaml:1:32: 'tls' has settings and is off; turn it on with 'use: true'");
    EXPECT_EQ(TryMake("mllp: {connect_to: \"a:1\", tls: {use: true, key: x.pem}}"),
              "c.yaml:1:32: 'tls' needs 'certificate' and 'key' together");
    EXPECT_NE(TryMake("mllp: {connect_to: \"a:1\", tls: {use: true, ca: x.pem}}").find("x.pem"),
              std::string::npos);
    EXPECT_NE(TryMake("mllp: {connect_to: \"a:1\", connct: keep}").find("did you mean 'connect'"),
              std::string::npos);
}

TEST_F(MllpDestinationTest, TlsToAPeerThatIsNotTrustedSendsNothing) {
    const test::Certificates files;
    if (!files.made()) GTEST_SKIP() << "the openssl command is not installed";
    Make(", tls: {use: true, ca: \"" + files["ca.pem"].string() + "\"}");
    peer_.CloseAtOnce();
    EXPECT_NE(Open().find("TLS handshake failed"), std::string::npos);
    EXPECT_EQ(EndOf("a"), Sending::End::kUnsent);
}

}  // namespace
}  // namespace carestream::adapters::mllp
