#include "subscriptions/internal/retry.h"

#include <algorithm>

namespace carestream::subscriptions {

namespace {

constexpr int kDoublingsMax = 20;

}  // namespace

Verdict Judge(const Attempt& attempt, const RetryPolicy& policy, Micros now, double jitter,
              store::SubscriptionState& state) {
    if (attempt.status >= 200 && attempt.status < 300) {
        state.failures = 0;
        state.next_at = 0;
        state.failing_since = 0;
        return Verdict::kDelivered;
    }
    ++state.failures;
    if (state.failing_since == 0) state.failing_since = now;
    if (attempt.status == 410 || now - state.failing_since > policy.give_up_after) {
        state.next_at = 0;
        return Verdict::kOff;
    }
    const int doublings = std::min(state.failures - 1, kDoublingsMax);
    Micros wait = std::min(policy.max, policy.first << doublings);
    // Half of it is fixed: a receiver that asks for time gets at least that.
    wait = wait / 2 + static_cast<Micros>(static_cast<double>(wait) / 2 * jitter);
    state.next_at = now + std::max(wait, attempt.retry_after);
    return state.failures >= policy.failures_until_error ? Verdict::kError : Verdict::kRetry;
}

}  // namespace carestream::subscriptions
