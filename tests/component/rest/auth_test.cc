// Goal: a token sees and changes what its scopes and its patient say, and nothing else can be told
// from any answer. Method: real tokens over HTTP on a real store with two patients; a table of
// attacks whose answers must neither hold a word of the other patient nor differ from those about
// what does not exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "component/rest/rest_fixture.h"
#include "tests/support/jwt.h"

namespace carestream::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr const char* kForm = "application/x-www-form-urlencoded";

class RestAuthTest : public RestTest {
protected:
    void SetUp() override {
        StartService({});  // open: the hospital fills its store
        Fill();
        const auto file = state_folder() / "issuer.jwks";
        std::filesystem::create_directories(state_folder());
        std::ofstream(file) << key_.Jwks();
        auth::GateOptions options;
        options.issuers.push_back(Issuer(file));
        options.poll_ms = 20;
        gate_ = auth::Gate::Create(options, clock_, log_).value();
        StartService({});
    }

    static auth::IssuerOptions Issuer(const std::filesystem::path& file) {
        auth::IssuerOptions issuer;
        issuer.issuer = "https://issuer.example";
        issuer.audience = "https://fhir.example";
        issuer.jwks_file = file;
        issuer.token_endpoint = "https://issuer.example/token";
        return issuer;
    }

    void Make(const std::string& path, const std::string& members) {
        const auto slash = path.find('/');
        const auto made = Put(path, R"({"resourceType":")" + path.substr(0, slash) + R"(","id":")" +
                                        path.substr(slash + 1) + "\"," + members + "}");
        ASSERT_EQ(made.status, 201) << path << made.http.body;
    }

    // ada is who asks. bob's words all hold "SECRET".
    void Fill() {
        Make("Practitioner/doc", R"("name":[{"family":"Doc"}])");
        Make(
            "Patient/ada",
            R"("name":[{"family":"Ada"}],"generalPractitioner":[{"reference":"Practitioner/doc"}])");
        Make(
            "Patient/bob",
            R"("name":[{"family":"SECRET"}],"identifier":[{"system":"urn:mrn","value":"SECRET-1"}],)"
            R"("birthDate":"1950-01-01","generalPractitioner":[{"reference":"Practitioner/doc"}])");
        // Says that it knows ada; nobody merged them.
        Make(
            "Patient/eve",
            R"("name":[{"family":"SECRET"}],"link":[{"type":"seealso","other":{"reference":"Patient/ada"}}])");
        for (const std::string who : {"ada", "bob"}) {
            const std::string text = who == "ada" ? "mine" : "SECRET";
            const std::string subject = R"(,"subject":{"reference":"Patient/)" + who + R"("})";
            for (const std::string category : {"laboratory", "vital-signs"}) {
                Make(
                    "Observation/" + who + "-" + category.substr(0, 3),
                    R"("status":"final","identifier":[{"system":"urn:o","value":")" + text +
                        category + R"("}],"code":{"text":")" + text +
                        R"("},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":")" +
                        category + R"("}]}],"performer":[{"reference":"Practitioner/doc"}],)" +
                        R"("encounter":{"reference":"Encounter/)" + who + R"(-visit"},)" +
                        R"("effectiveDateTime":"2024-01-01")" + subject);
            }
            Make("Encounter/" + who + "-visit",
                 R"("status":"finished","class":{"code":"AMB"},"reasonCode":[{"text":")" + text +
                     "\"}]" + subject);
            Make("Device/" + who + "-device", R"("identifier":[{"system":"urn:d","value":")" +
                                                  text + R"("}],"patient":{"reference":"Patient/)" +
                                                  who + R"("})");
        }
        Make("Device/nobodys", R"("identifier":[{"system":"urn:d","value":"free"}])");
        Make(
            "Appointment/both",
            R"("status":"booked","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"},)"
            R"({"actor":{"reference":"Patient/bob"},"status":"accepted"}])");
        Make(
            "Appointment/bobs",
            R"("status":"booked","description":"SECRET","participant":[{"actor":{"reference":"Patient/bob"},"status":"accepted"}])");
        Make(
            "Observation/stolen",  // ada's visit, bob's value: an include must not lead to it
            R"("status":"final","code":{"text":"SECRET"},"subject":{"reference":"Patient/bob"},"encounter":{"reference":"Encounter/ada-visit"})");
        Make(
            "Observation/crossed",  // ada's, and refers to bob's visit
            R"("status":"final","code":{"text":"mine"},"subject":{"reference":"Patient/ada"},"encounter":{"reference":"Encounter/bob-visit"})");
        Make("Observation/moved",  // was bob's once
             R"("status":"final","code":{"text":"SECRET"},"subject":{"reference":"Patient/bob"})");
        ASSERT_EQ(
            Put("Observation/moved",
                R"({"resourceType":"Observation","id":"moved","status":"final","code":{"text":"mine"},"subject":{"reference":"Patient/ada"}})")
                .status,
            200);
        Make("Observation/gone",
             R"("status":"final","code":{"text":"SECRET"},"subject":{"reference":"Patient/bob"})");
        ASSERT_EQ(Delete("Observation/gone").status, 204);
    }

    [[nodiscard]] std::string Claims(const std::string& scope, const std::string& patient = "ada",
                                     int seconds = 600) const {
        return R"({"iss":"https://issuer.example","aud":"https://fhir.example","sub":"s","scope":")" +
               scope + R"(","exp":)" + std::to_string(clock_.Now() / 1'000'000 + seconds) +
               (patient.empty() ? "" : R"(,"patient":")" + patient + "\"") + "}";
    }
    [[nodiscard]] Headers As(const std::string& scope, const std::string& patient = "ada") const {
        return {{"Authorization", "Bearer " + key_.Token(Claims(scope, patient))}};
    }
    static Headers With(Headers headers, const std::string& name, const std::string& value) {
        headers.emplace_back(name, value);
        return headers;
    }

    TestKey key_{TestKey::Type::kP256, "k1"};
};

