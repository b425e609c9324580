// Goal: reads and writes do what FHIR R4 3.1.0 says. Method: HTTP over loopback on a real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "component/rest/rest_fixture.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kPatient[] =
    R"({"resourceType":"Patient","name":[{"family":"Sample","given":["Ada"]}],"birthDate":"1980-02-29"})";

std::string PatientWithId(const std::string& id, const std::string& family = "Sample") {
    return R"({"resourceType":"Patient","id":")" + id + R"(","name":[{"family":")" + family +
           R"("}]})";
}

// A value that the index can look for.
std::string SampleOf(const std::string& name, const std::string& kind) {
    if (kind == "date") return "2020";
    if (kind == "reference") return "Patient/1";
    if (kind == "string") return "example";
    if (kind != "composite") return "1";
    if (name.ends_with("date")) return "1$2020";
    return name.ends_with("quantity") ? "1$1" : "1$example";
}

TEST_F(RestTest, WhatNamesAResourceOfThisServerIsStoredRelative) {
    const auto named = [&](const std::string& questionnaire) {
        const auto made =
            Post("QuestionnaireResponse",
                 R"({"resourceType":"QuestionnaireResponse","status":"completed",)"
                 R"("questionnaire":")" +
                     questionnaire + R"(","subject":{"reference":")" + Base() + R"(/Patient/p"}})");
        EXPECT_EQ(made.status, 201) << made.http.body;
        EXPECT_EQ(made.body.Find("subject")->TextOf("reference"), "Patient/p");
        return std::string(made.body.TextOf("questionnaire"));
    };
    EXPECT_EQ(named(Base() + "/Questionnaire/q|2"), "Questionnaire/q|2");
    for (const std::string& other :
         {std::string("Questionnaire/q"), std::string("http://elsewhere.example/Questionnaire/q"),
          Base() + "2/Questionnaire/q", Base() + "/"}) {
        EXPECT_EQ(named(other), other);
    }
}

TEST_F(RestTest, CreateReadUpdateDelete) {
    const auto created = Post("Patient", kPatient);
    ASSERT_EQ(created.status, 201) << created.http.body;
    const std::string id = created.Id();
    EXPECT_EQ(created.Header("Location"), Base() + "/Patient/" + id + "/_history/1");
    EXPECT_EQ(created.Header("ETag"), "W/\"1\"");
    EXPECT_THAT(created.Header("Last-Modified"), HasSubstr("GMT"));
    EXPECT_EQ(created.body.Find("meta")->TextOf("versionId"), "1");

    const auto read = Get("Patient/" + id);
    EXPECT_EQ(read.status, 200);
    EXPECT_EQ(read.body, created.body);
    EXPECT_THAT(read.Header("Content-Type"), StartsWith("application/fhir+json"));
    EXPECT_EQ(read.Header("Cache-Control"), "no-store");
    EXPECT_EQ(read.Header("ETag"), "W/\"1\"");

    const auto updated = Put("Patient/" + id, PatientWithId(id, "Changed"));
    EXPECT_EQ(updated.status, 200) << updated.http.body;
    EXPECT_EQ(updated.Header("ETag"), "W/\"2\"");
    EXPECT_EQ(Get("Patient/" + id).body.Find("name")->items()[0].TextOf("family"), "Changed");
    EXPECT_EQ(Get("Patient/" + id + "/_history/1").body, created.body);

    const auto deleted = Delete("Patient/" + id);
    EXPECT_EQ(deleted.status, 204);
    EXPECT_EQ(deleted.http.body, "");
    const auto gone = Get("Patient/" + id);
    EXPECT_EQ(gone.status, 410);
    EXPECT_EQ(gone.Issue(), "deleted");
    EXPECT_EQ(Get("Patient/" + id + "/_history/2").status, 200);
    EXPECT_EQ(Get("Patient/" + id + "/_history/3").status, 410);
    EXPECT_EQ(Get("Patient/" + id + "/_history/4").status, 404);
    EXPECT_EQ(Delete("Patient/" + id).status, 204);
    EXPECT_EQ(Delete("Patient/never").status, 204);
    EXPECT_EQ(Put("Patient/" + id, PatientWithId(id, "Back")).status, 201);
}

