#include "net/executor.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/assert.h"

namespace carestream::net {

namespace {

struct IoContext final : boost::asio::io_context {
    using boost::asio::io_context::io_context;
    // Drops the handlers that did not run, and keeps the context alive.
    void DropHandlers() { shutdown(); }
};

}  // namespace

struct Executor::Context {
    // One thread each: Asio then spares most of its locking.
    IoContext io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        io.get_executor()};
    std::thread thread;
};

struct Executor::Contexts {
    // What a handler of one context owns may have timers and sockets of another.
    ~Contexts() {
        for (const auto& context : all) context->io.DropHandlers();
    }

    std::vector<std::unique_ptr<Context>> all;
};

Executor::Executor(int threads) : contexts_(std::make_unique<Contexts>()) {
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    const std::size_t count = threads > 0 ? static_cast<std::size_t>(threads) : cores;
    for (std::size_t i = 0; i < count; ++i) {
        contexts_->all.push_back(std::make_unique<Context>());
        auto* context = contexts_->all.back().get();
        context->thread = std::thread([context] { context->io.run(); });
        const std::string name = "net-" + std::to_string(i);
        pthread_setname_np(context->thread.native_handle(), name.c_str());
    }
}

Executor::~Executor() {
    Stop();
}

boost::asio::io_context& Executor::Next() {
    return context(next_.fetch_add(1, std::memory_order_relaxed) % size());
}

boost::asio::io_context& Executor::context(std::size_t index) {
    CARESTREAM_ASSERT(index < size());
    return contexts_->all[index]->io;
}

std::size_t Executor::size() const {
    return contexts_->all.size();
}

void Executor::RunOn(std::size_t index, const std::function<void()>& task) {
    auto& io = context(index);
    if (io.get_executor().running_in_this_thread() || io.stopped()) {
        task();
        return;
    }
    std::promise<void> done;
    boost::asio::post(io, [&] {
        task();
        done.set_value();
    });
    done.get_future().wait();
}

void Executor::Stop() {
    for (auto& context : contexts_->all) {
        context->work.reset();
        context->io.stop();
    }
    for (auto& context : contexts_->all) {
        if (context->thread.joinable()) context->thread.join();
    }
}

}  // namespace carestream::net
