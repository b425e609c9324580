// Goal: times that the EHR blocks or gives to others, or that are booked here in another slot of
// the same owner, cannot be booked here, and can again when they are free; Slots that only feeds
// know are found and booked like those of templates. Method: the feed's writer and the REST API on
// a real store.
#include <gmock/gmock.h>

#include "component/scheduling/scheduling_fixture.h"

namespace carestream::test {
namespace {

using scheduling::Confirm;
using testing::HasSubstr;

class CalendarsTest : public SchedulingTest {
protected:
    struct Time {
        std::string start;
        std::string end;
    };
    Time TimeOf(const std::string& slot) {
        const auto body = Get("Slot/" + slot).body;
        return {std::string(body.TextOf("start")), std::string(body.TextOf("end"))};
    }
    static std::string Members(const std::string& status, const Time& time) {
        return R"("status":")" + status + R"(","start":")" + time.start + R"(","end":")" +
               time.end + "\"";
    }
    // S23 and S24: the calendar of `actor`, and a time in it that `number` names.
    std::string Block(const std::string& number, const std::string& status, const Time& time,
                      const std::string& actor = "Location/room") {
        std::string key = actor;
        key[key.find('/')] = '-';
        return Feed(
            {ChangeOf("Schedule", "urn:calendar", key,
                      R"("actor":[{"reference":")" + actor + "\"}]"),
             ChangeOf("Slot", "urn:block", number,
                      Members(status, time) + R"(,"schedule":{"reference":"Schedule/Schedule-)" +
                          key + "\"}")});
    }
    // S12 and S15 of what nobody booked here.
    std::string Meet(const std::string& number, const std::string& status, const Time& time,
                     const std::vector<std::string>& actors = {"Location/room"}) {
        std::string list = R"({"actor":{"reference":"Patient/bob"},"status":"accepted"})";
        for (const std::string& actor : actors) {
            list += R"(,{"actor":{"reference":")" + actor + R"("},"status":"accepted"})";
        }
        return Feed({ChangeOf("Appointment", "urn:ehr", number,
                              Members(status, time) + R"(,"participant":[)" + list + "]")});
    }
    // Of a Schedule or a template, free and at least six hours ahead, earliest first.
    std::vector<std::string> SlotsIn(const std::string& schedule, std::size_t count) {
        return Found("_count=100&schedule=" + schedule +
                         "&start=" + FormatInstant(ahead_.Now() + 360 * kMinute),
                     count);
    }
    std::vector<std::string> Within(const std::vector<std::string>& slots, const Time& time) {
        std::vector<std::string> within;
        for (const std::string& one : slots) {
            const Micros start = scheduling::InstantOf(TimeOf(one).start);
            if (start >= scheduling::InstantOf(time.start) &&
                start < scheduling::InstantOf(time.end)) {
                within.push_back(one);
            }
        }
        return within;
    }
    void PutPractitioner(const std::string& id, const std::string& number = "") {
        std::string more;
        if (!number.empty()) {
            more = R"(,"identifier":[{"system":"urn:staff","value":")" + number + "\"}]";
        }
        const std::string body =
            R"({"resourceType":"Practitioner","id":")" + id + "\"" + more + "}";
        EXPECT_LT(Put("Practitioner/" + id, body).status, 300);
    }
    bool SlotBecomes(const std::string& id, const std::string& status) {
        std::string now;
        const bool became = Eventually(
            [&] {
                now = SlotStatus(id);
                return now == status;
            },
            10'000);
        EXPECT_TRUE(became) << id << " is " << now;
        return became;
    }
    std::string Later(const std::string& time, Micros by) {
        return FormatInstant(scheduling::InstantOf(time) + by);
    }
    // Everything until now was looked at.
    void Settled() {
        const std::string head = Scalar("select max(seq) from event");
        EXPECT_TRUE(Eventually([&] {
            return std::stoll(
                       Scalar("select coalesce(max(seq), 0) from event_cursor where consumer = "
                              "'scheduling'")) >= std::stoll(head);
        }));
    }
};

