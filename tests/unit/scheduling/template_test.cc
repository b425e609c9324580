// Goal: the slots of a schedule are the ones that its clock on the wall shows, also on the days on
// which it is put forward or back; mistakes in files are told with their place.
#include "scheduling/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace carestream {
namespace {

using scheduling::Expand;
using scheduling::SlotTime;
using scheduling::Template;
using scheduling::Templates;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Micros kMinute = 60'000'000;
constexpr Micros kDay = 1'440 * kMinute;

Micros At(scheduling::Day day, int hour, int minute) {
    return day * kDay + (hour * 60 + minute) * kMinute;
}

constexpr scheduling::Day kSpring =
    20'541;  // 2026-03-29, a Sunday: Berlin's clock skips 02:00-03:00
constexpr scheduling::Day kAutumn = 20'751;  // 2026-10-25: it shows 02:00-03:00 twice

Template Daily(int from, int to, int minutes) {
    Template schedule;
    schedule.time_zone = "Europe/Berlin";
    schedule.slot_minutes = minutes;
    schedule.weekly = {{{true, true, true, true, true, true, true}, {from, to}}};
    return schedule;
}

std::vector<std::string> Times(const std::vector<SlotTime>& slots) {
    std::vector<std::string> times;
    for (const SlotTime& slot : slots) times.push_back(FormatInstant(slot.start).substr(11, 5));
    return times;
}

TEST(TemplateTest, SlotsFollowTheWallClock) {
    const Template schedule = Daily(8 * 60, 10 * 60, 30);
    EXPECT_THAT(Times(Expand(schedule, At(kSpring - 1, 0, 0), At(kSpring, 0, 0))),
                ElementsAre("07:00", "07:30", "08:00", "08:30"));
    EXPECT_THAT(Times(Expand(schedule, At(kSpring, 0, 0), At(kSpring + 1, 0, 0))),
                ElementsAre("06:00", "06:30", "07:00", "07:30"));
}

TEST(TemplateTest, WhatTheClockSkipsIsNoSlot) {
    const auto slots = Expand(Daily(60, 4 * 60, 30), At(kSpring, 0, 0), At(kSpring, 12, 0));
    // 01:00, 01:30, then 03:00 and 03:30 of the wall.
    EXPECT_THAT(Times(slots), ElementsAre("00:00", "00:30", "01:00", "01:30"));
}

TEST(TemplateTest, WhatTheClockShowsTwiceIsOneSlotTheFirstTime) {
    const auto slots = Expand(Daily(60, 4 * 60, 30), At(kAutumn - 1, 23, 0), At(kAutumn, 12, 0));
    EXPECT_THAT(Times(slots), ElementsAre("23:00", "23:30", "00:00", "00:30", "02:00", "02:30"));
}

TEST(TemplateTest, ASlotThatReachesOverTheSkippedHourPushesTheNextOneOut) {
    // 01:40 lasts until 03:20 of the wall: 03:00 would meet it.
    Template schedule = Daily(100, 300, 40);
    const auto slots = Expand(schedule, At(kSpring, 0, 0), At(kSpring, 12, 0));
    for (std::size_t i = 1; i < slots.size(); ++i) EXPECT_GE(slots[i].start, slots[i - 1].end);
    EXPECT_THAT(Times(slots), ElementsAre("00:40", "01:40"));
}

TEST(TemplateTest, BoundsDecideNothingButWhatIsShown) {
    for (const scheduling::Day day : {kSpring, kAutumn}) {
        const Template schedule = Daily(0, 24 * 60, 35);
        const auto whole = Expand(schedule, At(day - 3, 0, 0), At(day + 3, 0, 0));
        std::vector<SlotTime> pieces;
        for (Micros at = At(day - 3, 0, 0); at < At(day + 3, 0, 0); at += 45 * kMinute) {
            for (const SlotTime& slot : Expand(schedule, at, at + 45 * kMinute)) {
                pieces.push_back(slot);
            }
        }
        EXPECT_EQ(pieces, whole);
    }
}

TEST(TemplateTest, DaysAreClosedAndOpened) {
    Template schedule = Daily(8 * 60, 9 * 60, 60);
    schedule.weekly[0].days = {true, false, false, false, false, false, false};  // Mondays
    const auto week = [&] {
        return Times(Expand(schedule, At(kSpring, 0, 0), At(kSpring + 8, 0, 0)));
    };
    EXPECT_THAT(week(), ElementsAre("06:00"));
    schedule.closed = {{kSpring + 1, kSpring + 1}};
    EXPECT_THAT(week(), IsEmpty());
    schedule.extra = {{kSpring + 1, {10 * 60, 11 * 60}}, {kSpring + 3, {600, 660}}};
    EXPECT_THAT(week(), ElementsAre("08:00", "08:00"));
}

class TemplateFilesTest : public testing::Test {
protected:
    void SetUp() override {
        folder_ =
            std::filesystem::path(testing::TempDir()) / ("schedules-" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string Complaints(const std::string& text) {
        std::ofstream(folder_ / "a.yaml") << text;
        const auto loaded = Templates::Load(folder_, "schedules/");
        std::string all;
        for (const Error& error : loaded.errors) all += error.ToString() + "\n";
        EXPECT_EQ(loaded.templates == nullptr, !loaded.errors.empty());
        return all;
    }
    std::filesystem::path folder_;
};

constexpr const char* kGood = R"(schedule: room-2
title: Room 2
location: room-2
practitioner: urn:x|77
service_type: http://snomed.info/sct|394582007
time_zone: Europe/Berlin
slot_minutes: 20
hours:
  - {days: [mon, tue], from: "08:00", to: "12:00"}
closed: [2026-12-24..2026-12-31, 2026-10-03]
extra_hours:
  - {date: "2026-12-28", from: "09:00", to: "24:00"}
min_notice: 2h
)";

TEST_F(TemplateFilesTest, AFileIsRead) {
    EXPECT_EQ(Complaints(kGood), "");
    const auto templates = Templates::Load(folder_, "").templates;
    const Template* read = templates->Find("room-2");
    ASSERT_NE(read, nullptr);
    ASSERT_EQ(read->actors.size(), 2u);
    EXPECT_EQ(read->actors[0].type, "Practitioner");
    EXPECT_EQ(read->actors[0].system, "urn:x");
    EXPECT_EQ(read->actors[1].id, "room-2");
    EXPECT_EQ(read->service_code, "394582007");
    EXPECT_EQ(read->closed.size(), 2u);
    EXPECT_EQ(read->extra.at(0).hours.to, 1'440);
    EXPECT_EQ(read->horizon_days, 60);
    EXPECT_EQ(read->min_notice, 120 * kMinute);
    EXPECT_EQ(templates->Find("other"), nullptr);
}

TEST_F(TemplateFilesTest, MistakesAreToldWithPlaceAndRemedy) {
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = kGood;
        text.replace(text.find(from), from.size(), to);
        return Complaints(text);
    };
    EXPECT_THAT(with("Europe/Berlin", "Europe/Belrin"),
                HasSubstr("schedules/a.yaml:6:12: 'Europe/Belrin' is no time zone of the IANA data "
                          "base, did you mean 'Europe/Berlin'?"));
    EXPECT_THAT(with("\"12:00\"", "\"08:10\""), HasSubstr("no slot fits in"));
    EXPECT_THAT(with("\"08:00\"", "\"8 h\""), HasSubstr("is a time as 08:00"));
    EXPECT_THAT(with("2026-10-03", "2026-02-30"), HasSubstr("a day as 2026-12-24"));
    EXPECT_THAT(with("2026-12-28", "28.12.2026"), HasSubstr("'date' is a day"));
    EXPECT_THAT(with("sct|394582007", "sct"), HasSubstr("system|code"));
    EXPECT_THAT(with("room-2\ntitle", "Room 2\ntitle"), HasSubstr("small letters"));
    EXPECT_THAT(with("closed:", "hours_off:"), HasSubstr("hours_off"));
    EXPECT_THAT(with("closed:", "  - {days: [tue], from: \"11:40\", to: \"13:00\"}\nclosed:"),
                HasSubstr("overlap earlier ones on tue"));
    std::ofstream(folder_ / "b.yaml") << kGood;
    EXPECT_THAT(Complaints(kGood), HasSubstr("'room-2' is also in schedules/a.yaml"));
}

}  // namespace
}  // namespace carestream
