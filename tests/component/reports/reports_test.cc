// Goal: a report becomes what clinic and patient need to know, once, whatever falls in between; and
// its patient reads the emergency text in the answer. Method: the REST API with tokens on a real
// store, the thread stopped and started anew, deliveries as an outbound channel tells them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "base/home.h"
#include "component/rest/rest_fixture.h"
#include "reports/findings.h"
#include "reports/reporter.h"
#include "reports/response_rule.h"
#include "tests/support/token_gate.h"
#include "topics/topics.h"

namespace carestream::test {
namespace {

using reports::Delivery;
using reports::DeliveryState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ReportsTest : public RestTest {
protected:
    void SetUp() override {
        definitions_ =
            fhir::Definitions::Load(std::string(CARESTREAM_SOURCE_DIR) + "/schemas/fhir/r4")
                .value();
        const auto loaded = questionnaires::Questionnaires::Load(
            std::string(CARESTREAM_SOURCE_DIR) + "/mappings/questionnaires", "", *definitions_);
        ASSERT_TRUE(loaded.questionnaires);
        questionnaires_ = loaded.questionnaires;
        label_elements_ = {"Flag"};
        label_ = [](const fhir::Node& before, fhir::Node& resource, Micros) {
            reports::KeepEscalation(before, resource);
        };
        write_rules_ = {reports::ResponseRule([this] { return questionnaires_; })};
        gate_ = tokens_.Make(state_folder(), clock_, log_);
        StartService({});
        staff_ = Token("system/*.cruds", "");
        ada_ = Token("patient/*.cruds", "ada");
        bob_ = Token("patient/*.cruds", "bob");
        for (const char* id : {"ada", "bob"}) {
            ASSERT_EQ(Put(std::string("Patient/") + id,
                          R"({"resourceType":"Patient","id":")" + std::string(id) + "\"}", staff_)
                          .status,
                      201);
        }
        StartReporter();
    }
    void TearDown() override {
        reporter_.reset();
        RestTest::TearDown();
    }
    void StartReporter() {
        reporter_.reset();
        reports::ReporterOptions options;
        options.look_every_ms = 20;
        options.poll_ms = 20;
        reporter_ = std::make_unique<reports::Reporter>(
            options,
            reports::ReporterParts{definitions_, [this] { return questionnaires_; },
                                   store_->MakeEvents(), store_->reader(), store_->writer(),
                                   crypto::IdKey::Public(), [] { return true; },
                                   [this](std::int64_t after, int) { return Deliveries(after); },
                                   reporter_clock_, log_, metrics_});
        ASSERT_TRUE(reporter_->Start());
    }
    Result<std::vector<Delivery>> Deliveries(std::int64_t after) {
        const std::lock_guard lock(deliveries_mutex_);
        std::vector<Delivery> found;
        for (const Delivery& delivery : deliveries_) {
            if (delivery.change > after) found.push_back(delivery);
        }
        return found;
    }
    void Deliver(const std::string& id, std::int64_t event, DeliveryState state,
                 const std::string& reason = {}) {
        const std::lock_guard lock(deliveries_mutex_);
        deliveries_.push_back({static_cast<std::int64_t>(deliveries_.size()) + 1, 1, "ehr",
                               "QuestionnaireResponse", id, event, state, reason});
    }
    Headers Token(const std::string& scope, const std::string& patient) {
        return tokens_.Token("s", patient, scope);
    }
    // PHQ-9 with these points for items 8 and 9, 0 for the others.
    static std::string Phq9(int eight, int nine, const std::string& more = {},
                            const std::string& status = "completed") {
        static const std::array<const char*, 4> codes = {"LA6568-5", "LA6569-3", "LA6570-1",
                                                         "LA6571-9"};
        std::string items;
        for (const char* id : {"44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2",
                               "44252-5", "44253-3", "44260-8"}) {
            const std::string link(id);
            const int points = link == "44253-3" ? eight : link == "44260-8" ? nine : 0;
            items += (items.empty() ? "" : ",") + (R"({"linkId":")" + link) +
                     R"(","answer":[{"valueCoding":{"system":"http://loinc.org","code":")" +
                     codes.at(static_cast<std::size_t>(points)) + "\"}}]}";
        }
        return R"({"resourceType":"QuestionnaireResponse",)" + more +
               R"("questionnaire":"urn:carestream:questionnaire:phq-9|1.0","status":")" + status +
               R"(","authored":"2026-05-04T10:00:00Z","subject":{"reference":"Patient/ada"},)"
               R"("author":{"reference":"Patient/ada"},"item":[)" +
               items + "]}";
    }
    // The same, of a questionnaire that is named so; "" = none is named.
    static std::string AnswersTo(const std::string& name, int nine) {
        std::string response = Phq9(0, nine);
        const std::string ours = R"("questionnaire":"urn:carestream:questionnaire:phq-9|1.0",)";
        return response.replace(response.find(ours), ours.size(),
                                name.empty() ? "" : R"("questionnaire":")" + name + "\",");
    }
    [[nodiscard]] std::vector<store::Event> EventsOf(const std::string& type) {
        return store_->MakeEvents()->ReadTypes(0, {type}, 100).value().events;
    }
    [[nodiscard]] std::int64_t CursorOf(const std::string& consumer) {
        return std::stoll(
            Scalar("select seq from event_cursor where consumer = '" + consumer + "'"));
    }
    [[nodiscard]] std::int64_t Head() { return store_->MakeEvents()->Head().value(); }
    // Number of matches of a search.
    std::size_t Count(const std::string& search) { return Get(search, staff_).Ids().size(); }
    fhir::Node First(const std::string& search) {
        const auto found = Get(search, staff_);
        const fhir::Node* entries = found.body.Find("entry");
        return entries == nullptr ? fhir::Node() : *entries->items()[0].Find("resource");
    }
    std::string TaskState() {
        const fhir::Node task = First("Task?patient=ada");
        const fhir::Node* status = task.Find("businessStatus");
        if (status == nullptr) return {};
        return std::string(task.TextOf("status")) + " " +
               std::string(status->Find("coding")->items()[0].TextOf("code"));
    }

