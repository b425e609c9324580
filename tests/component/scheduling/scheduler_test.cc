// Goal: what apps, the EHR, silence and people make of a booking, seen from outside: Appointment,
// Slot and what `carestream bookings` shows. Method: the REST API on a real store.
#include <gmock/gmock.h>

#include <future>
#include <set>

#include "component/scheduling/scheduling_fixture.h"

namespace carestream::test {
namespace {

using scheduling::Confirm;
using scheduling::DeliveryState;
using scheduling::Input;
using testing::HasSubstr;
using testing::Not;

TEST_F(SchedulingTest, TemplatesBecomeSlotsThatFindProposes) {
    PutTemplate("min_notice: 2h\n");
    StartScheduler();
    const auto slots = FreeSlots(60);
    const Reply found = Get("Appointment/$find?_count=2&location=room&service-type=394582007");
    ASSERT_EQ(found.status, 200) << found.http.body;
    const fhir::Node* entries = found.body.Find("entry");
    ASSERT_NE(entries, nullptr) << found.http.body;
    // The first two, and that there are more. What begins within two hours is none of them.
    const fhir::Node& proposal = *entries->items().at(0).Find("resource");
    EXPECT_EQ(proposal.TextOf("status"), "proposed");
    EXPECT_EQ(proposal.Find("participant")->items().at(0).Find("actor")->TextOf("reference"),
              "Location/room");
    EXPECT_GT(scheduling::InstantOf(proposal.TextOf("start")), ahead_.Now() + 120 * kMinute);
    EXPECT_THAT(found.http.body, HasSubstr("there are more"));
    EXPECT_EQ(Get("Appointment/$find?location=other").body.Find("total")->text(), "0");
    EXPECT_GT(std::stoi(Get("Appointment/$find?schedule=room").body.Find("total")->text()), 10);
    EXPECT_EQ(Get("Appointment/$find?schedule=none").body.Find("total")->text(), "0");
    EXPECT_EQ(Get("Appointment/$find?start=yesterday").Issue(), "value|start");
    EXPECT_EQ(Get("Appointment/$find?_count=1000").Issue(), "value|_count");
    EXPECT_THAT(Get("Appointment/$find?practitoner=x").http.body, HasSubstr("did you mean"));
    // Made again they are the same.
    scheduler_->Reload();
    // (More of them may have been made meanwhile.)
    EXPECT_THAT(slots, testing::IsSubsetOf(FreeSlots(60)));
    EXPECT_EQ(Scalar("select max(version) from resource r where id like 'slot-%'"), "1");
}

TEST_F(SchedulingTest, WithoutADestinationABookingIsBookedAtOnce) {
    StartScheduler();
    const std::string slot = FreeSlots()[3];
    const Reply made = Book(slot, "ada");
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(made.body.TextOf("status"), "booked");
    EXPECT_EQ(StateIn(made.body), "booked");
    EXPECT_THAT(made.Header("Location"), HasSubstr("/Appointment/" + made.Id() + "/_history/1"));
    EXPECT_EQ(SlotStatus(slot), "busy");
    const Reply second = Book(slot, "bob");
    EXPECT_EQ(second.status, 409);
    EXPECT_EQ(second.Issue(), "conflict|slot");
    EXPECT_THAT(second.http.body, HasSubstr("choose another one"));
    EXPECT_EQ(Book("none", "ada").status, 404);
    EXPECT_EQ(Book(FreeSlots()[0], "nobody").Issue(), "not-found|patient");
    const Reply cancelled = Operate("/" + made.Id() + "/$cancel", {{"reason", "Ill"}});
    ASSERT_EQ(cancelled.status, 200) << cancelled.http.body;
    EXPECT_EQ(cancelled.body.TextOf("status"), "cancelled");
    EXPECT_EQ(cancelled.body.Find("cancelationReason")->TextOf("text"), "Ill");
    EXPECT_EQ(SlotStatus(slot), "free");
    EXPECT_EQ(Operate("/" + made.Id() + "/$cancel", {}).status, 200);  // again: the same
    EXPECT_EQ(Operate("/" + made.Id() + "/$confirm", {}).status, 409);
    EXPECT_EQ(Book(slot, "bob").status, 201);
}

TEST_F(SchedulingTest, HoldsExpireUnlessTheyAreBooked) {
    StartScheduler();
    const auto slots = FreeSlots();
    const auto hold = [&](const std::string& slot) {
        return Operate("/$hold", {{"slot", slot}, {"patient", "ada"}, {"minutes", "5"}});
    };
    const Reply kept = hold(slots[3]);
    const Reply lost = hold(slots[4]);
    ASSERT_EQ(kept.status, 201) << kept.http.body;
    EXPECT_EQ(kept.body.TextOf("status"), "proposed");
    EXPECT_EQ(SlotStatus(slots[3]), "busy-tentative");
    EXPECT_EQ(Book(slots[3], "bob").status, 409);
    ASSERT_EQ(Operate("/$book", {{"appointment", "Appointment/" + kept.Id()}}).status, 200);
    ahead_.Advance(6 * kMinute);
    EXPECT_TRUE(Becomes(lost.Id(), "expired"));
    EXPECT_EQ(SlotStatus(slots[4]), "free");
    EXPECT_EQ(Get("Appointment/" + lost.Id()).body.TextOf("status"), "cancelled");
    EXPECT_EQ(StateOf(kept.Id()), "booked");
    EXPECT_EQ(Operate("/" + lost.Id() + "/$confirm", {}).status, 409);
    EXPECT_EQ(
        Operate("/$hold", {{"slot", slots[5]}, {"patient", "ada"}, {"minutes", "31"}}).Issue(),
        "value|minutes");
}

TEST_F(SchedulingTest, AKeyGivesOneBookingHoweverOftenItComes) {
    StartScheduler();
    const auto slots = FreeSlots();
    const Reply first = Book(slots[3], "ada", "k1");
    ASSERT_EQ(first.status, 201);
    const Reply again = Book(slots[3], "ada", "k1");
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, first.body);
    const Reply other = Book(slots[4], "ada", "k1");
    EXPECT_EQ(other.status, 422);
    EXPECT_EQ(other.Issue(), "invalid|idempotency-key");
    EXPECT_EQ(Book(slots[3], "bob", "k1").status, 409);  // another's key is another key
    const Reply by_header =
        Operate("/$book", {{"slot", slots[5]}, {"patient", "ada"}}, {{"Idempotency-Key", "k2"}});
    const Reply header_again =
        Operate("/$book", {{"slot", slots[5]}, {"patient", "ada"}}, {{"Idempotency-Key", "k2"}});
    EXPECT_EQ(header_again.Id(), by_header.Id());
}

TEST_F(SchedulingTest, AKeyGivesOneBookingThoughAllComeAtOnce) {
    StartScheduler();
    const auto slots = FreeSlots(12);
    for (std::size_t round = 0; round < 8; ++round) {
        std::vector<std::future<std::string>> racing;
        for (int i = 0; i < 12; ++i) {
            racing.push_back(std::async(std::launch::async, [&] {
                auto client = net::HttpClient::Connect(address_);
                auto answer = client->Send(
                    {.method = "POST",
                     .target = "/fhir/r4/Appointment/$book?slot=" + slots[3 + round] +
                               "&patient=ada&idempotency-key=r" + std::to_string(round),
                     .headers = {},
                     .body = {}});
                const auto body = fhir::ParseJson(answer->body);
                return std::string(body->TextOf("resourceType")) + "/" +
                       std::string(body->TextOf("id"));
            }));
        }
        std::set<std::string> ids;
        for (auto& one : racing) ids.insert(one.get());
        EXPECT_EQ(ids.size(), 1u) << *ids.begin() << " " << *ids.rbegin();
        EXPECT_THAT(*ids.begin(), HasSubstr("Appointment/booking-"));
    }
}

TEST_F(SchedulingTest, TheDestinationsEvidenceDecides) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots();
    const std::string taken = Book(slots[3], "ada").Id();
    const std::string refused = Book(slots[4], "bob").Id();
    EXPECT_EQ(StateOf(taken), "pending");
    EXPECT_EQ(Get("Appointment/" + taken).body.TextOf("status"), "pending");
    EXPECT_EQ(StateIn(Get("Appointment/" + taken).body, scheduling::kRequestExtension), "new-1");
    EXPECT_EQ(Operate("/" + taken + "/$reschedule", {{"slot", slots[5]}}).status, 409);
    Deliver(taken, DeliveryState::kRefused, "AE", "other-channel");  // not of our business
    Deliver(taken, DeliveryState::kTaken);
    Deliver(refused, DeliveryState::kRefused, "AE");
    EXPECT_TRUE(Becomes(taken, "booked"));
    EXPECT_TRUE(Becomes(refused, "compensated"));
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    EXPECT_EQ(SlotStatus(slots[4]), "free");
    const fhir::Node told = Get("Appointment/" + refused).body;
    EXPECT_EQ(told.TextOf("status"), "cancelled");
    EXPECT_THAT(told.Find("cancelationReason")->TextOf("text"), HasSubstr("could not take"));
    EXPECT_THAT(scheduler_->Find(refused)->evidence.at(0), HasSubstr("new-1 refused AE"));
}

