#pragma once
// Commands for the scheduler's thread, from any thread. A limited queue: what is over it is
// refused.
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"

namespace carestream::scheduling {

// Thread-safe.
class Inbox {
public:
    using Command = std::function<void()>;
    explicit Inbox(std::size_t waiting_max) : waiting_max_(waiting_max) {}

    // False: it is full or closed, and the command was dropped.
    bool Post(Command command);
    // Of what was taken in before: only a closed one refuses it.
    bool PostAgain(Command command);
    void Wake();
    // Drops what waits; nothing more comes in.
    void Close();
    // Waits until there is a command, a wake-up or the time is over; gives what there is.
    [[nodiscard]] std::vector<Command> Wait(Micros wait_at_most);
    [[nodiscard]] bool closed() const;

private:
    bool Put(Command command, std::size_t limit);

    const std::size_t waiting_max_;
    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable ready_;
    std::vector<Command> commands_;
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace carestream::scheduling