    const TokenGate tokens_;
    std::shared_ptr<const questionnaires::Questionnaires> questionnaires_;
    // What "now" is for escalations: hours later when told so.
    struct ShiftedClock final : Clock {
        Micros Now() const override { return SystemClock().Now() + by; }
        std::atomic<Micros> by = 0;
    } reporter_clock_;
    std::mutex deliveries_mutex_;
    std::vector<Delivery> deliveries_;
    std::unique_ptr<reports::Reporter> reporter_;
    Headers staff_, ada_, bob_;
};

TEST_F(ReportsTest, TheEmergencyTextStandsInTheAnswer) {
    const auto made = Post("QuestionnaireResponse", Phq9(0, 1), ada_);
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_THAT(made.http.body, HasSubstr("urn:carestream:red-flag"));
    EXPECT_THAT(made.http.body, HasSubstr("call or text 988"));
    const auto calm = Post("QuestionnaireResponse", Phq9(3, 0), ada_);
    ASSERT_EQ(calm.status, 201);
    EXPECT_THAT(calm.http.body, Not(HasSubstr("red-flag")));
    // Nobody else's word for it.
    const std::string forged =
        R"("extension":[{"url":"urn:carestream:red-flag","valueString":"all is well"}],)";
    const auto other = Post("QuestionnaireResponse", Phq9(0, 0, forged), ada_);
    ASSERT_EQ(other.status, 201) << other.http.body;
    EXPECT_THAT(other.http.body, Not(HasSubstr("all is well")));
    const auto foreign = Post("QuestionnaireResponse",
                              R"({"resourceType":"QuestionnaireResponse",)" + forged +
                                  R"("questionnaire":"http://elsewhere.example/q","status":)"
                                  R"("in-progress","subject":{"reference":"Patient/ada"}})",
                              ada_);
    ASSERT_EQ(foreign.status, 201) << foreign.http.body;
    EXPECT_THAT(foreign.http.body, Not(HasSubstr("all is well")));
}

TEST_F(ReportsTest, WhatIsNoAnswerIsRefusedWithAllItsIssues) {
    std::string wrong = Phq9(0, 0);
    wrong.replace(wrong.find("LA6568-5"), 8, "LA0000-0");
    wrong.replace(wrong.find("44255-8"), 7, "44255-9");
    const auto refused = Post("QuestionnaireResponse", wrong, ada_);
    EXPECT_EQ(refused.status, 422);
    std::vector<std::string> places;
    for (const auto& issue : refused.body.Find("issue")->items()) {
        places.push_back(std::string(issue.TextOf("code")) + " " +
                         issue.Find("expression")->items()[0].text());
    }
    EXPECT_THAT(places, ElementsAre("required QuestionnaireResponse.item",
                                    "code-invalid QuestionnaireResponse.item[0].answer[0].value",
                                    "not-found QuestionnaireResponse.item[1].linkId"));
    EXPECT_EQ(Post("QuestionnaireResponse", Phq9(0, 0, "", "in-progress"), ada_).Issue(),
              "business-rule|QuestionnaireResponse.status");
    std::string old = Phq9(0, 1);
    old.replace(old.find("|1.0"), 4, "|0.9");
    EXPECT_THAT(Post("QuestionnaireResponse", old, ada_).http.body,
                HasSubstr("read Questionnaire/phq-9 again"));
    std::string nobody = Phq9(0, 1);
    nobody.replace(nobody.find("Patient/ada"), 11, "Group/g");
    EXPECT_EQ(Post("QuestionnaireResponse", nobody, staff_).Issue(),
              "required|QuestionnaireResponse.subject");
    EXPECT_EQ(Post("QuestionnaireResponse", Phq9(0, 1), bob_).status, 403);
    EXPECT_EQ(Count("QuestionnaireResponse?patient=ada"), 0u);
}

TEST_F(ReportsTest, HoweverOneOfOursIsNamedItsRedFlagsAreRaised) {
    const std::vector<std::string> names = {"urn:carestream:questionnaire:phq-9",
                                            "urn:carestream:questionnaire:phq-9#x",
                                            "Questionnaire/phq-9",
                                            "Questionnaire/phq-9|1.0",
                                            "Questionnaire/phq-9/_history/1",
                                            "Questionnaire/phq-9#x",
                                            Base() + "/Questionnaire/phq-9",
                                            Base() + "/Questionnaire/phq-9/_history/1|1.0#x"};
    for (const std::string& name : names) {
        const auto made = Post("QuestionnaireResponse", AnswersTo(name, 1), ada_);
        ASSERT_EQ(made.status, 201) << name << ": " << made.http.body;
        EXPECT_THAT(made.http.body, HasSubstr("call or text 988")) << name;
        // It is checked as well.
        std::string wrong = AnswersTo(name, 1);
        wrong.replace(wrong.find("44255-8"), 7, "44255-9");
        EXPECT_EQ(Post("QuestionnaireResponse", wrong, ada_).status, 422) << name;
    }
    EXPECT_TRUE(Eventually([&] { return Count("Flag?patient=ada") == names.size(); }));
    EXPECT_TRUE(Eventually(
        [&] { return Count("Observation?code=http://loinc.org|44261-6") == names.size(); }));
}

TEST_F(ReportsTest, ARelativeNameThatIsNoneOfOursIsRefused) {
    for (const std::string& name : {std::string("Questionnaire/phq9"), std::string("phq-9"),
                                    Base() + "/Questionnaire/phq9|1.0"}) {
        const auto refused = Post("QuestionnaireResponse", AnswersTo(name, 1), ada_);
        EXPECT_EQ(refused.status, 422) << name << ": " << refused.http.body;
        EXPECT_EQ(refused.Issue(), "not-found|QuestionnaireResponse.questionnaire") << name;
        EXPECT_THAT(refused.http.body, HasSubstr("GET Questionnaire lists")) << name;
    }
    EXPECT_EQ(Count("QuestionnaireResponse?patient=ada"), 0u);
    // Somebody else's, or none: taken as they are.
    for (const char* name : {"http://elsewhere.example/fhir/r4/Questionnaire/phq-9", ""}) {
        const auto taken = Post("QuestionnaireResponse", AnswersTo(name, 1), ada_);
        EXPECT_EQ(taken.status, 201) << name << ": " << taken.http.body;
        EXPECT_THAT(taken.http.body, Not(HasSubstr("red-flag"))) << name;
    }
}

TEST_F(ReportsTest, AReportBecomesFlagScoreAndTask) {
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(2, 1), ada_).status, 201);
    EXPECT_TRUE(Eventually([&] { return Count("Observation?code=http://loinc.org|44261-6"); }));
    const fhir::Node score = First("Observation?patient=ada");
    EXPECT_EQ(score.Find("valueQuantity")->Find("value")->text(), "3");
    EXPECT_EQ(score.Find("interpretation")->items()[0].TextOf("text"), "Minimal depression");
    ASSERT_EQ(Count("Flag?patient=ada"), 1u);
    EXPECT_EQ(First("Flag?patient=ada").TextOf("status"), "active");
    EXPECT_EQ(TaskState(), "requested waiting");
    // Patients read them, their own ones, and write neither.
    const std::string flag = "Flag/" + std::string(First("Flag?patient=ada").TextOf("id"));
    const std::string task = "Task/" + std::string(First("Task?patient=ada").TextOf("id"));
    for (const std::string& one : {flag, task}) {
        EXPECT_EQ(Get(one, ada_).status, 200) << one;
        EXPECT_EQ(Get(one, bob_).status, 404) << one;
        EXPECT_EQ(Delete(one, ada_).status, 403) << one;
    }
    EXPECT_THAT(Get("Task?code=report-delivery", ada_).Ids().size(), 1u);
    EXPECT_THAT(Get("Task", bob_).Ids().size(), 0u);
    auto mine = First("Flag?patient=ada");
    mine.Set("status", fhir::Node::String("inactive"));
    EXPECT_EQ(Put(flag, fhir::ToJson(mine), ada_).status, 403);
}