TEST_F(SchedulingTest, SilenceIsAmbiguousAndFreesNothing) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots();
    std::vector<std::string> ids;
    for (int i = 3; i < 8; ++i) ids.push_back(Book(slots[static_cast<std::size_t>(i)], "ada").Id());
    Deliver(ids[4], DeliveryState::kUncertain, "");
    EXPECT_TRUE(Becomes(ids[4], "being-clarified"));
    ahead_.Advance(16 * kMinute);
    for (const std::string& id : ids) EXPECT_TRUE(Becomes(id, "being-clarified"));
    for (int i = 3; i < 8; ++i) EXPECT_EQ(SlotStatus(slots[static_cast<std::size_t>(i)]), "busy");
    EXPECT_EQ(Get("Appointment/" + ids[0]).body.TextOf("status"), "pending");
    EXPECT_EQ(scheduler_->List(scheduling::State::kAmbiguous, "", 10)->size(), 5u);
    ahead_.Advance(10'000'000);
    EXPECT_TRUE(Eventually([&] { return scheduler_->ambiguous() == 5; }));
    // The answer after all; a person; our cancellation, acknowledged; the EHR's.
    Deliver(ids[0], DeliveryState::kTaken);
    EXPECT_TRUE(Becomes(ids[0], "booked"));
    EXPECT_TRUE(scheduler_->Decide(ids[1], Input::kFree, "operator"));
    EXPECT_EQ(SlotStatus(slots[4]), "free");
    EXPECT_TRUE(scheduler_->Decide(ids[2], Input::kConfirm, "operator"));
    EXPECT_EQ(StateOf(ids[2]), "booked");
    EXPECT_EQ(SlotStatus(slots[5]), "busy");
    ASSERT_EQ(Operate("/" + ids[3] + "/$cancel", {}).status, 200);
    EXPECT_EQ(SlotStatus(slots[6]), "busy");
    Deliver(ids[3], DeliveryState::kTaken);
    EXPECT_TRUE(Becomes(ids[3], "cancelled"));
    EXPECT_EQ(SlotStatus(slots[6]), "free");
    Ehr(ids[4], R"("status":"cancelled")");
    EXPECT_TRUE(Becomes(ids[4], "compensated"));
    EXPECT_EQ(SlotStatus(slots[7]), "free");
    EXPECT_EQ(scheduler_->Decide("booking-none", Input::kFree, "operator").error().code,
              Code::kNotFound);
    EXPECT_EQ(scheduler_->Decide(ids[3], Input::kConfirm, "operator").error().code,
              Code::kConflict);
}

