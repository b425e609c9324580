// Goal: what still waits when an executor goes may own parts of any of its contexts (found by
// ASan).
#include "net/executor.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

namespace carestream::net {
namespace {

TEST(ExecutorTest, HandlersThatNeverRunMayOwnTimersOfEveryContext) {
    using Timer = boost::asio::steady_timer;
    for (const std::size_t waits_on : {0u, 1u}) {
        Executor executor(2);
        struct Core {
            Timer first, second;
        };
        auto core =
            std::make_shared<Core>(Core{Timer(executor.context(0)), Timer(executor.context(1))});
        executor.RunOn(waits_on, [&] {
            Timer& timer = waits_on == 0 ? core->first : core->second;
            timer.expires_after(std::chrono::hours(1));
            timer.async_wait([core](const boost::system::error_code&) { FAIL() << "ran"; });
        });
        const std::weak_ptr<Core> seen = core;
        core.reset();
        EXPECT_FALSE(seen.expired());
    }
}

}  // namespace
}  // namespace carestream::net
