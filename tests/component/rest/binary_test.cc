// Goal: a document is downloaded whole and in parts, by whoever sees what it belongs to and by
// nobody else. Method: HTTP over loopback on a real store, tokens of a patient, a carer and staff.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "component/rest/token_fixture.h"

namespace carestream::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class RestBinaryTest : public RestTokenTest {
protected:
    void SetUp() override {
        RestTokenTest::SetUp();
        Make("Patient/ada", R"("active":true)");
        Make("Patient/bob", R"("active":true)");
        Document("report", R"("subject":{"reference":"Patient/ada"})");
        Binary("pdf", "DocumentReference/report");
    }
    // `members` of a DocumentReference beside what it needs.
    void Document(const std::string& id, const std::string& members) {
        Put("DocumentReference/" + id,
            R"({"resourceType":"DocumentReference","id":")" + id +
                R"(","status":"current","content":[{"attachment":{"url":"Binary/pdf"}}],)" +
                members + "}");
    }
    void Binary(const std::string& id, const std::string& context,
                const std::string& type = "application/pdf") {
        Put("Binary/" + id,
            R"({"resourceType":"Binary","id":")" + id + R"(","contentType":")" + type +
                R"(","data":")" + ToBase64(kText) + "\"" +
                (context.empty() ? "" : R"(,"securityContext":{"reference":")" + context + "\"}") +
                "}");
    }
    Reply Download(const std::string& id, Headers headers = {}) {
        headers.emplace_back("Accept", "application/pdf");
        return Get("Binary/" + id, headers);
    }
    [[nodiscard]] Headers Ada() const { return As("ada", "patient/*.cruds", "ada"); }
    [[nodiscard]] Headers Bob() const { return As("bob", "patient/*.cruds", "bob"); }
    Headers With(Headers headers, const std::string& name, const std::string& value) const {
        headers.emplace_back(name, value);
        return headers;
    }

    const std::string kText = "0123456789";
};

TEST_F(RestBinaryTest, BytesUnlessFhirJsonIsNamed) {
    const Reply whole = Download("pdf");
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.http.body, kText);
    EXPECT_EQ(whole.Header("Content-Type"), "application/pdf");
    EXPECT_EQ(whole.Header("ETag"), "\"1\"");
    EXPECT_EQ(whole.Header("Accept-Ranges"), "bytes");
    EXPECT_EQ(whole.Header("Content-Disposition"), "attachment");
    EXPECT_EQ(whole.Header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(whole.Header("Cache-Control"), "no-store");
    EXPECT_EQ(Get("Binary/pdf", {{"Accept", "*/*"}}).http.body, kText);
    const Reply resource = Get("Binary/pdf", {{"Accept", "application/fhir+json"}});
    EXPECT_EQ(resource.body.TextOf("contentType"), "application/pdf");
    EXPECT_EQ(resource.Header("ETag"), "W/\"1\"");
    EXPECT_EQ(Get("Binary/pdf?_format=json").body.TextOf("resourceType"), "Binary");
    EXPECT_EQ(Download("pdf", {{"If-None-Match", "\"1\""}}).status, 304);
    EXPECT_EQ(Download("nothing").status, 404);
    Delete("Binary/pdf");
    EXPECT_EQ(Download("pdf").status, 410);
}