TEST_F(CalendarsTest, ABlockTakesTheTimeAndGivesItBack) {
    StartScheduler();
    const auto slots = FreeSlots();
    const Time first = TimeOf(slots[3]);
    const Time second = TimeOf(slots[4]);
    const Time both{Later(first.start, 10 * kMinute), Later(second.start, 10 * kMinute)};
    Block("B1", "busy-unavailable", both);
    ASSERT_TRUE(SlotBecomes(slots[3], "busy-unavailable"));
    ASSERT_TRUE(SlotBecomes(slots[4], "busy-unavailable"));
    EXPECT_EQ(SlotStatus(slots[2]), "free");
    EXPECT_EQ(SlotStatus(slots[5]), "free");
    EXPECT_EQ(Book(slots[3], "ada").Issue(), "conflict|slot");
    // Another one for a part of it; the first is given back.
    Block("B2", "busy-unavailable", second);
    Block("B1", "free", both);
    ASSERT_TRUE(SlotBecomes(slots[3], "free"));
    Settled();
    EXPECT_EQ(SlotStatus(slots[4]), "busy-unavailable");
    // It moves.
    Block("B2", "busy-unavailable", TimeOf(slots[6]));
    ASSERT_TRUE(SlotBecomes(slots[6], "busy-unavailable"));
    ASSERT_TRUE(SlotBecomes(slots[4], "free"));
    EXPECT_EQ(Book(slots[3], "ada").status, 201);
}

TEST_F(CalendarsTest, AnAppointmentOfTheEhrTakesTheTimeUntilItIsCancelled) {
    StartScheduler(Confirm::kAck);
    const auto slots = FreeSlots();
    Meet("A1", "booked", TimeOf(slots[3]));
    ASSERT_TRUE(SlotBecomes(slots[3], "busy-unavailable"));
    EXPECT_EQ(SlotStatus(slots[4]), "free");
    Meet("A1", "booked", TimeOf(slots[5]));  // moved
    ASSERT_TRUE(SlotBecomes(slots[5], "busy-unavailable"));
    ASSERT_TRUE(SlotBecomes(slots[3], "free"));
    Meet("A1", "cancelled", TimeOf(slots[5]));
    ASSERT_TRUE(SlotBecomes(slots[5], "free"));
    Meet("A2", "proposed", TimeOf(slots[6]));
    Meet("A3", "booked", TimeOf(slots[7]), {"Location/other"});
    // What is booked here takes its own slot, and is not blocked by itself.
    const std::string ours = Book(slots[8], "ada").Id();
    Ehr(ours,
        Members("booked", TimeOf(slots[8])) +
            R"(,"participant":[{"actor":{"reference":"Location/room"},"status":"accepted"}])");
    ASSERT_TRUE(Becomes(ours, "booked"));
    Settled();
    EXPECT_EQ(SlotStatus(slots[6]), "free");
    EXPECT_EQ(SlotStatus(slots[7]), "free");
    EXPECT_EQ(SlotStatus(slots[8]), "busy");
}

TEST_F(CalendarsTest, WhatWasTakenHereStaysTakenAndIsBlockedAfterwards) {
    StartScheduler();
    const auto slots = FreeSlots();
    const std::string id = Book(slots[3], "ada").Id();
    Meet("A1", "booked", TimeOf(slots[3]));
    Settled();
    EXPECT_EQ(SlotStatus(slots[3]), "busy");
    ASSERT_EQ(Operate("/" + id + "/$cancel", {}).status, 200);
    ASSERT_TRUE(SlotBecomes(slots[3], "busy-unavailable"));
    Meet("A1", "entered-in-error", TimeOf(slots[3]));
    ASSERT_TRUE(SlotBecomes(slots[3], "free"));
}

