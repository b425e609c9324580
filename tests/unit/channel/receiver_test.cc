// Goal: an AA or CA only for what is committed; a withheld ACK while the store is down, then what
// the channel says; duplicates hear their first ACK, byte for byte. Method: in-memory journal and
// writer.
#include "channel/receiver.h"

#include <gmock/gmock.h>

#include "tests/unit/channel/support.h"

namespace carestream::channel {
namespace {

using test::CodeOf;
using test::Eventually;
using test::Message;
using test::TestExchange;
using ExchangePtr = std::shared_ptr<TestExchange>;

class ReceiverTest : public testing::Test {
protected:
    ReceiverTest() : writer_(journal_) {}
    ~ReceiverTest() override {
        ticker_.request_stop();
        if (ticker_.joinable()) ticker_.join();
        if (receiver_ != nullptr) receiver_->Stop();
        dispatcher_->Stop();
    }
    void Start() {
        auto generation = std::make_shared<Generation>();
        generation->channels.push_back(channel_);
        dispatcher_ = std::make_unique<Dispatcher>(
            journal_, writer_, [generation] { return generation; }, clock_, log_, metrics_,
            DispatcherLimits{.messages_max = 64, .bytes_max = 1 << 20, .workers = 2});
        dispatcher_->Start();
        receiver_ = std::make_shared<Receiver>(
            Receiver::Parts{journal_, *dispatcher_, clock_, log_, metrics_}, channel_);
        ticker_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                receiver_->Tick();
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        });
    }
    ExchangePtr Receive(const std::string& payload) {
        auto exchange = std::make_shared<TestExchange>();
        receiver_->Receive(payload, exchange);
        return exchange;
    }
    std::string AckOf(const std::string& payload) {
        const ExchangePtr exchange = Receive(payload);
        EXPECT_TRUE(Eventually([&] { return exchange->answered || exchange->closed; }));
        return exchange->closed ? "closed" : exchange->answer;
    }
    bool MetricSays(const std::string& line) const {
        return metrics_.Expose().find(line) != std::string::npos;
    }

    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    SystemClock clock_;
    test::MemoryJournal journal_;
    test::MemoryWriter writer_;
    std::shared_ptr<Channel> channel_ = test::MakeChannel();
    std::unique_ptr<Dispatcher> dispatcher_;
    std::shared_ptr<Receiver> receiver_;
    std::jthread ticker_;
};

TEST_F(ReceiverTest, AcknowledgesWithTheJournalsNumber) {
    Start();
    const std::string ack = AckOf(Message("ID7"));
    EXPECT_EQ(CodeOf(ack), "AA");
    EXPECT_NE(ack.find("|ACK^A01^ACK|1|"), std::string::npos) << ack;
    EXPECT_NE(ack.find("\rMSA|AA|ID7"), std::string::npos) << ack;
    EXPECT_TRUE(Eventually([&] { return writer_.seqs().size() == 1; }));
    EXPECT_TRUE(MetricSays("carestream_acks_total{channel=\"test\",code=\"AA\"} 1"));
}

TEST_F(ReceiverTest, ADuplicateHearsTheFirstAckAgainAndChangesNothing) {
    Start();
    const std::string first = AckOf(Message("ID7"));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(AckOf(Message("ID7")), first);
    EXPECT_NE(AckOf(Message("ID8")), first);
    EXPECT_TRUE(Eventually([&] { return writer_.seqs().size() == 2; }));
    EXPECT_EQ(receiver_->Status().duplicates, 1);
}

TEST_F(ReceiverTest, RefusedFramesAreDeadLettersWithTheirReason) {
    Start();
    EXPECT_EQ(CodeOf(AckOf(Message("1", "ADT^A01", "T"))), "AR");
    EXPECT_EQ(AckOf("no MSH here"), "closed");
    const auto refused = journal_.refused();
    ASSERT_EQ(refused.size(), 2u);
    EXPECT_EQ(refused[0].answer, "AR");
    EXPECT_EQ(refused[0].refused_path, "MSH-11.1");
    EXPECT_EQ(refused[1].answer, "");
    EXPECT_EQ(refused[1].refused_path, "MSH");
    // The same message with the right processing id is taken.
    EXPECT_EQ(CodeOf(AckOf(Message("1"))), "AA");
    EXPECT_TRUE(
        MetricSays("carestream_messages_refused_total{channel=\"test\",reason=\"no_header\"} 1"));
}