TEST_F(RestTest, ReadsThatFindNothing) {
    EXPECT_EQ(Get("Patient/unknown").status, 404);
    EXPECT_EQ(Get("Patient/unknown").Issue(), "not-found|Patient");
    EXPECT_EQ(Get("Patient/a_b").status, 404);
    EXPECT_EQ(Get("Patient/unknown/_history").status, 404);
    EXPECT_EQ(Get("Patient/unknown/_history/1").status, 404);
    EXPECT_EQ(Get("Patient/unknown/_history/x").status, 404);
    EXPECT_EQ(Get("Patiant/1").status, 404);
}

TEST_F(RestTest, UpdateCreatesUnderTheClientsId) {
    const auto created = Put("Patient/mine-1", PatientWithId("mine-1"));
    EXPECT_EQ(created.status, 201) << created.http.body;
    EXPECT_EQ(created.Header("Location"), Base() + "/Patient/mine-1/_history/1");
    EXPECT_EQ(Get("Patient/mine-1").status, 200);
    // The same again changes nothing and makes no version.
    const auto same = Put("Patient/mine-1", PatientWithId("mine-1"));
    EXPECT_EQ(same.status, 200);
    EXPECT_EQ(same.Header("ETag"), "W/\"1\"");
}

TEST_F(RestTest, BodiesThatAreRefused) {
    struct Row {
        std::string method;
        std::string target;
        std::string body;
        int status;
        std::string issue;
    };
    const Row rows[] = {
        {"POST", "Patient", "", 400, "structure"},
        {"POST", "Patient", "{", 400, "structure"},
        {"POST", "Patient", "[]", 400, "structure"},
        {"POST", "Patient", "{}", 400, "structure"},
        {"POST", "Patient", R"({"resourceType":"Patient","resourceType":"Patient"})", 400,
         "structure"},
        {"POST", "Patient", R"({"resourceType":"Observation"})", 400, "invalid|resourceType"},
        {"POST", "Patient", R"({"resourceType":"Patient","birthDate":"1980-13-01"})", 422,
         "value|Patient.birthDate"},
        {"POST", "Patient", R"({"resourceType":"Patient","nome":"x"})", 422, "structure|Patient"},
        {"POST", "Patient", R"({"resourceType":"Patient","gender":"robot"})", 422,
         "code-invalid|Patient.gender"},
        {"POST", "Observation", R"({"resourceType":"Observation","status":"final"})", 422,
         "required|Observation.code"},
        {"PUT", "Patient/a", R"({"resourceType":"Patient"})", 400, "invalid|Patient.id"},
        {"PUT", "Patient/a", PatientWithId("b"), 400, "invalid|Patient.id"},
        {"PUT", "Patient/a_b", PatientWithId("a_b"), 400, "invalid"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.method + " " + row.target + " " + row.body);
        const auto reply =
            row.method == "POST" ? Post(row.target, row.body) : Put(row.target, row.body);
        EXPECT_EQ(reply.status, row.status) << reply.http.body;
        EXPECT_EQ(reply.Issue(), row.issue) << reply.http.body;
    }
    EXPECT_EQ(Scalar("SELECT count(*) FROM resource"), "0");
}

TEST_F(RestTest, ErrorsNeverRepeatValues) {
    const auto reply = Post("Patient", R"({"resourceType":"Patient","birthDate":"SECRETDATE"})");
    EXPECT_EQ(reply.status, 422);
    EXPECT_THAT(reply.http.body, Not(HasSubstr("SECRETDATE")));
    (void)Get("Patient?name=SECRETNAME");
    (void)Get("Patient/SECRETID");
    EXPECT_THAT(metrics_.Expose(), Not(HasSubstr("SECRET")));
    const std::lock_guard lock(mutex_);
    for (const auto& line : lines_) EXPECT_THAT(line, Not(HasSubstr("SECRET")));
}

