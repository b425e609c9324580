// Goal: ranges are those of RFC 9110, and bytes are given where FHIR JSON is not asked for by name.
// Method: tables.
#include "rest/internal/binary.h"

#include <gtest/gtest.h>

#include "fhir/json.h"
#include "rest/internal/byte_range.h"

namespace carestream::rest {
namespace {

std::string RangeOf(std::string_view header, std::uint64_t size) {
    const ByteRange range = ParseRange(header, size);
    switch (range.kind) {
        case ByteRange::Kind::kWhole:
            return "whole";
        case ByteRange::Kind::kUnsatisfiable:
            return "416";
        case ByteRange::Kind::kPart:
            break;
    }
    return std::to_string(range.first) + "-" + std::to_string(range.last);
}

TEST(ByteRange, Table) {
    struct Row {
        const char* header;
        std::uint64_t size;
        const char* expected;
    };
    const Row rows[] = {
        {"", 10, "whole"},
        {"bytes=0-0", 10, "0-0"},
        {"bytes=0-9", 10, "0-9"},
        {"bytes=2-5", 10, "2-5"},
        {"bytes=2-", 10, "2-9"},
        {"bytes=9-", 10, "9-9"},
        {"bytes=5-99", 10, "5-9"},
        {"BYTES=1-2", 10, "1-2"},
        {"bytes=-3", 10, "7-9"},
        {"bytes=-99", 10, "0-9"},
        {"bytes=10-", 10, "416"},
        {"bytes=10-12", 10, "416"},
        {"bytes=-0", 10, "416"},
        {"bytes=0-", 0, "416"},
        {"bytes=-1", 0, "416"},
        {"bytes=99999999999999999999999-", 10, "416"},
        {"bytes=0-99999999999999999999999", 10, "0-9"},
        {"bytes=-99999999999999999999999", 10, "0-9"},
        {"bytes=5-2", 10, "whole"},
        {"bytes=a-b", 10, "whole"},
        {"bytes=--1", 10, "whole"},
        {"bytes=-", 10, "whole"},
        {"bytes=", 10, "whole"},
        {"bytes=1", 10, "whole"},
        {"bytes=0-1,3-4", 10, "whole"},
        {"items=0-1", 10, "whole"},
        {"bytes 0-1", 10, "whole"},
    };
    for (const Row& row : rows)
        EXPECT_EQ(RangeOf(row.header, row.size), row.expected) << row.header;
}

TEST(ByteRange, IfRangeTakesStrongTagsAndDates) {
    const auto holds = [](std::string_view text) {
        return IfRangeHolds(text, "\"2\"", "Mon, 02 Jan 2006 15:04:05 GMT");
    };
    EXPECT_TRUE(holds(""));
    EXPECT_TRUE(holds("\"2\""));
    EXPECT_TRUE(holds("Mon, 02 Jan 2006 15:04:05 GMT"));
    EXPECT_FALSE(holds("W/\"2\""));
    EXPECT_FALSE(holds("\"1\""));
    EXPECT_FALSE(holds("Mon, 02 Jan 2006 15:04:06 GMT"));
}

TEST(Binary, FhirJsonIsAskedForByName) {
    for (const char* accept : {"application/fhir+json", "application/json", "text/json",
                               "text/html, application/fhir+json;q=0.5"}) {
        EXPECT_TRUE(NamesFhirJson(accept, "")) << accept;
    }
    for (const char* accept : {"", "*/*", "application/*", "application/pdf", "image/*, */*;q=0.1",
                               "application/fhir+json;q=0", "application/fhir+xml"}) {
        EXPECT_FALSE(NamesFhirJson(accept, "")) << accept;
    }
    EXPECT_TRUE(NamesFhirJson("application/pdf", "json"));
}

TEST(Binary, SecurityContextIsAReferenceHere) {
    const auto context = [](const std::string& reference) {
        return std::string(SecurityContextOf(
            fhir::ParseJson(R"({"securityContext":{"reference":")" + reference + "\"}}").value()));
    };
    EXPECT_EQ(context("Patient/a"), "Patient/a");
    EXPECT_EQ(context("DocumentReference/a/_history/3"), "DocumentReference/a");
    EXPECT_EQ(context("https://elsewhere/fhir/Patient/a"), "");
    EXPECT_EQ(context("Patient/a/b"), "");
    EXPECT_EQ(context("#x"), "");
    EXPECT_EQ(context("Patient/"), "");
    EXPECT_EQ(SecurityContextOf(fhir::Node::Object()), "");
}

}  // namespace
}  // namespace carestream::rest
