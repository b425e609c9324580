#pragma once
// Who is told that there are new events. The store tells from its own threads, until its end; those
// who are told come and go.
#include <functional>
#include <mutex>
#include <vector>

namespace carestream::app {

// Thread-safe.
class Wakers {
public:
    void Add(std::function<void()> wake) {
        const std::lock_guard lock(mutex_);
        wakers_.push_back(std::move(wake));
    }
    // Nobody is told any more once it returns.
    void Clear() {
        const std::lock_guard lock(mutex_);
        wakers_.clear();
    }
    void Wake() {
        const std::lock_guard lock(mutex_);
        for (const auto& wake : wakers_) wake();
    }

private:
    std::mutex mutex_;
    std::vector<std::function<void()>> wakers_;  // guarded by mutex_
};

}  // namespace carestream::app
