// Goal: the Task says what is true of the delivery and never more. Method: changes of one and of
// two channels, in and out of order.
#include "reports/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/home.h"
#include "fhir/json.h"
#include "fhir/validator.h"

namespace carestream {
namespace {

using reports::Delivery;
using reports::DeliveryState;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const fhir::Definitions& R4() {
    static const auto definitions =
        fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
    return *definitions;
}

const fhir::Node& Response() {
    static const fhir::Node response =
        fhir::ParseJson(R"({"resourceType":"QuestionnaireResponse","status":"completed","subject":)"
                        R"({"reference":"Patient/p"},"author":{"reference":"RelatedPerson/r"},)"
                        R"("encounter":{"reference":"Encounter/e"}})")
            .value();
    return response;
}

fhir::Node Task(std::int32_t version = 1, bool passed_on = true) {
    return reports::DeliveryTask({"q", version, Response()}, "t", passed_on, 1'000'000);
}

std::string StateOf(const fhir::Node& task) {
    const fhir::Node* reason = task.Find("statusReason");
    return std::string(task.TextOf("status")) + " " +
           std::string(task.Find("businessStatus")->Find("coding")->items()[0].TextOf("code")) +
           (reason == nullptr ? "" : ": " + std::string(reason->TextOf("text")));
}

Delivery Change(DeliveryState state, const std::string& channel = "ehr",
                const std::string& reason = {}) {
    Delivery delivery;
    delivery.channel = channel;
    delivery.state = state;
    delivery.reason = reason;
    return delivery;
}

TEST(DeliveryTask, BeginsAsRequested) {
    const fhir::Node task = Task();
    EXPECT_EQ(StateOf(task), "requested waiting");
    EXPECT_EQ(reports::ReportedVersion(task), 1);
    EXPECT_EQ(task.Find("focus")->TextOf("reference"), "QuestionnaireResponse/q/_history/1");
    EXPECT_EQ(task.Find("for")->TextOf("reference"), "Patient/p");
    EXPECT_EQ(task.Find("requester")->TextOf("reference"), "RelatedPerson/r");
    EXPECT_THAT(fhir::Validate(R4(), task), IsEmpty());
    const fhir::Node kept = Task(1, false);
    EXPECT_EQ(StateOf(kept), "requested kept");
    EXPECT_THAT(fhir::ToJson(kept), HasSubstr("is not passed on"));
}

TEST(DeliveryTask, FollowsTheMessage) {
    struct Row {
        DeliveryState state;
        std::string expected;
    };
    const Row rows[] = {{DeliveryState::kWaiting, "requested waiting"},
                        {DeliveryState::kSent, "in-progress sent"},
                        {DeliveryState::kReceived, "in-progress received"},
                        {DeliveryState::kAccepted, "completed accepted"},
                        {DeliveryState::kRejected, "failed rejected: answered AE"},
                        {DeliveryState::kClarifying, "on-hold clarifying"},
                        {DeliveryState::kWithdrawn, "failed withdrawn"}};
    fhir::Node task = Task();
    for (const Row& row : rows) {
        const auto next = reports::WithDelivery(
            task, 1,
            Change(row.state, "ehr", row.state == DeliveryState::kRejected ? "answered AE" : ""),
            2'000'000);
        ASSERT_TRUE(next) << row.expected;
        EXPECT_EQ(StateOf(*next), row.expected);
        EXPECT_EQ(next->TextOf("lastModified"), "1970-01-01T00:00:02.000Z");
        EXPECT_THAT(fhir::Validate(R4(), *next), IsEmpty());
        const std::string text = fhir::ToJson(*next);
        EXPECT_THAT(text, Not(HasSubstr(" seen")));
        EXPECT_THAT(text, Not(HasSubstr("was read")));
        task = *next;
    }
}

TEST(DeliveryTask, AcceptedDoesNotSayRead) {
    const auto task = reports::WithDelivery(Task(), 1, Change(DeliveryState::kAccepted), 2);
    EXPECT_THAT(fhir::ToJson(*task), HasSubstr("This does not say that anybody has read it."));
}

TEST(DeliveryTask, TheSameAgainIsNoChange) {
    const auto sent = reports::WithDelivery(Task(), 1, Change(DeliveryState::kSent), 2'000'000);
    ASSERT_TRUE(sent);
    EXPECT_FALSE(reports::WithDelivery(*sent, 1, Change(DeliveryState::kSent), 3'000'000));
}

TEST(DeliveryTask, OtherVersionsOfTheReportAreNotItsMatter) {
    EXPECT_FALSE(reports::WithDelivery(Task(2), 1, Change(DeliveryState::kAccepted), 2));
    EXPECT_TRUE(reports::WithDelivery(Task(2), 2, Change(DeliveryState::kAccepted), 2));
}

TEST(DeliveryTask, OfSeveralChannelsTheLeastCertainWord) {
    auto task = reports::WithDelivery(Task(), 1, Change(DeliveryState::kAccepted, "a"), 2);
    task = reports::WithDelivery(*task, 1, Change(DeliveryState::kSent, "b"), 3);
    EXPECT_EQ(StateOf(*task), "in-progress sent");
    task = reports::WithDelivery(*task, 1, Change(DeliveryState::kRejected, "b", "full"), 4);
    EXPECT_EQ(StateOf(*task), "failed rejected: full");
    task = reports::WithDelivery(*task, 1, Change(DeliveryState::kClarifying, "a"), 5);
    EXPECT_EQ(StateOf(*task), "failed rejected: full");
    task = reports::WithDelivery(*task, 1, Change(DeliveryState::kAccepted, "b"), 6);
    EXPECT_EQ(StateOf(*task), "on-hold clarifying");
    task = reports::WithDelivery(*task, 1, Change(DeliveryState::kAccepted, "a"), 7);
    EXPECT_EQ(StateOf(*task), "completed accepted");
    EXPECT_EQ(task->Find("output")->items().size(), 2u);
}

TEST(DeliveryTask, VersionsOfReferences) {
    const auto version = [](const std::string& reference) {
        return reports::VersionIn(fhir::ParseJson(R"({"reference":")" + reference + "\"}").value());
    };
    EXPECT_EQ(version("QuestionnaireResponse/q/_history/12"), 12);
    EXPECT_EQ(version("QuestionnaireResponse/q"), 0);
    EXPECT_EQ(version("QuestionnaireResponse/q/_history/"), 0);
}

}  // namespace
}  // namespace carestream
