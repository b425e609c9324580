// Goal: header fields are read as their RFCs say. Method: tables.
#include "rest/internal/headers.h"

#include <gtest/gtest.h>

namespace carestream::rest {
namespace {

TEST(Headers, AcceptTable) {
    struct Row {
        std::string_view accept;
        std::string_view format;
        bool expected;
    };
    const Row rows[] = {
        {"", "", true},
        {"*/*", "", true},
        {"application/fhir+json", "", true},
        {"application/json", "", true},
        {"APPLICATION/FHIR+JSON; fhirVersion=4.0", "", true},
        {"application/fhir+json; fhirVersion=\"5.0\"", "", false},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", true},
        {"application/fhir+xml", "", false},
        {"application/fhir+xml, application/fhir+json;q=0.5", "", true},
        {"application/fhir+xml, application/fhir+json;q=0", "", false},
        {"application/fhir+xml, */*;q=0.0", "", false},
        {"text/html", "", false},
        {"application/fhir+xml", "json", true},
        {"application/fhir+json", "xml", false},
        {"", "application/fhir+json", true},
        {"", "application/fhir json", true},
        {"", "text/xml", false},
        {"", "application/fhir+turtle", false},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(AcceptsJson(row.accept, row.format), row.expected)
            << row.accept << "|" << row.format;
    }
}

TEST(Headers, ContentTypeTable) {
    EXPECT_TRUE(IsJsonContent("application/fhir+json"));
    EXPECT_TRUE(IsJsonContent("application/json;charset=UTF-8"));
    EXPECT_TRUE(IsJsonContent("Application/FHIR+json; fhirVersion=4.0"));
    EXPECT_FALSE(IsJsonContent(""));
    EXPECT_FALSE(IsJsonContent("text/plain"));
    EXPECT_FALSE(IsJsonContent("application/fhir+xml"));
    EXPECT_FALSE(IsJsonContent("application/json; charset=latin1"));
    EXPECT_FALSE(IsJsonContent("application/fhir+json; fhirVersion=3.0"));
    EXPECT_TRUE(IsFormContent("application/x-www-form-urlencoded; charset=utf-8"));
    EXPECT_FALSE(IsFormContent("application/json"));
}

TEST(Headers, ETagTable) {
    EXPECT_EQ(ETagOf(7), "W/\"7\"");
    EXPECT_EQ(*ParseETag("W/\"7\""), 7);
    EXPECT_EQ(*ParseETag(" \"12\" "), 12);
    for (const std::string_view bad : {"", "7", "W/7", "\"\"", "\"x\"", "\"1x\"", "\"0\"", "\"-1\"",
                                       "\"99999999999\"", "*", "\"1\", \"2\""}) {
        EXPECT_FALSE(ParseETag(bad).has_value()) << bad;
    }
    EXPECT_TRUE(NoneMatchNames("W/\"1\", W/\"3\"", 3));
    EXPECT_FALSE(NoneMatchNames("W/\"1\", W/\"3\"", 2));
    EXPECT_TRUE(NoneMatchNames("*", 2));
}

net::Request WithPrefer(std::initializer_list<std::string_view> values) {
    net::Request request;
    for (const auto value : values) request.headers.emplace_back("prefer", value);
    return request;
}

TEST(Headers, PreferTable) {
    EXPECT_FALSE(ParsePrefer({})->strict);
    EXPECT_TRUE(ParsePrefer(WithPrefer({"handling=strict"}))->strict);
    EXPECT_EQ(ParsePrefer(WithPrefer({"return=minimal"}))->returning, ReturnPreference::kMinimal);
    const auto both = ParsePrefer(WithPrefer({"return=OperationOutcome, handling=\"strict\""}));
    EXPECT_EQ(both->returning, ReturnPreference::kOutcome);
    EXPECT_TRUE(both->strict);
    const auto split =
        ParsePrefer(WithPrefer({"return=minimal", "respond-async; handling=lenient"}));
    EXPECT_EQ(split->returning, ReturnPreference::kMinimal);
    EXPECT_FALSE(ParsePrefer(WithPrefer({"return=everything"})).has_value());
    EXPECT_FALSE(ParsePrefer(WithPrefer({"handling=loose"})).has_value());
    EXPECT_TRUE(ParsePrefer(WithPrefer({"wait=10; foo", ""})).has_value());
}

TEST(Headers, HostTable) {
    EXPECT_TRUE(IsHost("fhir.example.org:8080"));
    EXPECT_TRUE(IsHost("[::1]:80"));
    EXPECT_FALSE(IsHost(""));
    EXPECT_FALSE(IsHost("a/b"));
    EXPECT_FALSE(IsHost("a\"b"));
    EXPECT_FALSE(IsHost("a b"));
    EXPECT_FALSE(IsHost(std::string(300, 'a')));
}

}  // namespace
}  // namespace carestream::rest
