// Goal: a lone event is never kept waiting, a burst of one patient becomes two notifications, and
// nothing is forgotten. Method: rows of events, each with the time at which it must be told.
#include "subscriptions/burst.h"

#include <gtest/gtest.h>

#include <ostream>

namespace carestream {
namespace {

using subscriptions::Burst;

constexpr Micros kPause = 100;

// At `at` an event of `patient` comes; `due` is when all that waits then is told.
struct Step {
    Micros at;
    const char* patient;
    Micros due;
};
struct Case {
    const char* name;
    Micros pause;
    std::vector<Step> steps;
};

void PrintTo(const Case& row, std::ostream* out) {
    *out << row.name;
}

class BurstTest : public testing::TestWithParam<Case> {};

TEST_P(BurstTest, IsDue) {
    Burst burst(GetParam().pause);
    EXPECT_EQ(burst.due(), 0);
    for (const Step& step : GetParam().steps) {
        SCOPED_TRACE(step.at);
        // What became due before was told then.
        if (burst.due() != 0 && burst.due() <= step.at) burst.Told(burst.due());
        burst.Add(step.patient, step.at);
        EXPECT_EQ(burst.due(), step.due);
        if (burst.due() <= step.at) {
            burst.Told(step.at);
            EXPECT_EQ(burst.due(), 0);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, BurstTest,
    testing::Values(
        Case{"Lone", kPause, {{1'000, "ada", 1'000}, {1'100, "ada", 1'100}, {9'000, "ada", 9'000}}},
        Case{"BurstWaitsForTheEndOfThePause",
             kPause,
             {{1'000, "ada", 1'000},
              {1'001, "ada", 1'100},
              {1'050, "ada", 1'100},
              {1'099, "ada", 1'100}}},
        Case{"AStreamIsToldOnceAPause",
             kPause,
             {{1'000, "ada", 1'000},
              {1'050, "ada", 1'100},
              {1'110, "ada", 1'200},
              {1'190, "ada", 1'200},
              {1'201, "ada", 1'300}}},
        Case{"AfterAPauseItIsLoneAgain",
             kPause,
             {{1'000, "ada", 1'000}, {1'050, "ada", 1'100}, {1'200, "ada", 1'200}}},
        // Numbers are told in order: what waits of ada goes with bob's, and pauses anew.
        Case{"AnotherPatientIsNotKeptWaiting",
             kPause,
             {{1'000, "ada", 1'000},
              {1'010, "ada", 1'100},
              {1'020, "bob", 1'020},
              {1'030, "ada", 1'120},
              {1'040, "bob", 1'120}}},
        Case{"TheEarliestCounts",
             kPause,
             {{1'000, "ada", 1'000},
              {1'050, "bob", 1'050},
              {1'060, "bob", 1'150},
              {1'070, "ada", 1'100}}},
        Case{"OfNobodyIsAtOnce", kPause, {{1'000, "", 1'000}, {1'001, "", 1'001}}},
        Case{"OfNobodyTakesWaitingAlong",
             kPause,
             {{1'000, "ada", 1'000}, {1'001, "ada", 1'100}, {1'002, "", 1'002}}},
        Case{"Off", 0, {{1'000, "ada", 1'000}, {1'001, "ada", 1'001}}},
        Case{"AClockSetBack", kPause, {{1'000'000, "ada", 1'000'000}, {1'000, "ada", 1'100}}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(BurstLimitTest, RemembersSoManyPatientsAndNoMore) {
    Burst burst(kPause);
    for (std::size_t i = 0; i < Burst::kPatientsMax + 50; ++i) {
        burst.Add("p" + std::to_string(i), 1'000);
        EXPECT_EQ(burst.due(), 1'000);
    }
    burst.Told(1'000);
    EXPECT_EQ(burst.patients(), Burst::kPatientsMax);
    burst.Add("p" + std::to_string(Burst::kPatientsMax + 10), 1'001);
    EXPECT_EQ(burst.due(), 1'001);  // not known: at once
    burst.Told(1'001);
    // Forgotten when their pause is over.
    burst.Add("new", 1'200);
    burst.Told(1'200);
    EXPECT_EQ(burst.patients(), 1u);
}

}  // namespace
}  // namespace carestream
