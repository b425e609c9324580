// Goal: nothing that a client writes into a URL is misread. Method: tables.
#include "net/url.h"

#include <gtest/gtest.h>

namespace carestream::net {
namespace {

TEST(Url, PercentDecodeTable) {
    struct Row {
        std::string_view text;
        bool plus;
        std::string_view expected;  // "!" = refused
    };
    const Row rows[] = {
        {"", false, ""},           {"abc", false, "abc"},
        {"a%20b", false, "a b"},   {"a+b", false, "a+b"},
        {"a+b", true, "a b"},      {"%7C", false, "|"},
        {"%7c", false, "|"},       {"caf%C3%A9", false, "caf\xc3\xa9"},
        {"%", false, "!"},         {"%4", false, "!"},
        {"%4g", false, "!"},       {"%G4", false, "!"},
        {"a%00b", false, "!"},     {"%ff", false, "!"},
        {"%C3", false, "!"},       {"%C0%AF", false, "!"},
        {"%ED%A0%80", false, "!"}, {"%%41", false, "!"},
        {"%2541", false, "%41"},
    };
    for (const auto& row : rows) {
        const auto decoded = PercentDecode(row.text, row.plus);
        EXPECT_EQ(decoded.has_value() ? *decoded : "!", row.expected) << row.text;
    }
}

TEST(Url, EncodeAndDecodeAreInverse) {
    std::string all;
    for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
    all += "\xc3\xa9\xf0\x9f\x98\x80";
    EXPECT_EQ(*PercentDecode(PercentEncode(all)), all);
    EXPECT_EQ(PercentEncode("a|b c&d=+"), "a%7Cb%20c%26d%3D%2B");
}

TEST(Url, SplitTargetTable) {
    struct Row {
        std::string_view target;
        std::string_view path;  // "!" = refused
        std::string_view query;
    };
    const Row rows[] = {
        {"/", "/", ""},
        {"/a/b?c=d", "/a/b", "c=d"},
        {"/a?b?c", "/a", "b?c"},
        {"/a?", "/a", ""},
        {"http://host:80/x?y", "/x", "y"},
        {"https://host", "/", ""},
        {"http://host?y=1", "/", "y=1"},
        {"*", "!", ""},
        {"a/b", "!", ""},
        {"/a#b", "!", ""},
        {"?a=b", "/", "a=b"},
    };
    for (const auto& row : rows) {
        const auto split = SplitTarget(row.target);
        ASSERT_EQ(split.has_value(), row.path != "!") << row.target;
        if (!split) continue;
        EXPECT_EQ(split->path, row.path) << row.target;
        EXPECT_EQ(split->query, row.query) << row.target;
    }
}

TEST(Url, ParseFormKeepsOrderAndRepeats) {
    const auto form = ParseForm("date=ge2020&date=lt2021&&x&name=M%C3%BCller+Ltd&=v&e=a=b");
    ASSERT_TRUE(form.has_value());
    const Parameters expected = {{"date", "ge2020"}, {"date", "lt2021"},
                                 {"x", ""},          {"name", "M\xc3\xbcller Ltd"},
                                 {"", "v"},          {"e", "a=b"}};
    EXPECT_EQ(*form, expected);
    EXPECT_EQ(ParseForm("a=%zz").error().code, Code::kInvalid);
    EXPECT_EQ(ParseForm("a&b&c", 2).error().code, Code::kLimit);
}

}  // namespace
}  // namespace carestream::net
