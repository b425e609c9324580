// Goal: a receipt means committed, once; order, duplicates and outages are as journal.h says.
// Method: the real journal on a real server that is killed and locked away; rows are read back by
// plain SQL.
#include "store/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <thread>

#include "store/internal/journal_impl.h"
#include "store/internal/lock.h"
#include "store/internal/message_seal.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

using testing::HasSubstr;

constexpr Micros kNow = 1'764'000'000'000'000;  // 2025-11-24T16:00:00Z
constexpr Micros kDay = 86'400LL * 1'000'000;

class JournalTest : public test::StoreTest {
protected:
    JournalParts Parts() {
        return {.connect = {.url = url()},
                .keys = keys(),
                .clock = clock_,
                .log = {},
                .committed = {},
                .disk_folder = state_folder(),
                .lock_wait_ms = 2'000};
    }
    void Open() { Open(Parts()); }
    void Open(JournalParts parts) {
        journal_.reset();
        auto made = MakeJournal(std::move(parts));
        ASSERT_TRUE(made) << made.error().ToString();
        journal_ = std::move(*made);
    }
    static JournalEntry Entry(const std::string& control_id, const std::string& raw,
                              const std::string& answer = "AA") {
        JournalEntry entry;
        entry.channel = "adt";
        entry.source = "adt|EPIC|MAIN";
        entry.control_id = control_id;
        entry.raw = raw;
        entry.received = kNow;
        entry.answer = answer;
        return entry;
    }
    Result<JournalReceipt> Append(JournalEntry entry) {
        std::promise<Result<JournalReceipt>> promise;
        journal_->Append(std::move(entry), [&promise](Result<JournalReceipt> receipt) {
            promise.set_value(std::move(receipt));
        });
        return promise.get_future().get();
    }

    ManualClock clock_{kNow};
    std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, CommitsSealedAndReadsBack) {
    Open();
    const auto receipt = Append(Entry("C1", "MSH|^~\\&|marked-value"));
    ASSERT_TRUE(receipt) << receipt.error().ToString();
    EXPECT_EQ(receipt->seq, 1);
    EXPECT_EQ(receipt->received, kNow);
    EXPECT_EQ(receipt->answer, "AA");
    EXPECT_FALSE(receipt->duplicate);
    EXPECT_TRUE(journal_->Available());

    const auto loaded = journal_->Load(1);
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    EXPECT_EQ(loaded->raw, "MSH|^~\\&|marked-value");
    EXPECT_EQ(loaded->channel, "adt");
    EXPECT_EQ(loaded->received, kNow);
    EXPECT_EQ(journal_->Load(2).error().code, Code::kNotFound);
    EXPECT_EQ(Scalar("select count(*) from journal where position('marked'::bytea in raw) > 0"),
              "0");
    EXPECT_EQ(Scalar("select tableoid::regclass from journal"), "journal_20251124");
    EXPECT_EQ(
        Scalar("select attstorage from pg_attribute where attrelid = 'journal_20251124'::regclass "
               "and attname = 'raw'"),
        "e")
        << "compressed and sealed bytes are not tried again by TOAST";
}

TEST_F(JournalTest, NoticesASilentServerWithoutTraffic) {
    Open();
    const std::string pulse =
        "select pid from pg_stat_activity where application_name = 'carestream pulse' and datname "
        "= current_database()";
    ASSERT_TRUE(test::Eventually([&] { return !Scalar(pulse).empty(); }));
    // It takes no more bytes and answers nothing, as behind a hung disk or a lost network.
    const int backend = std::stoi(Scalar(pulse));
    const int postmaster = test::TestServer::Pid();
    for (const int process : {postmaster, backend}) ASSERT_EQ(::kill(process, SIGSTOP), 0);
    EXPECT_TRUE(test::Eventually([this] { return !journal_->Available(); }, 15'000));
    for (const int process : {postmaster, backend}) ASSERT_EQ(::kill(process, SIGCONT), 0);
    EXPECT_TRUE(test::Eventually([this] { return journal_->Available(); }));
}

TEST_F(JournalTest, NumbersGoOnAfterARestart) {
    Open();
    ASSERT_TRUE(Append(Entry("C1", "one")));
    Open();
    EXPECT_EQ(Append(Entry("C2", "two")).value().seq, 2);
}

TEST_F(JournalTest, DuplicatesGetTheirFirstReceipt) {
    Open();
    const auto first = Append(Entry("C1", "one"));
    ASSERT_TRUE(first);
    for (const bool restarted : {false, true}) {
        if (restarted) Open();
        JournalEntry again = Entry("C1", "one");
        again.received = kNow + kDay;
        const auto second = Append(again);
        ASSERT_TRUE(second) << second.error().ToString();
        EXPECT_TRUE(second->duplicate);
        EXPECT_EQ(second->seq, first->seq);
        EXPECT_EQ(second->received, first->received);
        EXPECT_EQ(second->answer, "AA");
        EXPECT_FALSE(second->control_id_reused);
    }
    EXPECT_EQ(Scalar("select count(*) from journal"), "1");
}

TEST_F(JournalTest, WhatIsNotADuplicate) {
    Open();
    ASSERT_TRUE(Append(Entry("C1", "one")));
    JournalEntry other_source = Entry("C1", "one");
    other_source.source = "adt|OTHER|MAIN";
    JournalEntry other_tenant = Entry("C1", "one");
    other_tenant.tenant = 2;
    JournalEntry late = Entry("C1", "one");
    late.received = kNow + 8 * kDay;
    for (const JournalEntry& entry : {other_source, other_tenant, late}) {
        const auto receipt = Append(entry);
        ASSERT_TRUE(receipt);
        EXPECT_FALSE(receipt->duplicate);
        EXPECT_FALSE(receipt->control_id_reused);
    }
    const auto changed = Append(Entry("C1", "other content"));
    ASSERT_TRUE(changed);
    EXPECT_FALSE(changed->duplicate);
    EXPECT_TRUE(changed->control_id_reused);
    // And that one has its own duplicates.
    EXPECT_EQ(Append(Entry("C1", "other content")).value().seq, changed->seq);
    EXPECT_EQ(Append(Entry("C1", "one")).value().seq, 1);

    for (int i = 0; i < 2; ++i) {
        EXPECT_FALSE(Append(Entry("", "no control id")).value().duplicate);
        EXPECT_FALSE(Append(Entry("C2", "refused", "AR")).value().duplicate);
    }
    EXPECT_FALSE(Append(Entry("C2", "refused", "AA")).value().duplicate)
        << "a NACKed one is tried again";
    EXPECT_TRUE(Append(Entry("C2", "refused", "AA")).value().duplicate);
    EXPECT_TRUE(Append(Entry("C2", "refused", "AR")).value().duplicate)
        << "its first answer counts";
}

TEST_F(JournalTest, DuplicatesInOneBatch) {
    Open();
    ASSERT_TRUE(Append(Entry("old", "old")));
    std::vector<JournalReceipt> receipts;
    std::promise<void> all;
    const std::vector<JournalEntry> entries = {
        Entry("A", "1"),     Entry("A", "1"),       Entry("A", "2"),      Entry("A", "2"),
        Entry("old", "old"), Entry("old", "old"),   Entry("old", "new"),  Entry("", "1"),
        Entry("", "1"),      Entry("N", "1", "AR"), Entry("N", "1", "AR")};
    for (const JournalEntry& entry : entries) {
        journal_->Append(entry, [&](Result<JournalReceipt> receipt) {
            ASSERT_TRUE(receipt);
            receipts.push_back(*receipt);
            if (receipts.size() == entries.size()) all.set_value();
        });
    }
    all.get_future().wait();
    std::vector<int> duplicates;
    std::vector<int> reused;
    for (const JournalReceipt& receipt : receipts) {
        duplicates.push_back(receipt.duplicate ? 1 : 0);
        reused.push_back(receipt.control_id_reused ? 1 : 0);
    }
    EXPECT_THAT(duplicates, testing::ElementsAre(0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0));
    EXPECT_THAT(reused, testing::ElementsAre(0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0));
    EXPECT_EQ(receipts[1].seq, receipts[0].seq);
    EXPECT_EQ(receipts[3].seq, receipts[2].seq);
    EXPECT_EQ(receipts[4].seq, 1);
    EXPECT_EQ(receipts[5].seq, 1);
}

TEST_F(JournalTest, RefusedFramesAreDeadLettersAtOnce) {
    Open();
    JournalEntry entry = Entry("C1", "refused", "AR");
    entry.refused_stage = "receive";
    entry.refused_path = "MSH-11";
    entry.refused_reason = "processing id is not P; \xff and \n stay out";
    ASSERT_TRUE(Append(entry));
    EXPECT_EQ(Scalar("select status || stage || path from outcome"), "3receiveMSH-11");
    EXPECT_EQ(Scalar("select reason from outcome"), "processing id is not P; ? and ? stay out");
    EXPECT_TRUE(journal_->Pending(0, 10).value().empty());
}

TEST_F(JournalTest, PendingIsWhatHasNoOutcome) {
    Open();
    for (int i = 1; i <= 5; ++i)
        ASSERT_TRUE(Append(Entry("C" + std::to_string(i), std::to_string(i))));
    auto session = Connect();
    const std::string outcome =
        "insert into outcome select seq, received, tenant, 1, now(), '', '', '', '', 0, '', '' "
        "from "
        "journal where seq in ";
    ASSERT_TRUE(session.Execute(outcome + "(1, 2, 4)"));
    auto seqs = [this](std::int64_t after, int limit) {
        std::vector<std::int64_t> list;
        const auto messages = journal_->Pending(after, limit);
        for (const PendingMessage& message : messages.value()) {
            EXPECT_EQ(message.raw, std::to_string(message.seq));
            list.push_back(message.seq);
        }
        return list;
    };
    EXPECT_THAT(seqs(0, 10), testing::ElementsAre(3, 5));
    EXPECT_THAT(seqs(3, 10), testing::ElementsAre(5));
    EXPECT_THAT(seqs(0, 1), testing::ElementsAre(3));
    // Housekeeping moves the watermark to the first that waits.
    EXPECT_TRUE(
        test::Eventually([this] { return Scalar("select seq from journal_watermark") == "2"; }));
    EXPECT_THAT(seqs(0, 10), testing::ElementsAre(3, 5));
    ASSERT_TRUE(session.Execute(outcome + "(3, 5)"));
    EXPECT_TRUE(
        test::Eventually([this] { return Scalar("select seq from journal_watermark") == "5"; }));
    EXPECT_THAT(seqs(0, 10), testing::IsEmpty());
    // Sent round again from below the watermark.
    ASSERT_TRUE(
        session.Execute("delete from outcome where seq = 2; insert into reopened select seq, "
                        "received, 1 from journal where seq = 2"));
    EXPECT_THAT(seqs(0, 10), testing::ElementsAre(2));
    EXPECT_EQ(journal_->Pending(0, 10).value()[0].attempts, 1);
}

TEST_F(JournalTest, ClocksThatAreWrongLoseNothing) {
    Open();
    for (const Micros received : {Micros{-5}, Micros{0}, kNow + 3650 * kDay, Micros{1} << 62}) {
        JournalEntry entry = Entry("C" + std::to_string(received), "x");
        entry.received = received;
        const auto receipt = Append(entry);
        ASSERT_TRUE(receipt) << receipt.error().ToString();
        EXPECT_EQ(journal_->Load(receipt->seq).value().raw, "x");
    }
}

TEST_F(JournalTest, LargeMessagesAndQueueLimit) {
    JournalParts parts = Parts();
    parts.queue_bytes_max = 1 << 20;
    Open(std::move(parts));
    const std::string large(20 << 20, 'x');  // alone larger than queue and batch
    const auto receipt = Append(Entry("L", large));
    ASSERT_TRUE(receipt) << receipt.error().ToString();
    EXPECT_EQ(journal_->Load(receipt->seq).value().raw, large);
    // While nothing can be committed the queue fills, however slow the appending thread is.
    auto other = Connect();
    ASSERT_TRUE(other.Query("begin"));
    ASSERT_TRUE(other.Query("lock table journal in share mode"));
    std::atomic<int> accepted = 0;
    std::atomic<int> refused = 0;
    for (int i = 0; i < 64; ++i) {
        journal_->Append(Entry(std::to_string(i), std::string(200'000, 'y')),
                         [&](const Result<JournalReceipt>& result) {
                             if (result) ++accepted;
                             if (!result && result.error().code == Code::kLimit) ++refused;
                         });
    }
    ASSERT_TRUE(other.Query("rollback"));
    EXPECT_TRUE(test::Eventually([&] { return accepted + refused == 64; }));
    EXPECT_GT(accepted, 0);
    EXPECT_GT(refused, 0);
}

TEST_F(JournalTest, ReceiptsComeInOrderOfTheCalls) {
    Open();
    std::mutex mutex;
    std::vector<int> order;
    constexpr int kCount = 2'000;
    for (int i = 0; i < kCount; ++i) {
        journal_->Append(Entry("C" + std::to_string(i), "x"),
                         [&, i](const Result<JournalReceipt>& result) {
                             ASSERT_TRUE(result);
                             const std::lock_guard lock(mutex);
                             order.push_back(i);
                         });
    }
    journal_.reset();  // finishes what is queued
    ASSERT_EQ(order.size(), static_cast<std::size_t>(kCount));
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(Scalar("select count(*) from journal"), std::to_string(kCount));
}

TEST_F(JournalTest, OneActiveDaemon) {
    Open();
    JournalParts parts = Parts();
    parts.lock_wait_ms = 100;
    const auto second = MakeJournal(parts);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kConflict);
    EXPECT_THAT(second.error().message, HasSubstr("another daemon"));
    parts.lock_wait_ms = 5'000;
    std::thread leaver([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        journal_.reset();
    });
    EXPECT_TRUE(MakeJournal(parts)) << "a standby takes over";
    leaver.join();
}

TEST_F(JournalTest, DiskGuardRefusesBeforeTheDatabaseDoes) {
    JournalParts parts = Parts();
    parts.disk_free_min_bytes = 1ull << 60;
    Open(std::move(parts));
    EXPECT_FALSE(journal_->Available());
    const auto refused = Append(Entry("C1", "x"));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().retryable);
    EXPECT_THAT(refused.error().message, HasSubstr("disk_free_min"));
    EXPECT_EQ(Scalar("select count(*) from journal"), "0");
}

// Senders repeat until they have a receipt, as MLLP peers do; the server is killed under them.
TEST_F(JournalTest, KilledServerLosesAndDoublesNothing) {
    Open();
    constexpr int kSenders = 4;
    constexpr int kEach = 250;
    std::atomic<int> outages = 0;
    std::atomic<int> duplicates = 0;
    std::vector<std::thread> senders;
    for (int s = 0; s < kSenders; ++s) {
        senders.emplace_back([&, s] {
            for (int i = 0; i < kEach; ++i) {
                const std::string id = std::to_string(s) + "-" + std::to_string(i);
                for (;;) {
                    const auto receipt = Append(Entry(id, "payload " + id));
                    if (receipt) {
                        if (receipt->duplicate) ++duplicates;
                        break;
                    }
                    EXPECT_TRUE(receipt.error().retryable) << receipt.error().ToString();
                    ++outages;
                    std::this_thread::sleep_for(std::chrono::milliseconds(5));
                }
                std::this_thread::sleep_for(std::chrono::milliseconds(4));
            }
        });
    }
    for (int kill_round = 0; kill_round < 3; ++kill_round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        const int pid = test::TestServer::Pid();
        if (pid > 0) kill(pid, SIGKILL);
        EXPECT_TRUE(test::Eventually(
            [&] {
                const int now = test::TestServer::Pid();
                return now > 0 && now != pid && journal_->Available();
            },
            30'000));
    }
    for (std::thread& sender : senders) sender.join();
    EXPECT_GT(outages, 0);
    EXPECT_EQ(Scalar("select count(*) from journal"), std::to_string(kSenders * kEach));
    EXPECT_EQ(Scalar("select count(distinct control) from journal"),
              std::to_string(kSenders * kEach));
}

TEST_F(JournalTest, AfterProcessingOnlyAGoodOutcomeMakesDuplicates) {
    Open();
    JournalEntry entry = Entry("C1", "MSH|^~\\&|a");
    entry.answer_after_processing = true;
    const auto first = Append(entry);
    ASSERT_TRUE(first);
    EXPECT_FALSE(first->pending);
    auto again = Append(entry);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->duplicate);
    EXPECT_TRUE(again->pending);
    EXPECT_EQ(again->seq, first->seq);

    // Processing failed: the sender heard AE, so the next copy is tried again.
    auto session = Connect();
    const std::string outcome =
        "insert into outcome (seq, received, tenant, status, event, stage, path, reason, "
        "generation, "
        "map_name, map_version) select seq, received, tenant, ";
    ASSERT_TRUE(session.Query(outcome +
                              "3, '', 'map', 'PID-3', 'r', 0, '', '' from journal where seq = 1"));
    const auto tried = Append(entry);
    ASSERT_TRUE(tried);
    EXPECT_FALSE(tried->duplicate);
    EXPECT_FALSE(tried->control_id_reused);

    ASSERT_TRUE(session.Query(outcome + "1, '', '', '', '', 0, '', '' from journal where seq = " +
                              std::to_string(tried->seq)));
    again = Append(entry);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->duplicate);
    EXPECT_FALSE(again->pending);
    EXPECT_EQ(again->seq, tried->seq);

    // Answered at the commit, a dead letter was acknowledged and stays the first copy.
    entry.answer_after_processing = false;
    again = Append(entry);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->seq, first->seq);
}

TEST_F(JournalTest, PendingIsBoundedInBytes) {
    Open();
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(Append(Entry("C" + std::to_string(i), "MSH|" + std::string(15u << 20, 'x'))));
    }
    const auto first = journal_->Pending(0, 100);
    ASSERT_TRUE(first) << first.error().ToString();
    ASSERT_EQ(first->size(), 3u);  // the third one passes kPendingBytesMax
    const auto rest = journal_->Pending(first->back().seq, 100);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->size(), 2u);
}

}  // namespace
}  // namespace carestream::store
