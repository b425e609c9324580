// Goal: conditions mean what they say, and the check for two writers neither cries wolf nor sleeps.
#include "mapping/internal/condition.h"

#include <gtest/gtest.h>

namespace carestream::mapping::internal {
namespace {

Result<Operand> AnyPath(std::string_view text) {
    auto path = ParsePathText(text);
    if (!path) return Fail(std::move(path).error());
    Operand operand;
    operand.kind = Operand::Kind::kSegment;
    operand.segment = PackSegment(path->head);
    operand.field = path->field;
    operand.repetition = path->repetition;
    operand.component = path->component;
    operand.subcomponent = path->subcomponent;
    return operand;
}

Condition Parse(const char* text) {
    auto condition = ParseCondition(text, AnyPath);
    EXPECT_TRUE(condition.has_value()) << text << ": " << condition.error().message;
    return std::move(*condition);
}

struct Pair {
    const char* first;
    const char* second;
    bool both;  // may both hold
};

class Exclusion : public testing::TestWithParam<Pair> {};

TEST_P(Exclusion, IsDecidedBothWays) {
    const Condition first = Parse(GetParam().first);
    const Condition second = Parse(GetParam().second);
    EXPECT_EQ(MayBothHold(first, second), GetParam().both);
    EXPECT_EQ(MayBothHold(second, first), GetParam().both);
}

INSTANTIATE_TEST_SUITE_P(
    Conditions, Exclusion,
    testing::Values(
        Pair{"PID-7 valued", "PID-7 empty", false}, Pair{"PID-7 valued", "PID-8 empty", true},
        Pair{"PID-7 valued", "PID-7 null", false}, Pair{"PID-8 == F", "PID-8 == M", false},
        Pair{"PID-8 == F", "PID-8 != F", false}, Pair{"PID-8 == F", "PID-8.1 == M", false},
        Pair{"PID-8 == F", "PID-8.2 == M", true}, Pair{"PID-8 in [F, M]", "PID-8 in [M, O]", true},
        Pair{"PID-8 in [F, M]", "PID-8 not in [M, F, O]", false},
        Pair{"PID-8 in [F, M]", "PID-8 not in [M, O]", true},
        Pair{"PID-8 == F", "PID-8 empty", false}, Pair{"PID-8 != F", "PID-8 empty", true},
        Pair{"PID-3[*].5 == MR", "PID-3[*].5 == PI", true},
        Pair{"PID-3[*].5 == MR", "PID-3[*].5 != MR", false},
        Pair{"count(PID-11) > 1", "count(PID-11) <= 1", false},
        Pair{"count(PID-11) > 1", "count(PID-11) == 2", true},
        Pair{"len(PID-7) > 8", "len(PID-7) == 8", false},
        Pair{"PID-7 valued and PID-8 == F", "PID-7 valued and PID-8 == M", false},
        Pair{"PID-7 valued or PID-8 == F", "PID-7 empty", true},
        Pair{"PID-7 valued or PID-8 == F", "PID-7 empty and PID-8 == M", false},
        Pair{"not (PID-7 valued and PID-8 == F)", "PID-7 valued and PID-8 == F", false}));

TEST(Condition, BindsAndTighterThanOr) {
    const Condition condition = Parse("PID-1 valued or PID-2 valued and PID-3 valued");
    ASSERT_EQ(condition.op, Condition::Op::kOr);
    ASSERT_EQ(condition.children.size(), 2u);
    EXPECT_EQ(condition.children[1].op, Condition::Op::kAnd);
}

TEST(Condition, TakesQuotedTextsAsTheyAre) {
    const Condition condition = Parse("PID-8 in ['a b', \"c,d\", e-f]");
    EXPECT_EQ(condition.values, (std::vector<std::string>{"a b", "c,d", "e-f"}));
}

TEST(Condition, NestedTooDeeplyIsRefused) {
    std::string text(200, '(');
    text += "PID-1 valued";
    text += std::string(200, ')');
    EXPECT_FALSE(ParseCondition(text, AnyPath).has_value());
}

TEST(Path, KnowsItsForms) {
    const auto path = ParsePathText("^OBR-7[*].4.2");
    ASSERT_TRUE(path.has_value());
    EXPECT_TRUE(path->from_parent);
    EXPECT_EQ(path->head, "OBR");
    EXPECT_EQ(path->field, 7);
    EXPECT_EQ(path->repetition, -1);
    EXPECT_EQ(path->component, 4);
    EXPECT_EQ(path->subcomponent, 2);
    for (const char* bad : {"", "pid-3", "PID-", "PID-0", "PID-3[0]", "PID-3[", "PID-3.", "PIDX-3",
                            "PID-3.1.2.3", "3-PID"}) {
        EXPECT_FALSE(ParsePathText(bad).has_value()) << bad;
    }
}

}  // namespace
}  // namespace carestream::mapping::internal