TEST_F(SchedulingTest, TheFillersOwnMessageIsWhatSomeWaitFor) {
    StartScheduler(Confirm::kFillerMessage);
    const auto slots = FreeSlots();
    const std::string id = Book(slots[3], "ada").Id();
    const std::string start(Get("Appointment/" + id).body.TextOf("start"));
    Deliver(id, DeliveryState::kTaken);
    EXPECT_TRUE(Eventually([&] { return scheduler_->Find(id)->evidence.size() == 1; }));
    EXPECT_EQ(StateOf(id), "pending");
    Ehr(id, R"("status":"booked","start":")" + start + "\"");
    EXPECT_TRUE(Becomes(id, "booked"));
    // And later it moves it: its word holds.
    const std::string moved(Get("Slot/" + slots[5]).body.TextOf("start"));
    Ehr(id, R"("status":"booked","start":")" + moved + "\"");
    EXPECT_TRUE(Eventually([&] { return SlotStatus(slots[3]) == "free"; }));
    EXPECT_EQ(SlotStatus(slots[5]), "busy");
    EXPECT_EQ(Get("Appointment/" + id).body.TextOf("start"), moved);
    Ehr(id, R"("status":"cancelled")");
    EXPECT_TRUE(Becomes(id, "cancelled"));
    EXPECT_EQ(SlotStatus(slots[5]), "free");
}

TEST_F(SchedulingTest, MovingTakesTheNewSlotFirst) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots();
    const std::string id = Book(slots[3], "ada").Id();
    const std::string start(Get("Appointment/" + id).body.TextOf("start"));
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "booked"));
    const Reply moving = Operate("/" + id + "/$reschedule", {{"slot", slots[4]}});
    ASSERT_EQ(moving.status, 200) << moving.http.body;
    EXPECT_EQ(StateIn(moving.body), "rescheduling");
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    EXPECT_EQ(SlotStatus(slots[4]), "busy");
    Deliver(id, DeliveryState::kRefused, "AE");
    ASSERT_TRUE(Becomes(id, "booked"));
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    EXPECT_EQ(SlotStatus(slots[4]), "free");
    EXPECT_EQ(Get("Appointment/" + id).body.TextOf("start"), start);
    ASSERT_EQ(Operate("/" + id + "/$reschedule", {{"slot", slots[5]}}).status, 200);
    EXPECT_EQ(Operate("/" + id + "/$reschedule", {{"slot", slots[5]}}).status, 200);  // again
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "booked"));
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    EXPECT_EQ(SlotStatus(slots[5]), "busy");
    EXPECT_EQ(Operate("/" + id + "/$reschedule", {{"slot", "none"}}).status, 404);
}

