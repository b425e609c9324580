// Goal: times that the EHR blocks or gives to others cannot be booked here, and can again when they
// are free; Slots that only feeds know are found and booked like those of templates. Method: the
// feed's writer and the REST API on a real store.
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
    Meet("A3", "booked", TimeOf(slots[6]), {"Practitioner/eve"});
    ASSERT_TRUE(SlotBecomes(slots[6], "busy-unavailable"));
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
