// Goal: the client sends each message once, in order, and its figures are right. Method: against a
// real listener whose sink answers as told.
#include "adapters/mllp/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <set>

#include "adapters/mllp/source.h"

namespace carestream::adapters::mllp {
namespace {

constexpr const char* kMessage = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|ID1|P|2.5\rPID|1\r";

class CountingSink final : public channel::Sink {
public:
    void Receive(std::string payload, std::shared_ptr<channel::Exchange> exchange) override {
        const std::lock_guard lock(mutex_);
        payloads_.insert(payload);
        if (close_next_.exchange(false)) {
            exchange->Close("test");
            return;
        }
        exchange->Answer("MSH|^~\\&|\rMSA|AA|1\r");
    }
    void Oversized(std::string_view, std::shared_ptr<channel::Exchange> exchange) override {
        exchange->Close("test");
    }
    std::multiset<std::string> payloads() {
        const std::lock_guard lock(mutex_);
        return payloads_;
    }
    std::atomic<bool> close_next_ = false;

private:
    std::mutex mutex_;
    std::multiset<std::string> payloads_;
};

class ClientTest : public testing::Test {
protected:
    ClientTest() {
        const auto yaml = config::Yaml::Parse("mllp: {listen: \"127.0.0.1:0\"}", "test");
        spec_ = {.name = "t", .title = "", .description = "", .fields = {SourceType().field}};
        config::Read read = config::ReadSpec(spec_, *yaml, config::References::OfProcess());
        EXPECT_TRUE(read.errors.empty());
        auto made =
            SourceType().make(read.values.Object("mllp"), {"test", executor_, log_, metrics_});
        EXPECT_TRUE(made) << made.error().ToString();
        source_ = std::move(*made);
        EXPECT_TRUE(source_->Start(sink_));
        const std::string where = source_->Describe();
        options_.to = *net::ParseAddress(where);
    }
    ~ClientTest() override { source_->Stop(); }

    config::Spec spec_;
    net::Executor executor_{2};
    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    CountingSink sink_;
    std::unique_ptr<channel::Source> source_;
    SendOptions options_;
};

TEST_F(ClientTest, SendsEachCopyOnce) {
    options_.connections = 16;
    options_.repeat = 500;
    const auto report = SendMessages({kMessage, "MSH|^~\\&|x\r"}, options_);
    ASSERT_TRUE(report) << report.error().ToString();
    EXPECT_EQ(report->sent, 1000);
    EXPECT_EQ(report->answered, 1000);
    EXPECT_EQ(report->codes, (std::map<std::string, std::int64_t>{{"AA", 1000}}));
    EXPECT_TRUE(report->errors.empty());
    EXPECT_GT(report->p99_ms, 0);
    EXPECT_GE(report->max_ms, report->p99_ms);
    const auto got = sink_.payloads();
    EXPECT_EQ(got.count(kMessage), 1u);
    EXPECT_EQ(got.count(WithControlIdSuffix(kMessage, "-500")), 1u);
    EXPECT_EQ(got.count("MSH|^~\\&|x\r"), 500u);
}

TEST_F(ClientTest, KeepsTheRate) {
    options_.connections = 4;
    options_.repeat = 40;
    options_.rate = 100;
    const auto report = SendMessages({kMessage}, options_);
    ASSERT_TRUE(report);
    EXPECT_GE(report->seconds, 0.37);
    EXPECT_LT(report->seconds, 2);
}

TEST_F(ClientTest, SaysWhatWentWrongAndTriesAgainIfAsked) {
    sink_.close_next_ = true;
    options_.retries = 1;
    auto report = SendMessages({kMessage}, options_);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->answered, 1);
    EXPECT_EQ(report->errors.at("the link closed before the ACK"), 1);
    source_->Stop();
    options_.retries = 0;
    report = SendMessages({kMessage}, options_);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->answered, 0);
    EXPECT_EQ(report->errors.begin()->first, "connect: Connection refused");
}

TEST(ControlId, SuffixGoesBehindMsh10) {
    EXPECT_EQ(WithControlIdSuffix(kMessage, "-2"),
              "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|ID1-2|P|2.5\rPID|1\r");
    EXPECT_EQ(WithControlIdSuffix("MSH#^~\\&#A#B#C#D#E##ADT#7", "-2"),
              "MSH#^~\\&#A#B#C#D#E##ADT#7-2");
    EXPECT_EQ(WithControlIdSuffix("MSH|^~\\&|A\rPID|||||||||||\r", "-2"),
              "MSH|^~\\&|A\rPID|||||||||||\r");
    EXPECT_EQ(WithControlIdSuffix("nonsense", "-2"), "nonsense");
}

}  // namespace
}  // namespace carestream::adapters::mllp