TEST_F(RestAuthTest, WithoutAValidTokenThereIsNothing) {
    const Reply without = Get("Patient/ada");
    EXPECT_EQ(without.status, 401);
    EXPECT_THAT(without.Header("WWW-Authenticate"), testing::StartsWith("Bearer "));
    EXPECT_EQ(without.body.TextOf("resourceType"), "OperationOutcome");
    const std::string targets[] = {
        "Patient/ada",    "Patient/none", "Patient/ada/_history",   "Patient/ada/_history/1",
        "Patient?name=x", "Patient",      "Patient/ada/Observation"};
    for (const auto& target : targets) {
        EXPECT_EQ(Get(target).http.body, without.http.body) << target;
        EXPECT_EQ(Get(target).status, 401) << target;
    }
    EXPECT_EQ(Post("Patient", R"({"resourceType":"Patient"})").status, 401);
    EXPECT_EQ(Put("Patient/ada", R"({"resourceType":"Patient","id":"ada"})").status, 401);
    EXPECT_EQ(Delete("Patient/ada").status, 401);
    EXPECT_EQ(Send("POST", "/fhir/r4/Patient/_search", {{"Content-Type", kForm}}, "name=x").status,
              401);
    const TestKey other(TestKey::Type::kP256, "k1");
    const std::string wrong[] = {
        "",
        "Basic YTpi",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "bearer a.b.c",
        "Bearer " + other.Token(Claims("system/*.cruds")),
        "Bearer " + key_.Token(Claims("system/*.cruds", "", -600)),
        "Bearer " + key_.Token(Claims("system/*.cruds", "a/b")),
        "Bearer " + key_.Token(Claims("system/*.cruds")) + " x",
    };
    for (const auto& value : wrong) {
        const auto reply = Get("Patient/ada", {{"Authorization", value}});
        EXPECT_EQ(reply.status, 401) << value;
        EXPECT_THAT(reply.Header("WWW-Authenticate"), HasSubstr("error=\"invalid_token\""))
            << value;
    }
    // Two tokens: which one counts?
    EXPECT_EQ(Get("Patient/ada", With(As("system/*.rs", ""), "Authorization", "Bearer x")).status,
              401);
    EXPECT_EQ(Get("Patient/ada?access_token=" + key_.Token(Claims("system/*.rs"))).status, 401);
    EXPECT_EQ(Get("metadata").status, 200);
    EXPECT_EQ(Send("GET", "/").status, 200);
}

TEST_F(RestAuthTest, ScopesDecideByTypeAndInteraction) {
    struct Row {
        std::string scope;
        std::string method;
        std::string target;
        int status;
    };
    const Row rows[] = {
        {"system/*.rs", "GET", "Patient/bob", 200},
        {"system/Patient.r", "GET", "Patient/bob", 200},
        {"system/Patient.r", "GET", "Patient/bob/_history", 200},
        {"system/Patient.r", "GET", "Patient", 403},
        {"system/Patient.s", "GET", "Patient", 200},
        {"system/Patient.s", "GET", "Patient/bob", 403},
        {"system/Patient.s", "GET", "Patient/bob/_history/1", 403},
        {"user/Observation.read", "GET", "Patient/bob", 403},
        {"user/Patient.read", "GET", "Patient/bob", 200},
        {"user/Patient.read", "DELETE", "Patient/bob", 403},
        {"launch openid", "GET", "Patient/bob", 403},
        {"", "GET", "Patient/bob", 403},
        {"patient/*.rs", "GET", "Bundle/x", 403},
        {"patient/*.rs", "GET", "Binary/x", 404},
        {"patient/*.rs", "DELETE", "Observation/ada-lab", 403},
        {"patient/*.rs", "GET", "Observation/ada-lab", 200},
        {"patient/Observation.read", "GET", "Observation/ada-lab", 200},
        {"patient/Observation.rs", "GET", "Encounter/ada-visit", 403},
        {"patient/*.rs", "GET", "Practitioner/doc", 200},
        {"patient/*.rs", "GET", "Device/nobodys", 200},
        {"patient/*.rs", "GET", "Appointment/both", 200},
    };
    for (const Row& row : rows) {
        const auto reply = Send(row.method, "/fhir/r4/" + row.target, As(row.scope));
        EXPECT_EQ(reply.status, row.status) << row.scope << " " << row.target;
        if (row.status != 403) continue;
        EXPECT_THAT(reply.Header("WWW-Authenticate"), HasSubstr("insufficient_scope"));
        // The same for what does not exist.
        const std::string type = row.target.substr(0, row.target.find('/'));
        if (row.target.find('/') != std::string::npos && row.method == "GET") {
            EXPECT_EQ(Get(type + "/none", As(row.scope)).http.body, reply.http.body);
        }
    }
    const std::string body = R"({"resourceType":"Patient","id":"new"})";
    EXPECT_EQ(Put("Patient/new", body, As("system/Patient.c", "")).status, 403);
    EXPECT_EQ(Put("Patient/new", body, As("system/Patient.u", "")).status, 404)
        << "u makes nothing";
    EXPECT_EQ(Put("Patient/new", body, As("system/Patient.cu", "")).status, 201);
    EXPECT_EQ(Put("Patient/new", body, As("system/Patient.u", "")).status, 200);
    EXPECT_EQ(Post("Patient", body, As("system/Patient.c", "")).status, 201);
    EXPECT_EQ(Post("Patient", body,
                   With(As("system/Patient.c", ""), "If-None-Exist", "identifier=urn:mrn|SECRET-1"))
                  .status,
              403)
        << "a condition is a search";
    EXPECT_EQ(Delete("Patient/new", As("system/Patient.d", "")).status, 204);
}