TEST_F(ReceiverTest, ARefusedFrameWithoutControlIdClosesTheLink) {
    Start();
    EXPECT_EQ(AckOf(Message("", "")), "closed");
    EXPECT_EQ(AckOf("MSH|^~\\&|A\r"), "closed");
    EXPECT_EQ(AckOf("no MSH here"), "closed");
    const auto refused = journal_.refused();
    ASSERT_EQ(refused.size(), 3u);
    EXPECT_EQ(refused[0].answer, "");
    EXPECT_EQ(refused[0].refused_path, "MSH-9.1");
    EXPECT_TRUE(MetricSays("carestream_unanswerable_frames_total{channel=\"test\"} 3"));
    EXPECT_TRUE(
        MetricSays("carestream_messages_refused_total{channel=\"test\",reason=\"no_type\"} 2"));
    EXPECT_FALSE(MetricSays("code=\"AR\"} 1"));
    auto exchange = std::make_shared<TestExchange>();
    receiver_->Oversized(Message(""), exchange);
    EXPECT_FALSE(exchange->answered);
    EXPECT_TRUE(exchange->closed);
    EXPECT_TRUE(MetricSays("carestream_unanswerable_frames_total{channel=\"test\"} 4"));
    // What is accepted is acknowledged all the same.
    EXPECT_EQ(CodeOf(AckOf(Message(""))), "AA");
}

TEST_F(ReceiverTest, AcceptModeAnswersByMsh15) {
    Start();
    EXPECT_EQ(CodeOf(AckOf(Message("1", "ADT^A01", "P", "|||AL|NE"))), "CA");
    EXPECT_EQ(AckOf(Message("2", "ADT^A01", "P", "|||ER|NE")), "");
    EXPECT_EQ(CodeOf(AckOf(Message("3", "ADT^A01", "T", "|||ER|NE"))), "CR");
    EXPECT_EQ(AckOf(Message("4", "ADT^A01", "P", "|||NE|NE")), "");
    EXPECT_EQ(CodeOf(AckOf(Message("5", "ADT^A01", "P", "|||NE|AL"))), "AA");
}

TEST_F(ReceiverTest, WithholdsTheAckWhileTheStoreIsDownThenGoesOn) {
    Start();
    journal_.available_ = false;
    std::vector<ExchangePtr> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(Receive(Message(std::to_string(i))));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (const auto& exchange : waiting) EXPECT_FALSE(exchange->answered || exchange->closed);
    EXPECT_EQ(receiver_->Status().held, 20u);
    journal_.available_ = true;
    EXPECT_TRUE(Eventually([&] { return waiting.back()->answered.load(); }));
    for (std::size_t i = 0; i < waiting.size(); ++i) {
        EXPECT_NE(waiting[i]->answer.find("|ACK^A01^ACK|" + std::to_string(i + 1) + "|"),
                  std::string::npos)
            << waiting[i]->answer;
    }
}

TEST_F(ReceiverTest, AFailedCommitIsTriedAgain) {
    Start();
    journal_.fail_appends_ = 2;
    EXPECT_EQ(CodeOf(AckOf(Message("1"))), "AA");
    EXPECT_TRUE(Eventually([&] { return writer_.seqs().size() == 1; }));
}

TEST_F(ReceiverTest, ACommitInDoubtTakesEffectOnceAndIsAcknowledged) {
    Start();
    ASSERT_EQ(CodeOf(AckOf(Message("1"))), "AA");
    journal_.fail_after_commit_ = true;
    journal_.fail_appends_ = 1;
    EXPECT_EQ(CodeOf(AckOf(Message("2"))), "AA");
    EXPECT_EQ(CodeOf(AckOf(Message("3"))), "AA");
    EXPECT_TRUE(Eventually([&] { return writer_.seqs().size() == 3; }));
    EXPECT_THAT(writer_.seqs(), testing::ElementsAre(1, 2, 3));
}