TEST_F(CalendarsTest, WhatIsTakenWhileSlotsAreMadeOrNobodyLooksIsTaken) {
    const Micros hour = 60 * kMinute;
    const Micros start = (ahead_.Now() / hour + 5) * hour;
    const Time time{FormatInstant(start), FormatInstant(start + hour)};
    Block("B1", "busy-unavailable", time);
    StartScheduler();
    const auto slots = FreeSlots(20);
    const auto at = [&](Micros when) {
        const Reply found = Get("Slot?_count=500");
        for (const fhir::Node& entry : found.body.Find("entry")->items()) {
            const fhir::Node& slot = *entry.Find("resource");
            if (std::string(slot.TextOf("id")).starts_with("slot-") &&
                scheduling::InstantOf(slot.TextOf("start")) == when) {
                return std::string(slot.TextOf("id"));
            }
        }
        return std::string();
    };
    ASSERT_TRUE(SlotBecomes(at(start), "busy-unavailable"));
    StopScheduler();
    Block("B1", "free", time);
    Meet("A1", "booked", {FormatInstant(start + 2 * hour), FormatInstant(start + 3 * hour)});
    StartScheduler();
    ASSERT_TRUE(SlotBecomes(at(start), "free"));
    ASSERT_TRUE(SlotBecomes(at(start + 2 * hour), "busy-unavailable"));
}

TEST_F(CalendarsTest, APersonsHoursInARoomAreThePersons) {
    ASSERT_EQ(Put("Practitioner/eve", R"({"resourceType":"Practitioner","id":"eve"})").status, 201);
    PutTemplate("practitioner: urn:staff|e1\n");
    StartScheduler();
    const auto slots = FreeSlots();
    // Another one's appointment in the room.
    Meet("A1", "booked", TimeOf(slots[3]), {"Location/room", "Practitioner/adam"});
    Meet("A2", "booked", TimeOf(slots[4]), {"Practitioner/eve"});
    const auto find = [&](const std::string& more) {
        return Get("Appointment/$find?" + more).body.Find("total")->text();
    };
    EXPECT_NE(find("practitioner=urn:staff|e1"), "0");
    EXPECT_NE(find("practitioner=urn:staff|e1&location=room"), "0");
    EXPECT_EQ(find("practitioner=urn:staff|e1&location=other"), "0");
    EXPECT_EQ(find("practitioner=urn:staff|e2"), "0");
    Block("B1", "busy-unavailable", TimeOf(slots[5]));  // but nobody works in a room that is closed
    ASSERT_TRUE(SlotBecomes(slots[5], "busy-unavailable"));
    Settled();
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    EXPECT_EQ(SlotStatus(slots[4]), "free") << "nobody has the identifier yet";
    ASSERT_EQ(
        Put("Practitioner/eve",
            R"({"resourceType":"Practitioner","id":"eve","identifier":[{"system":"urn:staff",)"
            R"("value":"e1"}]})")
            .status,
        200);
    ASSERT_TRUE(SlotBecomes(slots[4], "busy-unavailable")) << "what was before that counts, too";
    Meet("A3", "booked", TimeOf(slots[6]), {"Practitioner/eve"});
    ASSERT_TRUE(SlotBecomes(slots[6], "busy-unavailable"));
    PutPractitioner("eve");
    ASSERT_TRUE(SlotBecomes(slots[4], "free"));
    ASSERT_TRUE(SlotBecomes(slots[6], "free"));
    // Somebody else gets the number while nobody looks.
    const Time later = TimeOf(slots[7]);
    StopScheduler();
    const std::string zoe =
        Feed({ChangeOf("Practitioner", "urn:person", "zoe",
                       R"("identifier":[{"system":"urn:staff","value":"e1"}])")});
    Meet("A4", "booked", later, {"Practitioner/" + zoe});
    StartScheduler();
    ASSERT_TRUE(SlotBecomes(slots[7], "busy-unavailable"));
    Settled();
    EXPECT_EQ(SlotStatus(slots[5]), "busy-unavailable");
    EXPECT_EQ(SlotStatus(slots[6]), "free");
}

