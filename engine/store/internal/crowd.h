#pragma once
// Receipts go first. While many senders wait for their ACK at the same time, whoever works on what
// was received already leaves them the processors and the disk for most of the time: what it costs
// him is made up after the burst, what it costs a sender is felt at once.
#include <atomic>
#include <chrono>
#include <cstddef>

namespace carestream::store {

// Thread-safe.
class Crowd {
public:
    using Clock = std::chrono::steady_clock;

    // A commit of the journal has ended at `now`: so many senders were waiting for it.
    void Committed(std::size_t messages, Clock::time_point now) {
        if (messages >= kMany) seen_ = now.time_since_epoch().count();
    }

    [[nodiscard]] bool IsThere(Clock::time_point now) const {
        return now.time_since_epoch() - Clock::duration(seen_) <= kRecent;
    }

    // How long to rest at most, after having worked for `worked`, while the crowd is there. Works
    // for a quarter of the time.
    [[nodiscard]] static Clock::duration Rest(Clock::duration worked) { return worked * 3; }

private:
    // Fewer than this are answered soon enough anyway.
    static constexpr std::size_t kMany = 16;
    static constexpr std::chrono::milliseconds kRecent{20};

    std::atomic<Clock::rep> seen_{Clock::duration::min().count() / 2};
};

}  // namespace carestream::store
