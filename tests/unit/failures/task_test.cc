// Goal: the Task of a cause is valid, names the cause and its count, keeps what people wrote and
// opens again. Pure.
#include "failures/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/home.h"
#include "fhir/json.h"
#include "fhir/validator.h"

namespace carestream {
namespace {

using failures::KeyOf;
using failures::TaskOf;
using store::Failure;
using store::FailureDirection;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Micros kNow = 1'780'000'000'000'000;

Failure MapFailure() {
    Failure failure;
    failure.channel = "adt-main";
    failure.kind = "map";
    failure.path = "PID-3";
    failure.count = 7;
    failure.first = kNow;
    failure.last = kNow + 5'000'000;
    failure.message = 42;
    failure.reason = "no identity";
    return failure;
}

void ExpectValid(const fhir::Node& task) {
    static const auto definitions =
        fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
    EXPECT_THAT(fhir::Validate(*definitions, task), IsEmpty());
}

std::string InputOf(const fhir::Node& task, std::size_t index, std::string_view member) {
    return task.Find("input")->items().at(index).Find(member)->text();
}

TEST(FailureTaskTest, SaysWhatFailsWhereAndHowOften) {
    const fhir::Node task = TaskOf(MapFailure(), "t1", {});
    ExpectValid(task);
    EXPECT_EQ(task.TextOf("status"), "requested");
    EXPECT_EQ(task.Find("statusReason")->TextOf("text"), "PID-3: no identity");
    EXPECT_EQ(task.TextOf("authoredOn"), FormatInstant(kNow));
    EXPECT_EQ(task.TextOf("lastModified"), FormatInstant(kNow + 5'000'000));
    EXPECT_EQ(InputOf(task, 0, "valueString"), "adt-main");
    EXPECT_EQ(InputOf(task, 1, "valueInteger"), "7");
    EXPECT_EQ(InputOf(task, 2, "valueString"), "42");
    EXPECT_THAT(std::string(task.TextOf("description")), HasSubstr("carestream deadletters"));
    EXPECT_EQ(task.Find("for"), nullptr);  // of no patient
}

TEST(FailureTaskTest, EachKindHasItsRemedy) {
    Failure failure = MapFailure();
    failure.direction = FailureDirection::kOut;
    failure.kind = "ambiguous";
    EXPECT_THAT(std::string(TaskOf(failure, "t", {}).TextOf("description")),
                HasSubstr("Ask the receiver"));
    failure.kind = "refused";
    EXPECT_THAT(std::string(TaskOf(failure, "t", {}).TextOf("description")),
                HasSubstr("carestream outbound replay"));
}

TEST(FailureTaskTest, KeepsWhatPeopleWroteAndOpensAgain) {
    fhir::Node task = TaskOf(MapFailure(), "t1", {});
    task.Set("status", fhir::Node::String("completed"));
    task.Set("note", fhir::ParseJson(R"([{"text":"the lab was told"}])").value());
    Failure more = MapFailure();
    more.count = 8;
    more.path.clear();
    more.reason.clear();
    const fhir::Node again = TaskOf(more, "t1", task);
    ExpectValid(again);
    EXPECT_EQ(again.TextOf("status"), "requested");
    EXPECT_NE(again.Find("note"), nullptr);
    EXPECT_EQ(again.Find("statusReason"), nullptr);
    EXPECT_EQ(InputOf(again, 1, "valueInteger"), "8");
}

TEST(FailureTaskTest, ACountThatNoIntegerHoldsStays) {
    Failure failure = MapFailure();
    failure.count = 5'000'000'000;
    const fhir::Node task = TaskOf(failure, "t1", {});
    ExpectValid(task);
    EXPECT_EQ(InputOf(task, 1, "valueInteger"), "2147483647");
}

TEST(FailureTaskTest, KeysTellCausesApart) {
    const Failure one = MapFailure();
    std::vector<std::string> keys = {KeyOf(one)};
    for (const auto change :
         {+[](Failure& f) { f.direction = FailureDirection::kOut; },
          +[](Failure& f) { f.channel = "lab"; }, +[](Failure& f) { f.kind = "parse"; },
          +[](Failure& f) { f.path = ""; }}) {
        Failure other = one;
        change(other);
        EXPECT_THAT(keys, testing::Not(testing::Contains(KeyOf(other))));
        keys.push_back(KeyOf(other));
    }
    Failure same = one;
    same.count = 99;
    same.reason = "another text";
    EXPECT_EQ(KeyOf(same), KeyOf(one));
}

}  // namespace
}  // namespace carestream
