// Goal: nobody sees or changes anything without a row of the audit, the row tells who, what and
// whose, and it can be read as AuditEvent by those alone who may. Method: tokens over HTTP on a
// real store; what the rows say is read back over the same API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "component/rest/token_fixture.h"
#include "fhir/validator.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class RestAuditTest : public RestTokenTest {
protected:
    void SetUp() override {
        StartService({});
        for (const std::string who : {"ada", "bob"}) {
            Make("Patient/" + who, R"("name":[{"family":"Test"}])");
            Make("Observation/" + who + "-lab",
                 R"("status":"final","code":{"text":"x"},"subject":{"reference":"Patient/)" + who +
                     "\"}");
        }
        Make("Practitioner/doc", R"("name":[{"family":"Doc"}])");
        const auto who = [](const std::string& patient) {
            return R"({"actor":{"reference":"Patient/)" + patient + R"("},"status":"accepted"})";
        };
        Make("Appointment/both",
             R"("status":"booked","participant":[)" + who("ada") + "," + who("bob") + "]");
        UseTokens();
    }

    [[nodiscard]] Headers Auditor() const { return As("auditor", "system/AuditEvent.rs"); }

    // Interactions, types and outcomes of the events that the query finds, oldest first; reads of
    // the audit itself left out. Waits for rows of reads.
    std::vector<std::string> Events(const std::string& query) {
        EXPECT_TRUE(Eventually([&] { return store_->access_audit().waiting() == 0; }));
        const Reply reply = Get("AuditEvent?_count=500&" + query, Auditor());
        EXPECT_EQ(reply.status, 200) << reply.http.body;
        std::vector<std::string> events;
        const auto* entries = reply.body.Find("entry");
        if (entries == nullptr) return events;
        for (const auto& entry : entries->items()) {
            const fhir::Node& event = *entry.Find("resource");
            const fhir::Node& asked = event.Find("entity")->items()[0];
            std::string what;
            if (const auto* reference = asked.Find("what")) what = reference->TextOf("reference");
            if (what.empty()) {
                what = asked.Find("detail")->items()[0].TextOf("valueString");
            }
            if (what.starts_with("AuditEvent")) continue;
            const auto* identifier =
                event.Find("agent")->items()[0].Find("who")->Find("identifier");
            const std::string who =
                identifier == nullptr ? "-" : std::string(identifier->TextOf("value"));
            events.insert(events.begin(),
                          who + " " + std::string(event.TextOf("action")) + " " +
                              std::string(event.Find("subtype")->items()[0].TextOf("code")) + " " +
                              what + " " + std::string(event.TextOf("outcome")));
        }
        return events;
    }
    [[nodiscard]] std::string Rows() const { return Scalar("select count(*)::text from access"); }
};

TEST_F(RestAuditTest, AWriteIsNotedBeforeItIsAnswered) {
    const int before = std::stoi(Rows());
    EXPECT_EQ(before, 6) << "open mode is audited, too, and each write before its answer";
    ASSERT_EQ(
        Put("Observation/ada-lab",
            R"({"resourceType":"Observation","id":"ada-lab","status":"amended","code":{"text":"x"},"subject":{"reference":"Patient/ada"}})",
            As("ann", "user/*.cruds"))
            .status,
        200);
    EXPECT_EQ(std::stoi(Rows()), before + 1);
    ASSERT_EQ(Delete("Observation/bob-lab", As("ann", "user/*.cruds")).status, 204);
    EXPECT_EQ(std::stoi(Rows()), before + 2);
    EXPECT_THAT(Events("patient=Patient/ada"),
                ElementsAre("- U update Patient/ada 0", "- U update Observation/ada-lab 0",
                            "- U update Appointment/both 0", "ann U update Observation/ada-lab 0"));
    EXPECT_THAT(Events("patient=Patient/bob"),
                ElementsAre("- U update Patient/bob 0", "- U update Observation/bob-lab 0",
                            "- U update Appointment/both 0", "ann D delete Observation/bob-lab 0"));
}