// Every way to another patient's data that a GET or a _search offers.
TEST_F(RestAuthTest, NoWayOfReadingLeadsToAnotherPatient) {
    const std::string targets[] = {
        "Patient/bob",
        "Patient/eve",
        "Patient/bob/_history",
        "Patient/bob/_history/1",
        "Patient/eve/_history",
        "Observation/bob-lab",
        "Observation/bob-lab/_history",
        "Observation/bob-lab/_history/1",
        "Encounter/bob-visit",
        "Appointment/bobs",
        "Device/bob-device",
        "Device/bob-device/_history/1",
        "Observation/gone",
        "Observation/gone/_history",
        "Observation/gone/_history/1",
        "Observation/stolen",
        // A version from when it was another's.
        "Observation/moved/_history/1",
        "Observation/moved/_history",
        "Patient",
        "Patient?_id=bob",
        "Patient?_id=bob,ada",
        "Patient?name=SECRET",
        "Patient?identifier=urn:mrn|SECRET-1",
        "Patient?birthdate=1950-01-01",
        "Patient?link=Patient/ada",
        "Patient?general-practitioner=Practitioner/doc",
        "Patient?_id=bob&_summary=count",
        "Patient?_total=accurate",
        "Patient?name:missing=false",
        "Patient?name:contains=SECRET&_id=bob",
        "Patient?_lastUpdated=gt2000-01-01",
        "Patient?_sort=-_lastUpdated&_count=1000",
        "Patient?_sort=_id",
        "Patient?_count=1",
        "Observation",
        "Observation?subject=Patient/bob",
        "Observation?subject=bob",
        "Observation?subject:Patient=bob",
        "Observation?patient=bob",
        "Observation?patient=Patient/bob,Patient/ada",
        "Observation?_id=bob-lab",
        "Observation?_id=bob-lab,ada-lab",
        "Observation?identifier=urn:o|SECRETlaboratory",
        "Observation?encounter=Encounter/bob-visit",
        "Observation?encounter=Encounter/ada-visit",
        "Observation?performer=Practitioner/doc",
        "Observation?code:not=x&subject=Patient/bob",
        "Observation?date=2024-01-01",
        "Observation?_summary=count&subject=Patient/bob",
        "Observation?subject=Patient/bob&_total=accurate",
        "Observation?category=laboratory",
        "Observation?_sort=date",
        "Observation?_sort=_id&_count=1",
        "Observation?subject="
        "http://other.example/Patient/bob",
        "Observation?subject.name=SECRET",
        "Observation?subject:Patient.name=SECRET",
        "Observation?patient.identifier=urn:mrn|SECRET-1",
        "Observation?encounter.subject=Patient/bob",
        "Patient?_has:Observation:subject:identifier=urn:o|SECRETlaboratory",
        "Practitioner?_has:Patient:general-practitioner:name=SECRET",
        "Patient/bob/Observation",
        "Patient/eve/Observation",
        "Patient/bob/Patient",
        "Patient/ada/Patient",
        "Patient/bob/Encounter?_total=accurate",
        "Patient/bob/Appointment",
        "Patient/ada/Observation?encounter=Encounter/ada-visit",
        "Observation?_id=crossed&_include=Observation:encounter",
        "Observation?_include=Observation:encounter&_include=Observation:subject",
        "Appointment?_include=Appointment:patient",
        "Appointment?_id=both&_include=Appointment:actor",
        "Encounter?_id=ada-visit&_revinclude=Observation:encounter",
        "Practitioner?_id=doc&_revinclude=Patient:general-practitioner",
        "Practitioner?_id=doc&_revinclude=Observation:performer",
        "Patient?_revinclude=Patient:link",
        "Patient?_id=ada&_revinclude=Patient:link",
        "Appointment",
        "Appointment?patient=Patient/bob",
        "Appointment?actor=Patient/bob",
        "Device?patient=Patient/bob",
        "Device?patient:missing=false",
        "Device?identifier=urn:d|SECRET",
        "Device?_id=bob-device",
        "Device?identifier=SECRET,free&_count=1",
        "Device",
        "Device?identifier=SECRET&_total=accurate",
        "Practitioner?_summary=count",
    };
    const auto token = As("patient/*.cruds");
    int leaks = 0;
    for (const auto& target : targets) {
        const auto check = [&](const Reply& reply, const std::string& how) {
            // What was asked stands in the link to itself.
            std::string body = reply.http.body;
            for (const auto* relation : {"self", "next"}) {
                const std::string link = reply.Link(relation);
                if (const auto at = body.find(link); !link.empty() && at != std::string::npos) {
                    body.erase(at, link.size());
                }
            }
            const bool leak = body.find("SECRET") != std::string::npos ||
                              body.find("1950") != std::string::npos || reply.status >= 500;
            EXPECT_FALSE(leak) << how << " " << target << "\n" << body;
            leaks += leak ? 1 : 0;
            for (const std::string mode : {"match", "include"}) {
                for (const std::string& id : reply.Ids(mode)) {
                    const bool foreign = id.find("bob") != std::string::npos || id == "eve" ||
                                         id == "stolen" || id == "gone";
                    EXPECT_FALSE(foreign) << how << " " << target << " " << id;
                    leaks += foreign ? 1 : 0;
                }
            }
        };
        check(Get(target, token), "GET");
        const auto question = target.find('?');
        const std::string path = target.substr(0, question);
        const bool is_type = path.find('/') == std::string::npos || path.starts_with("Patient/");
        if (question == std::string::npos || !is_type) continue;
        check(Send("POST", "/fhir/r4/" + path + "/_search", With(token, "Content-Type", kForm),
                   target.substr(question + 1)),
              "POST");
    }
    EXPECT_EQ(leaks, 0);
}