TEST_F(SchedulingTest, APutThatCancelsIsACancellationAndOtherPutsAreNone) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots();
    const std::string id = Book(slots[3], "ada").Id();
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "booked"));
    fhir::Node appointment = Get("Appointment/" + id).body;
    appointment.Set("description", fhir::Node::String("x"));
    EXPECT_EQ(Put("Appointment/" + id, fhir::ToJson(appointment)).status, 422);
    appointment.Set("status", fhir::Node::String("cancelled"));
    appointment.Remove("extension");
    appointment.Set("start", fhir::Node::String("2031-01-01T00:00:00Z"));
    appointment.Set("end", fhir::Node::String("2031-01-01T01:00:00Z"));
    ASSERT_EQ(Put("Appointment/" + id, fhir::ToJson(appointment)).status, 200);
    ASSERT_TRUE(Becomes(id, "cancelling"));
    EXPECT_NE(Get("Appointment/" + id).body.TextOf("start"), "2031-01-01T00:00:00Z");
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    EXPECT_EQ(StateIn(Get("Appointment/" + id).body, scheduling::kRequestExtension), "cancel-2");
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "cancelled"));
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    // A deleted one frees its slot, too.
    const std::string deleted = Book(slots[4], "ada").Id();
    ASSERT_EQ(Delete("Appointment/" + deleted).status, 204);
    EXPECT_TRUE(Eventually([&] { return SlotStatus(slots[4]) == "free"; }));

    fhir::Node slot = Get("Slot/" + slots[5]).body;
    slot.Set("status", fhir::Node::String("busy"));
    EXPECT_EQ(Put("Slot/" + slots[5], fhir::ToJson(slot)).status, 422);
    EXPECT_EQ(Post("Slot", fhir::ToJson(slot)).status, 422);
    EXPECT_EQ(Delete("Slot/" + slots[5]).status, 422);
    EXPECT_EQ(
        Post("Appointment",
             R"({"resourceType":"Appointment","status":"booked","slot":[{"reference":"Slot/)" +
                 slots[5] +
                 R"("}],"participant":[{"actor":{"reference":"Patient/ada"},)"
                 R"("status":"accepted"}]})")
            .status,
        422);
}

TEST_F(SchedulingTest, APatchThatCancelsIsACancellationAndOtherPatchesAreNone) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots();
    const std::string id = Book(slots[3], "ada").Id();
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "booked"));
    const Reply refused =
        Patch("Appointment/" + id, R"([{"op":"replace","path":"/status","value":"arrived"}])");
    EXPECT_EQ(refused.Issue(), "not-supported|Appointment.status");
    ASSERT_EQ(
        Patch("Appointment/" + id, R"([{"op":"replace","path":"/status","value":"cancelled"}])")
            .status,
        200);
    ASSERT_TRUE(Becomes(id, "cancelling"));
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    EXPECT_EQ(StateIn(Get("Appointment/" + id).body, scheduling::kRequestExtension), "cancel-2");
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "cancelled"));
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    EXPECT_EQ(
        Patch("Slot/" + slots[4], R"([{"op":"replace","path":"/status","value":"busy"}])").status,
        422);
}

TEST_F(SchedulingTest, WhatWasBegunGoesOnAfterARestart) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots();
    const std::string booked = Book(slots[3], "ada").Id();
    const std::string silent = Book(slots[4], "ada").Id();
    const Reply held = Operate("/$hold", {{"slot", slots[5]}, {"patient", "ada"}});
    Deliver(booked, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(booked, "booked"));
    StopScheduler();
    ahead_.Advance(40 * kMinute);
    StartScheduler(Confirm::kAck);
    EXPECT_TRUE(Becomes(silent, "being-clarified"));
    EXPECT_TRUE(Becomes(held.Id(), "expired"));
    EXPECT_EQ(StateOf(booked), "booked");
    Deliver(silent, DeliveryState::kTaken);
    EXPECT_TRUE(Becomes(silent, "booked"));
}

TEST_F(SchedulingTest, ADamagedVersionHoldsUpNobody) {
    StartScheduler(Confirm::kFillerMessage);
    const auto slots = FreeSlots();
    const std::string damaged = Book(slots[3], "ada").Id();
    const std::string other = Book(slots[4], "bob").Id();
    StopScheduler();
    for (const std::string& id : {damaged, other}) Ehr(id, R"("status":"booked")");
    ASSERT_TRUE(Connect().Execute(
        "update version set body = '\\x00' where resource = (select pk from resource where id = '" +
        damaged + "')"));
    StartScheduler(Confirm::kFillerMessage);
    EXPECT_TRUE(Becomes(other, "booked"));
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(lines_, testing::Contains(HasSubstr("Appointment/" + damaged)));
}

