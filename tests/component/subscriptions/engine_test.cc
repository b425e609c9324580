// Goal: who subscribed is told, in order, at least once and numbered, whatever becomes of receiver
// and daemon; and nobody hears of what he may not see. Method: the REST API on a real store, and
// receivers that are real HTTP servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "component/subscriptions/subscriptions_fixture.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(SubscriptionsRestTest, HandshakeThenNotificationsInOrder) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(made.body.TextOf("status"), "requested");
    const Hook handshake = receiver_->Get(0);
    EXPECT_EQ(handshake.method, "POST");
    EXPECT_EQ(handshake.path, "/hook");
    EXPECT_EQ(handshake.content_type, "application/fhir+json");
    EXPECT_EQ(handshake.authorization, "Bearer hook");
    EXPECT_EQ(handshake.Status("type"), "handshake");
    EXPECT_EQ(handshake.Status("status"), "requested");
    ASSERT_TRUE(Becomes(made.Id(), "active"));

    ASSERT_EQ(Report("r1", "ada", "one"), 201);
    ASSERT_EQ(Report("r1", "ada", "one"), 200);  // nothing changed: no news
    ASSERT_EQ(Report("r2", "ada", "two", "preliminary"), 201);
    ASSERT_EQ(Report("r1", "ada", "other"), 200);
    const Hook first = receiver_->Get(1);
    EXPECT_EQ(first.Status("type"), "event-notification");
    EXPECT_EQ(first.Numbers().front(), "1");
    EXPECT_EQ(first.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r1");
    const auto last = first.Numbers().size() == 2 ? first : receiver_->Get(2);
    EXPECT_EQ(last.Numbers().back(), "2");
    EXPECT_EQ(last.Status("events-since-subscription-start"), "2");

    const auto status = Get("Subscription/" + made.Id() + "/$status");
    ASSERT_EQ(status.status, 200) << status.http.body;
    EXPECT_EQ(status.body.TextOf("type"), "searchset");
    EXPECT_THAT(status.http.body,
                HasSubstr(R"("events-since-subscription-start","valueString":"2")"));
    const auto events = Get("Subscription/" + made.Id() + "/$events?eventsSinceNumber=2");
    ASSERT_EQ(events.status, 200) << events.http.body;
    EXPECT_THAT(events.http.body, HasSubstr("query-event"));
    EXPECT_THAT(events.http.body, HasSubstr(R"("event-number","valueString":"2")"));
    EXPECT_THAT(events.http.body, Not(HasSubstr(R"("event-number","valueString":"1")")));
}

TEST_F(SubscriptionsRestTest, AHandshakeThatFailsIsAnErrorAndWrittenAnewItIsTriedAgain) {
    receiver_->Answer({500});
    const auto made = Post("Subscription", Topical(kResult, "empty"));
    ASSERT_EQ(made.status, 201);
    ASSERT_TRUE(Becomes(made.Id(), "error"));
    EXPECT_THAT(std::string(Get("Subscription/" + made.Id()).body.TextOf("error")),
                HasSubstr("status 500"));
    Patient("ada");
    ASSERT_EQ(Report("r1", "ada", "one"), 201);
    fhir::Node again = Get("Subscription/" + made.Id()).body;
    ASSERT_EQ(Put("Subscription/" + made.Id(), fhir::ToJson(again)).status, 200);
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    // What happened meanwhile is told.
    const Hook told = receiver_->Get(2);
    EXPECT_EQ(told.Status("type"), "event-notification");
    EXPECT_EQ(told.body.Find("entry")->items().size(), 1u);  // empty
}

TEST_F(SubscriptionsRestTest, AReceiverThatFailsGetsEverythingLaterAndInOrder) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    receiver_->Answer({503, 429, 500});
    for (int i = 1; i <= 4; ++i) ASSERT_EQ(Report("r" + std::to_string(i), "ada", "x"), 201);
    std::vector<std::string> taken;
    for (std::size_t i = 4; taken.empty() || taken.back() != "4"; ++i) {
        const Hook hook = receiver_->Get(i);
        ASSERT_FALSE(hook.method.empty());
        for (auto& number : hook.Numbers()) taken.push_back(number);
    }
    EXPECT_THAT(taken, ElementsAre("1", "2", "3", "4"));
    EXPECT_TRUE(Becomes(made.Id(), "active"));
}

