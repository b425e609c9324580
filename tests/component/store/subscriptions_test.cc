// Goal: matches, numbers and the consumer's cursor move together, and repeating changes nothing.
#include <gtest/gtest.h>

#include "store/internal/events_impl.h"
#include "store/internal/subscriptions_impl.h"
#include "tests/component/store/resource_fixture.h"

namespace carestream {
namespace {

class SubscriptionsTest : public test::ResourceTest {
protected:
    void SetUp() override {
        test::ResourceTest::SetUp();
        parts_ = std::make_unique<store::ResourceParts>(Parts());
        auto codec = store::BodyCodec::Create(parts_->keys, parts_->dictionaries);
        events_ = store::MakeEvents(*parts_, *codec);
        subscriptions_ = store::MakeSubscriptions(parts_->connect, clock_);
        ASSERT_EQ(events_->Cursor("s").value(), 0);
    }
    std::unique_ptr<store::ResourceParts> parts_;
    std::unique_ptr<store::Events> events_;
    std::unique_ptr<store::Subscriptions> subscriptions_;
};

TEST_F(SubscriptionsTest, MatchesAndCursorMoveTogether) {
    const std::vector<store::SubscriptionMatch> matches = {
        {1, "a", 1, 11}, {1, "b", 1, 11}, {1, "a", 2, 12}};
    for (int repeat = 0; repeat < 2; ++repeat) {
        const auto recorded = subscriptions_->Record("s", 12, matches);
        ASSERT_TRUE(recorded) << recorded.error().ToString();
    }
    EXPECT_EQ(events_->Cursor("s").value(), 12);
    const auto states = subscriptions_->States().value();
    ASSERT_EQ(states.size(), 2u);
    EXPECT_EQ(states[0].id, "a");
    EXPECT_EQ(states[0].number, 2);
    EXPECT_EQ(states[1].number, 1);
    const auto of_a = subscriptions_->Notifications(1, "a", 1, 9, 10).value();
    ASSERT_EQ(of_a.size(), 2u);
    EXPECT_EQ(of_a[1].number, 2);
    EXPECT_EQ(of_a[1].event, 12);
    EXPECT_EQ(subscriptions_->Notifications(1, "a", 2, 9, 10).value().size(), 1u);
    EXPECT_EQ(subscriptions_->Notifications(1, "a", 1, 9, 1).value().size(), 1u);
    EXPECT_EQ(subscriptions_->Notifications(2, "a", 1, 9, 10).value().size(), 0u);
}

TEST_F(SubscriptionsTest, WhoHasGoneFurtherIsNotOvertaken) {
    ASSERT_TRUE(subscriptions_->Record("s", 12, {{1, "a", 1, 11}}));
    const auto late = subscriptions_->Record("s", 11, {{1, "a", 1, 10}});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::kConflict);
    EXPECT_EQ(subscriptions_->Notifications(1, "a", 1, 9, 10).value()[0].event, 11);
}

TEST_F(SubscriptionsTest, DeliveryIsKeptAndGoesOnlyForward) {
    ASSERT_TRUE(subscriptions_->Record("s", 3, {{1, "a", 1, 1}, {1, "a", 2, 2}}));
    store::SubscriptionState state{1, "a", 99, 2, 3, test::kDay0 + 5, test::kDay0};
    ASSERT_TRUE(subscriptions_->SaveDelivery({state}));
    state.delivered = 1;
    state.next_at = 0;
    ASSERT_TRUE(subscriptions_->SaveDelivery({state}));
    const auto kept = subscriptions_->States().value().at(0);
    EXPECT_EQ(kept.number, 2);
    EXPECT_EQ(kept.delivered, 2);
    EXPECT_EQ(kept.failures, 3);
    EXPECT_EQ(kept.next_at, 0);
    EXPECT_EQ(kept.failing_since, test::kDay0);
}

TEST_F(SubscriptionsTest, GoesWithItsMatchesAndOldOnesArePruned) {
    ASSERT_TRUE(subscriptions_->Record("s", 3, {{1, "a", 1, 1}, {1, "b", 1, 2}}));
    ASSERT_TRUE(subscriptions_->Remove(1, "a"));
    EXPECT_EQ(subscriptions_->States().value().size(), 1u);
    EXPECT_EQ(Scalar("select count(*) from notification"), "1");
    EXPECT_EQ(subscriptions_->Prune(test::kDay0, 10).value(), 0);
    EXPECT_EQ(subscriptions_->Prune(test::kDay0 + 3'600'000'000, 10).value(), 1);
}

}  // namespace
}  // namespace carestream