TEST_F(ReceiverTest, GivesUpAsTheChannelSays) {
    struct Case {
        OnStoreDown policy;
        const char* tail;
        const char* answer;
    };
    channel_->settings.ack_hold_ms = 60;
    Start();
    journal_.available_ = false;
    for (const Case& c :
         {Case{OnStoreDown::kClose, "", "closed"}, Case{OnStoreDown::kReject, "", "AR"},
          Case{OnStoreDown::kError, "", "AE"}, Case{OnStoreDown::kError, "|||AL|NE", "CE"},
          Case{OnStoreDown::kReject, "|||AL|NE", "CR"}}) {
        auto changed = std::make_shared<Channel>(*channel_);
        changed->settings.on_store_down = c.policy;
        receiver_->Use(changed);
        const auto began = std::chrono::steady_clock::now();
        const std::string ack = AckOf(Message("1", "ADT^A01", "P", c.tail));
        EXPECT_EQ(ack == "closed" ? ack : CodeOf(ack), c.answer);
        EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(60));
    }
    EXPECT_EQ(journal_.size(), 0u);
    journal_.available_ = true;
    EXPECT_EQ(CodeOf(AckOf(Message("1"))), "AA");
}

TEST_F(ReceiverTest, AFrameWhosePeerHasGoneIsNotTakenLater) {
    Start();
    journal_.available_ = false;
    const auto exchange = Receive(Message("1"));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    exchange->open = false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    journal_.available_ = true;
    EXPECT_EQ(CodeOf(AckOf(Message("2"))), "AA");
    EXPECT_EQ(journal_.size(), 1u);
}

TEST_F(ReceiverTest, AfterProcessingTheAnswerIsTheOutcome) {
    channel_->settings.ack_after = AckAfter::kProcessing;
    Start();
    writer_.hold_ = true;
    const auto waiting = Receive(Message("1"));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(waiting->answered);
    const auto again = Receive(Message("1"));  // a copy while the first is under way
    writer_.hold_ = false;
    EXPECT_TRUE(Eventually([&] { return waiting->answered && again->answered; }));
    EXPECT_EQ(CodeOf(waiting->answer), "AA");
    EXPECT_EQ(again->answer, waiting->answer);
    EXPECT_EQ(AckOf(Message("1")), waiting->answer);
    const std::string failed = AckOf(Message("BAD"));
    EXPECT_EQ(CodeOf(failed), "AE");
    EXPECT_NE(failed.find("\rERR||PID^1^3^1|207"), std::string::npos) << failed;
}

TEST_F(ReceiverTest, AfterProcessingInAcceptModeTheApplicationAckFollows) {
    channel_->settings.ack_after = AckAfter::kProcessing;
    Start();
    const auto both = Receive(Message("1", "ADT^A01", "P", "|||AL|AL"));
    EXPECT_TRUE(Eventually([&] { return both->followed.load(); }));
    EXPECT_EQ(CodeOf(both->answer), "CA");
    EXPECT_EQ(CodeOf(both->follow), "AA");
    const auto on_error = Receive(Message("2", "ADT^A01", "P", "|||AL|ER"));
    EXPECT_TRUE(Eventually([&] { return on_error->answered.load(); }));
    const auto failed = Receive(Message("BAD", "ADT^A01", "P", "|||AL|ER"));
    EXPECT_TRUE(Eventually([&] { return failed->followed.load(); }));
    EXPECT_EQ(CodeOf(failed->follow), "AE");
    EXPECT_FALSE(on_error->followed);
}

TEST_F(ReceiverTest, OversizedFramesAreRefusedAndTheLinkCloses) {
    Start();
    auto exchange = std::make_shared<TestExchange>();
    receiver_->Oversized(Message("1").substr(0, 100), exchange);
    EXPECT_EQ(CodeOf(exchange->answer), "AR");
    EXPECT_TRUE(exchange->closed);
    EXPECT_EQ(journal_.size(), 0u);
}

TEST_F(ReceiverTest, FramesAreDecidedByTheNewestGeneration) {
    Start();
    auto changed = std::make_shared<Channel>(*channel_);
    changed->settings.processing_ids = {"T"};
    receiver_->Use(changed);
    EXPECT_EQ(CodeOf(AckOf(Message("1", "ADT^A01", "T"))), "AA");
    EXPECT_EQ(CodeOf(AckOf(Message("2"))), "AR");
}

}  // namespace
}  // namespace carestream::channel
