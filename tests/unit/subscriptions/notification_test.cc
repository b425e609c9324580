// Goal: notifications are what the backport guide asks for at each content level, and valid R4.
#include "subscriptions/notification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/home.h"
#include "fhir/json.h"
#include "tests/support/notification_profile.h"

namespace carestream {
namespace {

using subscriptions::Content;
using subscriptions::NotificationType;
using subscriptions::NotifiedEvent;

std::shared_ptr<const fhir::Definitions> R4() {
    static const auto definitions =
        fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
    return definitions;
}

class NotificationTest : public testing::Test {
protected:
    NotificationTest() {
        definition_.id = "s1";
        definition_.topic = "urn:carestream:topic:result";
        event_.seq = 7;
        event_.type = "Patient";
        event_.id = "p1";
        event_.kind = store::EventKind::kUpdated;
        event_.body = R"({"resourceType":"Patient","id":"p1"})";
    }
    fhir::Node Make(NotificationType type, const std::vector<NotifiedEvent>& events,
                    Content content) {
        const std::string text =
            subscriptions::NotificationBundle(definition_, {"active", 3, ""}, type, events, content,
                                              "https://h.test/fhir/r4", 1'780'000'000'000'000);
        auto parsed = fhir::ParseJson(text);
        EXPECT_TRUE(parsed) << text;
        EXPECT_THAT(test::NotificationIssues(*R4(), *parsed), testing::IsEmpty()) << text;
        return parsed.value();
    }
    // The value of a parameter of the status, as text.
    static std::string Status(const fhir::Node& bundle, std::string_view name) {
        const fhir::Node& resource = *bundle.Find("entry")->items().at(0).Find("resource");
        for (const fhir::Node& parameter : resource.Find("parameter")->items()) {
            if (parameter.TextOf("name") != name) continue;
            for (const fhir::Member& member : parameter.members()) {
                if (member.name == "valueReference") {
                    return std::string(member.value.TextOf("reference"));
                }
                if (member.name.starts_with("value")) return member.value.text();
            }
            return "part";
        }
        return "";
    }

    subscriptions::Definition definition_;
    store::Event event_;
};

TEST_F(NotificationTest, TheStatusStandsFirst) {
    const auto bundle = Make(NotificationType::kHandshake, {}, Content::kEmpty);
    EXPECT_EQ(bundle.TextOf("type"), "history");
    ASSERT_EQ(bundle.Find("entry")->items().size(), 1u);
    const fhir::Node& entry = bundle.Find("entry")->items()[0];
    EXPECT_EQ(entry.Find("request")->TextOf("url"),
              "https://h.test/fhir/r4/Subscription/s1/$status");
    EXPECT_EQ(entry.TextOf("fullUrl"),
              "urn:uuid:" + std::string(entry.Find("resource")->TextOf("id")));
    EXPECT_EQ(Status(bundle, "subscription"), "https://h.test/fhir/r4/Subscription/s1");
    EXPECT_EQ(Status(bundle, "topic"), "");  // empty content: not even that
    EXPECT_EQ(Status(bundle, "type"), "handshake");
    EXPECT_EQ(Status(bundle, "events-since-subscription-start"), "3");
    EXPECT_EQ(Status(bundle, "notification-event"), "");
}

TEST_F(NotificationTest, EveryTypeAtEveryContentIsOfTheProfile) {
    store::Event other = event_;
    other.id = "p2";
    const std::vector<NotifiedEvent> events = {{2, 1'780'000'000'000'000, &event_},
                                               {3, 1'780'000'000'000'000, &other}};
    for (const Content content : {Content::kEmpty, Content::kIdOnly, Content::kFullResource}) {
        for (const NotificationType type :
             {NotificationType::kHandshake, NotificationType::kHeartbeat, NotificationType::kEvent,
              NotificationType::kQueryStatus, NotificationType::kQueryEvent}) {
            (void)Make(type, {}, content);
            (void)Make(type, events, content);
        }
    }
}

TEST_F(NotificationTest, EmptyNamesNothing) {
    const auto bundle =
        Make(NotificationType::kEvent, {{3, 1'780'000'000'000'000, &event_}}, Content::kEmpty);
    EXPECT_EQ(bundle.Find("entry")->items().size(), 1u);
    EXPECT_EQ(Status(bundle, "notification-event"), "part");
    EXPECT_EQ(fhir::ToJson(bundle).find("p1"), std::string::npos);
}

TEST_F(NotificationTest, IdOnlyNamesAndFullResourceShows) {
    const std::vector<NotifiedEvent> events = {{3, 1'780'000'000'000'000, &event_}};
    const auto ids = Make(NotificationType::kEvent, events, Content::kIdOnly);
    ASSERT_EQ(ids.Find("entry")->items().size(), 2u);
    const fhir::Node& named = ids.Find("entry")->items()[1];
    EXPECT_EQ(named.TextOf("fullUrl"), "https://h.test/fhir/r4/Patient/p1");
    EXPECT_EQ(named.Find("resource"), nullptr);
    EXPECT_EQ(named.Find("request")->TextOf("method"), "PUT");
    EXPECT_EQ(named.Find("request")->TextOf("url"), "Patient/p1");
    const auto full = Make(NotificationType::kEvent, events, Content::kFullResource);
    ASSERT_EQ(full.Find("entry")->items().size(), 2u);
    EXPECT_EQ(full.Find("entry")->items()[1].Find("resource")->TextOf("id"), "p1");
}

TEST_F(NotificationTest, WhatMayNotBeSeenAnyMoreIsANumber) {
    const auto bundle = Make(NotificationType::kQueryEvent, {{3, 1'780'000'000'000'000, nullptr}},
                             Content::kFullResource);
    EXPECT_EQ(bundle.Find("entry")->items().size(), 1u);
    EXPECT_EQ(Status(bundle, "notification-event"), "part");
}

TEST_F(NotificationTest, ADeletionHasNoContent) {
    event_.kind = store::EventKind::kDeleted;
    event_.body.clear();
    const auto bundle = Make(NotificationType::kEvent, {{3, 1'780'000'000'000'000, &event_}},
                             Content::kFullResource);
    const fhir::Node& entry = bundle.Find("entry")->items().at(1);
    EXPECT_EQ(entry.Find("resource"), nullptr);
    EXPECT_EQ(entry.Find("request")->TextOf("method"), "DELETE");
    EXPECT_EQ(entry.Find("response")->TextOf("status"), "204");
}

}  // namespace
}  // namespace carestream