TEST_F(SchedulingTest, ATemplateThatChangesLeavesWhatIsTakenAlone) {
    StartScheduler();
    const auto slots = FreeSlots(60);
    const std::string id = Book(slots[10], "ada").Id();
    PutTemplate("", 30);
    // Of 60 minutes each, every one is of 30 now, but for the one that is booked.
    EXPECT_TRUE(Eventually([&] { return FreeSlots(100).size() > 100; }, 30'000));
    EXPECT_EQ(SlotStatus(slots[10]), "busy");
    const Micros start = scheduling::InstantOf(Get("Slot/" + slots[10]).body.TextOf("start"));
    EXPECT_EQ(scheduling::InstantOf(Get("Slot/" + slots[10]).body.TextOf("end")) - start,
              60 * kMinute);
    // What would overlap it is not made.
    std::set<Micros> starts;
    for (const std::string& one : FreeSlots(100)) {
        starts.insert(scheduling::InstantOf(Get("Slot/" + one).body.TextOf("start")));
    }
    EXPECT_EQ(starts.count(start), 0u);
    EXPECT_EQ(starts.count(start + 30 * kMinute), 0u);
    EXPECT_EQ(starts.count(start + 60 * kMinute), 1u);
    // Gone altogether: what is free goes with it, and no more comes.
    std::filesystem::remove(folder_ / "room.yaml");
    LoadTemplates();
    EXPECT_TRUE(Eventually(
        [&] { return Get("Appointment/$find").body.Find("total")->text() == "0"; }, 30'000));
    EXPECT_EQ(SlotStatus(slots[10]), "busy");
    EXPECT_EQ(StateOf(id), "booked");
}

TEST_F(SchedulingTest, APatientBooksForHerselfAlone) {
    RequireTokens();
    StartScheduler();
    const Headers ada = Token("ada", "patient/*.cruds");
    const Headers bob = Token("bob", "patient/*.cruds");
    const Headers reader = Token("ada", "patient/*.rs");
    std::string slot;
    ASSERT_TRUE(Eventually([&] {
        const Reply found = Get("Appointment/$find?_count=5", ada);
        const fhir::Node* entries = found.body.Find("entry");
        if (entries == nullptr || entries->items().size() < 5) return false;
        slot = scheduling::IdOf(entries->items()
                                    .at(3)
                                    .Find("resource")
                                    ->Find("slot")
                                    ->items()
                                    .at(0)
                                    .TextOf("reference"),
                                "Slot");
        return true;
    }));
    EXPECT_EQ(Operate("/$book", {{"slot", slot}}, reader).status, 403);
    EXPECT_EQ(Operate("/$book", {{"slot", slot}, {"patient", "bob"}}, ada).status, 403);
    const Reply made = Operate("/$book", {{"slot", slot}}, ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_THAT(made.http.body, HasSubstr("Patient/ada"));
    // For bob it is not there.
    for (const char* name : {"/$cancel", "/$confirm"}) {
        EXPECT_EQ(Operate("/" + made.Id() + name, {}, bob).status, 404) << name;
    }
    EXPECT_EQ(Operate("/" + made.Id() + "/$reschedule", {{"slot", slot}}, bob).status, 404);
    EXPECT_EQ(Operate("/$book", {{"appointment", made.Id()}}, bob).status, 404);
    EXPECT_EQ(Operate("/" + made.Id() + "/$cancel", {}, ada).status, 200);
    // Beside the operations she takes nobody's time.
    const auto own = [](const std::string& status) {
        return R"({"resourceType":"Appointment","status":")" + status +
               R"(","start":"2031-01-01T08:00:00Z","end":"2031-01-01T18:00:00Z","participant":[)"
               R"({"actor":{"reference":"Patient/ada"},"status":"accepted"},)"
               R"({"actor":{"reference":"Location/room"},"status":"accepted"}]})";
    };
    EXPECT_EQ(Post("Appointment", own("booked"), ada).Issue(), "not-supported|Appointment.status");
    const Reply proposed = Post("Appointment", own("proposed"), ada);
    ASSERT_EQ(proposed.status, 201) << proposed.http.body;
    EXPECT_EQ(Patch("Appointment/" + proposed.Id(),
                    R"([{"op":"replace","path":"/status","value":"booked"}])", ada)
                  .status,
              422);
    EXPECT_EQ(Patch("Appointment/" + proposed.Id(),
                    R"([{"op":"replace","path":"/status","value":"cancelled"}])", ada)
                  .status,
              200);
    EXPECT_EQ(Delete("Appointment/" + proposed.Id(), ada).status, 204);
    for (const std::string& line : lines_) EXPECT_THAT(line, Not(HasSubstr("ada")));
}

// What the patient reads of an appointment is what the hospital knows of it.
TEST_F(SchedulingTest, PatientsChangeNothingThatTheHospitalWouldNotHearOf) {
    StartScheduler();
    const auto slots = FreeSlots();
    RequireTokens();
    StartScheduler(Confirm::kAck);
    const Headers ada = Token("ada", "patient/*.cruds");
    const Headers staff = Token("", "user/*.cruds");
    const Reply made = Operate("/$book", {{"slot", slots[3]}}, ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(Delete("Appointment/" + made.Id(), ada).Issue(), "not-supported|Appointment.id");
    const std::string hospitals =
        R"({"resourceType":"Appointment","id":"h1","status":"booked","start":"2031-01-01T08:00:00Z",)"
        R"("end":"2031-01-01T09:00:00Z","participant":[{"actor":{"reference":"Patient/ada"},)"
        R"("status":"accepted"}]})";
    ASSERT_EQ(Put("Appointment/h1", hospitals, staff).status, 201);
    std::string cancelled = hospitals;
    cancelled.replace(cancelled.find("booked"), 6, "cancelled");
    EXPECT_EQ(Put("Appointment/h1", cancelled, ada).Issue(), "not-supported|Appointment.status");
    EXPECT_EQ(
        Patch("Appointment/h1", R"([{"op":"replace","path":"/status","value":"cancelled"}])", ada)
            .Issue(),
        "not-supported|Appointment.status");
    EXPECT_EQ(Delete("Appointment/h1", ada).Issue(), "not-supported|Appointment.status");
    EXPECT_EQ(Get("Appointment/h1", ada).body.TextOf("status"), "booked");
    // Staff say what the hospital says.
    EXPECT_EQ(Put("Appointment/h1", cancelled, staff).status, 200);
}

// The caller's key stands for it still, but not for the right to see it.
TEST_F(SchedulingTest, AKeyShowsNothingThatTheTokenMayNotSee) {
    StartScheduler();
    const auto slots = FreeSlots();
    RequireTokens();
    StartScheduler();
    const Headers ada = Token("ada", "patient/*.cruds");
    const Headers bob = Token("bob", "patient/*.cruds");  // of the same log-in and app
    const auto book = [&](const std::string& slot, const Headers& who) {
        return Operate("/$book",
                       {{"slot", slot},
                        {"patient", "ada"},
                        {"comment", "private words"},
                        {"idempotency-key", "k1"}},
                       who);
    };
    const Reply made = book(slots[3], ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(Get("Appointment/" + made.Id(), bob).status, 404);
    for (const std::string& slot : {slots[3], slots[4]}) {
        const Reply repeated = book(slot, bob);
        EXPECT_EQ(repeated.status, 404) << repeated.http.body;
        EXPECT_THAT(repeated.http.body, Not(HasSubstr("private words")));
        EXPECT_THAT(repeated.http.body, Not(HasSubstr("Patient/ada")));
    }
    const Reply again = book(slots[3], ada);
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, made.body);
}

// "who cancelled" as the page reads it.
std::string CodeIn(const fhir::Node& appointment) {
    const fhir::Node* reason = appointment.Find("cancelationReason");
    if (reason == nullptr) return "none";
    return std::string(reason->Find("coding")->items().at(0).TextOf("code"));
}

TEST_F(SchedulingTest, WhoCancelledIsWhoAskedForIt) {
    StartScheduler();
    const auto slots = FreeSlots(14);
    RequireTokens();
    StartScheduler();
    const Headers ada = Token("ada", "patient/*.cruds");
    const Headers staff = Token("", "user/*.cruds");
    const auto made = [&](std::size_t slot, const char* how = "/$book") {
        return Operate(how, {{"slot", slots[slot]}, {"patient", "ada"}}, ada).Id();
    };
    const auto cancelled = [&](const std::string& id, const Headers& who) {
        const Reply reply = Operate("/" + id + "/$cancel", {{"reason", "On holiday"}}, who);
        EXPECT_EQ(reply.status, 200) << reply.http.body;
        return CodeIn(reply.body);
    };
    EXPECT_EQ(cancelled(made(3), ada), "pat");
    EXPECT_EQ(cancelled(made(4, "/$hold"), ada), "pat");
    EXPECT_EQ(cancelled(made(5), staff), "other");
    const auto patched = [&](const std::string& id, const Headers& who) {
        EXPECT_EQ(Patch("Appointment/" + id,
                        R"([{"op":"replace","path":"/status","value":"cancelled"}])", who)
                      .status,
                  200);
        const auto now = [&] { return Get("Appointment/" + id, staff).body; };
        EXPECT_TRUE(Eventually([&] { return StateIn(now()) == "cancelled"; }));
        return CodeIn(now());
    };
    EXPECT_EQ(patched(made(6), ada), "pat");
    EXPECT_EQ(patched(made(7), staff), "other");
    const std::string ehrs = made(8);
    Ehr(ehrs, R"("status":"cancelled")");
    const auto told = [&] { return Get("Appointment/" + ehrs, staff).body; };
    EXPECT_TRUE(Eventually([&] { return StateIn(told()) == "cancelled"; }));
    EXPECT_EQ(CodeIn(told()), "other");
    // With a destination that is to be asked it is the same.
    StopScheduler();
    StartScheduler(Confirm::kAck);
    EXPECT_EQ(cancelled(made(9), ada), "pat");
    EXPECT_EQ(cancelled(made(10), staff), "other");
}

TEST_F(SchedulingTest, TheEhrBooksAgainWhatItCancelled) {
    StartScheduler();
    const auto slots = FreeSlots();
    const Reply made = Book(slots[3], "ada");
    const std::string id = made.Id();
    const std::string booked =
        R"("status":"booked","start":")" + std::string(made.body.TextOf("start")) + "\"";
    Ehr(id, R"("status":"cancelled")");
    ASSERT_TRUE(Becomes(id, "cancelled"));
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    Ehr(id, booked);
    ASSERT_TRUE(Becomes(id, "booked"));
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    EXPECT_EQ(Get("Appointment/" + id).body.TextOf("status"), "booked");
    EXPECT_EQ(CodeIn(Get("Appointment/" + id).body), "none");
    EXPECT_EQ(Book(slots[3], "bob").status, 409);
    const Reply gone = Operate("/" + id + "/$cancel", {});
    EXPECT_EQ(gone.body.TextOf("status"), "cancelled") << gone.http.body;
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    // Both words at once: the last one holds, and the slot is nobody else's in between.
    const std::string other = Book(slots[4], "ada").Id();
    const std::string start(Get("Appointment/" + other).body.TextOf("start"));
    const std::string etag = Get("Slot/" + slots[4]).Header("ETag");
    StopScheduler();
    Ehr(other, R"("status":"cancelled")");
    Ehr(other, R"("status":"booked","start":")" + start + "\"");
    StartScheduler();
    const std::string last = Book(slots[5], "ada").Id();
    Ehr(last, R"("status":"cancelled")");
    ASSERT_TRUE(Becomes(last, "cancelled"));
    EXPECT_EQ(StateOf(other), "booked");
    EXPECT_EQ(Get("Slot/" + slots[4]).Header("ETag"), etag);
}

TEST_F(SchedulingTest, WhatTheEhrBooksAgainWhileAnotherHasTheSlotIsAPersonsToLookAt) {
    StartScheduler();
    const auto slots = FreeSlots();
    const Reply made = Book(slots[3], "ada");
    const std::string id = made.Id();
    const std::string booked =
        R"("status":"booked","start":")" + std::string(made.body.TextOf("start")) + "\"";
    Ehr(id, R"("status":"cancelled")");
    ASSERT_TRUE(Becomes(id, "cancelled"));
    const std::string others = Book(slots[3], "bob").Id();
    Ehr(id, booked);
    ASSERT_TRUE(Becomes(id, "being-clarified"));
    EXPECT_EQ(Get("Appointment/" + id).body.TextOf("status"), "pending");
    EXPECT_EQ(scheduler_->List(scheduling::State::kAmbiguous, "", 10)->size(), 1u);
    // That it says so again makes nothing clearer; that the other is gone does.
    Ehr(id, booked + R"(,"description":"again")");
    const std::string later = Book(slots[5], "ada").Id();
    Ehr(later, R"("status":"cancelled")");
    ASSERT_TRUE(Becomes(later, "cancelled"));
    EXPECT_EQ(StateOf(id), "being-clarified");
    EXPECT_EQ(StateOf(others), "booked");
    ASSERT_EQ(Operate("/" + others + "/$cancel", {}).status, 200);
    Ehr(id, booked + R"(,"description":"once more")");
    ASSERT_TRUE(Becomes(id, "booked"));
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    // Cancelled while it waits it takes nothing from whoever has the slot.
    Ehr(id, R"("status":"cancelled")");
    ASSERT_TRUE(Becomes(id, "cancelled"));
    const std::string third = Book(slots[3], "bob").Id();
    Ehr(id, booked);
    ASSERT_TRUE(Becomes(id, "being-clarified"));
    const Reply cancelled = Operate("/" + id + "/$cancel", {});
    EXPECT_EQ(StateIn(cancelled.body), "cancelled") << cancelled.http.body;
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    EXPECT_EQ(StateOf(third), "booked");
}

TEST_F(SchedulingTest, TheEhrBooksWhatItRefusedAndMovesWhatIsOver) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots(12);
    const Reply made = Book(slots[4], "ada");
    const std::string refused = made.Id();
    Deliver(refused, DeliveryState::kRefused, "AE");
    ASSERT_TRUE(Becomes(refused, "compensated"));
    Ehr(refused, R"("status":"booked","start":")" + std::string(made.body.TextOf("start")) + "\"");
    ASSERT_TRUE(Becomes(refused, "booked"));
    EXPECT_EQ(SlotStatus(slots[4]), "busy");
    const std::string past = Book(slots[0], "bob").Id();
    Deliver(past, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(past, "booked"));
    ahead_.Advance(150 * kMinute);
    ASSERT_TRUE(Becomes(past, "over"));
    EXPECT_EQ(Operate("/" + past + "/$cancel", {}).status, 409);
    const std::string moved(Get("Slot/" + slots[9]).body.TextOf("start"));
    Ehr(past, R"("status":"booked","start":")" + moved + "\"");
    ASSERT_TRUE(Becomes(past, "booked"));
    EXPECT_EQ(SlotStatus(slots[9]), "busy");
    EXPECT_EQ(StateIn(Operate("/" + past + "/$cancel", {}).body), "cancelling");
}

