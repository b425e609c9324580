// Goal: what a frame gets is decided by its MSH and the channel's policies alone. Method: a table,
// and the full matrix of MSH-15 and MSH-16.
#include "channel/decision.h"

#include "tests/unit/channel/support.h"

namespace carestream::channel {
namespace {

using hl7::AckCode;
using test::MakeChannel;
using test::Message;

struct Case {
    const char* name;
    std::string payload;
    bool accepted;
    AckCode code;
    int error;  // table 0357, 0 = none
    const char* path;
};

class DecisionTest : public testing::TestWithParam<Case> {};

TEST_P(DecisionTest, Table) {
    const Case& c = GetParam();
    const auto channel = MakeChannel();
    channel->settings.keep_unmapped = false;
    const Decision decision = Decide(*channel, c.payload);
    EXPECT_EQ(decision.accepted, c.accepted);
    EXPECT_EQ(decision.path, c.path);
    EXPECT_EQ(decision.reason.empty(), c.accepted);
    if (!decision.header) {
        EXPECT_EQ(c.path, std::string("MSH"));
        return;
    }
    EXPECT_EQ(hl7::ToString(decision.code), hl7::ToString(c.code));
    EXPECT_EQ(decision.errors.empty() ? 0 : decision.errors[0].code, c.error);
}

INSTANTIATE_TEST_SUITE_P(
    Frames, DecisionTest,
    testing::Values(
        Case{"mapped", Message("1"), true, AckCode::kAA, 0, ""},
        Case{"empty_processing_id", Message("1", "ADT^A01", ""), true, AckCode::kAA, 0, ""},
        Case{"empty_control_id", Message(""), true, AckCode::kAA, 0, ""},
        Case{"training", Message("1", "ADT^A01", "T"), false, AckCode::kAR, 202, "MSH-11.1"},
        Case{"unknown_event", Message("1", "ADT^A99"), false, AckCode::kAR, 201, "MSH-9.2"},
        Case{"unknown_type", Message("1", "XYZ^A01"), false, AckCode::kAR, 200, "MSH-9.1"},
        Case{"no_type", Message("1", ""), false, AckCode::kAR, 101, "MSH-9.1"},
        Case{"enhanced", Message("1", "ADT^A01", "P", "|||AL|NE"), true, AckCode::kCA, 0, ""},
        Case{"enhanced_training", Message("1", "ADT^A01", "T", "|||AL|NE"), false, AckCode::kCR,
             202, "MSH-11.1"},
        Case{"no_msh", "GARBAGE", false, AckCode::kAA, 0, "MSH"}),
    [](const auto& row) { return std::string(row.param.name); });

// A refusal has to name the frame; else the link closes.
TEST(Decision, ARefusalWithoutALegibleControlIdCannotBeSent) {
    const auto channel = MakeChannel();
    EXPECT_TRUE(Decide(*channel, Message("")).answerable);  // accepted
    EXPECT_TRUE(Decide(*channel, Message("1", "")).answerable);
    EXPECT_TRUE(Decide(*channel, Message("\xe9", "")).answerable);
    for (const char* illegible : {"", " ", "\t", "1\x01", "\x7f"}) {
        EXPECT_FALSE(Decide(*channel, Message(illegible, "")).answerable) << illegible;
        EXPECT_FALSE(Decide(*channel, Message(illegible, "ADT^A01", "T")).answerable) << illegible;
    }
    EXPECT_FALSE(Decide(*channel, "MSH|^~\\&|A\r").answerable);
    EXPECT_FALSE(Decide(*channel, "GARBAGE").answerable);
}

TEST(Decision, KeepsUnmappedEventsIfTold) {
    const auto channel = MakeChannel();
    const Decision decision = Decide(*channel, Message("1", "ADT^A99"));
    EXPECT_TRUE(decision.accepted);
    EXPECT_TRUE(decision.unmapped);
    EXPECT_FALSE(Decide(*channel, Message("1")).unmapped);
    channel->settings.messages = {"ORU"};
    EXPECT_TRUE(Decide(*channel, Message("1")).unmapped);
}

// HL7 v2.8 2.9.2 and 2.9.3; table 0155.
TEST(Decision, AckModeMatrix) {
    const char* conditions[] = {"", "AL", "NE", "ER", "SU"};
    for (const std::string accept : conditions) {
        for (const std::string application : conditions) {
            const std::string tail = "|||" + accept + "|" + application;
            const auto header = hl7::ScanHeader(Message("1", "ADT^A01", "P", tail));
            ASSERT_TRUE(header);
            SCOPED_TRACE("MSH-15 '" + accept + "', MSH-16 '" + application + "'");
            const bool accept_mode = accept == "AL" || accept == "ER" || accept == "SU" ||
                                     (accept == "NE" && application.empty());
            EXPECT_EQ(UsesAcceptAck(*header), accept_mode);
            const std::string& rule = accept_mode ? accept : application;
            EXPECT_EQ(Wanted(*header, InMode(*header, AckCode::kAA)), rule != "NE" && rule != "ER");
            EXPECT_EQ(Wanted(*header, InMode(*header, AckCode::kAR)), rule != "NE" && rule != "SU");
            EXPECT_EQ(hl7::ToString(InMode(*header, AckCode::kAE)), accept_mode ? "CE" : "AE");
        }
    }
}

TEST(Decision, ErrorLocations) {
    EXPECT_EQ(ErrorLocation("PID-3[2].4.2"), "PID^1^3^2^4^2");
    EXPECT_EQ(ErrorLocation("OBX[3]-5"), "OBX^3^5^1");
    EXPECT_EQ(ErrorLocation("MSH-11.1"), "MSH^1^11^1^1");
    EXPECT_EQ(ErrorLocation("PID"), "PID^1");
    EXPECT_EQ(ErrorLocation("Patient.name"), "");
}

}  // namespace
}  // namespace carestream::channel