TEST_F(RestAuditTest, EveryReadIsNotedWithWhoseDataWasShown) {
    const Headers ann = As("ann", "user/*.rs");
    EXPECT_EQ(Get("Patient/ada", ann).status, 200);
    EXPECT_EQ(Get("Observation/ada-lab/_history/1", ann).status, 200);
    EXPECT_EQ(Get("Observation/ada-lab/_history", ann).status, 200);
    EXPECT_EQ(Get("Observation?patient=Patient/ada", ann).status, 200);
    EXPECT_EQ(Get("Observation", ann).status, 200);  // both patients'
    EXPECT_EQ(Get("Patient?_revinclude=Observation:subject&_id=bob", ann).status, 200);
    EXPECT_EQ(Get("Practitioner/doc", ann).status, 200);  // nobody's
    EXPECT_EQ(Get("Appointment/both", ann).status, 200);
    EXPECT_EQ(Get("Patient/none", ann).status, 404);
    // A test that fails tells of him, too.
    const std::string guess = R"([{"op":"test","path":"/status","value":"amended"}])";
    EXPECT_EQ(Patch("Observation/bob-lab", guess, As("ann", "user/*.cruds")).status, 422);
    EXPECT_EQ(Get("metadata").status, 200);
    const auto since = [](std::vector<std::string> events) {
        std::erase_if(events, [](const std::string& event) { return event.starts_with("- "); });
        return events;
    };
    EXPECT_THAT(since(Events("patient=Patient/ada")),
                ElementsAre("ann R read Patient/ada 0", "ann R vread Observation/ada-lab 0",
                            "ann R history-instance Observation/ada-lab 0",
                            "ann E search-type Observation 0", "ann E search-type Observation 0",
                            "ann R read Appointment/both 0"));
    EXPECT_THAT(since(Events("patient=Patient/bob")),
                ElementsAre("ann E search-type Observation 0", "ann E search-type Patient 0",
                            "ann R read Appointment/both 0", "ann U patch Observation/bob-lab 4"));
    EXPECT_THAT(since(Events("patient=Patient/none")), ElementsAre("ann R read Patient/none 4"));
    EXPECT_THAT(since(Events("")), testing::SizeIs(10));
}

TEST_F(RestAuditTest, DeniedRequestsAreNotedAndStrangersAtMostOnceAMinute) {
    EXPECT_EQ(Get("Observation/ada-lab", As("eve", "user/Patient.rs")).status, 403);
    EXPECT_EQ(Get("Observation/bob-lab", As("ada-login", "patient/*.rs", "ada")).status, 404);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(Get("Patient/ada").status, 401);
    const auto events = Events("date=ge2020-01-01");
    EXPECT_THAT(events, testing::Contains("eve R read Observation/ada-lab 4"));
    EXPECT_THAT(events, testing::Contains("ada-login R read Observation/bob-lab 4"));
    EXPECT_EQ(std::count(events.begin(), events.end(), "- R read Patient/ada 4"), 1);
    EXPECT_THAT(Events("patient=Patient/bob"), Not(testing::Contains(HasSubstr("ada-login"))))
        << "that his record was guessed at is not told by whose log-in to bob";
}

