// Goal: an answer is read whatever its form, and nothing of it that is a value gets into plain
// text.
#include "outbound/acknowledgment.h"

#include <gtest/gtest.h>

namespace carestream::outbound {
namespace {

std::string Message(const std::string& rest) {
    return "MSH|^~\\&|EHR|MAIN|CS|MAIN|20260101||ACK|1|P|2.5.1\r" + rest;
}

TEST(AcknowledgmentTest, CodeAndControlIdAreRead) {
    const auto ack = ReadAcknowledgment(Message("MSA|AA|CSABCDE1\r"));
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->code, "AA");
    EXPECT_EQ(ack->control_id, "CSABCDE1");
    EXPECT_TRUE(ack->positive());
    EXPECT_FALSE(ack->accept_level());
    EXPECT_EQ(ack->path, "");
    EXPECT_EQ(ack->reason, "");
    // Other delimiters, no last segment end, blanks.
    const auto odd = ReadAcknowledgment("MSH$%~\\&$EHR$$$$$$ACK$1$P$2.3\rMSA$CE$ X1 ");
    ASSERT_TRUE(odd);
    EXPECT_EQ(odd->code, "CE");
    EXPECT_EQ(odd->control_id, "X1");
    EXPECT_FALSE(odd->positive());
    EXPECT_TRUE(odd->accept_level());
}

TEST(AcknowledgmentTest, WhatIsNoneIsNone) {
    EXPECT_FALSE(ReadAcknowledgment(""));
    EXPECT_FALSE(ReadAcknowledgment("MSA|AA|1"));
    EXPECT_FALSE(ReadAcknowledgment(Message("PID|1\r")));
    EXPECT_FALSE(ReadAcknowledgment(Message("MSA||1\r")));
    EXPECT_FALSE(ReadAcknowledgment(Message("MSA|OK|1\r")));
    EXPECT_EQ(ReadAcknowledgment(Message("MSA|AA\r"))->control_id, "");
}

TEST(AcknowledgmentTest, ErrorsAreNamedByPlaceAndNumberOnly) {
    const auto ack =
        ReadAcknowledgment(Message("MSA|AE|1|Roe is unknown\rERR||PID^1^3^1^4|101^Roe|E|||Roe\r"));
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->path, "PID-3.4");
    EXPECT_EQ(ack->reason, "Required field missing (error 101 of table 0357)");
    EXPECT_EQ(ReadAcknowledgment(Message("MSA|AE|1\rERR||PID|999\r"))->reason,
              "error 999 of table 0357");
    const auto sly = ReadAcknowledgment(Message("MSA|AE|1\rERR||Roe^1^Jane|Doe\r"));
    ASSERT_TRUE(sly);
    EXPECT_EQ(sly->path, "");
    EXPECT_EQ(sly->reason, "");
    EXPECT_EQ(ReadAcknowledgment(Message("MSA|AE|1\rERR||PID^1^Jane|5\r"))->path, "PID");
}

}  // namespace
}  // namespace carestream::outbound
