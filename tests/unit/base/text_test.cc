#include "base/text.h"

#include <gtest/gtest.h>

#include <array>

#include "base/clock.h"
#include "base/result.h"

namespace carestream {
namespace {

TEST(Text, ProposesTheNearestName) {
    const std::array<std::string_view, 3> names{"listen", "allow", "tenant"};
    EXPECT_EQ(DidYouMean("lisen", names), ", did you mean 'listen'?");
    EXPECT_EQ(DidYouMean("zzzzz", names), "");
}

TEST(Text, Utf8RefusesOverlongAndSurrogates) {
    EXPECT_TRUE(IsUtf8("M\xC3\xBCller \xF0\x9F\x98\x80"));
    EXPECT_FALSE(IsUtf8("\xC0\xAF"));
    EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));
    EXPECT_FALSE(IsUtf8("\xE2\x82"));
    EXPECT_FALSE(IsUtf8("M\xFCller"));
}

TEST(Text, Utf8FindsABadByteAtEachPlace) {
    for (std::size_t size = 1; size < 30; ++size) {
        std::string text(size, 'a');
        EXPECT_TRUE(IsUtf8(text));
        for (std::size_t at = 0; at < size; ++at) {
            std::string broken = text;
            broken[at] = '\xFC';
            EXPECT_FALSE(IsUtf8(broken)) << at << " of " << size;
        }
    }
}

TEST(Text, HexGivesBackTheBytes) {
    std::string bytes;
    ASSERT_TRUE(FromHex(ToHex(std::string("\0\xff z", 4)), bytes));
    EXPECT_EQ(bytes, std::string("\0\xff z", 4));
    EXPECT_FALSE(FromHex("abc", bytes));
    EXPECT_FALSE(FromHex("zz", bytes));
}

TEST(Text, WritesEveryCodePointAsUtf8) {
    std::string text;
    for (const std::uint32_t point :
         {0x41u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
        AppendUtf8(point, text);
    }
    EXPECT_EQ(text,
              "A\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

TEST(Clock, FormatsInstants) {
    EXPECT_EQ(FormatInstant(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(FormatInstant(1764014828123456, false), "2025-11-24T20:07:08.123456Z");
}

TEST(Error, NamesPlaceAndRemedy) {
    const Error error{Code::kInvalid, "unknown key 'lisen'", "", {"channels/adt.yaml", 12, 7}, 0,
                      false};
    EXPECT_EQ(error.ToString(), "channels/adt.yaml:12:7: unknown key 'lisen'");
}

TEST(Base64, RoundTripsEveryLength) {
    EXPECT_EQ(ToBase64(""), "");
    EXPECT_EQ(ToBase64("f"), "Zg==");
    EXPECT_EQ(ToBase64("fo"), "Zm8=");
    EXPECT_EQ(ToBase64("foo"), "Zm9v");
    EXPECT_EQ(ToBase64("foob"), "Zm9vYg==");
    for (const std::string_view text : {"", "f", "fo", "foo", "foob"}) {
        std::string bytes;
        EXPECT_TRUE(FromBase64(ToBase64(text), bytes));
        EXPECT_EQ(bytes, text);
    }
}

TEST(Base64, HasTwoAlphabets) {
    EXPECT_EQ(ToBase64("\xfb\xff"), "+/8=");
    EXPECT_EQ(ToBase64("\xfb\xff", kBase64Url), "-_8=");
    std::string bytes;
    EXPECT_TRUE(FromBase64("-_8", bytes, kBase64Url));
    EXPECT_EQ(bytes, "\xfb\xff");
    EXPECT_FALSE(FromBase64("-_8", bytes));
}

}  // namespace
}  // namespace carestream
