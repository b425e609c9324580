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
