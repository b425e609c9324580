#include "scheduling/internal/inbox.h"

#include <chrono>
#include <limits>
#include <utility>

namespace carestream::scheduling {

bool Inbox::Put(Command command, std::size_t limit) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || commands_.size() >= limit) return false;
        commands_.push_back(std::move(command));
    }
    ready_.notify_one();
    return true;
}

bool Inbox::Post(Command command) {
    return Put(std::move(command), waiting_max_);
}

bool Inbox::PostAgain(Command command) {
    return Put(std::move(command), std::numeric_limits<std::size_t>::max());
}

void Inbox::Wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    ready_.notify_one();
}

void Inbox::Close() {
    std::vector<Command> dropped;  // destroyed outside of the lock: they answer when they go
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped.swap(commands_);
    }
    ready_.notify_one();
}

std::vector<Inbox::Command> Inbox::Wait(Micros wait_at_most) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, std::chrono::microseconds(wait_at_most),
                    [&] { return closed_ || woken_ || !commands_.empty(); });
    woken_ = false;
    return std::exchange(commands_, {});
}

bool Inbox::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

}  // namespace carestream::scheduling
