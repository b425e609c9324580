#include "config/yaml.h"

#include <gtest/gtest.h>

namespace carestream::config {
namespace {

TEST(Yaml, EveryValueKnowsItsPlace) {
    const auto yaml = Yaml::Parse("a: 1\nb:\n  - x\n  - {c: \"null\"}\nd: null\n", "f.yaml");
    ASSERT_TRUE(yaml) << yaml.error().ToString();
    const Yaml& item = yaml->Find("b")->items()[1];
    EXPECT_EQ(item.position(), (Position{"f.yaml", 4, 5}));
    EXPECT_EQ(item.entries()[0].position, (Position{"f.yaml", 4, 6}));
    EXPECT_TRUE(item.Find("c")->IsScalar());
    EXPECT_TRUE(yaml->Find("d")->IsNull());
}

TEST(Yaml, RefusesWithThePlace) {
    struct Case {
        const char* text;
        const char* error;
    };
    for (const Case& c :
         {Case{"a: 1\na: 2\n", "f.yaml:2:1: key 'a' appears twice in this map"},
          Case{"a: &x 1\nb: *x\n",
               "f.yaml:2:4: aliases (*name) are not allowed here; write the value out"},
          Case{"? [a]\n: b\n", "f.yaml:1:3: a key must be plain text"}}) {
        const auto yaml = Yaml::Parse(c.text, "f.yaml");
        ASSERT_FALSE(yaml) << c.text;
        EXPECT_EQ(yaml.error().ToString(), c.error);
    }
    EXPECT_FALSE(Yaml::Parse("a: [1, 2\nb: 3", "f.yaml"));
    EXPECT_FALSE(Yaml::Parse(std::string(200, '['), "f.yaml"));
}

TEST(Yaml, APartKeepsItsPlaces) {
    const auto yaml = Yaml::Parse("a: 1\nb: 2\nc: {d: 3}\n", "f.yaml");
    ASSERT_TRUE(yaml);
    const Yaml part = yaml->Only({"c", "b", "other"});
    EXPECT_EQ(part.entries().size(), 2u);
    EXPECT_EQ(part.Find("a"), nullptr);
    EXPECT_EQ(part.Find("c")->Find("d")->position(), (Position{"f.yaml", 3, 8}));
}

TEST(Yaml, TheWordNullIsAKeyLikeAnyOther) {
    const auto yaml = Yaml::Parse("null: ignore\nb: {null: x, c: null}\n", "f.yaml");
    ASSERT_TRUE(yaml.has_value());
    ASSERT_NE(yaml->Find("null"), nullptr);
    EXPECT_EQ(yaml->Find("null")->text(), "ignore");
    EXPECT_EQ(yaml->Find("b")->Find("null")->text(), "x");
    EXPECT_TRUE(yaml->Find("b")->Find("c")->IsNull());
}

}  // namespace
}  // namespace carestream::config