TEST_F(SubscriptionsRestTest, GoneTurnsItOff) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    receiver_->AnswerAlways(410);
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_TRUE(Becomes(made.Id(), "off"));
    // It still says how it stands.
    const auto status = Get("Subscription/" + made.Id() + "/$status");
    EXPECT_EQ(status.status, 200);
    EXPECT_THAT(status.http.body, HasSubstr(R"("status","valueCode":"off")"));
}

TEST_F(SubscriptionsRestTest, NothingIsForgottenOverARestart) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    EXPECT_THAT(receiver_->Get(1).Numbers(), ElementsAre("1"));
    StopEngine();
    write_rules_.clear();
    RestTest::StartService({});
    ASSERT_EQ(Report("r2", "ada", "x"), 201);
    ASSERT_EQ(Report("r3", "ada", "x"), 201);
    StartEngine();
    // The first may come again: its answer may not have been saved.
    std::vector<std::string> later;
    for (std::size_t i = 2; (later.empty() || later.back() != "3") && !HasFailure(); ++i) {
        for (auto& number : receiver_->Get(i).Numbers()) later.push_back(number);
    }
    if (!later.empty() && later.front() == "1") later.erase(later.begin());
    EXPECT_THAT(later, ElementsAre("2", "3"));
}

TEST_F(SubscriptionsRestTest, FiltersAndFullResources) {
    Patient("ada");
    Patient("bob");
    const auto made =
        Post("Subscription", Topical(kResult, "id-only", "DiagnosticReport?patient=Patient/ada"));
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "bob", "x"), 201);
    ASSERT_EQ(Report("r2", "ada", "x"), 201);
    const Hook told = receiver_->Get(1);
    EXPECT_EQ(told.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r2");
    EXPECT_THAT(told.Numbers(), ElementsAre("1"));
}

TEST_F(SubscriptionsRestTest, CriteriaOfR4BringTheResource) {
    Patient("ada");
    const auto made =
        Post("Subscription",
             R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":)"
             R"("DiagnosticReport?status=preliminary","channel":{"type":"rest-hook","endpoint":")" +
                 receiver_->Url() + R"("}})");
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_EQ(Report("r2", "ada", "x", "preliminary"), 201);
    const Hook told = receiver_->Get(0);
    EXPECT_EQ(told.method, "POST");
    EXPECT_TRUE(told.body.IsNull());  // without payload: only that there is something
    EXPECT_EQ(receiver_->count(), 1u);
}

TEST_F(SubscriptionsRestTest, WebsocketsAreBoundByTokenAndTold) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult));
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(made.body.TextOf("status"), "active");
    ASSERT_TRUE(Eventually([&] { return engine_->size() == 1; }));
    const std::string token = BindingToken(made.Id());
    auto listener = std::make_shared<Listener>();
    engine_->Heard(listener, 1, "bind-with-token " + token);
    EXPECT_THAT(listener->Get(0), HasSubstr("handshake"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    EXPECT_THAT(listener->Get(1), HasSubstr("event-notification"));
    EXPECT_THAT(listener->Get(1), HasSubstr(R"("event-number","valueString":"1")"));
    // A token is used up; nonsense is answered.
    engine_->Heard(listener, 1, "bind-with-token " + token);
    EXPECT_THAT(listener->Get(2), HasSubstr("error"));
    engine_->Heard(listener, 1, "hello");
    EXPECT_THAT(listener->Get(3), HasSubstr("error"));
    // Who comes back hears the last number.
    engine_->Gone(listener);
    EXPECT_EQ(Get("Subscription/" + made.Id() + "/$status").status, 200);  // asked after it
    ASSERT_EQ(Report("r2", "ada", "x"), 201);
    auto later = std::make_shared<Listener>();
    ASSERT_TRUE(Eventually([&] {
        return Get("Subscription/" + made.Id() + "/$status")
                   .http.body.find(R"("events-since-subscription-start","valueString":"2")") !=
               std::string::npos;
    }));
    engine_->Heard(later, 1, "bind-with-token " + BindingToken(made.Id()));
    EXPECT_THAT(later->Get(0), HasSubstr(R"("events-since-subscription-start","valueString":"2")"));
    EXPECT_EQ(listener->count(), 4u);
}

TEST_F(SubscriptionsRestTest, R4SocketsAreBoundByIdAndPinged) {
    Patient("ada");
    const auto made =
        Post("Subscription",
             R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":)"
             R"("DiagnosticReport?patient=ada","channel":{"type":"websocket"}})");
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Eventually([&] { return engine_->size() == 1; }));
    auth::Principal open;
    open.open = true;
    auto listener = std::make_shared<Listener>(open);
    engine_->Heard(listener, 1, "bind " + made.Id());
    EXPECT_EQ(listener->Get(0), "bound " + made.Id());
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    EXPECT_EQ(listener->Get(1), "ping " + made.Id());
    // Who did not say who he is cannot bind by an id.
    auto stranger = std::make_shared<Listener>();
    engine_->Heard(stranger, 1, "bind " + made.Id());
    EXPECT_THAT(stranger->Get(0), HasSubstr("error"));
}