TEST_F(ReportsTest, QuestionnairesAreServed) {
    EXPECT_TRUE(Eventually([&] { return Get("Questionnaire/wound", ada_).status == 200; }));
    EXPECT_EQ(Get("Questionnaire/phq-9", ada_).body.TextOf("url"),
              "urn:carestream:questionnaire:phq-9");
    EXPECT_EQ(Get("Questionnaire?url=urn:carestream:questionnaire:phq-9", staff_).Ids().size(), 1u);
    StartReporter();
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(0, 0), ada_).status, 201);
    EXPECT_TRUE(Eventually([&] { return TaskState() == "requested waiting"; }));
    const fhir::Node phq = Get("Questionnaire/phq-9", staff_).body;
    EXPECT_EQ(phq.Find("meta")->TextOf("versionId"), "1") << "the same makes no version";
}

TEST_F(ReportsTest, TheTaskFollowsTheDelivery) {
    const std::string id = Post("QuestionnaireResponse", Phq9(0, 0), ada_).Id();
    EXPECT_TRUE(Eventually([&] { return TaskState() == "requested waiting"; }));
    const std::int64_t event = EventsOf("QuestionnaireResponse").front().seq;
    Deliver(id, event, DeliveryState::kSent);
    EXPECT_TRUE(Eventually([&] { return TaskState() == "in-progress sent"; }));
    Deliver(id, event, DeliveryState::kRejected, "answered AE, error 204 of table 0357");
    EXPECT_TRUE(Eventually([&] { return TaskState() == "failed rejected"; }));
    EXPECT_THAT(fhir::ToJson(First("Task?patient=ada")), HasSubstr("error 204 of table 0357"));
    Deliver(id, event, DeliveryState::kClarifying);
    EXPECT_TRUE(Eventually([&] { return TaskState() == "on-hold clarifying"; }));
    Deliver(id, event, DeliveryState::kAccepted);
    EXPECT_TRUE(Eventually([&] { return TaskState() == "completed accepted"; }));
    // Another start hears of nothing twice.
    const auto version = [&] {
        return std::string(First("Task?patient=ada").Find("meta")->TextOf("versionId"));
    };
    const std::string before = version();
    StartReporter();
    Deliver("nobody", event, DeliveryState::kSent);
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(1, 0), bob_).status, 403);
    EXPECT_TRUE(Eventually([&] { return CursorOf("report-deliveries") == 5; }));
    EXPECT_EQ(version(), before);
}

