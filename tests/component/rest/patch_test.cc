// Goal: PATCH changes what its operations say and nothing else, all or nothing, and comes out as a
// PUT of the result would. Method: HTTP over loopback on a real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "component/rest/rest_fixture.h"

namespace carestream::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kPatient[] =
    R"({"resourceType":"Patient","id":"p","text":{"status":"generated","div":)"
    R"("<div xmlns=\"http://www.w3.org/1999/xhtml\">Ada</div>"},)"
    R"("name":[{"family":"Sample","given":["Ada"]}],"multipleBirthInteger":2,"gender":"female"})";

class RestPatchTest : public RestTest {
protected:
    void SetUp() override {
        RestTest::SetUp();
        ASSERT_EQ(Put("Patient/p", kPatient).status, 201);
    }
};

TEST_F(RestPatchTest, AppliesAllOperationsAndMakesAVersion) {
    const auto patched = Patch("Patient/p", R"([
        {"op":"test","path":"/name/0/family","value":"Sample"},
        {"op":"replace","path":"/name/0/family","value":"Example"},
        {"op":"add","path":"/name/0/given/-","value":"Maria"},
        {"op":"remove","path":"/multipleBirthInteger"}])");
    ASSERT_EQ(patched.status, 200) << patched.http.body;
    EXPECT_EQ(patched.Header("ETag"), "W/\"2\"");
    EXPECT_EQ(patched.Header("Location"), Base() + "/Patient/p/_history/2");
    const auto read = Get("Patient/p");
    EXPECT_EQ(read.body, patched.body);
    EXPECT_THAT(read.http.body,
                HasSubstr(R"("name":[{"family":"Example","given":["Ada","Maria"]}])"));
    EXPECT_EQ(read.body.Find("multipleBirthInteger"), nullptr);
    EXPECT_EQ(read.body.TextOf("gender"), "female");
    // The narrative said what is no longer so.
    EXPECT_EQ(read.body.Find("text"), nullptr);
    // What changes nothing makes no version, and leaves a narrative alone.
    ASSERT_EQ(Put("Patient/p", kPatient).Header("ETag"), "W/\"3\"");
    const auto same = Patch("Patient/p", R"([{"op":"replace","path":"/gender","value":"female"}])");
    EXPECT_EQ(same.status, 200);
    EXPECT_EQ(same.Header("ETag"), "W/\"3\"");
    EXPECT_NE(same.body.Find("text"), nullptr);
    const auto kept =
        Patch("Patient/p", R"([{"op":"replace","path":"/text/status","value":"additional"},)"
                           R"({"op":"replace","path":"/gender","value":"other"}])");
    EXPECT_EQ(kept.body.Find("text")->TextOf("status"), "additional");
}

TEST_F(RestPatchTest, AnswersAsPreferSays) {
    const std::string patch = R"([{"op":"replace","path":"/gender","value":"male"}])";
    const auto minimal = Patch("Patient/p", patch, {{"Prefer", "return=minimal"}});
    EXPECT_EQ(minimal.status, 200);
    EXPECT_EQ(minimal.http.body, "");
    const auto outcome = Patch("Patient/p", patch, {{"Prefer", "return=OperationOutcome"}});
    EXPECT_THAT(outcome.http.body, HasSubstr("nothing had to be changed"));
}

TEST_F(RestPatchTest, WhatIsRefusedChangesNothing) {
    struct Row {
        std::string target;
        std::string patch;
        int status;
        std::string issue;
    };
    const std::string fine = R"([{"op":"replace","path":"/gender","value":"male"}])";
    const Row rows[] = {
        {"Patient/p", "", 400, "structure"},
        {"Patient/p", "{}", 400, "structure"},
        {"Patient/p", R"([{"op":"replace","path":"/gender"}])", 400, "structure|[0].value"},
        {"Patient/p", R"([{"op":"set","path":"/gender","value":"male"}])", 400, "structure|[0].op"},
        {"Patient/p", R"([{"op":"test","path":"/gender","value":"male"}])", 422,
         "conflict|[0].value"},
        {"Patient/p", fine.substr(0, fine.size() - 1) + R"(,{"op":"remove","path":"/photo"}])", 422,
         "invalid|[1].path"},
        {"Patient/p", R"([{"op":"replace","path":"/gender","value":"robot"}])", 422,
         "code-invalid|Patient.gender"},
        {"Patient/p", R"([{"op":"add","path":"/nome","value":"x"}])", 422, "structure|Patient"},
        {"Patient/p", R"([{"op":"remove","path":"/name/0/given/0"}])", 422,
         "structure|Patient.name[0].given"},
        {"Patient/p", R"([{"op":"replace","path":"/id","value":"q"}])", 422, "invalid|Patient.id"},
        {"Patient/p", R"([{"op":"replace","path":"/resourceType","value":"Group"}])", 422,
         "invalid|Patient.id"},
        {"Patient/p", R"([{"op":"replace","path":"","value":1}])", 422, "invalid|Patient.id"},
        {"Patient/p?x=1", fine, 400, "not-supported|x"},
        {"Patient/none", fine, 404, "not-found|Patient"},
        {"Patient/a_b", fine, 400, "invalid"},
        {"Binary/p", fine, 405, "not-supported"},
        {"AuditEvent/1", fine, 405, "not-supported"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.target + " " + row.patch);
        const auto reply = Patch(row.target, row.patch);
        EXPECT_EQ(reply.status, row.status) << reply.http.body;
        EXPECT_EQ(reply.Issue(), row.issue) << reply.http.body;
        EXPECT_THAT(reply.http.body, Not(HasSubstr("robot")));
    }
    const auto wrong =
        Send("PATCH", "/fhir/r4/Patient/p", {{"Content-Type", "application/fhir+json"}}, fine);
    EXPECT_EQ(wrong.status, 415);
    EXPECT_EQ(wrong.Header("Accept-Patch"), "application/json-patch+json");
    disk_low_ = true;
    EXPECT_EQ(Patch("Patient/p", fine).status, 503);
    disk_low_ = false;
    EXPECT_EQ(Get("Patient/p").Header("ETag"), "W/\"1\"");
    ASSERT_EQ(Delete("Patient/p").status, 204);
    EXPECT_EQ(Patch("Patient/p", fine).Issue(), "deleted");
    EXPECT_EQ(Patch("Patient/p", fine).status, 410);
}