TEST_F(RestTest, ContentTypesAndFormats) {
    EXPECT_EQ(Send("POST", "/fhir/r4/Patient", {}, kPatient).status, 415);
    EXPECT_EQ(Send("POST", "/fhir/r4/Patient", {{"Content-Type", "application/fhir+xml"}}, kPatient)
                  .status,
              415);
    EXPECT_EQ(
        Send("POST", "/fhir/r4/Patient", {{"Content-Type", "application/json"}}, kPatient).status,
        201);
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    EXPECT_EQ(Get("Patient/p", {{"Accept", "application/fhir+xml"}}).status, 406);
    EXPECT_EQ(Get("Patient/p?_format=xml").status, 406);
    EXPECT_EQ(Get("Patient/p?_format=json", {{"Accept", "application/fhir+xml"}}).status, 200);
    EXPECT_EQ(Get("Patient/p?_format=application/fhir%2Bjson").status, 200);
    const auto pretty = Get("Patient/p?_pretty=true");
    EXPECT_THAT(pretty.http.body, HasSubstr("{\n  \"resourceType\""));
    EXPECT_EQ(pretty.body, Get("Patient/p").body);
    EXPECT_EQ(Get("Patient/p?_pretty=perhaps").status, 400);
    EXPECT_EQ(Get("Patient/p?_summary=true").status, 400);
    EXPECT_EQ(Get("Patient/p?_page=x").status, 400);
    EXPECT_EQ(Get("Patient/p?a=%zz").status, 400);
}

TEST_F(RestTest, ConditionalReads) {
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    const auto same = Get("Patient/p", {{"If-None-Match", "W/\"1\""}});
    EXPECT_EQ(same.status, 304);
    EXPECT_EQ(same.http.body, "");
    EXPECT_EQ(same.Header("ETag"), "W/\"1\"");
    EXPECT_EQ(Get("Patient/p", {{"If-None-Match", "W/\"2\""}}).status, 200);
    EXPECT_EQ(Get("Patient/p", {{"If-None-Match", "*"}}).status, 304);
    const std::string modified = Get("Patient/p").Header("Last-Modified");
    EXPECT_EQ(Get("Patient/p", {{"If-Modified-Since", modified}}).status, 304);
    EXPECT_EQ(Get("Patient/p", {{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}).status,
              200);
    EXPECT_EQ(
        Get("Patient/p", {{"If-Modified-Since", modified}, {"If-None-Match", "\"9\""}}).status,
        200);
    EXPECT_EQ(Get("Patient/p", {{"If-Modified-Since", "yesterday"}}).status, 200);
}

TEST_F(RestTest, ConditionalWrites) {
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    EXPECT_EQ(Put("Patient/p", PatientWithId("p", "B"), {{"If-Match", "W/\"2\""}}).status, 412);
    EXPECT_EQ(Put("Patient/p", PatientWithId("p", "B"), {{"If-Match", "W/\"1\""}}).status, 200);
    EXPECT_EQ(Put("Patient/p", PatientWithId("p", "C"), {{"If-Match", "W/\"1\""}}).status, 412);
    EXPECT_EQ(Put("Patient/q", PatientWithId("q"), {{"If-Match", "W/\"1\""}}).status, 412);
    EXPECT_EQ(Put("Patient/p", PatientWithId("p", "C"), {{"If-Match", "one"}}).status, 400);
    EXPECT_EQ(Put("Patient/p", PatientWithId("p", "C"), {{"If-None-Match", "*"}}).status, 501);
    EXPECT_EQ(Delete("Patient/p", {{"If-Match", "W/\"1\""}}).status, 412);
    EXPECT_EQ(Delete("Patient/p", {{"If-Match", "W/\"2\""}}).status, 204);
    EXPECT_EQ(Put("Patient/p?name=x", PatientWithId("p")).status, 400);
    EXPECT_EQ(Send("PUT", "/fhir/r4/Patient?identifier=a", {}, "{}").status, 501);
    EXPECT_EQ(Send("DELETE", "/fhir/r4/Patient?identifier=a").status, 501);
}

TEST_F(RestTest, BadJsonIsNamedByItsPlaceOnce) {
    const auto refused = Post("Patient", R"({"resourceType":"Patient",})");
    EXPECT_EQ(refused.status, 400);
    const std::string& text = refused.http.body;
    EXPECT_THAT(text, HasSubstr("(byte 26)"));
    EXPECT_EQ(text.find("byte"), text.rfind("byte")) << text;
}

// RFC 9110 13.1.1: "*" holds as soon as there is any current representation.
TEST_F(RestTest, IfMatchAny) {
    const Headers any = {{"If-Match", "*"}};
    EXPECT_EQ(Put("Patient/p", PatientWithId("p"), any).status, 412);
    EXPECT_EQ(Get("Patient/p").status, 404) << "a refused update creates nothing";
    EXPECT_EQ(Delete("Patient/p", any).status, 412);
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    const auto updated = Put("Patient/p", PatientWithId("p", "B"), any);
    EXPECT_EQ(updated.status, 200) << updated.http.body;
    EXPECT_EQ(updated.Header("ETag"), "W/\"2\"");
    EXPECT_EQ(Delete("Patient/p", any).status, 204);
    EXPECT_EQ(Put("Patient/p", PatientWithId("p"), any).status, 412) << "deleted";
    EXPECT_EQ(Delete("Patient/p", any).status, 412);
    EXPECT_EQ(Post("Patient", kPatient, any).status, 501);
}

// Writers race: whoever says "*" takes any version, so nobody is told of a conflict.
TEST_F(RestTest, IfMatchAnyHoldsAgainstOtherWriters) {
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    std::atomic<int> good = 0;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
        writers.emplace_back([&, writer] {
            auto client = net::HttpClient::Connect(address_);
            for (int i = 0; i < 10; ++i) {
                const auto answer = client->Send(
                    {.method = "PUT",
                     .target = "/fhir/r4/Patient/p",
                     .headers = {{"Content-Type", "application/fhir+json"}, {"If-Match", "*"}},
                     .body = PatientWithId("p", "F" + std::to_string(writer * 100 + i))});
                if (answer && answer->status == 200) ++good;
            }
        });
    }
    for (auto& writer : writers) writer.join();
    EXPECT_EQ(good, 40);
    EXPECT_EQ(Get("Patient/p").Header("ETag"), "W/\"41\"");
}