TEST_F(ReportsTest, ADeliveryWaitsForItsTask) {
    const std::string id = Post("QuestionnaireResponse", Phq9(0, 0), ada_).Id();
    EXPECT_TRUE(Eventually([&] { return TaskState() == "requested waiting"; }));
    reporter_->Stop();
    // An event that is not looked at yet, and its delivery.
    const auto amended =
        Put("QuestionnaireResponse/" + id, Phq9(1, 0, R"("id":")" + id + "\",", "amended"), ada_);
    ASSERT_EQ(amended.status, 200) << amended.http.body;
    Deliver(id, Head(), DeliveryState::kAccepted);
    StartReporter();
    EXPECT_TRUE(Eventually([&] { return TaskState() == "completed accepted"; }));
    EXPECT_EQ(First("Task?patient=ada").Find("focus")->TextOf("reference"),
              "QuestionnaireResponse/" + id + "/_history/2");
}

TEST_F(ReportsTest, AnAmendmentMakesNewVersionsAndTakesNoFlagBack) {
    const std::string id = Post("QuestionnaireResponse", Phq9(0, 1), ada_).Id();
    EXPECT_TRUE(Eventually([&] { return TaskState() == "requested waiting"; }));
    const std::int64_t event = EventsOf("QuestionnaireResponse").front().seq;
    Deliver(id, event, DeliveryState::kAccepted);
    EXPECT_TRUE(Eventually([&] { return TaskState() == "completed accepted"; }));
    const auto amend = [&](int eight, int nine) {
        return Put("QuestionnaireResponse/" + id,
                   Phq9(eight, nine, R"("id":")" + id + "\",", "amended"), ada_)
            .status;
    };
    ASSERT_EQ(amend(3, 1), 200);
    EXPECT_TRUE(Eventually([&] { return TaskState() == "requested waiting"; }));
    EXPECT_TRUE(Eventually([&] {
        return First("Observation?patient=ada").Find("valueQuantity")->Find("value")->text() == "4";
    }));
    EXPECT_EQ(First("Observation?patient=ada").TextOf("status"), "amended");
    EXPECT_EQ(Count("Flag?patient=ada"), 1u) << "it was raised before";
    // The first version's message says nothing of the second.
    Deliver(id, event, DeliveryState::kRejected);
    ASSERT_EQ(amend(3, 0), 200);
    EXPECT_TRUE(Eventually([&] {
        return First("Observation?patient=ada").Find("valueQuantity")->Find("value")->text() == "3";
    }));
    EXPECT_EQ(First("Flag?patient=ada").TextOf("status"), "active");
    ASSERT_EQ(amend(3, 2), 200);
    EXPECT_TRUE(Eventually([&] { return Count("Flag?patient=ada") == 2; })) << "raised anew";
    EXPECT_EQ(TaskState(), "requested waiting");
    EXPECT_EQ(Count("Observation?patient=ada"), 1u);
}