TEST_F(CalendarsTest, WhatIsBookedInOneTemplateIsTakenInTheOthersOfItsOwner) {
    PutPractitioner("eve");
    // By an identifier that nobody has: it is one person whoever it is.
    const std::map<std::string, std::string> whose = {{"", "eve"}, {"9", "urn:staff|e9"}};
    for (const auto& [number, who] : whose) {
        PutTemplate("practitioner: " + who + "\n", 30, "visit" + number);
        PutTemplate("practitioner: " + who + "\n", 10, "phone" + number);
    }
    StartScheduler(Confirm::kAck);
    for (const auto& [number, who] : whose) {
        const auto visits = SlotsIn("visit" + number, 3);
        const auto calls = Within(SlotsIn("phone" + number, 20), TimeOf(visits[1]));
        ASSERT_EQ(calls.size(), 3u);
        const std::string before = Within(SlotsIn("phone" + number, 20), TimeOf(visits[0])).back();
        const std::string id =
            Operate("/$hold", {{"slot", "Slot/" + visits[1]}, {"patient", "Patient/ada"}}).Id();
        for (const std::string& one : calls) ASSERT_TRUE(SlotBecomes(one, "busy-unavailable"));
        EXPECT_EQ(Book(calls[1], "bob").Issue(), "conflict|slot");
        ASSERT_EQ(Operate("/" + id + "/$confirm", {}).status, 200);
        Deliver(id, scheduling::DeliveryState::kTaken);
        ASSERT_TRUE(Becomes(id, "booked"));
        // Until the other side knows, it counts on her.
        ASSERT_EQ(Operate("/" + id + "/$cancel", {}).status, 200);
        Settled();
        EXPECT_EQ(SlotStatus(calls[0]), "busy-unavailable");
        EXPECT_EQ(SlotStatus(visits[1]), "busy");
        EXPECT_EQ(SlotStatus(before), "free");
        Deliver(id, scheduling::DeliveryState::kTaken);
        ASSERT_TRUE(SlotBecomes(visits[1], "free"));
        for (const std::string& one : calls) ASSERT_TRUE(SlotBecomes(one, "free"));
        // A short one takes the long one that it is a part of.
        ASSERT_EQ(Book(calls[1], "bob").status, 201);
        ASSERT_TRUE(SlotBecomes(visits[1], "busy-unavailable"));
        Settled();
        EXPECT_EQ(SlotStatus(calls[1]), "busy");
        EXPECT_EQ(SlotStatus(calls[0]), "free");
    }
}

TEST_F(CalendarsTest, OfTwoSlotsOfOneOwnerAskedAtOnceOneIsGiven) {
    PutPractitioner("eve");
    PutPractitioner("adam");
    PutTemplate("practitioner: eve\n", 60, "visit");
    PutTemplate("practitioner: eve\n", 30, "phone");
    StartScheduler();
    const auto visits = SlotsIn("visit", 12);
    const auto all_calls = SlotsIn("phone", 60);
    const auto ask = [this](const std::string& operation, const std::string& slot,
                            const std::string& patient) {
        return std::async(std::launch::async, [=, this] {
            auto client = net::HttpClient::Connect(address_);
            auto answer = client->Send({.method = "POST",
                                        .target = "/fhir/r4/Appointment/" + operation +
                                                  "?slot=" + slot + "&patient=" + patient,
                                        .headers = {},
                                        .body = {}});
            return answer->status;
        });
    };
    std::multiset<int> both;
    for (std::size_t i = 0; i < 10; ++i) {
        const auto calls = Within(all_calls, TimeOf(visits[i]));
        ASSERT_EQ(calls.size(), 2u);
        auto visit = ask(i % 2 == 0 ? "$book" : "$hold", visits[i], "ada");
        auto call = ask("$book", calls[i % 2], "bob");
        both.insert({visit.get(), call.get()});
        const std::string one = SlotStatus(visits[i]);
        const std::string other = SlotStatus(calls[i % 2]);
        EXPECT_EQ((one == "busy-unavailable") + (other == "busy-unavailable"), 1)
            << one << " " << other;
    }
    // Of a feed, in one Schedule.
    for (int i = 0; i < 5; ++i) {
        const Micros start = ahead_.Now() + (600 + 60 * i) * kMinute;
        const Time one{FormatInstant(start), FormatInstant(start + 30 * kMinute)};
        const Time two{FormatInstant(start + 15 * kMinute), FormatInstant(start + 45 * kMinute)};
        const std::string number = std::to_string(i);
        const std::string first = Block("A" + number, "free", one, "Practitioner/adam");
        const std::string second = Block("B" + number, "free", two, "Practitioner/adam");
        Settled();
        auto visit = ask("$book", first, "ada");
        auto call = ask("$book", second, "bob");
        both.insert({visit.get(), call.get()});
    }
    EXPECT_EQ(both.count(201), 15u);
    EXPECT_EQ(both.count(409), 15u);
}