TEST_F(RestTest, WritesWaitForFreeDiskSpace) {
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    disk_low_ = true;
    for (const auto& refused : {Post("Patient", kPatient),
                                Put("Patient/p", PatientWithId("p", "B")), Delete("Patient/p")}) {
        EXPECT_EQ(refused.status, 503);
        EXPECT_EQ(refused.Issue(), "no-store");
        EXPECT_THAT(refused.http.body, HasSubstr("disk"));
        EXPECT_THAT(refused.http.body, HasSubstr("disk_free_min"));
        EXPECT_NE(refused.Header("Retry-After"), "");
    }
    EXPECT_EQ(Get("Patient/p").status, 200) << "what is stored can be read";
    EXPECT_EQ(Get("Patient?_id=p").Ids().size(), 1u);
    disk_low_ = false;
    EXPECT_EQ(Put("Patient/p", PatientWithId("p", "B")).status, 200);
}

TEST_F(RestTest, ConditionalCreate) {
    const std::string body =
        R"({"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"7"}]})";
    const Headers condition = {{"If-None-Exist", "identifier=urn:mrn|7"}};
    const auto first = Post("Patient", body, condition);
    ASSERT_EQ(first.status, 201) << first.http.body;
    const auto second = Post("Patient", body, condition);
    EXPECT_EQ(second.status, 200) << second.http.body;
    EXPECT_EQ(second.Id(), first.Id());
    EXPECT_EQ(second.Header("Location"), first.Header("Location"));
    ASSERT_EQ(Post("Patient", body).status, 201);
    EXPECT_EQ(Post("Patient", body, condition).status, 412);
    EXPECT_EQ(Post("Patient", body, {{"If-None-Exist", "unknown=7"}}).status, 400);
    EXPECT_EQ(Post("Patient", body, {{"If-None-Exist", "_count=7"}}).status, 400);
    EXPECT_EQ(Post("Patient", body, {{"If-None-Exist", "identifier=urn:x|1&gender="}}).status, 400);
    EXPECT_EQ(Post("Patient", body, {{"If-None-Exist", "identifier=%"}}).status, 400);
}