TEST_F(SchedulingTest, ACancelNeverSaysYesToWhatStaysBooked) {
    StartScheduler();
    const auto slots = FreeSlots();
    const Reply made = Book(slots[0], "ada");
    const std::string id = made.Id();
    Ehr(id, R"("status":"cancelled")");
    ASSERT_TRUE(Becomes(id, "cancelled"));
    // Its time is past: it is not booked again, but the hospital says that the patient was there.
    ahead_.Advance(150 * kMinute);
    Ehr(id, R"("status":"fulfilled","start":")" + std::string(made.body.TextOf("start")) + "\"");
    const Reply refused = Operate("/" + id + "/$cancel", {});
    EXPECT_EQ(refused.status, 409) << refused.http.body;
    EXPECT_THAT(refused.http.body, HasSubstr("ask the clinic"));
}

// After kill -9 events come once more.
TEST_F(SchedulingTest, AWordOfBeforeTheCancellationDoesNotBookAgain) {
    StartScheduler();
    const auto slots = FreeSlots();
    const Reply made = Book(slots[3], "ada");
    const std::string id = made.Id();
    Ehr(id, R"("status":"booked","description":"confirmed","start":")" +
                std::string(made.body.TextOf("start")) + "\"");
    ASSERT_EQ(Operate("/" + id + "/$cancel", {}).status, 200);
    StopScheduler();
    ASSERT_TRUE(Connect().Execute("update event_cursor set seq = 0 where consumer = 'scheduling'"));
    StartScheduler();
    const std::string last = Book(slots[4], "ada").Id();
    Ehr(last, R"("status":"cancelled")");
    ASSERT_TRUE(Becomes(last, "cancelled"));
    EXPECT_EQ(StateOf(id), "cancelled");
    EXPECT_EQ(SlotStatus(slots[3]), "free");
}

