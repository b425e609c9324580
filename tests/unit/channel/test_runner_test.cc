// Goal: a channel's tests are found beside it and see what the channel would do with a message.
// Method: a folder of tests, a channel whose program says nothing but the status.
#include "channel/test_runner.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/channel/support.h"

namespace carestream::channel {
namespace {

namespace fs = std::filesystem;

class ChannelTestsTest : public testing::Test {
protected:
    ChannelTestsTest()
        : folder_(fs::temp_directory_path() / ("cs_channel_tests_" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
        auto channel = test::MakeChannel("ward");
        channel->settings.file = folder_ / "w.yaml";
        channel->settings.messages = {"ADT^A01"};
        generation_.channels.push_back(channel);
    }
    ~ChannelTestsTest() override { fs::remove_all(folder_); }
    void Write(const std::string& file, const std::string& text) {
        std::ofstream(folder_ / file) << text;
    }
    static std::string TestOf(const std::string& event, const std::string& processing,
                              const std::string& status) {
        return "- status: " + status + "\n  message: \"MSH|^~\\\\&|E|M|C|M|2026||" + event + "|1|" +
               processing + "|2.5.1\"\n";
    }
    fs::path folder_;
    Generation generation_;
};

TEST_F(ChannelTestsTest, AMessageGoesAsThroughTheChannel) {
    Write("w.yaml", "channel: ward\n");
    Write("w.test.yaml", TestOf("ADT^A01", "P", "mapped") + TestOf("ADT^A08", "P", "no-map") +
                             TestOf("ADT^A01", "T", "unusable") + TestOf("ADT^A08", "P", "mapped"));
    const auto cases = RunChannelTests(generation_, folder_);
    ASSERT_EQ(cases.size(), 4u);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(cases[i].failures.empty()) << i << cases[i].failures[0].error.ToString();
    }
    ASSERT_EQ(cases[3].failures.size(), 1u);
    EXPECT_EQ(cases[3].failures[0].error.ToString(),
              (folder_ / "w.test.yaml").string() +
                  ":7:11: status: expected 'mapped', got 'no-map, MSH-9, no map for the event "
                  "in this channel'");
}

TEST_F(ChannelTestsTest, ATestWithoutItsChannelFails) {
    Write("other.test.yaml", TestOf("ADT^A01", "P", "mapped"));
    const auto cases = RunChannelTests(generation_, folder_);
    ASSERT_EQ(cases.size(), 1u);
    EXPECT_EQ(cases[0].failures.at(0).error.ToString(),
              (folder_ / "other.test.yaml").string() +
                  ": tests no channel: NAME.test.yaml stands beside NAME.yaml");
}

}  // namespace
}  // namespace carestream::channel
