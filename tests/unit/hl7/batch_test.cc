#include "hl7/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carestream::hl7 {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SplitMessages, TakesAFileApart) {
    EXPECT_THAT(SplitMessages("MSH|^~\\&|A\rPID|1\r"), ElementsAre("MSH|^~\\&|A\rPID|1\r"));
    EXPECT_THAT(SplitMessages("MSH|^~\\&|A\rMSH|^~\\&|B"),
                ElementsAre("MSH|^~\\&|A\r", "MSH|^~\\&|B"));
    EXPECT_THAT(SplitMessages("\xEF\xBB\xBFMSH|^~\\&|A\r\n\r\n\r\nMSH|^~\\&|B\r\n"),
                ElementsAre("MSH|^~\\&|A\r\n", "MSH|^~\\&|B\r\n"));
    EXPECT_THAT(
        SplitMessages("FHS|^~\\&\nBHS|^~\\&\nMSH|^~\\&|A\nPID|1\nMSH|^~\\&|B\nBTS|2\nFTS\n"),
        ElementsAre("MSH|^~\\&|A\nPID|1\n", "MSH|^~\\&|B\n"));
    EXPECT_THAT(SplitMessages("\x0bMSH|^~\\&|A\rPID|1\r\x1c\r\x0bMSH|^~\\&|B\r\x1c\r"),
                ElementsAre("MSH|^~\\&|A\rPID|1\r", "MSH|^~\\&|B\r"));
    EXPECT_THAT(SplitMessages("\x0bMSH|^~\\&|A\rPID|1\x1c\r\x0bMSH|^~\\&|B\x1c"),
                ElementsAre("MSH|^~\\&|A\rPID|1", "MSH|^~\\&|B"));
}

TEST(SplitMessages, TextThatBeginsLikeASegmentIsText) {
    EXPECT_THAT(SplitMessages("MSH|^~\\&|A\rNTE|1||x\nMSH is a segment\nBTSX\r"),
                ElementsAre("MSH|^~\\&|A\rNTE|1||x\nMSH is a segment\nBTSX\r"));
}

TEST(SplitMessages, LeavesTheReasonToTheParser) {
    EXPECT_THAT(SplitMessages(" \r\n"), IsEmpty());
    EXPECT_THAT(SplitMessages(""), IsEmpty());
    EXPECT_THAT(SplitMessages("\r\nhello\r\n"), ElementsAre("hello"));
    EXPECT_THAT(SplitMessages("FHS|^~\\&\rBTS|0\r"), ElementsAre("FHS|^~\\&\rBTS|0"));
}

}  // namespace
}  // namespace carestream::hl7