TEST_F(ReportsTest, RepeatingAfterACrashChangesNothing) {
    const std::string id = Post("QuestionnaireResponse", Phq9(0, 1), ada_).Id();
    ASSERT_EQ(
        Put("QuestionnaireResponse/" + id, Phq9(3, 1, R"("id":")" + id + "\",", "amended"), ada_)
            .status,
        200);
    const auto settled = [&] {
        const fhir::Node score = First("Observation?patient=ada");
        return !score.IsNull() && score.Find("valueQuantity")->Find("value")->text() == "4";
    };
    EXPECT_TRUE(Eventually(settled));
    reporter_->Stop();
    const std::int64_t head = Head();
    ASSERT_GT(head, 0);
    // As after kill -9 between the writes and the cursor.
    ASSERT_TRUE(Connect().Execute("update event_cursor set seq = 0 where consumer = 'reports'"));
    StartReporter();
    EXPECT_TRUE(Eventually([&] { return CursorOf("reports") >= head; }));
    EXPECT_EQ(Head(), head) << "no version was written";
}

TEST_F(ReportsTest, WhatNobodyAcknowledgesEscalatesOnceAlsoOverARestart) {
    const auto topics = topics::Topics::Load(
        std::string(CARESTREAM_SOURCE_DIR) + "/mappings/topics", "", definitions_);
    ASSERT_TRUE(topics.topics);
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(0, 1), ada_).status, 201);
    EXPECT_TRUE(Eventually([&] { return Count("Flag?patient=ada") == 1; }));
    const std::string id(First("Flag?patient=ada").TextOf("id"));
    StartReporter();
    reporter_clock_.by = 14LL * 60 * 1'000'000;
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(1, 0), ada_).status, 201);
    EXPECT_TRUE(Eventually([&] { return Count("Task?patient=ada") == 2; }));
    EXPECT_EQ(Get("Flag?_tag=urn:carestream:escalation|escalated", staff_).Ids().size(), 0u);
    reporter_clock_.by = 16LL * 60 * 1'000'000;
    EXPECT_TRUE(
        Eventually([&] { return Count("Flag?_tag=urn:carestream:escalation|escalated") == 1; }));
    EXPECT_EQ(Count("Flag?_tag=urn:carestream:escalation|waiting"), 0u);
    // Staff rewrites and ends it: no further news of the escalation.
    auto flag = Get("Flag/" + id, staff_).body;
    flag.Remove("meta");
    flag.Find("code")->Set("text", fhir::Node::String("Item 9"));
    flag.Set("status", fhir::Node::String("inactive"));
    ASSERT_EQ(Put("Flag/" + id, fhir::ToJson(flag), staff_).status, 200);
    std::vector<std::string> fired;
    for (const store::Event& event : EventsOf("Flag")) {
        const fhir::Node current = fhir::ParseJson(event.body).value();
        const fhir::Node before =
            event.before.empty() ? fhir::Node() : fhir::ParseJson(event.before).value();
        for (const auto* topic : topics.topics->Fired(
                 {event.before.empty() ? topics::Change::kCreated : topics::Change::kUpdated,
                  "Flag", &current, event.before.empty() ? nullptr : &before})) {
            fired.push_back(topic->name);
        }
    }
    EXPECT_THAT(fired, ElementsAre("red-flag", "red-flag-escalated"));
}

