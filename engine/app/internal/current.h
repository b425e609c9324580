#pragma once
// A value that is replaced whole while others read it.
#include <memory>
#include <mutex>
#include <utility>

namespace carestream::app {

// Thread-safe.
template <typename T>
class Current {
public:
    void Set(std::shared_ptr<const T> value) {
        const std::lock_guard lock(mutex_);
        value_ = std::move(value);
    }
    [[nodiscard]] std::shared_ptr<const T> Get() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const T> value_;  // guarded by mutex_
};

}  // namespace carestream::app