TEST_F(SubscriptionsRestTest, MergedPatientsAreOne) {
    Patient("ada");
    Patient("old");
    const auto made =
        Post("Subscription", Topical(kResult, "id-only", "DiagnosticReport?patient=Patient/ada"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    // What A40 does: a link, and the two Patients say so.
    ChangeLinks(
        "insert into link select l.pk, s.pk, 1 from resource l, resource s where l.id = 'old' and "
        "s.id = 'ada'");
    ASSERT_EQ(Put("Patient/ada", R"({"resourceType":"Patient","id":"ada","link":[{"other":)"
                                 R"({"reference":"Patient/old"},"type":"replaces"}]})")
                  .status,
              200);
    ASSERT_EQ(Report("r1", "old", "x"), 201);
    EXPECT_EQ(receiver_->Get(1).body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r1");
}

TEST_F(SubscriptionsRestTest, WhoLostHisAuthorityIsToldNothingMore) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    in_force_ = false;
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_TRUE(Becomes(made.Id(), "off"));
    EXPECT_EQ(receiver_->count(), 1u);
}

TEST_F(SubscriptionsRestTest, OldNewsWakesNobody) {
    StopEngine();
    options_.notify_max_age = -1;  // everything is too old
    StartEngine();
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_TRUE(Eventually([&] {
        return metrics_.Expose().find("carestream_events_too_old_total 1") != std::string::npos;
    }));
    EXPECT_EQ(receiver_->count(), 1u);
}

// Tokens: ada subscribes to everything of the type; bob's reports are none of hers.
TEST_F(SubscriptionsRestTest, APatientHearsOfHerselfAlone) {
    Patient("ada");
    Patient("bob");
    RequireTokens();
    const Headers ada = tokens_.Token("a", "ada", "patient/*.cruds");
    const Headers bob = tokens_.Token("b", "bob", "patient/*.cruds");
    const Headers staff = tokens_.Token("s", "", "system/*.cruds");

    const auto made = Post("Subscription", Topical(kResult, "id-only"), ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    const auto put = [&](const std::string& id, const std::string& patient) {
        return Put("DiagnosticReport/" + id,
                   R"({"resourceType":"DiagnosticReport","id":")" + id +
                       R"(","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/)" +
                       patient + "\"}}",
                   staff)
            .status;
    };
    EXPECT_EQ(receiver_->Get(0).Status("type"), "handshake");
    ASSERT_EQ(put("r1", "bob"), 201);
    ASSERT_EQ(put("r2", "ada"), 201);
    const Hook told = receiver_->Get(1);
    EXPECT_THAT(told.Numbers(), ElementsAre("1"));
    EXPECT_EQ(told.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r2");

    // bob: it is not there for him, by any way.
    const std::string path = "Subscription/" + made.Id();
    EXPECT_EQ(Get(path, ada).status, 200);
    EXPECT_EQ(Get(path, bob).status, 404);
    EXPECT_EQ(Get(path + "/$status", bob).body.TextOf("resourceType"), "Bundle");
    EXPECT_THAT(Get(path + "/$status", bob).http.body, Not(HasSubstr(made.Id() + "/$status\"")));
    EXPECT_EQ(Get(path + "/$events", bob).status, 404);
    EXPECT_EQ(Get(path + "/$events", ada).status, 200);
    EXPECT_EQ(Put(path, fhir::ToJson(Get(path, ada).body), bob).status, 404);
    EXPECT_EQ(Delete(path, bob).status, 404);
    EXPECT_EQ(Get("Subscription?url=x", bob).status, 403);
    // Whoever writes it owns it: what the client says about the owner counts for nothing.
    fhir::Node stolen = Get(path, ada).body;
    stolen.Remove("id");
    const auto copy = Post("Subscription", fhir::ToJson(stolen), bob);
    ASSERT_EQ(copy.status, 201) << copy.http.body;
    EXPECT_THAT(copy.http.body, HasSubstr(R"("url":"subject","valueString":"b")"));
    EXPECT_EQ(receiver_->Get(2).Status("type"), "handshake");
}

// Of what is about several each is told his own part: at once, late and by $events.
TEST_F(SubscriptionsRestTest, OfAGroupEachIsToldHisPart) {
    Patient("ada");
    Patient("bob");
    RequireTokens();
    const Headers ada = tokens_.Token("a", "ada", "patient/*.cruds");
    const Headers staff = tokens_.Token("s", "", "system/*.cruds");
    const auto topical =
        Post("Subscription", Topical("urn:carestream:topic:appointment", "full-resource"), ada);
    ASSERT_EQ(topical.status, 201) << topical.http.body;
    EXPECT_EQ(receiver_->Get(0).Status("type"), "handshake");
    const auto group = [&](const std::string& status) {
        return R"({"resourceType":"Appointment","id":"g","status":")" + status +
               R"(","participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"},)"
               R"({"actor":{"reference":"Patient/bob","display":"Bob Roe"},"status":"declined"}]})";
    };
    ASSERT_EQ(Put("Appointment/g", group("booked"), staff).status, 201);
    const std::string fresh = fhir::ToJson(receiver_->Get(1).body);
    EXPECT_THAT(fresh, HasSubstr("Patient/ada"));
    EXPECT_THAT(fresh, HasSubstr("SUBSETTED"));
    EXPECT_THAT(fresh, Not(HasSubstr("ob")));
    const auto events = Get("Subscription/" + topical.Id() + "/$events", ada).http.body;
    EXPECT_THAT(events, HasSubstr("SUBSETTED"));
    EXPECT_THAT(events, Not(HasSubstr("Bob")));
    // R4's own, likewise.
    std::string plain = R"({"resourceType":"Subscription","status":"requested","reason":"x",)"
                        R"("criteria":"Appointment?status=cancelled","channel":{"type":"rest-hook",)"
                        R"("payload":"application/fhir+json","endpoint":")" +
                        receiver_->SecureUrl() + "\"}}";
    const auto made = Post("Subscription", plain, ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Eventually([&] {
        return Get("Subscription/" + made.Id(), ada).body.TextOf("status") == "active";
    }));
    ASSERT_EQ(Put("Appointment/g", group("cancelled"), staff).status, 200);
    for (std::size_t i : {2, 3}) {
        const std::string told = fhir::ToJson(receiver_->Get(i).body);
        EXPECT_THAT(told, HasSubstr("cancelled"));
        EXPECT_THAT(told, Not(HasSubstr("ob")));
    }
}

