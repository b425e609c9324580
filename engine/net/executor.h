#pragma once
// The threads that wait on sockets and timers: one Asio context per thread, so that a connection
// lives on one thread and needs neither strand nor lock. Nothing may block them.
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace carestream::net {

// Thread-safe. Outlives every socket and timer made on its contexts.
class Executor {
public:
    explicit Executor(int threads = 0);  // 0 = one per core
    ~Executor();                         // Stop()
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    // Round robin: the context where a new connection, channel or timer lives.
    [[nodiscard]] boost::asio::io_context& Next();
    [[nodiscard]] boost::asio::io_context& context(std::size_t index);
    [[nodiscard]] std::size_t size() const;
    // Runs `task` on the thread of context `index` and waits for it; from that very thread it runs
    // at once. For starting and stopping parts.
    void RunOn(std::size_t index, const std::function<void()>& task);
    // Ends all threads; what still waits is destroyed with its context. Idempotent; never from one
    // of its own threads.
    void Stop();

private:
    struct Context;
    struct Contexts;
    std::unique_ptr<Contexts> contexts_;
    std::atomic<std::size_t> next_ = 0;
};

}  // namespace carestream::net
