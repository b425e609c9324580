// Goal: what follows from each answer of a receiver.
#include "subscriptions/internal/retry.h"

#include <gtest/gtest.h>

namespace carestream {
namespace {

using subscriptions::Judge;
using subscriptions::RetryPolicy;
using subscriptions::Verdict;

constexpr Micros kNow = 1'780'000'000'000'000;
constexpr Micros kSecond = 1'000'000;

TEST(RetryTest, TwoHundredsAreTakenAndForgiveAll) {
    store::SubscriptionState state;
    state.failures = 3;
    state.next_at = kNow + 5;
    state.failing_since = kNow - 5;
    EXPECT_EQ(Judge({204, 0}, {}, kNow, 0.5, state), Verdict::kDelivered);
    EXPECT_EQ(state.failures, 0);
    EXPECT_EQ(state.next_at, 0);
    EXPECT_EQ(state.failing_since, 0);
}

TEST(RetryTest, WaitsDoubleUpToTheLimitAndTurnIntoAnError) {
    store::SubscriptionState state;
    const RetryPolicy policy{kSecond, 10 * kSecond, 3, 1'000 * kSecond};
    const Micros waits[] = {1, 2, 4, 8, 10, 10};
    for (int i = 0; i < 6; ++i) {
        const Verdict verdict = Judge({500, 0}, policy, kNow, 1.0, state);
        EXPECT_EQ(verdict, i < 2 ? Verdict::kRetry : Verdict::kError) << i;
        EXPECT_EQ(state.next_at - kNow, waits[i] * kSecond) << i;
    }
    EXPECT_EQ(state.failing_since, kNow);
    store::SubscriptionState early;
    (void)Judge({0, 0}, policy, kNow, 0.0, early);
    EXPECT_EQ(early.next_at - kNow, kSecond / 2);
}

TEST(RetryTest, TheReceiversOwnTimeIsHonoured) {
    store::SubscriptionState state;
    EXPECT_EQ(Judge({429, 120 * kSecond}, {}, kNow, 0.0, state), Verdict::kRetry);
    EXPECT_EQ(state.next_at, kNow + 120 * kSecond);
}

TEST(RetryTest, GoneIsGoneAndPatienceEnds) {
    store::SubscriptionState state;
    EXPECT_EQ(Judge({410, 0}, {}, kNow, 0.0, state), Verdict::kOff);
    store::SubscriptionState old;
    old.failures = 40;
    old.failing_since = kNow - 4LL * 86'400 * kSecond;
    EXPECT_EQ(Judge({503, 0}, {}, kNow, 0.0, old), Verdict::kOff);
    EXPECT_EQ(old.next_at, 0);
}

}  // namespace
}  // namespace carestream