// Whether it is another's, was deleted or never was: one answer.
TEST_F(RestAuthTest, WhatIsAnothersDoesNotExist) {
    const auto token = As("patient/*.cruds");
    const auto same = [&](const Reply& there, const Reply& absent, const std::string& what) {
        EXPECT_EQ(there.status, absent.status) << what;
        EXPECT_EQ(there.http.body, absent.http.body) << what;
        const auto headers = [](const Reply& reply) {
            auto list = reply.http.headers;
            std::erase_if(list, [](const auto& header) { return header.first == "Date"; });
            return list;
        };
        EXPECT_EQ(headers(there), headers(absent)) << what;
    };
    const std::pair<std::string, std::string> pairs[] = {
        {"Patient/bob", "Patient/none"},
        {"Patient/eve", "Patient/none"},
        {"Observation/bob-lab", "Observation/none"},
        {"Observation/gone", "Observation/none"},
        {"Device/bob-device", "Device/none"},
        {"Appointment/bobs", "Appointment/none"}};
    for (const auto& [there, absent] : pairs) {
        for (const std::string tail : {"", "/_history", "/_history/1", "/_history/9"}) {
            const auto reply = Get(there + tail, token);
            EXPECT_EQ(reply.status, 404);
            same(reply, Get(absent + tail, token), there + tail);
            for (const auto& [name, value] :
                 Headers{{"If-None-Match", "W/\"1\""},
                         {"If-None-Match", "*"},
                         {"If-Modified-Since", "Sat, 01 Jan 2050 00:00:00 GMT"}}) {
                same(Get(there + tail, With(token, name, value)),
                     Get(absent + tail, With(token, name, value)), there + tail + " " + name);
            }
        }
        const std::string type = there.substr(0, there.find('/'));
        if (type == "Device") continue;  // no write of it at all
        for (const auto& headers :
             {token, With(token, "If-Match", "W/\"1\""), With(token, "If-Match", "W/\"7\""),
              With(token, "If-Match", "*")}) {
            same(Delete(there, headers), Delete(absent, headers), "DELETE " + there);
            if (type == "Patient") continue;
            const auto put = [&](const std::string& path) {
                return Put(
                    path,
                    R"({"resourceType":")" + type + R"(","id":")" +
                        path.substr(path.find('/') + 1) +
                        (type == "Observation"
                             ? R"(","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/ada"}})"
                             : R"(","status":"booked","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"}]})"),
                    headers);
            };
            const auto reply = put(there);
            EXPECT_EQ(reply.status, 404) << there << reply.http.body;
            same(reply, put(absent), "PUT " + there);
        }
        same(Get(type + "?_id=" + there.substr(there.find('/') + 1), With(token, "Prefer", "x")),
             Get(type + "?_id=" + there.substr(there.find('/') + 1), token), "");
    }
    const auto strip = [](std::string body) {
        for (std::size_t at; (at = body.find("none")) != std::string::npos;)
            body.replace(at, 4, "bob");
        return body;
    };
    EXPECT_EQ(Get("Patient/bob/Observation", token).http.body,
              strip(Get("Patient/none/Observation", token).http.body));
}