TEST_F(RestBinaryTest, Ranges) {
    const auto part = [&](const std::string& range, Headers more = {}) {
        more.emplace_back("Range", range);
        return Download("pdf", more);
    };
    const Reply middle = part("bytes=2-4");
    EXPECT_EQ(middle.status, 206);
    EXPECT_EQ(middle.http.body, "234");
    EXPECT_EQ(middle.Header("Content-Range"), "bytes 2-4/10");
    EXPECT_EQ(middle.Header("Content-Type"), "application/pdf");
    EXPECT_EQ(part("bytes=-3").http.body, "789");
    EXPECT_EQ(part("bytes=8-").http.body, "89");
    const Reply beyond = part("bytes=10-");
    EXPECT_EQ(beyond.status, 416);
    EXPECT_EQ(beyond.Header("Content-Range"), "bytes */10");
    EXPECT_EQ(beyond.http.body, "");
    EXPECT_EQ(part("bytes=0-1,4-5").status, 200);
    EXPECT_EQ(part("bytes=0-1", {{"If-Range", "\"1\""}}).status, 206);
    EXPECT_EQ(part("bytes=0-1", {{"If-Range", "\"7\""}}).status, 200);
    const std::string date = Download("pdf").Header("Last-Modified");
    EXPECT_EQ(part("bytes=0-1", {{"If-Range", date}}).status, 206);
    const Reply head = Send("HEAD", "/fhir/r4/Binary/pdf",
                            {{"Accept", "application/pdf"}, {"Range", "bytes=0-1"}});
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("Content-Length"), "10");
    EXPECT_EQ(head.http.body, "");
}