TEST_F(RestTest, PreferReturn) {
    const auto minimal = Post("Patient", kPatient, {{"Prefer", "return=minimal"}});
    EXPECT_EQ(minimal.status, 201);
    EXPECT_EQ(minimal.http.body, "");
    EXPECT_THAT(minimal.Header("Location"), StartsWith(Base() + "/Patient/"));
    const auto outcome = Post("Patient", kPatient, {{"Prefer", "return=OperationOutcome"}});
    EXPECT_EQ(outcome.status, 201);
    EXPECT_EQ(outcome.Issue(), "informational");
    EXPECT_EQ(Post("Patient", kPatient, {{"Prefer", "return=all"}}).status, 400);
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    const auto deleted = Delete("Patient/p", {{"Prefer", "return=OperationOutcome"}});
    EXPECT_EQ(deleted.status, 200);
    EXPECT_EQ(deleted.Issue(), "informational");
}

TEST_F(RestTest, HistoryIsPagedNewestFirst) {
    for (int i = 1; i <= 5; ++i) {
        ASSERT_LT(Put("Patient/p", PatientWithId("p", "F" + std::to_string(i))).status, 300);
    }
    ASSERT_EQ(Delete("Patient/p").status, 204);
    std::vector<std::string> tags;
    int pages = 0;
    for (std::string url = Base() + "/Patient/p/_history?_count=4"; !url.empty(); ++pages) {
        const auto page = Follow(url);
        ASSERT_EQ(page.status, 200) << page.http.body;
        EXPECT_EQ(page.body.TextOf("type"), "history");
        EXPECT_EQ(page.body.Find("total")->text(), "6");
        for (const auto& entry : page.body.Find("entry")->items()) {
            tags.emplace_back(entry.Find("response")->TextOf("etag"));
        }
        url = page.Link("next");
    }
    EXPECT_EQ(pages, 2);
    EXPECT_THAT(tags,
                ElementsAre("W/\"6\"", "W/\"5\"", "W/\"4\"", "W/\"3\"", "W/\"2\"", "W/\"1\""));
    EXPECT_EQ(Get("Patient/p/_history?_count=0").status, 400);
    EXPECT_EQ(Get("Patient/p/_history?_since=2020").status, 400);
    EXPECT_EQ(Get("Patient/p/_history?_page=AAAA").status, 400);
}

TEST_F(RestTest, MethodsAndOptions) {
    const auto wrong = Send("POST", "/fhir/r4/Patient/p/_history", {}, "");
    EXPECT_EQ(wrong.status, 405);
    EXPECT_EQ(wrong.Header("Allow"), "GET, HEAD, OPTIONS");
    EXPECT_EQ(Send("PATCH", "/fhir/r4/Patient", {}, "[]").status, 501);
    EXPECT_EQ(Send("POST", "/fhir/r4", {}, "{}").status, 501);
    const auto options = Send("OPTIONS", "/fhir/r4/Patient/p");
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.Header("Allow"), "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    EXPECT_EQ(options.Header("Accept-Patch"), "application/json-patch+json");
    EXPECT_EQ(Send("OPTIONS", "/fhir/r4/Binary/p").Header("Accept-Patch"), "");
    EXPECT_EQ(options.Header("Access-Control-Allow-Origin"), "");
    ASSERT_EQ(Put("Patient/p", PatientWithId("p")).status, 201);
    const auto head = Send("HEAD", "/fhir/r4/Patient/p");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("ETag"), "W/\"1\"");
    EXPECT_EQ(head.http.body, "");
}

TEST_F(RestTest, CorsOnlyForConfiguredOrigins) {
    rest::ServiceOptions options;
    options.cors_origins = {"https://app.example.org"};
    StartService(options);
    const auto allowed =
        Send("OPTIONS", "/fhir/r4/Patient", {{"Origin", "https://app.example.org"}});
    EXPECT_EQ(allowed.Header("Access-Control-Allow-Origin"), "https://app.example.org");
    EXPECT_THAT(allowed.Header("Access-Control-Allow-Methods"), HasSubstr("PUT"));
    EXPECT_EQ(Get("metadata", {{"Origin", "https://app.example.org"}})
                  .Header("Access-Control-Allow-Origin"),
              "https://app.example.org");
    EXPECT_EQ(
        Get("metadata", {{"Origin", "https://evil.example"}}).Header("Access-Control-Allow-Origin"),
        "");
}