TEST_F(RestAuditTest, AuditEventsAreValidAndSayWhoAndWhat) {
    EXPECT_EQ(Get("Patient/ada").status, 401);
    EXPECT_EQ(Get("Patient/ada", As("ann", "user/*.rs")).status, 200);
    ASSERT_FALSE(Events("").empty());
    const Reply reply = Get("AuditEvent?_count=100", Auditor());
    const auto* entries = reply.body.Find("entry");
    ASSERT_NE(entries, nullptr);
    for (const auto& entry : entries->items()) {
        const auto issues = fhir::Validate(*definitions_, *entry.Find("resource"));
        EXPECT_TRUE(issues.empty()) << issues[0].expression << ": " << issues[0].message
                                    << fhir::ToJson(*entry.Find("resource"));
    }
    const Reply ann = Get("AuditEvent?patient=Patient/ada&_count=1&date=ge2020-01-01", Auditor());
    const std::string body = ann.http.body;
    EXPECT_THAT(body, HasSubstr(R"("system":"https://issuer.example","value":"ann")"));
    EXPECT_THAT(body, HasSubstr(R"("address":"127.0.0.1")"));
    EXPECT_THAT(body, HasSubstr(R"("reference":"Patient/ada")"));
    const std::string id = ann.Ids().at(0);
    const Reply one = Get("AuditEvent/" + id, Auditor());
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(one.Id(), id);
}

TEST_F(RestAuditTest, APatientSeesWhoSawHisRecordAndNothingElse) {
    EXPECT_EQ(Get("Observation", As("ann", "user/*.rs")).status, 200);  // ada's and bob's
    EXPECT_EQ(Get("Patient/bob", As("ann", "user/*.rs")).status, 200);
    (void)Events("");
    const Headers ada = As("ada-login", "patient/AuditEvent.rs", "ada");
    const Reply mine = Get("AuditEvent?_count=100", ada);
    ASSERT_EQ(mine.status, 200) << mine.http.body;
    EXPECT_THAT(mine.http.body, HasSubstr("ann"));
    EXPECT_THAT(mine.http.body, Not(HasSubstr("bob")));
    ASSERT_TRUE(Eventually([&] { return store_->access_audit().waiting() == 0; }));
    EXPECT_EQ(Get("AuditEvent?patient=Patient/ada", ada).Ids().size(), mine.Ids().size() + 1)
        << "the same, and the search before";
    EXPECT_THAT(Get("AuditEvent?patient=Patient/bob", ada).Ids(), IsEmpty());
    EXPECT_EQ(Get("Patient/bob/AuditEvent", ada).Ids(), std::vector<std::string>());
    const Reply his = Get("AuditEvent?patient=Patient/bob&_count=1", Auditor());
    EXPECT_EQ(Get("AuditEvent/" + his.Ids().at(0), ada).status, 404);
    EXPECT_EQ(Get("AuditEvent/" + mine.Ids().at(0), ada).status, 200);
    EXPECT_EQ(Get("AuditEvent", As("x", "patient/Observation.rs", "ada")).status, 403);
    EXPECT_EQ(Get("AuditEvent", As("x", "user/Patient.rs")).status, 403);
    EXPECT_EQ(Get("AuditEvent").status, 401);
}

TEST_F(RestAuditTest, PagesAreWalkedToTheEndAndDatesAreBorders) {
    for (int i = 0; i < 7; ++i) EXPECT_EQ(Get("Patient/ada", As("ann", "user/*.rs")).status, 200);
    const std::size_t all = Events("patient=Patient/ada").size();
    Reply page = Get("AuditEvent?patient=Patient/ada&_count=2", Auditor());
    std::vector<std::string> ids = page.Ids();
    for (std::string next = page.Link("next"); !next.empty(); next = page.Link("next")) {
        page = Send("GET", next.substr(next.find("/fhir/r4")), Auditor());
        ASSERT_EQ(page.status, 200) << page.http.body;
        for (const auto& id : page.Ids()) ids.push_back(id);
    }
    const std::set<std::string> distinct(ids.begin(), ids.end());
    EXPECT_EQ(distinct.size(), ids.size());
    EXPECT_GE(ids.size(), all);
    EXPECT_THAT(Events("patient=Patient/ada&date=gt2999"), IsEmpty());
    EXPECT_THAT(Events("patient=Patient/ada&date=lt2020-01-01"), IsEmpty());
    EXPECT_EQ(Events("patient=Patient/ada&date=ge2020&date=le2999").size(), all);
    for (const char* refused : {"AuditEvent?_sort=date", "AuditEvent?action=R",
                                "AuditEvent?_count=0", "AuditEvent?patient=Patient/a,Patient/b"}) {
        EXPECT_EQ(Get(refused, Auditor()).status, 400) << refused;
    }
    EXPECT_EQ(Get("Patient?_revinclude=AuditEvent:patient", As("ann", "user/*.rs")).status, 400);
}

TEST_F(RestAuditTest, NobodyWritesAuditEvents) {
    const Headers all = As("root", "system/*.cruds");
    const std::string body = R"({"resourceType":"AuditEvent","id":"1"})";
    for (const Reply& reply : {Post("AuditEvent", body, all), Put("AuditEvent/1", body, all),
                               Delete("AuditEvent/1", all)}) {
        EXPECT_EQ(reply.status, 405);
        EXPECT_EQ(reply.Header("Allow"), "GET, HEAD, OPTIONS");
        EXPECT_THAT(reply.http.body, HasSubstr("makes AuditEvents itself"));
    }
    EXPECT_EQ(Get("AuditEvent/1/_history", all).status, 501);
    const auto statement = fhir::ParseJson(service_->capability_statement()).value();
    for (const auto& type : statement.Find("rest")->items()[0].Find("resource")->items()) {
        if (type.TextOf("type") != "AuditEvent") continue;
        std::string offered;
        for (const auto& one : type.Find("interaction")->items()) {
            offered += std::string(one.TextOf("code")) + " ";
        }
        for (const auto& one : type.Find("searchParam")->items()) {
            offered += std::string(one.TextOf("name")) + " ";
        }
        EXPECT_EQ(offered, "read search-type date patient ");
    }
}

TEST_F(RestAuditTest, WithoutAnAuditNothingIsChanged) {
    const Headers ann = As("ann", "user/*.cruds");
    auto other = Connect();
    ASSERT_TRUE(other.Execute("alter table access rename to access_away").has_value());
    EXPECT_EQ(Get("Patient/ada", ann).status, 200) << "reads go on while there is room";
    ASSERT_TRUE(Eventually([&] { return !store_->access_audit().Available(); }));
    const Reply refused = Post("Patient", R"({"resourceType":"Patient"})", ann);
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.Header("Retry-After"), Not(IsEmpty()));
    EXPECT_EQ(Scalar("select count(*)::text from resource where type = "
                     "(select type from resource where id = 'ada')"),
              "2");
    ASSERT_TRUE(other.Execute("alter table access_away rename to access").has_value());
    ASSERT_TRUE(Eventually([&] { return store_->access_audit().Available(); }));
    EXPECT_EQ(Post("Patient", R"({"resourceType":"Patient"})", ann).status, 201);
    EXPECT_THAT(Events("patient=Patient/ada"), testing::Contains("ann R read Patient/ada 0"))
        << "the read of the outage was written afterwards";
}

TEST_F(RestTest, WithoutRoomForARowNothingIsShown) {
    server_.reset();
    service_.reset();
    store_.reset();
    audit_queue_bytes_max_ = 4'000;
    StartService({});
    ASSERT_EQ(
        Put("Patient/ada", R"({"resourceType":"Patient","id":"ada","gender":"female"})").status,
        201);
    auto other = Connect();
    ASSERT_TRUE(other.Execute("alter table access rename to access_away").has_value());
    Reply reply;
    for (int i = 0; i < 50 && reply.status != 503; ++i) reply = Get("Patient/ada");
    EXPECT_EQ(reply.status, 503);
    EXPECT_THAT(reply.http.body, Not(HasSubstr("female")));
    EXPECT_EQ(reply.Header("ETag"), "");
    EXPECT_EQ(reply.Header("Cache-Control"), "no-store");
    ASSERT_TRUE(other.Execute("alter table access_away rename to access").has_value());
    EXPECT_TRUE(Eventually([&] { return Get("Patient/ada").status == 200; }));
}

TEST_F(RestAuditTest, RowsHoldNothingInPlainText) {
    EXPECT_EQ(Get("Patient/ada", As("MARKEDSUBJECT", "user/*.rs")).status, 200);
    ASSERT_FALSE(Events("").empty());
    for (const char* marked : {"MARKEDSUBJECT", "issuer.example", "127.0.0.1", "ada", "read"}) {
        EXPECT_EQ(Scalar("select count(*)::text from access where position('" +
                         std::string(marked) + "'::bytea in sealed) > 0"),
                  "0")
            << marked;
    }
}

}  // namespace
}  // namespace carestream::test