TEST_F(CalendarsTest, WhereTheEhrMovesOurBookingTheTimeIsTaken) {
    PutPractitioner("eve");
    PutPractitioner("zoe");
    PutTemplate();
    PutTemplate("practitioner: urn:staff|e9\n", 60, "nobody");
    PutTemplate("practitioner: eve\n", 60, "eve");
    PutTemplate("practitioner: zoe\n", 60, "zoe");
    StartScheduler(Confirm::kAck);
    for (const char* schedule : {"room", "nobody"}) {
        const auto slots = SlotsIn(schedule, 14);
        const std::string between = Book(slots[2], "ada").Id();
        const Time at = TimeOf(slots[5]);
        const Time half{Later(at.start, 30 * kMinute), Later(at.end, 30 * kMinute)};
        Ehr(between, Members("booked", half));
        ASSERT_TRUE(SlotBecomes(slots[2], "free"));
        ASSERT_TRUE(SlotBecomes(slots[5], "busy-unavailable"));
        ASSERT_TRUE(SlotBecomes(slots[6], "busy-unavailable"));
        EXPECT_EQ(Book(slots[5], "bob").Issue(), "conflict|slot");
        // Longer than its slot.
        const std::string longer = Book(slots[8], "bob").Id();
        Deliver(longer, scheduling::DeliveryState::kTaken);
        ASSERT_TRUE(Becomes(longer, "booked"));
        const Time two{TimeOf(slots[8]).start, TimeOf(slots[9]).end};
        Ehr(longer, Members("booked", two));
        ASSERT_TRUE(SlotBecomes(slots[9], "busy-unavailable"));
        EXPECT_EQ(SlotStatus(slots[8]), "busy");
        // And at another time longer than the slot there.
        const Time later{TimeOf(slots[10]).start, TimeOf(slots[11]).end};
        Ehr(longer, Members("booked", later));
        ASSERT_TRUE(SlotBecomes(slots[11], "busy-unavailable"));
        ASSERT_TRUE(SlotBecomes(slots[9], "free"));
        EXPECT_EQ(SlotStatus(slots[8]), "free");
        EXPECT_EQ(SlotStatus(slots[10]), "busy");
        EXPECT_EQ(Get("Appointment/" + longer).body.TextOf("end"), later.end);
        Ehr(between, Members("cancelled", half));
        Ehr(longer, Members("cancelled", later));
        for (const std::size_t one : {5u, 6u, 10u, 11u}) {
            ASSERT_TRUE(SlotBecomes(slots[one], "free"));
        }
    }
    // To another person.
    const auto eve = SlotsIn("eve", 6);
    const auto zoe = SlotsIn("zoe", 6);
    const std::string same = Within(zoe, TimeOf(eve[4])).at(0);
    const std::string id = Book(eve[2], "ada").Id();
    Ehr(id, Members("booked", TimeOf(eve[4])) +
                R"(,"participant":[{"actor":{"reference":"Patient/ada"},"status":"accepted"},)"
                R"({"actor":{"reference":"Practitioner/zoe"},"status":"accepted"}])");
    ASSERT_TRUE(SlotBecomes(same, "busy-unavailable"));
    Settled();
    EXPECT_EQ(SlotStatus(eve[2]), "free");
}

TEST_F(CalendarsTest, WhatTheEhrMovesGetsItsSlotThoughTheTimeIsLookedAtBefore) {
    StartScheduler();
    const auto slots = SlotsIn("room", 6);
    const std::string id = Book(slots[2], "ada").Id();
    const Time there = TimeOf(slots[5]);
    Settled();
    StopScheduler();
    // The first events are about that time, and that of the move is not among them.
    Block("B1", "busy-unavailable", {"2020-01-01T08:00:00Z", "2020-01-01T09:00:00Z"});
    std::vector<fhir::Change> others;
    for (int i = 0; i < 300; ++i) {
        others.push_back(ChangeOf("Patient", "urn:other", std::to_string(i), R"("active":true)"));
    }
    Feed(std::move(others));
    Ehr(id, Members("booked", there));
    StartScheduler();
    ASSERT_TRUE(SlotBecomes(slots[5], "busy"));
    EXPECT_EQ(SlotStatus(slots[2]), "free");
    EXPECT_THAT(Get("Appointment/" + id).http.body, HasSubstr("Slot/" + slots[5]));
}