TEST_F(RestTest, BaseUrlComesFromHostProxyOrConfiguration) {
    const auto location = [&](const Headers& headers) {
        auto reply = Post("Patient", kPatient, headers);
        const std::string url = reply.Header("Location");
        return url.substr(0, url.find("/Patient/"));
    };
    const Headers forwarded = {{"X-Forwarded-Proto", "https"},
                               {"X-Forwarded-Host", "fhir.example"}};
    EXPECT_EQ(location(forwarded), Base());
    rest::ServiceOptions options;
    options.trust_forwarded = true;
    StartService(options);
    EXPECT_EQ(location(forwarded), "https://fhir.example/fhir/r4");
    options.public_url = "https://public.example/fhir/r4/";
    StartService(options);
    EXPECT_EQ(location(forwarded), "https://public.example/fhir/r4");
}

TEST_F(RestTest, CapabilityStatementIsValidAndPromisesWhatThereIs) {
    const auto reply = Get("metadata");
    ASSERT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body.TextOf("resourceType"), "CapabilityStatement");
    const auto issues = fhir::Validate(*definitions_, reply.body);
    EXPECT_TRUE(issues.empty()) << issues[0].expression << ": " << issues[0].message;
    EXPECT_EQ(Get("metadata?mode=full").status, 200);
    EXPECT_EQ(Get("metadata?mode=terminology").status, 400);
    for (const auto& resource : reply.body.Find("rest")->items()[0].Find("resource")->items()) {
        const std::string type(resource.TextOf("type"));
        if (type != "Patient" && type != "Observation" && type != "Appointment") continue;
        std::size_t offered = 0;
        for (const auto& parameter : resource.Find("searchParam")->items()) {
            const std::string name(parameter.TextOf("name"));
            const std::string kind(parameter.TextOf("type"));
            const std::string value = SampleOf(name, kind);
            const auto found =
                Get(type + "?_count=1&" + name + "=" + value, {{"Prefer", "handling=strict"}});
            EXPECT_EQ(found.status, 200) << type << " " << name << ": " << found.http.body;
            ++offered;
        }
        EXPECT_GT(offered, 10u) << type;
    }
}

TEST_F(RestTest, IndexPageAndUnknownPaths) {
    const auto page = Send("GET", "/");
    EXPECT_EQ(page.status, 200);
    EXPECT_THAT(page.Header("Content-Type"), StartsWith("text/html"));
    EXPECT_THAT(page.http.body, HasSubstr(Base() + "/metadata"));
    EXPECT_EQ(Send("GET", "/favicon.ico").status, 404);
    EXPECT_EQ(Send("GET", "/fhir/r4").status, 501);
}

TEST_F(RestTest, OperationsOfOtherModules) {
    rest::Operation hello;
    hello.name = "hello";
    hello.definition = "http://example.org/OperationDefinition/hello";
    hello.types = {"Patient"};
    hello.instance = true;
    hello.run = [](rest::OperationCall call, std::shared_ptr<net::Responder> responder) {
        responder->Send(rest::OutcomeResponse(
            200, {{"information", "informational",
                   call.type + "/" + call.id + call.body.TextOf("x").data()}}));
    };
    StartService({}, {hello});
    const auto reply = Post("Patient/7/$hello", R"({"x":"!"})");
    EXPECT_EQ(reply.status, 200) << reply.http.body;
    EXPECT_THAT(reply.http.body, HasSubstr("Patient/7!"));
    EXPECT_EQ(Get("Patient/7/$hello").status, 405);
    EXPECT_EQ(Post("Patient/$hello", "{}").status, 404);
    EXPECT_EQ(Post("Observation/7/$hello", "{}").status, 404);
    EXPECT_EQ(Post("Patient/7/$hello", "{").status, 400);
    EXPECT_THAT(Get("metadata").http.body, HasSubstr("OperationDefinition/hello"));
}

}  // namespace
}  // namespace carestream::test
