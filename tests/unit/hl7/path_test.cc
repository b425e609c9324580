#include "hl7/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carestream::hl7 {
namespace {

using testing::ElementsAre;

TEST(Path, ReadsWhatItWrites) {
    for (const char* text : {"PID", "PID-3", "PID-3[2].4.2", "OBX[3]-5", "MSH-7", "PID-3[*].4",
                             "OBX[*]-5[1].2", "ZPI-12", "Z01[2]"}) {
        const Result<Path> path = ParsePath(text);
        ASSERT_TRUE(path) << text;
        EXPECT_EQ(path->ToString(), text);
    }
}

TEST(Path, ErrorsNameTheColumn) {
    const std::pair<const char*, std::size_t> rows[] = {
        {"", 0},        {"pid-3", 0},       {"PI-3", 2},     {"PID.3", 3},   {"PID-", 4},
        {"PID-0", 4},   {"PID-3[", 6},      {"PID-3[0]", 6}, {"PID-3[2", 7}, {"PID-3.", 6},
        {"PID-3.x", 6}, {"PID-3.4.5.6", 9}, {"PID-3 ", 5},   {"3ID-3", 0},   {"PID-1234567", 10}};
    for (const auto& [text, column] : rows) {
        const Result<Path> path = ParsePath(text);
        ASSERT_FALSE(path) << text;
        EXPECT_EQ(path.error().code, Code::kInvalid);
        EXPECT_EQ(path.error().offset_bytes, column) << text << ": " << path.error().message;
    }
}

TEST(Path, NamesPiecesInOrder) {
    const Message m = Message::Parse(
                          "MSH|^~\\&|A~B\r"
                          "PID|||1^^^X&Y~2^^^Z\r"
                          "OBX|1||c^d||\r"
                          "OBX|2||e^f||v~w\r")
                          .value();
    const auto get = [&](const char* path) { return Resolve(m, ParsePath(path).value()); };
    EXPECT_THAT(get("PID-3"), ElementsAre("1^^^X&Y"));
    EXPECT_THAT(get("PID-3[2].4"), ElementsAre("Z"));
    EXPECT_THAT(get("PID-3[*].4.1"), ElementsAre("X", "Z"));
    EXPECT_THAT(get("PID-3.4.2"), ElementsAre("Y"));
    EXPECT_THAT(get("OBX-3"), ElementsAre("c^d"));
    EXPECT_THAT(get("OBX[*]-3.2"), ElementsAre("d", "f"));
    EXPECT_THAT(get("OBX[*]-5[*]"), ElementsAre("v", "w"));
    EXPECT_THAT(get("OBX[2]"), ElementsAre("OBX|2||e^f||v~w"));
    EXPECT_THAT(get("OBX[3]-1"), ElementsAre());
    EXPECT_THAT(get("PID-9"), ElementsAre());
    EXPECT_THAT(get("MSH-1"), ElementsAre("|"));
    EXPECT_THAT(get("MSH-2"), ElementsAre("^~\\&"));
    EXPECT_THAT(get("MSH-2.1"), ElementsAre());
    EXPECT_THAT(get("MSH-3[2]"), ElementsAre("B"));
}

}  // namespace
}  // namespace carestream::hl7