TEST_F(ReportsTest, AFlagThatCannotBeOpenedKeepsNoOtherFromEscalating) {
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(Post("QuestionnaireResponse", Phq9(i, 1), ada_).status, 201);
    }
    EXPECT_TRUE(
        Eventually([&] { return Count("Flag?_tag=urn:carestream:escalation|waiting") == 2; }));
    const std::string damaged(First("Flag?patient=ada").TextOf("id"));
    ASSERT_TRUE(Connect().Execute(
        "update version set body = '\\x00' where resource = (select pk from resource where id = '" +
        damaged + "')"));
    reporter_clock_.by = 16LL * 60 * 1'000'000;
    EXPECT_TRUE(
        Eventually([&] { return Count("Flag?_tag=urn:carestream:escalation|escalated") == 1; }));
    const auto told = [&] {
        const std::lock_guard lock(mutex_);
        return std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
            return line.find("reports.unreadable") != std::string::npos &&
                   line.find("Flag/" + damaged + "/_history/1") != std::string::npos;
        });
    };
    EXPECT_TRUE(Eventually([&] { return told() == 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // some more looks
    EXPECT_EQ(told(), 1);
}

// What the server puts back into a write is part of it for the next one.
TEST_F(ReportsTest, AFlagCanBeWrittenAgainAndAgainWithoutItsEscalation) {
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(0, 1), ada_).status, 201);
    EXPECT_TRUE(
        Eventually([&] { return Count("Flag?_tag=urn:carestream:escalation|waiting") == 1; }));
    auto flag = Get("Flag", staff_).body.Find("entry")->items().at(0).Find("resource")[0];
    flag.Remove("meta");
    flag.Remove("extension");
    for (const char* text : {"a", "b", "c"}) {
        flag.Find("code")->Set("text", fhir::Node::String(text));
        const Reply put = Put("Flag/" + std::string(flag.TextOf("id")), fhir::ToJson(flag), staff_);
        EXPECT_EQ(put.status, 200) << put.http.body;
    }
    EXPECT_EQ(Count("Flag?_tag=urn:carestream:escalation|waiting"), 1u);
}