TEST_F(RestAuthTest, WritesStayWithThePatient) {
    const auto token = As("patient/*.cruds");
    const auto observation = [](const std::string& more, const std::string& id = {}) {
        return R"({"resourceType":"Observation",)" + (id.empty() ? "" : R"("id":")" + id + "\",") +
               R"("status":"final","code":{"text":"new"})" + more + "}";
    };
    const std::string own = R"(,"subject":{"reference":"Patient/ada"})";
    const auto made = Post("Observation", observation(own), token);
    EXPECT_EQ(made.status, 201) << made.http.body;
    const std::string refused[] = {
        observation(R"(,"subject":{"reference":"Patient/bob"})"),
        observation(R"(,"subject":{"reference":"Patient/none"})"),
        observation(""),
        observation(
            R"(,"subject":{"reference":"Patient/bob"},"performer":[{"reference":"Patient/ada"}])"),
        observation(own + R"(,"focus":[{"reference":"Patient/bob"}])"),
        observation(own + R"(,"focus":[{"reference":")" + Base() + R"(/Patient/bob"}])"),
    };
    for (const auto& body : refused) {
        EXPECT_EQ(Post("Observation", body, token).status, 403) << body;
    }
    EXPECT_EQ(Post("Patient", R"({"resourceType":"Patient"})", token).status, 403);
    EXPECT_EQ(Post("Practitioner", R"({"resourceType":"Practitioner"})", token).status, 403);
    EXPECT_EQ(Put("Patient/new", R"({"resourceType":"Patient","id":"new"})", token).status, 403);
    EXPECT_EQ(Put("Observation/new", observation(own, "new"), token).status, 404);
    // Own ones, in the version that was looked at.
    EXPECT_EQ(
        Put("Observation/" + made.Id(), observation(own + R"(,"note":[{"text":"n"}])", made.Id()),
            With(token, "If-Match", "W/\"1\""))
            .status,
        200);
    EXPECT_EQ(Put("Observation/" + made.Id(), observation(own, made.Id()),
                  With(token, "If-Match", "W/\"1\""))
                  .status,
              412);
    EXPECT_EQ(
        Put("Observation/" + made.Id(), observation(own, made.Id()), With(token, "If-Match", "*"))
            .status,
        200);
    // Not onto another patient, nor off one's own, nor over the shoulder of a group.
    EXPECT_EQ(Put("Observation/" + made.Id(),
                  observation(R"(,"subject":{"reference":"Patient/bob"})", made.Id()), token)
                  .status,
              403);
    EXPECT_EQ(
        Put("Appointment/both",
            R"({"resourceType":"Appointment","id":"both","status":"cancelled","participant":[{"actor":{"reference":"Patient/ada"},"status":"declined"}]})",
            token)
            .status,
        404);
    EXPECT_EQ(Delete("Appointment/both", token).status, 404);
    EXPECT_EQ(Delete("Observation/" + made.Id(), token).status, 204);
    const auto admin = As("system/*.cruds", "");
    EXPECT_EQ(Get("Appointment/both", admin).body.TextOf("status"), "booked");
    for (const std::string path : {"Patient/bob", "Patient/eve", "Observation/bob-lab",
                                   "Encounter/bob-visit", "Appointment/bobs", "Appointment/both"}) {
        EXPECT_EQ(Get(path, admin).Header("ETag"), "W/\"1\"") << path;
    }
}

// What is checked is what is overwritten: between the two the resource may become another's.
TEST_F(RestAuthTest, AWriteReplacesTheVersionThatWasChecked) {
    const auto body = [](const std::string& who, const std::string& text) {
        return R"({"resourceType":"Observation","id":"swing","status":"final","code":{"text":")" +
               text + R"("},"subject":{"reference":"Patient/)" + who + R"("}})";
    };
    const auto admin = As("system/*.cruds", "");
    ASSERT_EQ(Put("Observation/swing", body("ada", "0"), admin).status, 201);
    std::atomic<bool> stop = false;
    std::thread hospital([&] {
        auto client = net::HttpClient::Connect(address_).value();
        Headers headers = With(admin, "Content-Type", "application/fhir+json");
        for (int i = 0; i < 150; ++i) {
            (void)client.Send({.method = "PUT",
                               .target = "/fhir/r4/Observation/swing",
                               .headers = headers,
                               .body = body(i % 2 == 0 ? "bob" : "ada", std::to_string(i))});
        }
        stop = true;
    });
    const auto token = As("patient/*.cruds");
    int written = 0;
    for (int i = 0; !stop; ++i) {
        const auto reply = Put("Observation/swing", body("ada", "ada " + std::to_string(i)), token);
        EXPECT_TRUE(reply.status == 200 || reply.status == 404) << reply.http.body;
        if (reply.status == 200) ++written;
    }
    hospital.join();
    EXPECT_GT(written, 0);
    const auto history = Get("Observation/swing/_history?_count=1000", admin);
    const auto& entries = history.body.Find("entry")->items();  // newest first
    for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
        const auto text = entries[i].Find("resource")->Find("code")->TextOf("text");
        const auto before = entries[i + 1].Find("resource")->Find("subject")->TextOf("reference");
        EXPECT_TRUE(!text.starts_with("ada") || before == "Patient/ada") << i;
    }
}

// A test and a path that leads nowhere say what is there: to nobody who may not read it.
TEST_F(RestAuthTest, PatchesStayWithThePatientAndAreNoOracle) {
    const auto token = As("patient/*.cruds");
    const std::string probes[] = {
        "[]",
        R"([{"op":"test","path":"/code/text","value":"SECRET"}])",
        R"([{"op":"test","path":"/code/text","value":"x"}])",
        R"([{"op":"remove","path":"/status/none"}])",
        R"([{"op":"replace","path":"/status","value":"amended"}])",
        R"([{"op":"replace","path":"/subject/reference","value":"Patient/ada"}])",
        R"([{"op":"add","path":"/wrong","value":1}])"};
    for (const std::string path : {"Observation/bob-lab", "Observation/stolen", "Observation/gone",
                                   "Appointment/both", "Appointment/bobs", "Patient/bob"}) {
        const std::string none = path.substr(0, path.find('/')) + "/none";
        for (const std::string& probe : probes) {
            for (const char* condition : {"", "*", "W/\"1\"", "W/\"9\""}) {
                const auto headers = With(token, "If-Match", condition);
                const auto reply = Patch(path, probe, headers);
                EXPECT_EQ(reply.status, 404) << path << probe;
                EXPECT_EQ(reply.http.body, Patch(none, probe, headers).http.body) << path << probe;
            }
        }
    }
    const std::string amend = R"([{"op":"replace","path":"/status","value":"amended"}])";
    EXPECT_EQ(Patch("Observation/ada-lab", amend, token).status, 200);
    // Not onto another patient, in any spelling, nor off one's own.
    for (const std::string other : {"Patient/bob", "Patient/none"}) {
        for (const std::string& reference : {other, Base() + "/" + other}) {
            EXPECT_EQ(Patch("Observation/ada-lab",
                            R"([{"op":"replace","path":"/subject/reference","value":")" +
                                reference + "\"}]",
                            token)
                          .status,
                      403)
                << reference;
        }
    }
    EXPECT_EQ(Patch("Observation/ada-lab", R"([{"op":"remove","path":"/subject"}])", token).status,
              403);
    // By what the token may not read nothing is told.
    for (const char* scope :
         {"patient/*.u", "patient/*.r", "patient/*.cud", "patient/Patient.cruds"}) {
        EXPECT_EQ(Patch("Observation/ada-lab", amend, As(scope)).status, 403) << scope;
    }
    const std::string some = "patient/Observation.u patient/Observation.r?category=vital-signs";
    EXPECT_EQ(Patch("Observation/ada-lab", amend, As(some)).status, 404);
    EXPECT_EQ(Patch("Observation/ada-vit", amend, As(some)).status, 200);
    EXPECT_EQ(Patch("Observation/ada-lab", amend).status, 401);
    const auto admin = As("system/*.cruds", "");
    EXPECT_EQ(Patch("Observation/gone", amend, admin).status, 410);
    EXPECT_EQ(Get("Observation/bob-lab", admin).Header("ETag"), "W/\"1\"");
    EXPECT_EQ(Get("Appointment/both", admin).Header("ETag"), "W/\"1\"");
}