TEST_F(CalendarsTest, ACalendarThatGetsAnotherOwnerIsLookedAtAgain) {
    PutPractitioner("adam");
    PutPractitioner("zoe");
    PutTemplate("practitioner: adam\n");
    PutTemplate("practitioner: zoe\n", 30, "zoe");
    StartScheduler();
    const auto slots = SlotsIn("room", 8);
    Meet("A1", "booked", TimeOf(slots[2]), {"Practitioner/adam"});
    Meet("A2", "booked", TimeOf(slots[3]), {"Practitioner/zoe"});
    const auto own = Within(SlotsIn("zoe", 16), TimeOf(slots[5]));
    ASSERT_EQ(own.size(), 2u);
    ASSERT_EQ(Book(own[0], "ada").status, 201);
    Block("B1", "busy-unavailable", TimeOf(slots[6]), "Practitioner/adam");
    ASSERT_TRUE(SlotBecomes(slots[2], "busy-unavailable"));
    ASSERT_TRUE(SlotBecomes(slots[6], "busy-unavailable"));
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    PutTemplate("practitioner: zoe\n");
    ASSERT_TRUE(SlotBecomes(slots[3], "busy-unavailable"));
    ASSERT_TRUE(SlotBecomes(slots[5], "busy-unavailable"));
    ASSERT_TRUE(SlotBecomes(slots[2], "free"));
    ASSERT_TRUE(SlotBecomes(slots[6], "free"));
    // A calendar of the EHR, too: its blocks are whose it is.
    Feed({ChangeOf("Schedule", "urn:calendar", "Practitioner-adam",
                   R"("actor":[{"reference":"Practitioner/zoe"}])")});
    ASSERT_TRUE(SlotBecomes(slots[6], "busy-unavailable"));
    Feed({ChangeOf("Schedule", "urn:calendar", "Practitioner-adam",
                   R"("actor":[{"reference":"Practitioner/adam"}])")});
    ASSERT_TRUE(SlotBecomes(slots[6], "free"));
}

TEST_F(CalendarsTest, WhomOneAsksAndWhoEntersItDoNotCome) {
    PutPractitioner("clerk");
    PutTemplate("practitioner: clerk\n");
    StartScheduler();
    const auto slots = SlotsIn("room", 6);
    const auto meet = [&](const std::string& number, const std::string& slot,
                          const std::string& system, const std::string& code,
                          const std::string& more = "") {
        Feed({ChangeOf("Appointment", "urn:ehr", number,
                       Members("booked", TimeOf(slot)) +
                           R"(,"participant":[{"actor":{"reference":"Practitioner/clerk"},)"
                           R"("status":"accepted","type":[{"coding":[{"system":")" +
                           system + R"(","code":")" + code + R"("}]}]})" + more + "]")});
    };
    const std::string participation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
    meet("A1", slots[1], participation, "CALLBCK");
    meet("A2", slots[2], "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
         "enterer");
    // Who does it himself; and whoever has another part.
    meet("A3", slots[3], participation, "CALLBCK",
         R"(,{"actor":{"reference":"Practitioner/clerk"},"status":"accepted"})");
    meet("A4", slots[4], participation, "PPRF");
    ASSERT_TRUE(SlotBecomes(slots[3], "busy-unavailable"));
    ASSERT_TRUE(SlotBecomes(slots[4], "busy-unavailable"));
    Settled();
    EXPECT_EQ(SlotStatus(slots[1]), "free");
    EXPECT_EQ(SlotStatus(slots[2]), "free");
    meet("A3", slots[3], participation, "CALLBCK");
    ASSERT_TRUE(SlotBecomes(slots[3], "free"));
}

