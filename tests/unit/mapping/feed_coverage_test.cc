#include "mapping/feed_coverage.h"

#include <gmock/gmock.h>

#include "support.h"

namespace carestream::mapping {
namespace {

using testing::ElementsAre;

class FeedCoverageTest : public testing::Test {
protected:
    FeedCoverageTest() {
        auto compiled = Program::Compile(fs::path(CARESTREAM_SOURCE_DIR) / "mappings",
                                         TestDefinitions(), TestDictionary());
        program_ = compiled.program;
        context_.authority_for = {"Patient", "Encounter"};
    }

    void Add(const std::string& header, const std::string& segments) {
        std::string text = "MSH|^~\\&|S|F|R|F|20260101||" + header + "\r" + segments;
        const auto message = hl7::Message::Parse(text);
        ASSERT_TRUE(message.has_value());
        coverage_.Add(*message, program_->Map(*message, context_));
    }

    std::shared_ptr<const Program> program_;
    MapContext context_;
    FeedCoverage coverage_;
};

const FeedCoverage::Count* Find(const std::vector<FeedCoverage::Count>& list,
                                const std::string& what) {
    for (const FeedCoverage::Count& count : list) {
        if (count.what == what) return &count;
    }
    return nullptr;
}

TEST_F(FeedCoverageTest, CountsPathsWithoutRepetitions) {
    Add("ADT^A01|1|P|2.5", "PID|1||1^^^M^MR||A^B\rZPI|x~y\rZPI|z\r");
    Add("ADT^A08|2|P|2.5", "PID|1||1^^^M^MR||A^B\rZPI|x\r");
    const auto summary = coverage_.Summarise();
    EXPECT_EQ(summary.messages, 2u);
    EXPECT_EQ(summary.mapped, 2u);
    const FeedCoverage::Count* count = Find(summary.no_rule, "ZPI-1.1");
    ASSERT_NE(count, nullptr);
    EXPECT_EQ(count->values, 4u);
    EXPECT_EQ(count->messages, 2u);
    EXPECT_THAT(count->events, ElementsAre("ADT^A01", "ADT^A08"));
    EXPECT_EQ(summary.no_rule.front().what, "ZPI-1.1") << "the most frequent first";
    EXPECT_EQ(
        summary.values_used +
            [&] {
                std::size_t lost = 0;
                for (const auto* list : {&summary.no_rule, &summary.dropped})
                    for (const auto& one : *list) lost += one.values;
                return lost;
            }(),
        summary.values);
}

TEST_F(FeedCoverageTest, NamesCodesThatNoTableKnows) {
    Add("ADT^A01|1|P|2.5", "PID|1||1^^^M^MR||A^B||20261332|Q\r");
    Add("ADT^A01|2|P|2.5", "PID|1||1^^^M^MR||A^B|||Q\r");
    Add("ORU^R01|3|P|2.5",
        "PID|1||1^^^M^MR||A^B\rOBR|1||F1|C^T^L|||||||||||||||||||||F\rSPM|1|||QQ\r");
    const auto summary = coverage_.Summarise();
    const FeedCoverage::Count* sex = Find(summary.codes, "PID-8.1 (table 0001)");
    ASSERT_NE(sex, nullptr);
    EXPECT_EQ(sex->more, "Q");
    EXPECT_EQ(sex->messages, 2u);
    const FeedCoverage::Count* specimen = Find(summary.codes, "SPM-4.1 (table 0487)");
    ASSERT_NE(specimen, nullptr) << "it was kept as sent, and is no loss, but no table knows it";
    EXPECT_EQ(specimen->more, "QQ");
    const FeedCoverage::Count* birth = Find(summary.dropped, "PID-7.1");
    ASSERT_NE(birth, nullptr);
    EXPECT_EQ(birth->more, "not a date (month out of range)");
}

TEST_F(FeedCoverageTest, TellsMessagesWithoutMapFromUnusableOnes) {
    Add("ZZZ^Z01|1|P|2.5", "PID|1\r");
    Add("ADT^A01|2|P|2.5", "PID|1||||A^B\r");
    coverage_.AddUnreadable();
    const auto summary = coverage_.Summarise();
    EXPECT_EQ(summary.messages, 3u);
    EXPECT_EQ(summary.mapped, 0u);
    EXPECT_EQ(summary.unreadable, 1u);
    ASSERT_EQ(summary.no_map.size(), 1u);
    EXPECT_EQ(summary.no_map[0].what, "ZZZ^Z01");
    ASSERT_EQ(summary.unusable.size(), 1u);
    EXPECT_EQ(summary.unusable[0].what, "PID-3: no usable identity for Patient");
    EXPECT_TRUE(summary.no_rule.empty());
}

TEST_F(FeedCoverageTest, HoldsABoundedNumberOfCodes) {
    for (std::size_t i = 0; i < FeedCoverage::kCodesMax + 50; ++i)
        Add("ADT^A01|1|P|2.5", "PID|1||1^^^M^MR||A^B|||Q" + std::to_string(i) + "\r");
    const auto summary = coverage_.Summarise();
    EXPECT_EQ(summary.codes.size(), FeedCoverage::kCodesMax + 1);
    EXPECT_EQ(Find(summary.codes, "(others)")->values, 50u);
}

}  // namespace
}  // namespace carestream::mapping
