// Goal: what follows from each status, and how a message is described. Pure.
#include "adapters/http/answer.h"

#include <gtest/gtest.h>

namespace carestream::adapters::http {
namespace {

const std::vector<int> kRetryOn = {401, 429};

TEST(HttpAnswerTest, StatusesTable) {
    const struct {
        int status;
        Verdict verdict;
    } rows[] = {
        {200, Verdict::kTaken},   {201, Verdict::kTaken},   {202, Verdict::kTaken},
        {204, Verdict::kTaken},   {299, Verdict::kTaken},   {301, Verdict::kNotNow},
        {307, Verdict::kNotNow},  {400, Verdict::kRefused}, {401, Verdict::kNotNow},
        {404, Verdict::kRefused}, {409, Verdict::kRefused}, {410, Verdict::kRefused},
        {422, Verdict::kRefused}, {429, Verdict::kNotNow},  {500, Verdict::kNotNow},
        {502, Verdict::kNotNow},  {503, Verdict::kNotNow},  {504, Verdict::kInDoubt},
        {599, Verdict::kNotNow},  {999, Verdict::kNotNow},
    };
    for (const auto& row : rows) EXPECT_EQ(Judge(row.status, kRetryOn), row.verdict) << row.status;
}

TEST(HttpAnswerTest, ContentTypesTable) {
    const auto message = [](const std::string& charset) {
        return "MSH|^~\\&|A|B|C|D|20260302081530||ADT^A01|1|P|2.5.1||||||" + charset + "\rPID|1\r";
    };
    const struct {
        std::string bytes;
        std::string type;
    } rows[] = {
        {message("UNICODE UTF-8"), "application/hl7-v2; charset=utf-8"},
        {message("8859/1"), "application/hl7-v2; charset=iso-8859-1"},
        {message("8859/15~ISO IR87"), "application/hl7-v2; charset=iso-8859-15"},
        {message("ASCII"), "application/hl7-v2; charset=us-ascii"},
        {message("BIG-5"), "application/hl7-v2; charset=big5"},
        {message(""), "application/hl7-v2"},
        {message("8859/x\r\nX-Evil: 1"), "application/hl7-v2"},
        {message("ISO IR6"), "application/hl7-v2"},
        {"FHS|^~\\&|\r", "application/hl7-v2"},
        {R"({"resourceType":"Patient"})", "application/fhir+json"},
    };
    for (const auto& row : rows) EXPECT_EQ(ContentTypeOf(row.bytes), row.type) << row.bytes;
}

TEST(HttpAnswerTest, ARequestIdBreaksNoHeader) {
    EXPECT_EQ(RequestIdOf("CS1A^7"), "CS1A^7");
    EXPECT_EQ(RequestIdOf("7\r\nX-Evil: 1"), "7%0D%0AX-Evil%3A%201");
    EXPECT_EQ(RequestIdOf("\xC3\xA4"), "%C3%A4");
}

TEST(HttpAnswerTest, MessagesAreTold) {
    EXPECT_TRUE(IsMessage("MSH|^~\\&|"));
    EXPECT_TRUE(IsMessage("\r\n MSH|"));
    EXPECT_FALSE(IsMessage(""));
    EXPECT_FALSE(IsMessage("<html>MSH</html>"));
    EXPECT_FALSE(IsMessage(R"({"resourceType":"OperationOutcome"})"));
}

}  // namespace
}  // namespace carestream::adapters::http
