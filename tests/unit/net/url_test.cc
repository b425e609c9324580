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

TEST(Url, ParseUrlTable) {
    struct Row {
        std::string text;
        std::string_view origin;  // "!" = refused
        std::string_view target;
    };
    const Row rows[] = {
        {"https://fhir.example.org", "https://fhir.example.org:443", "/"},
        {"http://Fhir.Example.org/a/b?c=d&e", "http://fhir.example.org:80", "/a/b?c=d&e"},
        {"HTTPS://x:8443/", "https://x:8443", "/"},
        {"http://x?q=1", "http://x:80", "/?q=1"},
        {"http://x/a@b", "http://x:80", "/a@b"},
        {"http://[::1]:8080/p", "http://[::1]:8080", "/p"},
        {"https://[2001:DB8::1]", "https://[2001:db8::1]:443", "/"},
        {"http://10.0.0.1:1/", "http://10.0.0.1:1", "/"},
        {"", "!", ""},
        {"x", "!", ""},
        {"//x/", "!", ""},
        {"ftp://x/", "!", ""},
        {"javascript://x/", "!", ""},
        {"http:/x/", "!", ""},
        {"http://", "!", ""},
        {"http:///a", "!", ""},
        {"http://:80/", "!", ""},
        {"http://user@x/", "!", ""},
        {"http://user:secret@x/", "!", ""},
        {"http://x/a#b", "!", ""},
        {"http://x#b", "!", ""},
        {"http://x\\@y/", "!", ""},
        {"http://x/a b", "!", ""},
        {"http://x/a\r\nHost: y", "!", ""},
        {"http://x/\xc3\xa9", "!", ""},
        {"http://\xc3\xa9.example/", "!", ""},
        {"http://x%2ey/", "!", ""},
        {"http://a..b/", "!", ""},
        {"http://.a/", "!", ""},
        {"http://x:/", "!", ""},
        {"http://x:0/", "!", ""},
        {"http://x:65536/", "!", ""},
        {"http://x:8 0/", "!", ""},
        {"http://x:80:80/", "!", ""},
        {"http://::1/", "!", ""},
        {"http://[::1/", "!", ""},
        {"http://[::1]x/", "!", ""},
        {"http://[x]/", "!", ""},
        {"http://[fe80::1%25lo]/", "!", ""},
        {"http://" + std::string(254, 'a') + "/", "!", ""},
        {"http://x/" + std::string(9000, 'a'), "!", ""},
    };
    for (const auto& row : rows) {
        const auto url = ParseUrl(row.text);
        EXPECT_EQ(url.has_value() ? url->Origin() : "!", row.origin) << row.text.substr(0, 80);
        if (url) {
            EXPECT_EQ(url->target, row.target) << row.text;
        } else {
            EXPECT_EQ(url.error().message.find("secret"), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace carestream::net
