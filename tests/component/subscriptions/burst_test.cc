// Goal: what comes in a burst goes out together, in order and whole, over both channels. Method: a
// pause that does not end while the test looks (an hour), and one that does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "component/subscriptions/subscriptions_fixture.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Micros kHour = 3'600'000'000;

class BurstRestTest : public SubscriptionsRestTest {
protected:
    void Restart(Micros pause) {
        StopEngine();
        options_.burst_pause = pause;
        StartEngine();
        Patient("ada");
        Patient("bob");
    }
    void Reports(int first, int last, const std::string& patient) {
        for (int i = first; i <= last; ++i) {
            ASSERT_EQ(Report("r" + std::to_string(i), patient, "x"), 201);
        }
    }
    [[nodiscard]] bool Counted(const std::string& id, int number) {
        return Eventually([&] {
            return Get("Subscription/" + id + "/$status")
                       .http.body.find(R"("events-since-subscription-start","valueString":")" +
                                       std::to_string(number) + "\"") != std::string::npos;
        });
    }
    [[nodiscard]] std::shared_ptr<Listener> Bound(const std::string& id) {
        EXPECT_TRUE(Counted(id, 0));
        auto listener = std::make_shared<Listener>();
        engine_->Heard(listener, 1, "bind-with-token " + BindingToken(id));
        EXPECT_THAT(listener->Get(0), HasSubstr("handshake"));
        return listener;
    }
    [[nodiscard]] static Hook Parsed(const std::string& text) {
        Hook hook;
        if (auto body = fhir::ParseJson(text)) hook.body = std::move(*body);
        return hook;
    }
};

TEST_F(BurstRestTest, ARestHookIsToldTheFirstAtOnceAndTheRestTogether) {
    Restart(kHour);
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    Reports(1, 1, "ada");
    EXPECT_THAT(receiver_->Get(1).Numbers(), ElementsAre("1"));
    Reports(2, 4, "ada");
    ASSERT_TRUE(Counted(made.Id(), 4));
    EXPECT_EQ(receiver_->count(), 2u);
    // Somebody else's news is not kept waiting; what waits goes along, so that the order is kept.
    Reports(5, 5, "bob");
    const Hook together = receiver_->Get(2);
    EXPECT_THAT(together.Numbers(), ElementsAre("2", "3", "4", "5"));
    EXPECT_EQ(together.Status("events-since-subscription-start"), "5");
    EXPECT_EQ(together.body.Find("entry")->items().size(), 5u);
    Reports(6, 6, "bob");
    ASSERT_TRUE(Counted(made.Id(), 6));
    EXPECT_EQ(receiver_->count(), 3u);
}

TEST_F(BurstRestTest, AWebsocketIsToldTheFirstAtOnceAndTheRestTogether) {
    Restart(kHour);
    const auto made = Post("Subscription", Socket(kResult));
    const auto listener = Bound(made.Id());
    Reports(1, 1, "ada");
    EXPECT_THAT(Parsed(listener->Get(1)).Numbers(), ElementsAre("1"));
    Reports(2, 4, "ada");
    ASSERT_TRUE(Counted(made.Id(), 4));
    EXPECT_EQ(listener->count(), 2u);
    // Who comes now is told what was told, and hears the rest with the others.
    auto later = std::make_shared<Listener>();
    engine_->Heard(later, 1, "bind-with-token " + BindingToken(made.Id()));
    EXPECT_EQ(Parsed(later->Get(0)).Status("events-since-subscription-start"), "1");
    Reports(5, 5, "bob");
    for (const std::string& text : {listener->Get(2), later->Get(1)}) {
        EXPECT_THAT(Parsed(text).Numbers(), ElementsAre("2", "3", "4", "5"));
        EXPECT_THAT(text, HasSubstr("DiagnosticReport/r3"));
    }
}