TEST_F(RestAuthTest, ConditionsAreNoOracle) {
    const auto token = As("patient/*.cruds");
    const std::string body =
        R"({"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/ada"}})";
    const auto create = [&](const std::string& condition, const Headers& who) {
        return Post("Observation", body, With(who, "If-None-Exist", condition));
    };
    EXPECT_EQ(create("identifier=urn:o|SECRETlaboratory", token).status, 201)
        << "another's is none";
    EXPECT_EQ(create("identifier=urn:o|minelaboratory", token).status, 200);
    EXPECT_EQ(create("subject=Patient/bob", token).status, 201);
    EXPECT_EQ(create("subject.name=SECRET", token).Issue(), "forbidden|subject.name");
    EXPECT_EQ(create("_has:Observation:subject:code=x", token).status, 403);
    EXPECT_EQ(create("identifier=urn:o|minelaboratory", As("patient/Observation.c")).status, 403);
    const auto blind = create("identifier=urn:o|minelaboratory", As("patient/Observation.cs"));
    EXPECT_EQ(blind.status, 200);
    EXPECT_EQ(blind.http.body, "") << "no r: the match is not shown";
}

TEST_F(RestAuthTest, PatientsSeeWhatIsTheirs) {
    const auto token = As("patient/*.rs");
    EXPECT_THAT(Get("Patient", token).Ids(), UnorderedElementsAre("ada"));
    const auto all = Get("Observation?_total=accurate", token);
    EXPECT_THAT(all.Ids(), UnorderedElementsAre("ada-lab", "ada-vit", "crossed", "moved"));
    EXPECT_EQ(all.body.Find("total")->text(), "4");
    EXPECT_EQ(Get("Observation?_summary=count", token).body.Find("total")->text(), "4");
    EXPECT_THAT(Get("Appointment", token).Ids(), UnorderedElementsAre("both"));
    const auto with =
        Get("Observation?_id=ada-lab&_include=Observation:performer&_include=Observation:subject&_"
            "include=Observation:encounter",
            token);
    EXPECT_THAT(with.Ids("include"), UnorderedElementsAre("ada", "ada-visit", "doc"));
    EXPECT_THAT(
        Get("Observation?_id=ada-lab&_include=Observation:performer", As("patient/Observation.rs"))
            .Ids("include"),
        IsEmpty());
    EXPECT_THAT(Get("Practitioner?_id=doc&_revinclude=Observation:performer", token).Ids("include"),
                UnorderedElementsAre("ada-lab", "ada-vit"));
    EXPECT_THAT(Get("Device?identifier=urn:d|free", token).Ids(), UnorderedElementsAre("nobodys"));
    const auto history = Get("Observation/moved/_history", token);
    EXPECT_EQ(history.body.Find("entry")->items().size(), 1u);
    EXPECT_EQ(history.body.Find("total"), nullptr);
    // A patient who does not exist has nothing, like one without data.
    EXPECT_EQ(Get("Observation", As("patient/*.rs", "none")).status, 200);
    EXPECT_THAT(Get("Observation", As("patient/*.rs", "none")).Ids(), IsEmpty());
    EXPECT_EQ(Get("Patient/ada", As("patient/*.rs", "")).status, 403);
    EXPECT_EQ(Get("Patient/bob", As("patient/*.rs system/*.rs")).status, 404);
}