TEST_F(RestPatchTest, IfMatchIsHonoured) {
    const auto patch = [&](const std::string& gender, const std::string& tag) {
        return Patch("Patient/p",
                     R"([{"op":"replace","path":"/gender","value":")" + gender + "\"}]",
                     {{"If-Match", tag}});
    };
    EXPECT_EQ(patch("male", "W/\"1\"").status, 200);
    EXPECT_EQ(patch("other", "W/\"1\"").status, 412);
    EXPECT_EQ(patch("unknown", "*").status, 200);
    EXPECT_EQ(patch("other", "3").status, 400);
    EXPECT_EQ(Send("PATCH", "/fhir/r4/Patient/p",
                   {{"Content-Type", "application/json-patch+json"}, {"If-None-Match", "*"}}, "[]")
                  .status,
              501);
    EXPECT_EQ(Get("Patient/p").body.TextOf("gender"), "unknown");
}

// Each is applied to what the other left.
TEST_F(RestPatchTest, PatchesThatRaceAreAllThere) {
    constexpr int kEach = 25;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
        writers.emplace_back([&, writer] {
            auto client = net::HttpClient::Connect(address_).value();
            for (int i = 0; i < kEach; ++i) {
                const auto reply =
                    client.Send({.method = "PATCH",
                                 .target = "/fhir/r4/Patient/p",
                                 .headers = {{"Content-Type", "application/json-patch+json"}},
                                 .body = R"([{"op":"add","path":"/name/0/given/-","value":")" +
                                         std::to_string(writer * kEach + i) + "\"}]"});
                EXPECT_EQ(reply->status, 200) << reply->body;
            }
        });
    }
    for (auto& one : writers) one.join();
    const auto read = Get("Patient/p");
    EXPECT_EQ(read.Header("ETag"), "W/\"101\"");
    EXPECT_EQ(read.body.Find("name")->items()[0].Find("given")->items().size(), 101u);
}

TEST_F(RestPatchTest, RulesOfOtherModulesHold) {
    rest::WriteRule rule;
    rule.type = "Patient";
    rule.check = [](const auth::Principal&, fhir::Node& resource) -> Result<void> {
        if (resource.TextOf("gender") == "male") {
            return Fail(Code::kUnsupported, "not so", "Patient.gender");
        }
        resource.Set("active", fhir::Node::Boolean(true));
        return {};
    };
    write_rules_ = {rule};
    StartService({});
    const auto refused =
        Patch("Patient/p", R"([{"op":"replace","path":"/gender","value":"male"}])");
    EXPECT_EQ(refused.status, 422);
    EXPECT_EQ(refused.Issue(), "not-supported|Patient.gender");
    const auto taken =
        Patch("Patient/p", R"([{"op":"add","path":"/managingOrganization","value":{"reference":")" +
                               Base() + R"(/Organization/o"}}])");
    ASSERT_EQ(taken.status, 200) << taken.http.body;
    EXPECT_EQ(taken.body.Find("managingOrganization")->TextOf("reference"), "Organization/o");
    EXPECT_TRUE(taken.body.Find("active")->boolean());
}

TEST_F(RestPatchTest, TheCapabilityStatementSaysSo) {
    const auto statement = Get("metadata").body;
    EXPECT_EQ(statement.Find("patchFormat")->items().at(0).text(), "application/json-patch+json");
    for (const auto& resource : statement.Find("rest")->items()[0].Find("resource")->items()) {
        const std::string_view type = resource.TextOf("type");
        bool offered = false;
        for (const auto& one : resource.Find("interaction")->items()) {
            offered = offered || one.TextOf("code") == "patch";
        }
        EXPECT_EQ(offered, type != "Binary" && type != "AuditEvent") << type;
    }
}

}  // namespace
}  // namespace carestream::test