TEST_F(BurstRestTest, WhenThePauseIsOverEverythingCameInOrder) {
    Restart(300'000);
    const auto hook = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(hook.Id(), "active"));
    const auto socket = Post("Subscription", Socket(kResult));
    const auto listener = Bound(socket.Id());
    Reports(1, 30, "ada");
    std::vector<std::string> expected;
    for (int i = 1; i <= 30; ++i) expected.push_back(std::to_string(i));
    std::vector<std::string> hooked;
    std::vector<std::string> heard;
    for (std::size_t i = 1; hooked.size() < 30 && !testing::Test::HasFailure(); ++i) {
        for (auto& number : receiver_->Get(i).Numbers()) hooked.push_back(number);
    }
    for (std::size_t i = 1; heard.size() < 30 && !testing::Test::HasFailure(); ++i) {
        for (auto& number : Parsed(listener->Get(i)).Numbers()) heard.push_back(number);
    }
    EXPECT_EQ(hooked, expected);
    EXPECT_EQ(heard, expected);
}

// R4's own tell one resource at a time: only that one stands in the audit as told.
TEST_F(BurstRestTest, WhatGoesOutOneByOneIsAuditedOneByOne) {
    Restart(kHour);
    RequireTokens();
    const Headers staff = tokens_.Token("s", "", "system/*.cruds");
    const auto made =
        Post("Subscription",
             R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":)"
             R"("DiagnosticReport?status=final","channel":{"type":"rest-hook","endpoint":")" +
                 receiver_->SecureUrl() + R"(","payload":"application/fhir+json"}})",
             staff);
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Eventually([&] {
        return Get("Subscription/" + made.Id(), staff).body.TextOf("status") == "active";
    }));
    const auto report = [&](const std::string& id, const std::string& patient) {
        return Put("DiagnosticReport/" + id,
                   R"({"resourceType":"DiagnosticReport","id":")" + id +
                       R"(","status":"final","code":{"text":"x"},)"
                       R"("subject":{"reference":"Patient/)" +
                       patient + R"("}})",
                   staff)
            .status;
    };
    ASSERT_EQ(report("r1", "ada"), 201);
    EXPECT_EQ(receiver_->Get(0).body.TextOf("id"), "r1");
    ASSERT_EQ(report("r2", "ada"), 201);
    ASSERT_EQ(report("r3", "ada"), 201);
    ASSERT_EQ(report("r4", "bob"), 201);  // lets all of them go
    EXPECT_EQ(receiver_->Get(3).body.TextOf("id"), "r4");
    const auto told_of = [&](const std::string& patient) {
        const std::string rows =
            Get("AuditEvent?patient=Patient/" + patient + "&_count=50", staff).http.body;
        std::size_t count = 0;
        for (std::size_t at = rows.find("notification"); at != std::string::npos;
             at = rows.find("notification", at + 1)) {
            ++count;
        }
        return count;
    };
    EXPECT_TRUE(Eventually([&] { return told_of("ada") == 3; })) << told_of("ada");
    EXPECT_EQ(told_of("bob"), 1u);
}

TEST_F(BurstRestTest, WhatWaitsIsToldAfterARestart) {
    Restart(kHour);
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    Reports(1, 1, "ada");
    EXPECT_THAT(receiver_->Get(1).Numbers(), ElementsAre("1"));
    Reports(2, 3, "ada");
    ASSERT_TRUE(Counted(made.Id(), 3));
    StopEngine();
    StartEngine();
    // With the first, if its answer was not saved.
    EXPECT_THAT(receiver_->Get(2).Numbers(),
                testing::AnyOf(ElementsAre("2", "3"), ElementsAre("1", "2", "3")));
}

TEST_F(BurstRestTest, HeartbeatsDoNotSpeakOfWhatWaits) {
    Restart(kHour);
    std::string subscription = Socket(kResult);
    const std::string channel = R"("channel":{)";
    subscription.insert(subscription.find(channel) + channel.size(),
                        "\"extension\":[" +
                            Extension("backport-heartbeat-period", R"("valueUnsignedInt":1)") +
                            "],");
    const auto made = Post("Subscription", subscription);
    ASSERT_EQ(made.status, 201) << made.http.body;
    const auto listener = Bound(made.Id());
    Reports(1, 3, "ada");
    ASSERT_TRUE(Counted(made.Id(), 3));
    const std::size_t before = listener->count();
    for (const std::size_t i : {before, before + 1}) {
        const Hook beat = Parsed(listener->Get(i));
        EXPECT_EQ(beat.Status("type"), "heartbeat");
        EXPECT_EQ(beat.Status("events-since-subscription-start"), "1");
    }
}

}  // namespace
}  // namespace carestream::test
