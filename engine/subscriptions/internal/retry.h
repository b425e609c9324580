#pragma once
// What follows from the answer of a rest-hook's receiver. Pure.
#include <cstdint>

#include "base/clock.h"
#include "store/subscriptions.h"

namespace carestream::subscriptions {

struct RetryPolicy {
    Micros first = 1'000'000;                         // after the first failure; doubles with each
    Micros max = 900'000'000;                         // between two attempts
    int failures_until_error = 5;                     // then the status is error; it is tried on
    Micros give_up_after = 3LL * 86'400 * 1'000'000;  // then it is off
};

// How an attempt ended. status 0: no answer (connection, TLS, time-out).
struct Attempt {
    int status = 0;
    Micros retry_after = 0;  // of 429 and 503; 0 = it does not say
};

enum class Verdict : std::uint8_t {
    kDelivered,
    kRetry,  // at state.next_at
    kError,  // likewise, and the status becomes error
    kOff,    // the receiver is gone (410), or nothing helped for too long
};

// `jitter`: 0 to 1, so that receivers that come back are not met by everybody at once. Sets
// failures, next_at and failing_since of `state`.
[[nodiscard]] Verdict Judge(const Attempt& attempt, const RetryPolicy& policy, Micros now,
                            double jitter, store::SubscriptionState& state);

}  // namespace carestream::subscriptions