TEST_F(SchedulingTest, ASlotOfAnotherScheduleBringsItsPeople) {
    for (const char* who : {"eve", "adam"}) {
        const std::string id = who;
        ASSERT_EQ(Put("Practitioner/" + id, R"({"resourceType":"Practitioner","id":")" + id + "\"}")
                      .status,
                  201);
    }
    PutTemplate("practitioner: eve\n", 30, "eve");
    std::ofstream(folder_ / "adam.yaml")
        << "schedule: adam\ntitle: Adam\npractitioner: adam\nlocation: room\n"
        << "time_zone: Europe/Berlin\nslot_minutes: 60\nhorizon_days: 3\n"
        << "service_type: http://snomed.info/sct|11429006\n"
        << "hours:\n  - {days: [mon, tue, wed, thu, fri, sat, sun], from: \"00:00\", to: "
        << "\"24:00\"}\n";
    LoadTemplates();
    StartScheduler(Confirm::kAck);
    const auto slot_of = [&](const std::string& schedule, std::size_t index) {
        std::string id;
        EXPECT_TRUE(Eventually([&] {
            const fhir::Node found = Get("Appointment/$find?schedule=" + schedule).body;
            const fhir::Node* entries = found.Find("entry");
            if (entries == nullptr || entries->items().size() <= index + 1) return false;
            const fhir::Node& proposal = *entries->items().at(index).Find("resource");
            id = scheduling::IdOf(proposal.Find("slot")->items().at(0).TextOf("reference"), "Slot");
            return true;
        }));
        return id;
    };
    const auto people = [](const fhir::Node& appointment) {
        std::string list;
        for (const fhir::Node& one : appointment.Find("participant")->items()) {
            list += std::string(one.Find("actor")->TextOf("reference")) + " ";
        }
        return list + std::string(appointment.Find("minutesDuration")->text()) + " " +
               std::string(appointment.Find("serviceType")
                               ->items()
                               .at(0)
                               .Find("coding")
                               ->items()
                               .at(0)
                               .TextOf("code"));
    };
    const std::string id = Book(slot_of("eve", 4), "ada").Id();
    const std::string before = "Practitioner/eve Location/room Patient/ada 30 394582007";
    const std::string after = "Practitioner/adam Location/room Patient/ada 60 11429006";
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "booked"));
    EXPECT_EQ(people(Get("Appointment/" + id).body), before);
    const std::string to = slot_of("adam", 4);
    const Reply moving = Operate("/" + id + "/$reschedule", {{"slot", to}});
    ASSERT_EQ(moving.status, 200) << moving.http.body;
    EXPECT_EQ(people(moving.body), after);
    // Refused: all of it is as it was.
    Deliver(id, DeliveryState::kRefused, "AE");
    ASSERT_TRUE(Becomes(id, "booked"));
    EXPECT_EQ(people(Get("Appointment/" + id).body), before);
    EXPECT_EQ(SlotStatus(to), "free");
    EXPECT_TRUE(scheduler_->Find(id)->former_parts.IsNull());
    ASSERT_EQ(Operate("/" + id + "/$reschedule", {{"slot", to}}).status, 200);
    Deliver(id, DeliveryState::kTaken);
    ASSERT_TRUE(Becomes(id, "booked"));
    EXPECT_EQ(people(Get("Appointment/" + id).body), after);
    EXPECT_TRUE(scheduler_->Find(id)->former_parts.IsNull());
}

