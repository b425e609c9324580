// Goal: one line an event that machines can read and peers cannot forge.
#include "telemetry/log.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace carestream::telemetry {
namespace {

TEST(Log, JsonLineHoldsEventTextAndFieldsInOrder) {
    std::vector<std::string> lines;
    Log log(Level::kInfo, [&](std::string_view line) { lines.emplace_back(line); });
    log.Warn("mllp.refused", "too many connections", {{"channel", "adt-main"}, {"limit", "64"}});
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].starts_with("{\"time\":\"20")) << lines[0];
    EXPECT_TRUE(
        lines[0].ends_with("\"level\":\"warn\",\"event\":\"mllp.refused\","
                           "\"text\":\"too many connections\",\"channel\":\"adt-main\","
                           "\"limit\":\"64\"}"))
        << lines[0];
}

TEST(Log, ControlCharactersAndQuotesCannotForgeALine) {
    std::string line;
    Log log(Level::kInfo, [&](std::string_view text) { line = text; });
    log.Info("a.b", "x\"\n\x1b[31m\\y {} %v");
    EXPECT_NE(line.find("x\\\"\\u000a\\u001b[31m\\\\y {} %v"), std::string::npos) << line;
}

TEST(Log, BytesThatAreNoUtf8AreEscaped) {
    std::string line;
    Log log(Level::kInfo, [&](std::string_view text) { line = text; });
    log.Info("a.b", "\xc3\xa9");
    EXPECT_NE(line.find("\xc3\xa9"), std::string::npos) << line;
    log.Info("a.b", "\xff\xc3");
    EXPECT_NE(line.find("\"\\u00ff\\u00c3\""), std::string::npos) << line;
}

TEST(Log, LevelsBelowTheLeastAreLeftOut) {
    int lines = 0;
    Log log(Level::kWarn, [&](std::string_view) { ++lines; });
    log.Info("a", "b");
    log.Debug("a", "b");
    EXPECT_FALSE(log.Enabled(Level::kInfo));
    EXPECT_TRUE(log.Enabled(Level::kError));
    log.Error("a", "b");
    EXPECT_EQ(lines, 1);
}

TEST(Log, ThreadsDoNotMixLines) {
    std::vector<std::string> lines;
    Log log(Level::kInfo, [&](std::string_view line) { lines.emplace_back(line); });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 250; ++n) log.Info("t", "text");
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(lines.size(), 1000u);
    for (const auto& line : lines) EXPECT_TRUE(line.ends_with("\"text\":\"text\"}"));
}

}  // namespace
}  // namespace carestream::telemetry
