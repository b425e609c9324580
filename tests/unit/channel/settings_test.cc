// Goal: every key of a channel works or is refused with its place. Method: the shipped channel, a
// table of mistakes.
#include "channel/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace carestream::channel {
namespace {

namespace fs = std::filesystem;

std::vector<SourceType> TestSources() {
    return {{{.key = "mllp",
              .type = config::Type::kObject,
              .fields = {{.key = "listen", .type = config::Type::kAddress, .required = true},
                         {.key = "allow", .type = config::Type::kNetwork, .list = true},
                         {.key = "frame_bytes_max", .type = config::Type::kBytes}}},
             {}}};
}

std::vector<DestinationType> TestDestinations() {
    return {{{.key = "mllp",
              .type = config::Type::kObject,
              .fields = {{.key = "connect_to", .type = config::Type::kAddress, .required = true},
                         {.key = "connect",
                          .type = config::Type::kChoice,
                          .default_text = "keep",
                          .choices = {"keep", "per_message"}}}},
             {}},
            {{.key = "file", .type = config::Type::kObject, .fields = {{.key = "folder"}}}, {}},
            {{.key = "http", .type = config::Type::kObject, .fields = {{.key = "url"}}}, {}}};
}

class SettingsTest : public testing::Test {
protected:
    SettingsTest()
        : folder_(fs::temp_directory_path() / ("cs_channels_" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~SettingsTest() override { fs::remove_all(folder_); }
    void Write(const std::string& file, const std::string& text) {
        std::ofstream(folder_ / file) << text;
    }
    ReadChannels Read() {
        return ReadChannelFolder(folder_, TestSources(), {{"main", 1}, {"north", 2}}, references_,
                                 TestDestinations());
    }
    std::vector<std::string> Errors(const ReadChannels& read) {
        std::vector<std::string> lines;
        for (const Error& error : read.errors) {
            std::string line = error.ToString();
            if (const auto at = line.find(folder_.string() + "/"); at == 0) {
                line.erase(0, folder_.string().size() + 1);
            }
            lines.push_back(line);
        }
        return lines;
    }

    fs::path folder_;
    config::References references_{[](const std::string&) { return std::optional<std::string>(); },
                                   {}};
};

constexpr const char* kMinimal =
    "channel: a\nsource: {mllp: {listen: \"127.0.0.1:2575\"}}\ntime_zone: America/New_York\n"
    "mapping: {messages: [ADT]}\n";

TEST_F(SettingsTest, TheShippedChannelSaysWhatItSays) {
    const ReadChannels read =
        ReadChannelFile(fs::path(CARESTREAM_SOURCE_DIR) / "channels/demo.yaml",
                        "channels/demo.yaml", TestSources(), {{"main", 1}}, references_);
    ASSERT_EQ(Errors(read), std::vector<std::string>{});
    const Settings& settings = read.channels.at(0);
    EXPECT_EQ(settings.name, "demo");
    EXPECT_EQ(settings.tenant_number, 1);
    EXPECT_EQ(settings.source_type, "mllp");
    EXPECT_EQ(settings.source.String("listen"), "127.0.0.1:2575");
    EXPECT_EQ(settings.assigning_authority, "MAIN");
    EXPECT_EQ(settings.authority_for, (std::vector<std::string>{"Patient", "Encounter"}));
    EXPECT_EQ(settings.ack_hold_ms, 20'000);
    EXPECT_EQ(settings.duplicate_window, 7ll * 86'400 * 1'000'000);
    EXPECT_TRUE(settings.keep_unmapped);
    EXPECT_TRUE(settings.drop_invalid);
    EXPECT_TRUE(settings.Takes("ADT", "A01"));
    EXPECT_FALSE(settings.Takes("MDM", "T02"));
}

TEST_F(SettingsTest, ReadsEveryPolicy) {
    Write("a.yaml",
          std::string(kMinimal) +
              "tenant: north\nack_after: processing\non_store_down: AE\nack_hold: 5s\n"
              "duplicate_window: 1d\norder_by: EVN-2\nprocessing_ids: [P, T]\n"
              "on_unmapped_event: AR\non_invalid_element: dead_letter\ncharset: ISO-8859-1\n");
    const ReadChannels read = Read();
    ASSERT_EQ(Errors(read), std::vector<std::string>{});
    const Settings& settings = read.channels.at(0);
    EXPECT_EQ(settings.tenant_number, 2);
    EXPECT_EQ(settings.ack_after, AckAfter::kProcessing);
    EXPECT_EQ(settings.on_store_down, OnStoreDown::kError);
    EXPECT_EQ(settings.ack_hold_ms, 5000);
    EXPECT_EQ(settings.order_by, mapping::OrderBy::kEvn2);
    EXPECT_EQ(settings.processing_ids.size(), 2u);
    EXPECT_FALSE(settings.keep_unmapped);
    EXPECT_FALSE(settings.drop_invalid);
    EXPECT_EQ(settings.charset, "ISO-8859-1");
}

TEST_F(SettingsTest, EventsMayBeNamedOneByOne) {
    Write("a.yaml",
          "channel: a\nsource: {mllp: {listen: \"127.0.0.1:2575\"}}\ntime_zone: UTC\n"
          "mapping: {messages: [\"ADT^A04\", ORU]}\n");
    const ReadChannels read = Read();
    ASSERT_EQ(Errors(read), std::vector<std::string>{});
    EXPECT_TRUE(read.channels[0].Takes("ADT", "A04"));
    EXPECT_FALSE(read.channels[0].Takes("ADT", "A01"));
    EXPECT_TRUE(read.channels[0].Takes("ORU", "R01"));
    EXPECT_FALSE(read.channels[0].Takes("ADT^", "A04"));
}

TEST_F(SettingsTest, AnswersThatCannotComeThroughAreNotWaitedFor) {
    const auto write = [&](const std::string& name, const std::string& destination,
                           const std::string& more) {
        Write(name + ".yaml", "channel: " + name + "\nsource: {channel: a}\ndestination: {" +
                                  destination + "}\n" + more);
    };
    const std::string each = "mllp: {connect_to: \"ehr:2575\", connect: per_message}";
    write("closed", each, "application_ack: 10m\n");
    write("elsewhere", each, "application_ack: 10m\napplication_ack_from: [a]\n");
    write("file", "file: {folder: out}", "application_ack: 10m\n");
    write("keep", "mllp: {connect_to: \"ehr:2575\"}", "application_ack: 10m\n");
    write("http", "http: {url: x}", "application_ack: 10m\n");
    write("http_from", "http: {url: x}", "application_ack: 10m\napplication_ack_from: [a]\n");
    write("no_map", "mllp: 5", "application_ack: 10m\n");
    write("original", each, "");
    const auto errors = Errors(Read());
    ASSERT_EQ(errors.size(), 3u);
    EXPECT_EQ(errors[1],
              "http.yaml:4:18: over 'http' the answer to the request is the only one, so that which "
              "'application_ack' waits for cannot come: name the channel on which it comes in "
              "'application_ack_from'");
    EXPECT_EQ(errors[0],
              "closed.yaml:3:55: 'per_message' closes the link at CA, so the answer that "
              "'application_ack' waits for cannot come on it: take 'connect: keep', or name the "
              "channel on which it comes in 'application_ack_from'");
    EXPECT_EQ(errors[2].rfind("no_map.yaml:3:", 0), 0u) << errors[2];
}

TEST_F(SettingsTest, MistakesNameTheirPlace) {
    Write("a.yaml", kMinimal);
    Write("b.yaml",
          "channel: a\nsource: {mllp: {listen: \"127.0.0.1:2576\"}}\ntime_zone: UTC\n"
          "mapping: {messages: [ADT]}\n");
    Write("c.yaml",
          "channel: \"no blanks\"\nsource: {mlp: {listen: \"1:2\"}}\ntime_zone: Mars/Olympus\n"
          "tenant: man\nmapping: {messages: [ADT_A01, \"\"], overlay: [], profiles: [us-cor]}\n");
    Write("d.yaml", "channel: d\n");
    Write("e.test.yaml", "not: a channel\n");
    EXPECT_EQ(
        Errors(Read()),
        (std::vector<std::string>{
            "b.yaml:1:10: channel 'a' is also in " + (folder_ / "a.yaml").string(),
            "c.yaml:1:10: 'channel': letters, digits, '-', '_' and '.' only, at most 64",
            "c.yaml:2:9: exactly one of these is expected here: mllp",
            "c.yaml:2:10: unknown key 'mlp', did you mean 'mllp'?",
            "c.yaml:3:12: unknown time zone 'Mars/Olympus'; an IANA name is expected, like "
            "America/New_York",
            "c.yaml:4:9: unknown tenant 'man', did you mean 'main'?; tenants are listed in the "
            "daemon's configuration",
            "c.yaml:5:22: 'ADT_A01' is neither a message code (ADT) nor an event (ADT^A04)",
            "c.yaml:5:31: '' is neither a message code (ADT) nor an event (ADT^A04)",
            "c.yaml:5:36: unknown key 'overlay', did you mean 'overlays'?",
            "c.yaml:5:60: 'profiles': 'us-cor' is none of us-core, did you mean 'us-core'?",
            "d.yaml:1:1: 'source' is missing",
            "d.yaml:1:1: 'time_zone' is missing, for example time_zone: America/New_York",
            "d.yaml:1:1: 'mapping' is missing",
        }));
    fs::remove_all(folder_);
    EXPECT_EQ(Read().errors.size(), 1u);
}

TEST_F(SettingsTest, AnAddressBelongsToOneChannel) {
    const auto write = [this](const std::string& name, const std::string& listen) {
        Write(name + ".yaml", "channel: " + name + "\nsource: {mllp: {listen: \"" + listen +
                                  "\"}}\ntime_zone: UTC\nmapping: {messages: [ADT]}\n");
    };
    write("a", "127.0.0.1:2575");
    write("b", "127.0.0.1:2575");
    write("c", "127.0.0.2:2575");
    write("d", "127.0.0.1:2576");
    write("e", "0.0.0.0:2576");
    write("f", "127.0.0.1:0");
    write("g", "127.0.0.1:0");
    const auto also = [this](const char* file, const char* address) {
        return std::string(" is also taken by channel '") + file + "' in " +
               (folder_ / (std::string(file) + ".yaml")).string() + " (" + address +
               "); every channel needs its own port";
    };
    EXPECT_EQ(Errors(Read()), (std::vector<std::string>{
                                  "b.yaml:2:25: '127.0.0.1:2575'" + also("a", "127.0.0.1:2575"),
                                  "e.yaml:2:25: '0.0.0.0:2576'" + also("d", "127.0.0.1:2576"),
                              }));
}

}  // namespace
}  // namespace carestream::channel