TEST_F(ReportsTest, WhatStaffAcknowledgesDoesNotEscalate) {
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(0, 1), ada_).status, 201);
    EXPECT_TRUE(Eventually([&] { return Count("Flag?patient=ada") == 1; }));
    auto flag = First("Flag?patient=ada");
    const std::string target = "Flag/" + std::string(flag.TextOf("id"));
    flag.Set("status", fhir::Node::String("inactive"));
    ASSERT_EQ(Put(target, fhir::ToJson(flag), staff_).status, 200);
    EXPECT_EQ(Count("Flag?_tag=urn:carestream:escalation|waiting"), 0u);
    reporter_clock_.by = 60LL * 60 * 1'000'000;
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(0, 1), ada_).status, 201);
    EXPECT_TRUE(
        Eventually([&] { return Count("Flag?_tag=urn:carestream:escalation|escalated") == 1; }));
    EXPECT_EQ(Get(target, staff_).body.TextOf("status"), "inactive");
}

TEST_F(ReportsTest, ADeletedResponseStillHasItsFlag) {
    reporter_->Stop();
    const std::string id = Post("QuestionnaireResponse", Phq9(0, 1), ada_).Id();
    ASSERT_EQ(Delete("QuestionnaireResponse/" + id, ada_).status, 204);
    StartReporter();
    EXPECT_TRUE(Eventually([&] { return Count("Flag?patient=ada") == 1; }));
}

TEST_F(ReportsTest, FlagsFollowWhatWasSaidNotLaterRules) {
    reporter_->Stop();
    ASSERT_EQ(Post("QuestionnaireResponse", Phq9(0, 1), ada_).status, 201);
    questionnaires_ = std::make_shared<const questionnaires::Questionnaires>();
    StartReporter();
    EXPECT_TRUE(Eventually([&] { return Count("Flag?patient=ada") == 1; }));
    EXPECT_TRUE(Eventually([&] { return TaskState() == "requested waiting"; }));
    EXPECT_EQ(Count("Observation?patient=ada"), 0u);
}

}  // namespace
}  // namespace carestream::test
