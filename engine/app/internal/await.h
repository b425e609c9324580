#pragma once
// The store's answer, waited for: admin.sock has a thread of its own for that.
#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "base/result.h"

namespace carestream::app {

// `start` is given the callback. An answer that comes after a minute finds nobody.
template <typename T, typename Start>
[[nodiscard]] Result<T> Await(Start start) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    start([promise](Result<T> result) { promise->set_value(std::move(result)); });
    if (future.wait_for(std::chrono::seconds(60)) == std::future_status::ready) return future.get();
    return FailRetryable("the store did not answer in time");
}

}  // namespace carestream::app
