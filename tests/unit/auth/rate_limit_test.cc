#include "auth/rate_limit.h"

#include <gtest/gtest.h>

namespace carestream::auth {
namespace {

TEST(RateLimitTest, ABurstThenTheRate) {
    ManualClock clock(1'000'000);
    RateLimiter limiter({2, 3}, clock);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take("a"), 0) << i;
    EXPECT_EQ(limiter.Take("a"), 500'000);
    EXPECT_EQ(limiter.Take("b"), 0) << "another one has his own";
    clock.Advance(499'999);
    EXPECT_NE(limiter.Take("a"), 0);
    clock.Advance(1);
    EXPECT_EQ(limiter.Take("a"), 0);
    EXPECT_NE(limiter.Take("a"), 0);
    clock.Advance(3'600'000'000);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take("a"), 0) << "no more than a burst is saved";
    EXPECT_NE(limiter.Take("a"), 0);
}

TEST(RateLimitTest, WaitingTakesNothing) {
    ManualClock clock(0);
    RateLimiter limiter({1, 1}, clock);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(limiter.Wait("a"), 0);
    EXPECT_EQ(limiter.Take("a"), 0);
    EXPECT_EQ(limiter.Wait("a"), 1'000'000);
}

TEST(RateLimitTest, RefusedRequestsDoNotPutOffTheNextToken) {
    ManualClock clock(0);
    RateLimiter limiter({1, 1}, clock);
    EXPECT_EQ(limiter.Take("a"), 0);
    for (int i = 0; i < 10; ++i) {
        clock.Advance(100'000);
        if (i == 9) break;
        EXPECT_NE(limiter.Take("a"), 0) << i;
    }
    EXPECT_EQ(limiter.Take("a"), 0);
}

TEST(RateLimitTest, AClockThatIsSetBackGivesAndTakesNothing) {
    ManualClock clock(10'000'000);
    RateLimiter limiter({1, 2}, clock);
    EXPECT_EQ(limiter.Take("a"), 0);
    clock.Advance(-9'000'000);
    EXPECT_EQ(limiter.Take("a"), 0);
    EXPECT_EQ(limiter.Take("a"), 1'000'000);
    clock.Advance(1'000'000);
    EXPECT_EQ(limiter.Take("a"), 0);
}

TEST(RateLimitTest, MemoryIsBoundedAndTheQuietAreForgotten) {
    ManualClock clock(0);
    RateLimiter limiter({1, 1}, clock, 100);
    EXPECT_EQ(limiter.Take("first"), 0);
    EXPECT_EQ(limiter.Take("busy"), 0);
    for (int i = 0; i < 10'000; ++i) {
        EXPECT_EQ(limiter.Take(std::to_string(i)), 0);
        if (i % 50 != 0) continue;
        EXPECT_NE(limiter.Take("busy"), 0);
    }
    EXPECT_EQ(limiter.buckets(), 100u);
    EXPECT_EQ(limiter.Take("first"), 0);
}

TEST(RateLimitTest, ZeroIsNoLimit) {
    ManualClock clock(0);
    RateLimiter limiter({0, 1}, clock);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.Take("a"), 0);
    EXPECT_EQ(limiter.buckets(), 0u);
}

TEST(RateLimitTest, RetryAfterIsWholeSecondsFromOne) {
    EXPECT_EQ(RetryAfter(1), "1");
    EXPECT_EQ(RetryAfter(1'000'000), "1");
    EXPECT_EQ(RetryAfter(1'000'001), "2");
}

}  // namespace
}  // namespace carestream::auth
