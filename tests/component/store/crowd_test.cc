// Goal: a crowd is seen when many messages wait for one commit, and not when one sender goes on.
#include "store/internal/crowd.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "store/internal/journal_impl.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

using std::chrono::milliseconds;
constexpr Micros kNow = 1'764'000'000'000'000;  // 2025-11-24T16:00:00Z

TEST(CrowdTest, IsThereForAShortTimeAfterACommitOfMany) {
    Crowd crowd;
    const Crowd::Clock::time_point now{std::chrono::hours{1}};
    EXPECT_FALSE(crowd.IsThere(now));
    crowd.Committed(1, now);
    EXPECT_FALSE(crowd.IsThere(now));
    crowd.Committed(64, now);
    EXPECT_TRUE(crowd.IsThere(now));
    crowd.Committed(1, now + milliseconds{5});  // one that came behind the others
    EXPECT_TRUE(crowd.IsThere(now + milliseconds{10}));
    EXPECT_FALSE(crowd.IsThere(now + milliseconds{100}));
}

class CrowdJournalTest : public test::StoreTest {
protected:
    void SetUp() override {
        test::StoreTest::SetUp();
        auto made = MakeJournal({.connect = {.url = url()},
                                 .keys = keys(),
                                 .clock = clock_,
                                 .log = {},
                                 .committed = {},
                                 .disk_folder = state_folder(),
                                 .lock_wait_ms = 2'000,
                                 .crowd = &crowd_});
        ASSERT_TRUE(made) << made.error().ToString();
        journal_ = std::move(*made);
    }

    // From one thread, so faster than any commit: all that come behind the first wait together.
    void Append(int messages) {
        std::vector<std::promise<bool>> done(static_cast<std::size_t>(messages));
        for (int i = 0; i < messages; ++i) {
            JournalEntry entry;
            entry.channel = "adt";
            entry.source = "adt|EPIC|MAIN";
            entry.control_id = std::to_string(next_++);
            entry.raw = "MSH|^~\\&|" + entry.control_id;
            entry.received = kNow;
            entry.answer = "AA";
            journal_->Append(std::move(entry), [&one = done[static_cast<std::size_t>(i)]](
                                                   Result<JournalReceipt> receipt) {
                one.set_value(receipt.has_value());
            });
        }
        for (std::promise<bool>& one : done) EXPECT_TRUE(one.get_future().get());
    }

    ManualClock clock_{kNow};
    Crowd crowd_;
    std::unique_ptr<Journal> journal_;
    int next_ = 0;
};

TEST_F(CrowdJournalTest, IsSeenByTheJournal) {
    for (int i = 0; i < 20; ++i) Append(1);
    EXPECT_FALSE(crowd_.IsThere(Crowd::Clock::now()));
    const auto before = Crowd::Clock::now();
    Append(2000);
    // Seen at some time since, however slow this machine is.
    bool seen = false;
    for (auto at = before; at < Crowd::Clock::now(); at += milliseconds{10})
        seen |= crowd_.IsThere(at);
    EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace carestream::store