TEST_F(SchedulingTest, FindLooksOnWhereAllOfThePageIsTooSoon) {
    // More of them are too soon than one page holds.
    PutTemplate("min_notice: 30h\n", 5);
    StartScheduler();
    EXPECT_TRUE(Eventually(
        [&] {
            return std::stoi(Get("Slot?_summary=count").body.Find("total")->text()) > 30 * 12 + 50;
        },
        60'000));
    const Reply found = Get("Appointment/$find?_count=10");
    ASSERT_EQ(found.status, 200) << found.http.body;
    EXPECT_EQ(found.body.Find("total")->text(), "10");
    const fhir::Node& first = *found.body.Find("entry")->items().at(0).Find("resource");
    const Micros ahead = scheduling::InstantOf(first.TextOf("start")) - ahead_.Now();
    EXPECT_GE(ahead, 30 * 60 * kMinute - kMinute);
    EXPECT_LE(ahead, 30 * 60 * kMinute + 6 * kMinute);
    EXPECT_THAT(found.http.body, HasSubstr("there are more: ask from 20"));
    // None of them can be booked, and there are no more.
    const std::string until = FormatInstant(ahead_.Now() + 29 * 60 * kMinute);
    const Reply none = Get("Appointment/$find?_count=10&end=" + until);
    EXPECT_EQ(none.body.Find("total")->text(), "0") << none.http.body;
    EXPECT_THAT(none.http.body, Not(HasSubstr("there are more")));
}

}  // namespace
}  // namespace carestream::test
