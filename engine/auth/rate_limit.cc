#include "auth/rate_limit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "crypto/hmac.h"

namespace carestream::auth {
namespace {

// Tenths of a token add up to a little less than one.
constexpr double kRounding = 1e-6;

// Names of clients may be as long as a token; nobody can choose two of one hash.
std::string KeyOf(std::string_view client) {
    const crypto::Digest digest = crypto::Sha256(client);
    return {reinterpret_cast<const char*>(digest.data()), 16};
}

}  // namespace

RateLimiter::RateLimiter(RateLimit limit, const Clock& clock, std::size_t buckets_max)
    : limit_{limit.per_second, std::max(1.0, limit.burst)},
      clock_(clock),
      buckets_max_(std::max<std::size_t>(1, buckets_max)) {}

Micros RateLimiter::Take(std::string_view client) {
    return Ask(client, 1);
}

Micros RateLimiter::Wait(std::string_view client) {
    return Ask(client, 0);
}

std::size_t RateLimiter::buckets() const {
    const std::lock_guard lock(mutex_);
    return recent_.size();
}

Micros RateLimiter::Ask(std::string_view client, double take) {
    if (limit_.per_second <= 0) return 0;
    std::string key = KeyOf(client);
    const Micros now = clock_.Now();
    const std::lock_guard lock(mutex_);
    Bucket& bucket = Find(std::move(key), now);
    const auto quiet = static_cast<double>(std::max<Micros>(0, now - bucket.at));
    bucket.tokens = std::min(limit_.burst, bucket.tokens + quiet * limit_.per_second / 1e6);
    bucket.at = now;
    if (bucket.tokens < 1 - kRounding) {
        return std::max<Micros>(
            1, static_cast<Micros>(std::ceil((1 - bucket.tokens) * 1e6 / limit_.per_second)));
    }
    bucket.tokens -= take;
    return 0;
}

RateLimiter::Bucket& RateLimiter::Find(std::string key, Micros now) {
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
        recent_.splice(recent_.begin(), recent_, found->second);
        return recent_.front();
    }
    if (recent_.size() >= buckets_max_) {
        by_key_.erase(recent_.back().key);
        recent_.pop_back();
    }
    recent_.push_front({std::move(key), limit_.burst, now});
    by_key_.emplace(recent_.front().key, recent_.begin());
    return recent_.front();
}

std::string RetryAfter(Micros wait) {
    return std::to_string(std::max<Micros>(1, (wait + 999'999) / 1'000'000));
}

}  // namespace carestream::auth