// What a subscription tells of needs the scopes for it, not those for the Subscription alone.
TEST_F(SubscriptionsRestTest, ScopesForSubscriptionsAloneTellNothing) {
    Patient("ada");
    RequireTokens();
    const Headers ada = tokens_.Token("a", "ada", "patient/*.cruds");
    const Headers staff = tokens_.Token("s", "", "system/*.cruds");
    const Headers narrow = tokens_.Token("n", "", "user/Subscription.cruds");
    const Headers less = tokens_.Token("a", "ada", "patient/Subscription.cruds");
    const auto made = Post("Subscription", Socket(kResult, "full-resource"), ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    const std::string path = "Subscription/" + made.Id();
    ASSERT_TRUE(Eventually([&] { return Get(path + "/$events", ada).status == 200; }));
    for (const Headers& who : {narrow, less}) {
        EXPECT_EQ(Get(path + "/$events?content=full-resource", who).status, 404);
        EXPECT_EQ(Get(path + "/$get-ws-binding-token", who).status, 404);
    }
    EXPECT_EQ(Get(path + "/$events", staff).status, 200);
    EXPECT_EQ(Get(path + "/$get-ws-binding-token", staff).status, 200);
}

// What was told once and is hidden, or another's, since.
TEST_F(SubscriptionsRestTest, WhatMayNotBeSeenAnyMoreIsNotToldLater) {
    Patient("ada");
    Patient("bob");
    RequireTokens();
    const Headers ada = tokens_.Token("a", "ada", "patient/*.cruds");
    const Headers staff = tokens_.Token("s", "", "system/*.cruds");
    const auto made = Post("Subscription", Topical(kResult, "full-resource"), ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(receiver_->Get(0).Status("type"), "handshake");
    const auto report = [&](const std::string& patient) {
        return Put("DiagnosticReport/r1",
                   R"({"resourceType":"DiagnosticReport","id":"r1","status":"final","code":{"text":)"
                   R"("first words"},"subject":{"reference":"Patient/)" +
                       patient + "\"}}",
                   staff)
            .status;
    };
    ASSERT_EQ(report("ada"), 201);
    EXPECT_THAT(fhir::ToJson(receiver_->Get(1).body), HasSubstr("first words"));
    const std::string events = "Subscription/" + made.Id() + "/$events";
    EXPECT_THAT(Get(events, ada).http.body, HasSubstr("first words"));
    ASSERT_EQ(report("bob"), 200);  // it was filed under the wrong patient
    const auto later = Get(events, ada);
    EXPECT_EQ(later.status, 200);
    EXPECT_THAT(later.http.body, Not(HasSubstr("first words")));
    EXPECT_THAT(later.http.body, HasSubstr(R"("event-number","valueString":"1")"));
}

// Another one's pen does not turn what a patient hears into what the pen's owner may see.
TEST_F(SubscriptionsRestTest, ASubscriptionStaysItsMakersWhoeverWritesIt) {
    Patient("ada");
    Patient("bob");
    RequireTokens();
    const Headers ada = tokens_.Token("a", "ada", "patient/*.cruds");
    const Headers staff = tokens_.Token("s", "", "system/*.cruds");
    receiver_->AnswerAlways(500);
    const auto made = Post("Subscription", Topical(kResult, "full-resource"), ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    const std::string path = "Subscription/" + made.Id();
    ASSERT_TRUE(
        Eventually([&] { return Get(path, ada).body.TextOf("status") == "error"; }, 20'000));
    receiver_->AnswerAlways(200);
    // Staff revive it: by PUT and by PATCH it stays ada's.
    fhir::Node revived = Get(path, staff).body;
    revived.Set("status", fhir::Node::String("requested"));
    const auto put = Put(path, fhir::ToJson(revived), staff);
    ASSERT_EQ(put.status, 200) << put.http.body;
    EXPECT_THAT(put.http.body, HasSubstr(R"("url":"subject","valueString":"a")"));
    ASSERT_TRUE(
        Eventually([&] { return Get(path, ada).body.TextOf("status") == "active"; }, 20'000));
    const auto patched =
        Patch(path, R"([{"op":"replace","path":"/reason","value":"revived"}])", staff);
    ASSERT_EQ(patched.status, 200) << patched.http.body;
    EXPECT_THAT(patched.http.body, HasSubstr(R"("url":"subject","valueString":"a")"));
    EXPECT_EQ(Patch(path,
                    R"([{"op":"replace","path":"/channel/endpoint","value":"https://other.example/x"}])",
                    staff)
                  .Issue(),
              "not-supported|Subscription.channel");
    ASSERT_TRUE(
        Eventually([&] { return Get(path, ada).body.TextOf("status") == "active"; }, 20'000));
    const std::size_t before = receiver_->count();
    const auto report = [&](const std::string& id, const std::string& patient) {
        return Put("DiagnosticReport/" + id,
                   R"({"resourceType":"DiagnosticReport","id":")" + id +
                       R"(","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/)" +
                       patient + "\"}}",
                   staff)
            .status;
    };
    ASSERT_EQ(report("r1", "bob"), 201);
    ASSERT_EQ(report("r2", "ada"), 201);
    const std::string told = fhir::ToJson(receiver_->Get(before).body);
    EXPECT_THAT(told, HasSubstr("DiagnosticReport/r2"));
    EXPECT_THAT(told, Not(HasSubstr("Patient/bob")));
    EXPECT_EQ(Put(path, fhir::ToJson(Get(path, ada).body), ada).status, 200);
}

TEST_F(SubscriptionsRestTest, PartedPatientsAreTwoAgain) {
    Patient("ada");
    Patient("old");
    const auto made =
        Post("Subscription", Topical(kResult, "id-only", "DiagnosticReport?patient=Patient/ada"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    const auto say = [&](const std::string& link) {
        return Put("Patient/ada", R"({"resourceType":"Patient","id":"ada")" + link + "}").status;
    };
    ChangeLinks(
        "insert into link select l.pk, s.pk, 1 from resource l, resource s where l.id = 'old' and "
        "s.id = 'ada'");
    ASSERT_EQ(say(R"(,"link":[{"other":{"reference":"Patient/old"},"type":"replaces"}])"), 200);
    ASSERT_EQ(Report("r1", "old", "x"), 201);
    EXPECT_THAT(receiver_->Get(1).Numbers(), ElementsAre("1"));
    ChangeLinks("delete from link");
    ASSERT_EQ(say(""), 200);
    ASSERT_EQ(Report("r2", "old", "x"), 201);
    ASSERT_EQ(Report("r3", "ada", "x"), 201);
    const Hook next = receiver_->Get(2);
    EXPECT_THAT(next.Numbers(), ElementsAre("2"));
    EXPECT_EQ(next.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r3");
}

// The receiver failed before anything was to be told it.
TEST_F(SubscriptionsRestTest, AnErrorOfAnEarlierDaemonIsTriedOn) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    fhir::Node left = Get("Subscription/" + made.Id()).body;
    StopEngine();
    // As kill -9 left it between two writes.
    store::RestWrite write;
    write.method = store::RestMethod::kUpdate;
    write.type = "Subscription";
    write.id = made.Id();
    left.Set("status", fhir::Node::String("error"));
    write.resource = std::move(left);
    std::promise<void> written;
    store_->writer().SubmitRest(std::move(write), [&](const Result<store::RestResult>& result) {
        EXPECT_TRUE(result.has_value());
        written.set_value();
    });
    written.get_future().wait();
    StartEngine();
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_TRUE(Eventually([&] { return receiver_->count() >= 3; }, 20'000));
}

// Whose authority cannot be asked for now is told later; whose has ended is let go.
TEST_F(SubscriptionsRestTest, ASocketThatWasToldNothingForASecondIsToldLater) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult));
    ASSERT_TRUE(Eventually([&] { return engine_->size() == 1; }));
    auto listener = std::make_shared<Listener>();
    engine_->Opened(listener);
    engine_->Heard(listener, 1, "bind-with-token " + BindingToken(made.Id()));
    EXPECT_THAT(listener->Get(0), HasSubstr("handshake"));
    authority_known_ = false;
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(listener->count(), 1u);
    authority_known_ = true;
    EXPECT_THAT(listener->Get(1), HasSubstr("DiagnosticReport/r1"));
    in_force_ = false;
    ASSERT_EQ(Report("r2", "ada", "x"), 201);
    EXPECT_THAT(listener->Get(2), HasSubstr("is off"));
    EXPECT_THAT(listener->Get(3), HasSubstr("closed"));
}

// Who was told what of whom stands in the audit.
TEST_F(SubscriptionsRestTest, WhatIsToldIsAudited) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "full-resource"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    EXPECT_THAT(receiver_->Get(1).Numbers(), ElementsAre("1"));
    ASSERT_EQ(Get("Subscription/" + made.Id() + "/$events").status, 200);
    ASSERT_TRUE(Eventually([&] {
        const std::string rows = Get("AuditEvent?patient=Patient/ada&_count=50").http.body;
        return rows.find("notification") != std::string::npos &&
               rows.find("$events") != std::string::npos;
    }));
}

}  // namespace
}  // namespace carestream::test
