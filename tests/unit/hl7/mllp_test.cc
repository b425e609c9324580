// Goal: framing never depends on how TCP cut the stream. Method: each row states the wire bytes and
// what must come out; each row runs once per possible cut, and byte by byte.
#include "hl7/mllp.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace carestream::hl7 {
namespace {

struct Case {
    const char* name;
    std::string wire;
    std::vector<std::string> payloads;
    std::size_t junk = 0;
    bool too_long = false;
    bool open = false;
    std::size_t aborted = 0;
};
class Mllp : public testing::TestWithParam<Case> {};

void Check(const Case& c, const std::vector<std::string_view>& parts) {
    MllpDecoder decoder({.frame_bytes_max = 8});
    Result<void> fed;
    for (const std::string_view part : parts) {
        fed = decoder.Feed(part);
        if (!fed) break;
    }
    std::vector<std::string> got;
    while (auto payload = decoder.Next()) got.push_back(*payload);
    EXPECT_EQ(got, c.payloads);
    EXPECT_EQ(decoder.junk_bytes(), c.junk);
    EXPECT_EQ(decoder.aborted_frames(), c.aborted);
    EXPECT_EQ(decoder.frame_open(), c.open);
    EXPECT_EQ(!fed, c.too_long);
    if (c.too_long) {
        EXPECT_EQ(fed.error().code, Code::kLimit);
        EXPECT_TRUE(decoder.oversized_head().starts_with("1234567"));
        EXPECT_EQ(decoder.oversized_head().size(), 8u);
        EXPECT_FALSE(decoder.Feed("\x0bA\x1c\r"));
    }
}

TEST_P(Mllp, SameResultForEveryCut) {
    const Case& c = GetParam();
    const std::string_view wire = c.wire;
    std::vector<std::string_view> bytes;
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        SCOPED_TRACE(cut);
        Check(c, {wire.substr(0, cut), wire.substr(cut)});
        if (cut < wire.size()) bytes.push_back(wire.substr(cut, 1));
    }
    Check(c, bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Frames, Mllp,
    testing::Values(Case{"one", "\x0bMSH\x1c\r", {"MSH"}},
                    Case{"two",
                         "\x0b"
                         "A\x1c\r\x0b"
                         "B\x1c\r",
                         {"A", "B"}},
                    Case{"no_return",
                         "\x0b"
                         "A\x1c\x0b"
                         "B\x1c",
                         {"A", "B"}},
                    Case{"crlf_after",
                         "\x0b"
                         "A\x1c\r\n\x0b"
                         "B\x1c\n",
                         {"A", "B"}},
                    Case{"junk",
                         "xy\x0b"
                         "A\x1c\rz\x0b"
                         "B\x1c\r",
                         {"A", "B"},
                         3},
                    Case{"returns_are_junk_at_last",
                         "\x0b"
                         "A\x1c\r\r\n\n\x0b"
                         "B\x1c\r",
                         {"A", "B"},
                         3},
                    Case{"no_start", "MSH\x1c\r", {}, 5},
                    Case{"nested_start",
                         "\x0b"
                         "A\x0b"
                         "B\x1c\r",
                         {"A\x0b"
                          "B"}},
                    Case{"restart", "\x0bMSH|1\x0bMSH|2\x1c\r", {"MSH|2"}, 6, false, false, 1},
                    Case{"restart_twice_then_two",
                         "\x0bMSH|1\x0bMSH|\x0bMSH|3\x1c\r\x0bMSH|4\x1c\r",
                         {"MSH|3", "MSH|4"},
                         11,
                         false,
                         false,
                         2},
                    Case{"restart_of_a_batch",
                         "\x0bMSH|1\x0b"
                         "FHS|2\x1c\x0bMSH\x0b"
                         "BHS|3\x1c",
                         {"FHS|2", "BHS|3"},
                         10,
                         false,
                         false,
                         2},
                    Case{"restart_of_a_full_frame",
                         "\x0b"
                         "12345678\x0bMSH|2\x1c\r",
                         {"MSH|2"},
                         9,
                         false,
                         false,
                         1},
                    Case{"restart_behind_a_line_end",
                         "\x0bMSH|1\x0b\r\n MSH|2\x1c\r",
                         {"\r\n MSH|2"},
                         6,
                         false,
                         false,
                         1},
                    Case{"restart_behind_a_mark",
                         "\x0bMSH|1\x0b\xEF\xBB\xBFMSH|2\x1c\r",
                         {"\xEF\xBB\xBFMSH|2"},
                         6,
                         false,
                         false,
                         1},
                    Case{"restart_open", "\x0bMSH|1\x0bMSH|", {}, 6, false, true, 1},
                    Case{"start_twice", "\x0b\x0bMSH|1\x1c\r", {"MSH|1"}, 1},
                    Case{"start_byte_in_text", "\x0bMSH\x0bMSX\x1c\r", {"MSH\x0bMSX"}},
                    Case{"start_byte_at_the_end",
                         "\x0bMSH\x0bMS\x1c\x0bMSH\x0b\x1c\r",
                         {"MSH\x0bMS", "MSH\x0b"}},
                    Case{"start_bytes_in_text",
                         "\x0b"
                         "A\x0b\x0bM\x0bMSH\x1c\r",
                         {"MSH"},
                         5,
                         false,
                         false,
                         1},
                    Case{"too_long_by_what_was_held",
                         "\x0b"
                         "1234567\x0bMX\x1c\r",
                         {},
                         0,
                         true},
                    Case{"empty", "\x0b\x1c\r", {""}},
                    Case{"open",
                         "\x0b"
                         "A\x1c\r\x0b"
                         "B",
                         {"A"},
                         0,
                         false,
                         true},
                    Case{"just_fits",
                         "\x0b"
                         "12345678\x1c\r",
                         {"12345678"}},
                    Case{"too_long",
                         "\x0b"
                         "A\x1c\r\x0b"
                         "123456789\x1c\r",
                         {"A"},
                         0,
                         true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MllpFrame, BlanksBehindAStartByteAreBounded) {
    const std::string text = "A\x0b" + std::string(17, ' ') + "MSH";
    MllpDecoder decoder({});
    ASSERT_TRUE(decoder.Feed(FrameMllp(text)));
    EXPECT_EQ(decoder.Next(), text);
    EXPECT_EQ(decoder.aborted_frames(), 0u);
}

TEST(MllpFrame, IsReadBack) {
    MllpDecoder decoder({});
    ASSERT_TRUE(decoder.Feed(FrameMllp("MSH|^~\\&\r")));
    EXPECT_EQ(decoder.Next(), "MSH|^~\\&\r");
    EXPECT_EQ(decoder.Next(), std::nullopt);
}

}  // namespace
}  // namespace carestream::hl7