// Who was merged is one patient; who only says so is another.
TEST_F(RestAuthTest, MergedPatientsAreOne) {
    const auto token = As("patient/*.cruds");
    EXPECT_EQ(Get("Observation/bob-lab", token).status, 404);
    const std::string merge =
        "insert into link (tenant, loser, survivor) select 1, l.pk, s.pk from resource l, resource "
        "s "
        "where l.id = 'bob' and s.id = 'ada'";
    ChangeLinks(merge);
    for (const auto& who : {token, As("patient/*.cruds", "bob")}) {
        EXPECT_THAT(Get("Patient", who).Ids(), UnorderedElementsAre("ada", "bob"));
        for (const std::string path : {"Observation/bob-lab", "Observation/ada-lab", "Patient/bob",
                                       "Patient/ada", "Appointment/bobs", "Device/bob-device"}) {
            EXPECT_EQ(Get(path, who).status, 200) << path;
        }
        EXPECT_EQ(Get("Observation?_summary=count", who).body.Find("total")->text(), "7");
        EXPECT_EQ(Get("Patient/eve", who).status, 404);
    }
    ChangeLinks("delete from link");
    EXPECT_EQ(Get("Observation/bob-lab", token).status, 404);
    EXPECT_THAT(Get("Patient", token).Ids(), UnorderedElementsAre("ada"));
}

TEST_F(RestAuthTest, GranularScopesNarrow) {
    const std::string lab =
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/"
        "observation-category|laboratory";
    EXPECT_THAT(Get("Observation", As(lab)).Ids(), UnorderedElementsAre("ada-lab"));
    EXPECT_EQ(Get("Observation?_summary=count", As(lab)).body.Find("total")->text(), "1");
    EXPECT_THAT(Get("Observation?category=vital-signs", As(lab)).Ids(), IsEmpty());
    EXPECT_EQ(Get("Observation/ada-lab", As(lab)).status, 200);
    EXPECT_EQ(Get("Observation/ada-vit", As(lab)).status, 404);
    EXPECT_EQ(Get("Observation/ada-vit/_history", As(lab)).status, 404);
    EXPECT_THAT(
        Get("Encounter?_revinclude=Observation:encounter", As(lab + " patient/Encounter.rs"))
            .Ids("include"),
        UnorderedElementsAre("ada-lab"));
    const std::string any = "system/Observation.rs?category=laboratory";
    EXPECT_THAT(Get("Observation", As(any, "")).Ids(), UnorderedElementsAre("ada-lab", "bob-lab"));
    EXPECT_EQ(Get("Observation/bob-vit", As(any, "")).status, 404);
}

TEST_F(RestAuthTest, LinksOfOneTokenAreNoLinksOfAnother) {
    const auto admin = As("system/*.rs", "");
    std::string next = Get("Observation?_count=1", admin).Link("next");
    ASSERT_NE(next, "");
    next = next.substr(next.find("/fhir"));
    EXPECT_EQ(Send("GET", next, admin).status, 200);
    EXPECT_EQ(Send("GET", next, As("patient/*.rs")).status, 400);
    std::string own = Get("Observation?_count=1", As("patient/*.rs")).Link("next");
    ASSERT_NE(own, "");
    own = own.substr(own.find("/fhir"));
    EXPECT_EQ(Send("GET", own, As("patient/*.rs")).status, 200);
    EXPECT_EQ(Send("GET", own, As("patient/*.rs", "bob")).status, 400);
    EXPECT_EQ(Send("GET", own, admin).status, 400);
}

TEST_F(RestAuthTest, OperationsConfineThemselvesOrAreRefused) {
    std::string patient = "not called";
    const auto run = [&](rest::OperationCall call, std::shared_ptr<net::Responder> responder) {
        patient = call.patient;
        responder->Send(net::Response::Text(200, "application/fhir+json", "{}"));
    };
    rest::Operation wide{"wide", "u:w", {"Patient"}, true, true, true, false, false, run};
    rest::Operation own{"own", "u:o", {"Patient"}, false, true, true, false, true, run};
    rest::Operation changes{"change", "u:c", {"Patient"}, true, true, true, true, false, run};
    StartService({}, {wide, own, changes});
    EXPECT_EQ(Get("Patient/$wide", As("patient/*.cruds")).status, 403);
    EXPECT_EQ(patient, "not called");
    EXPECT_EQ(Get("Patient/$own", As("patient/*.rs")).status, 200);
    EXPECT_EQ(patient, "ada");
    EXPECT_EQ(Get("Patient/$wide", As("system/Patient.rs", "")).status, 200);
    EXPECT_EQ(patient, "");
    EXPECT_EQ(Get("Patient/$wide", As("system/Patient.rs?name=x", "")).status, 403);
    EXPECT_EQ(Get("$wide", As("system/Patient.rs", "")).status, 403);
    EXPECT_EQ(Get("$wide", As("system/*.rs", "")).status, 200);
    EXPECT_EQ(Post("$change", "{}", As("system/*.rs", "")).status, 403);
    EXPECT_EQ(Post("$change", "{}", As("system/*.cruds", "")).status, 200);
    EXPECT_EQ(Post("$change", "{}").status, 401);
}

TEST_F(RestAuthTest, SaysWhatThereIs) {
    const auto smart = Get(".well-known/smart-configuration");
    ASSERT_EQ(smart.status, 200);
    EXPECT_EQ(smart.Header("Content-Type"), "application/json");
    EXPECT_EQ(smart.body.TextOf("issuer"), "https://issuer.example");
    EXPECT_EQ(smart.body.TextOf("token_endpoint"), "https://issuer.example/token");
    EXPECT_EQ(smart.body.Find("authorization_endpoint"), nullptr);
    EXPECT_THAT(smart.http.body, HasSubstr(R"("code_challenge_methods_supported":["S256"])"));
    EXPECT_THAT(smart.http.body, HasSubstr("permission-v2"));
    EXPECT_THAT(Get("metadata").http.body, HasSubstr("SMART-on-FHIR"));
    const auto options = Send("OPTIONS", "/fhir/r4/Patient/bob");
    EXPECT_EQ(options.status, 204);
}