TEST_F(RestBinaryTest, WhatIsOfferedInRangesIsNotCompressed) {
    std::string text(5'000, 'x');
    const Reply made = Send("POST", "/fhir/r4/Binary", {{"Content-Type", "text/plain"}}, text);
    ASSERT_EQ(made.status, 201) << made.http.body;
    const Reply answer = Download(made.Id(), {{"Accept-Encoding", "gzip"}});
    EXPECT_EQ(answer.Header("Content-Encoding"), "");
    EXPECT_EQ(answer.http.body, text);
}

TEST_F(RestBinaryTest, BytesThatArePostedBecomeABinary) {
    const Reply made = Send("POST", "/fhir/r4/Binary",
                            {{"Content-Type", "image/png"},
                             {"X-Security-Context", Base() + "/DocumentReference/report"}},
                            std::string("\x89PNG\0\xff", 6));
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(made.body.Find("securityContext")->TextOf("reference"), "DocumentReference/report");
    const Reply back = Download(made.Id());
    EXPECT_EQ(back.http.body, std::string("\x89PNG\0\xff", 6));
    EXPECT_EQ(back.Header("Content-Type"), "image/png");
    const Reply changed =
        Send("PUT", "/fhir/r4/Binary/" + made.Id(), {{"Content-Type", "text/plain"}}, "other");
    EXPECT_EQ(changed.status, 200) << changed.http.body;
    EXPECT_EQ(Download(made.Id()).http.body, "other");
    EXPECT_EQ(Send("POST", "/fhir/r4/Binary", {{"Content-Type", "nothing"}}, "x").status, 415);
    EXPECT_EQ(Send("POST", "/fhir/r4/Patient", {{"Content-Type", "text/plain"}}, "x").status, 415);
    UseTokens();
    Headers headers = Ada();
    headers.emplace_back("Content-Type", "text/plain");
    EXPECT_EQ(Send("POST", "/fhir/r4/Binary", headers, "x").status, 403);
}

TEST_F(RestBinaryTest, AMediaTypeThatIsNoneDoesNotReachTheHeader) {
    Binary("odd", "", "text/html\\r\\nX: y");
    const Reply answer = Download("odd");
    if (answer.status != 404) {
        EXPECT_EQ(answer.Header("Content-Type"), "application/octet-stream");
    }
}

TEST_F(RestBinaryTest, ItHasTheAccessOfWhatItBelongsTo) {
    Binary("own", "Patient/ada");
    Binary("loose", "");
    Binary("gone", "DocumentReference/nothing");
    Document("hidden", R"("subject":{"reference":"Patient/ada"},"meta":{"security":[)"
                       R"({"system":"urn:carestream:hold","code":"held"}]})");
    Binary("held", "DocumentReference/hidden");
    UseTokens();
    const auto status = [&](const std::string& id, const Headers& who) {
        const Reply answer = Download(id, who);
        EXPECT_EQ(answer.status == 200 ? kText : "", answer.status == 200 ? answer.http.body : "");
        if (answer.status != 200) {
            EXPECT_THAT(answer.http.body, Not(HasSubstr(kText)));
        }
        return answer.status;
    };
    EXPECT_EQ(status("pdf", Ada()), 200);
    EXPECT_EQ(status("own", Ada()), 200);
    for (const char* id : {"loose", "gone", "held", "absent"})
        EXPECT_EQ(status(id, Ada()), 404) << id;
    const std::string nothing = Download("absent", Bob()).http.body;
    for (const char* id : {"pdf", "own", "loose", "gone", "held"}) {
        EXPECT_EQ(status(id, Bob()), 404) << id;
        EXPECT_EQ(Download(id, Bob()).http.body, nothing) << id;
        EXPECT_EQ(Download(id, With(Bob(), "Range", "bytes=0-1")).status, 404) << id;
        EXPECT_EQ(Download(id, With(Bob(), "If-None-Match", "\"1\"")).status, 404) << id;
        EXPECT_EQ(
            Get("Binary/" + std::string(id), With(Bob(), "Accept", "application/fhir+json")).status,
            404);
        EXPECT_EQ(Get("Binary/" + std::string(id) + "/_history", Bob()).status, 404) << id;
        EXPECT_EQ(Get("Binary/" + std::string(id) + "/_history/1", Bob()).status, 404) << id;
    }
    EXPECT_EQ(Get("Binary", Ada()).status, 403);
    const Headers staff = As("nurse", "user/*.cruds");
    for (const char* id : {"pdf", "own", "loose", "gone", "held"}) {
        EXPECT_EQ(status(id, staff), std::string(id) == "gone" ? 200 : 200) << id;
    }
    // Who may read Binaries and not what they belong to.
    const Headers narrow = As("scanner", "system/Binary.cruds");
    EXPECT_EQ(status("pdf", narrow), 404);
    EXPECT_EQ(status("loose", narrow), 200);
}

TEST_F(RestBinaryTest, WhatIsConfidentialIsHiddenFromCarers) {
    Make("RelatedPerson/mother", R"("patient":{"reference":"Patient/ada"})");
    Document("secret", R"("subject":{"reference":"Patient/ada"},"meta":{"security":[)"
                       R"({"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality",)"
                       R"("code":"R"}]})");
    Binary("secret", "DocumentReference/secret");
    UseTokens();
    const Reply code = Post("Patient/ada/$link-code",
                            R"({"resourceType":"Parameters","parameter":[{"name":"kind",)"
                            R"("valueCode":"carer"},{"name":"relatedPerson","valueReference":)"
                            R"({"reference":"RelatedPerson/mother"}}]})",
                            As("nurse", "user/*.cruds"));
    ASSERT_EQ(code.status, 200) << code.http.body;
    std::string text;
    for (const fhir::Node& parameter : code.body.Find("parameter")->items()) {
        if (parameter.TextOf("name") == "code") text = parameter.TextOf("valueString");
    }
    const Headers mother = As("mother", "patient/*.rs", "", "app", "https://linked.example");
    ASSERT_EQ(Post("Patient/$link",
                   R"({"resourceType":"Parameters","parameter":[{"name":"code",)"
                   R"("valueString":")" +
                       text + "\"}]}",
                   mother)
                  .status,
              200);
    EXPECT_EQ(Download("pdf", mother).status, 200);
    EXPECT_EQ(Download("secret", mother).status, 404);
    EXPECT_EQ(Get("DocumentReference/secret", mother).status, 404);
    EXPECT_EQ(Get("DocumentReference?_total=accurate", mother).body.Find("total")->text(), "1");
    EXPECT_EQ(Download("secret", Ada()).status, 200);
    EXPECT_EQ(Get("DocumentReference?_total=accurate", Ada()).body.Find("total")->text(), "2");
}

}  // namespace
}  // namespace carestream::test
