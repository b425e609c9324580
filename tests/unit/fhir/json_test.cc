#include "fhir/json.h"

#include <gtest/gtest.h>

namespace carestream::fhir {
namespace {

TEST(Json, KeepsNumberTextAndMemberOrder) {
    const std::string text = R"({"b":1.50,"a":[true,null,-0,1E+5],"c":{"d":"é\n\" "}})";
    const auto node = ParseJson(text);
    ASSERT_TRUE(node) << node.error().ToString();
    EXPECT_EQ(ToJson(*node), text);
}

TEST(Json, RefusesWhatIsNotJson) {
    for (const std::string_view text : {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "{} x", "// c\n{}",
                                        "\"\xff\"", "[01]", "{'a':1}", "nul"}) {
        const auto node = ParseJson(text);
        ASSERT_FALSE(node) << text;
        EXPECT_EQ(node.error().code, Code::kInvalid) << text;
    }
    EXPECT_FALSE(ParseJson(std::string_view("{}\0{}", 5)));
}

TEST(Json, Grammar) {
    for (const std::string_view text :
         {"0", "-0", "-1.5e-3", "1E400", "\"\"", "[]", "{}", " [ 1 , 2 ] ", "{ \"a\" : { } }",
          "\xEF\xBB\xBF{}", "[[[]]]", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "true", "null"}) {
        EXPECT_TRUE(ParseJson(text)) << text << ": " << ParseJson(text).error().ToString();
    }
    for (const std::string_view text : {"-",
                                        "+1",
                                        "01",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "1e+",
                                        "0x1",
                                        "1 2",
                                        "[1",
                                        "[1 2]",
                                        "[1,]",
                                        "[,1]",
                                        "]",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{,}",
                                        "{a:1}",
                                        "{1:1}",
                                        "{\"a\" 1}",
                                        "{]",
                                        "[}",
                                        "\"a",
                                        "\"\n\"",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\\u12g4\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"\xc0\xaf\"",
                                        "\"\xed\xa0\x80\"",
                                        "tru",
                                        "truex",
                                        "NaN",
                                        "/**/1",
                                        "'a'",
                                        "\"\\",
                                        "{\"a\":1 \"b\":2}",
                                        "\xEF\xBB\xBF"}) {
        const auto node = ParseJson(text);
        ASSERT_FALSE(node) << text;
        EXPECT_EQ(node.error().code, Code::kInvalid) << text;
        EXPECT_LE(node.error().offset_bytes, text.size()) << text;
    }
}

TEST(Json, Escapes) {
    const auto node = ParseJson(R"(["\u0041\u00e9\u20AC\ud83d\uDE00","\u0000"])");
    ASSERT_TRUE(node) << node.error().ToString();
    EXPECT_EQ(node->items()[0].text(), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    EXPECT_EQ(node->items()[1].text(), std::string(1, '\0'));
    EXPECT_EQ(ToJson(node->items()[1]), R"("\u0000")");
}

TEST(Json, ErrorsSayWhere) {
    EXPECT_EQ(ParseJson(R"({"a":[1,x]})").error().offset_bytes, 8u);
    EXPECT_EQ(ParseJson("{} {}").error().offset_bytes, 3u);
}

// A big object must not cost a comparison of every pair of its names.
TEST(Json, FindsDuplicatesInBigObjects) {
    std::string text = "{";
    for (int i = 0; i < 50'000; ++i) text += "\"m" + std::to_string(i) + "\":1,";
    EXPECT_TRUE(ParseJson(text + "\"x\":1}"));
    const auto twice = ParseJson(text + "\"m77\":1}");
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Code::kInvalid);
    EXPECT_NE(twice.error().message.find("m77"), std::string::npos);
}

TEST(Json, IsBounded) {
    const auto deep = ParseJson(std::string(100, '[') + std::string(100, ']'));
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error().code, Code::kLimit);
    const auto many = ParseJson("[1,2,3]", {.depth_max = 4, .nodes_max = 3});
    ASSERT_FALSE(many);
    EXPECT_EQ(many.error().code, Code::kLimit);
}

TEST(Node, EqualityIgnoresMemberOrderOnly) {
    EXPECT_EQ(*ParseJson(R"({"a":1,"b":[1,2]})"), *ParseJson(R"({"b":[1,2],"a":1})"));
    EXPECT_FALSE(*ParseJson(R"({"a":1.0})") == *ParseJson(R"({"a":1})"));
    EXPECT_FALSE(*ParseJson(R"([1,2])") == *ParseJson(R"([2,1])"));
}

}  // namespace
}  // namespace carestream::fhir