TEST_F(CalendarsTest, SlotsOfFeedsAreFoundAndBookedLikeThoseOfTemplates) {
    ASSERT_EQ(
        Put("Practitioner/eve",
            R"({"resourceType":"Practitioner","id":"eve","identifier":[{"system":"urn:staff",)"
            R"("value":"e1"}]})")
            .status,
        201);
    StartScheduler();
    const Micros start = ahead_.Now() + 600 * kMinute;
    const Time one{FormatInstant(start), FormatInstant(start + 30 * kMinute)};
    const Time two{FormatInstant(start + 15 * kMinute), FormatInstant(start + 45 * kMinute)};
    const std::string slot = Block("E1", "free", one, "Practitioner/eve");
    const std::string overlapping = Block("E2", "free", two, "Practitioner/eve");
    ASSERT_EQ(Patch("Slot/" + slot, R"([{"op":"add","path":"/specialty","value":[{"coding":[)"
                                    R"({"code":"394582007"}]}]}])")
                  .status,
              200);
    const std::string past =
        Block("E3", "free", {"2020-01-01T08:00:00Z", "2020-01-01T09:00:00Z"}, "Practitioner/eve");
    const auto find = [&](const std::string& by = "practitioner=eve") {
        return Get("Appointment/$find?" + by).body.Find("total")->text();
    };
    EXPECT_EQ(find(), "2");
    EXPECT_EQ(find("practitioner=urn:staff|e1"), "2");
    EXPECT_EQ(find("practitioner=urn:staff|e1&location=room"), "0");
    EXPECT_EQ(find("practitioner=urn:staff|e2"), "0");
    EXPECT_EQ(find("practitioner=urn:staff|e1&specialty=394582007"), "1");
    EXPECT_EQ(find("practitioner=eve&appointment-type=WALKIN"), "0");
    EXPECT_EQ(Book(past, "ada").Issue(), "conflict|slot");
    const Reply made = Book(slot, "ada", "k1");
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(Book(slot, "ada", "k1").Id(), made.Id());
    EXPECT_THAT(made.http.body, HasSubstr("Practitioner/eve"));
    EXPECT_EQ(SlotStatus(slot), "busy");
    // She is one person.
    ASSERT_TRUE(SlotBecomes(overlapping, "busy"));
    EXPECT_EQ(find(), "0");
    // The EHR says once more that it is free: it was given.
    Block("E1", "busy-unavailable", one, "Practitioner/eve");
    Block("E1", "free", one, "Practitioner/eve");
    ASSERT_TRUE(SlotBecomes(slot, "busy"));
    EXPECT_EQ(Book(slot, "bob").Issue(), "conflict|slot");
    ASSERT_EQ(Operate("/" + made.Id() + "/$cancel", {}).status, 200);
    ASSERT_TRUE(SlotBecomes(slot, "free"));
    ASSERT_TRUE(SlotBecomes(overlapping, "free"));
    EXPECT_EQ(Get("Slot/" + overlapping).body.Find("extension"), nullptr);
    // Blocked by the EHR while it is taken here: its word stays when nobody takes it any more.
    const std::string again = Book(slot, "bob").Id();
    ASSERT_TRUE(SlotBecomes(overlapping, "busy"));
    Block("E2", "busy-unavailable", two, "Practitioner/eve");
    ASSERT_EQ(Operate("/" + again + "/$cancel", {}).status, 200);
    Settled();
    EXPECT_EQ(SlotStatus(overlapping), "busy-unavailable");
    ASSERT_TRUE(SlotBecomes(slot, "busy"));
}

TEST_F(CalendarsTest, WhereATemplateSpeaksItAloneSaysWhatCanBeBooked) {
    StartScheduler();
    const auto slots = FreeSlots();
    const std::string given = Block("B1", "free", TimeOf(slots[3]));
    ASSERT_TRUE(SlotBecomes(given, "busy"));
    EXPECT_EQ(SlotStatus(slots[3]), "free");
    std::filesystem::remove(folder_ / "room.yaml");
    LoadTemplates();
    ASSERT_TRUE(SlotBecomes(given, "free"));
}

}  // namespace
}  // namespace carestream::test