TEST_F(RestAuthTest, KeysRotate) {
    const TestKey next(TestKey::Type::kRsa2048, "k2");
    const Headers as_next = {{"Authorization", "Bearer " + next.Token(Claims("system/*.rs"))}};
    EXPECT_EQ(Get("Patient/ada", as_next).status, 401);
    const Headers remembered = As("system/*.rs");
    EXPECT_EQ(Get("Patient/ada", remembered).status, 200);
    std::ofstream(state_folder() / "issuer.jwks") << next.Jwks();
    EXPECT_TRUE(Eventually([&] { return Get("Patient/ada", as_next).status == 200; }));
    EXPECT_EQ(Get("Patient/ada", As("system/*.rs")).status, 401) << "the old key is gone";
    EXPECT_EQ(Get("Patient/ada", remembered).status, 401) << "so is what was found good with it";
    // A file that is wrong takes no keys away.
    std::ofstream(state_folder() / "issuer.jwks") << "{";
    gate_->Refresh();
    EXPECT_TRUE(Eventually([&] {
        const std::lock_guard lock(mutex_);
        return std::any_of(lines_.begin(), lines_.end(), [](const std::string& line) {
            return line.find("auth.keys_failed") != std::string::npos;
        });
    }));
    EXPECT_EQ(Get("Patient/ada", as_next).status, 200);
}

TEST_F(RestAuthTest, KeysComeByUrlAndAreAskedForSparingly) {
    const TestKey next(TestKey::Type::kP256, "k2");
    std::atomic<int> asked = 0;
    std::atomic<bool> rotated = false;
    net::HttpServer keys(
        executor_, {},
        [&](net::Request, std::shared_ptr<net::Responder> responder) {
            ++asked;
            const std::string text = rotated ? next.Jwks() : key_.Jwks();
            responder->Send(net::Response::Text(200, "application/json", text));
        },
        log_, metrics_);
    const auto bound = keys.Listen(*net::ParseAddress("127.0.0.1:0"));
    auth::GateOptions options;
    options.issuers.push_back(Issuer({}));
    options.issuers[0].jwks_url = "http://" + bound->ToString() + "/jwks";
    options.poll_ms = 10;
    options.refetch_ms_min = 400;
    gate_.reset();
    service_.reset();
    server_.reset();
    client_.reset();
    gate_ = auth::Gate::Create(options, clock_, log_).value();
    StartService({});
    EXPECT_TRUE(Eventually([&] { return Get("Patient/ada", As("system/*.rs")).status == 200; }));
    EXPECT_EQ(asked, 1);
    rotated = true;
    const Headers as_next = {{"Authorization", "Bearer " + next.Token(Claims("system/*.rs"))}};
    for (int i = 0; i < 20; ++i) Get("Patient/ada", as_next);
    EXPECT_LE(asked, 2) << "unknown keys do not make a storm";
    EXPECT_TRUE(Eventually([&] { return Get("Patient/ada", as_next).status == 200; }));
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(Get("Patient/ada", As("system/*.rs")).status, 401);
    service_.reset();
    server_.reset();
    client_.reset();
    gate_.reset();
    keys.Stop();
}

class RestOpenTest : public RestTest {};

// Without tokens a browser is the way in: DNS that points to loopback, pages of other sites.
TEST_F(RestOpenTest, ForeignHostsAndOriginsAreRefused) {
    rest::ServiceOptions options;
    options.cors_origins = {"https://app.example.org"};
    StartService(options);
    const auto raw = [&](const std::string& host, const std::string& origin) {
        auto client = net::HttpClient::Connect(address_).value();
        std::string text = "GET /fhir/r4/Patient HTTP/1.1\r\nConnection: close\r\n";
        if (host != "-") text += "Host: " + host + "\r\n";
        if (!origin.empty()) text += "Origin: " + origin + "\r\n";
        const auto answer = client.Exchange(text + "\r\n");
        return answer ? answer->substr(9, 3) : std::string();
    };
    const std::string own = address_.ToString();
    for (const std::string& host :
         {own, std::string("localhost:8080"), std::string("LOCALHOST"), std::string("127.0.0.1"),
          std::string("127.1.2.3"), std::string("[::1]:80")}) {
        EXPECT_EQ(raw(host, ""), "200") << host;
    }
    for (const std::string host :
         {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8080",
          "10.0.0.1", "0.0.0.0", "[::2]", "[::1", "localhost@evil.example", "127.0.0.1.nip.io"}) {
        EXPECT_EQ(raw(host, "").substr(0, 1), "4") << host;
        EXPECT_NE(raw(host, ""), "404") << host;
    }
    EXPECT_EQ(raw(own, "http://" + own), "200");
    EXPECT_EQ(raw(own, "https://app.example.org"), "200");
    for (const std::string origin : {"https://evil.example", "null", "http://localhost:1",
                                     "https://app.example.org.evil.example", "file://"}) {
        EXPECT_EQ(raw(own, origin), "403") << origin;
    }
    EXPECT_EQ(Get(".well-known/smart-configuration").status, 404);
    options.public_url = "https://fhir.example.org/fhir/r4";
    StartService(options);
    EXPECT_EQ(raw("fhir.example.org", ""), "200");
    EXPECT_EQ(raw("fhir.example.org", "https://fhir.example.org"), "200");
    EXPECT_EQ(raw("fhir.example.org", "https://evil.example"), "403");
}

}  // namespace
}  // namespace carestream::test
