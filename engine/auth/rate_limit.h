#pragma once
// Token buckets: how often each of many clients may ask. Memory is bounded: of more than
// `buckets_max` clients those that were quiet longest are forgotten, which gives them a full
// bucket.
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace carestream::auth {

struct RateLimit {
    double per_second = 0;  // 0 = no limit
    double burst = 1;       // at once after a quiet time; at least 1
};

// Thread-safe. The clock outlives it; a clock that is set back takes nothing from anybody.
class RateLimiter {
public:
    RateLimiter(RateLimit limit, const Clock& clock, std::size_t buckets_max = 16'384);

    // Takes one of the client's tokens. 0 = done; else none was there, and the microseconds until
    // there will be one.
    [[nodiscard]] Micros Take(std::string_view client);
    // As Take, and takes nothing.
    [[nodiscard]] Micros Wait(std::string_view client);

    [[nodiscard]] std::size_t buckets() const;

private:
    struct Bucket {
        std::string key;
        double tokens = 0;
        Micros at = 0;
    };
    [[nodiscard]] Micros Ask(std::string_view client, double take);
    [[nodiscard]] Bucket& Find(std::string key, Micros now);

    const RateLimit limit_;
    const Clock& clock_;
    const std::size_t buckets_max_;
    mutable std::mutex mutex_;
    std::list<Bucket> recent_;  // guarded by mutex_, like the next; the last one asked comes first
    std::unordered_map<std::string_view, std::list<Bucket>::iterator> by_key_;  // keys: in recent_
};

// Retry-After: whole seconds, at least one.
[[nodiscard]] std::string RetryAfter(Micros wait);

}  // namespace carestream::auth
