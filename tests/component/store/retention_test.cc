// Goal: an old week goes whole, and only when nobody waits for anything in it; what arrives is
// never in its way. Method: a real journal under a clock that is moved on, outcomes by plain SQL;
// each reason to stay is made and taken away again.
#include "store/internal/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <mutex>

#include "store/internal/journal_impl.h"
#include "store/internal/messages_impl.h"
#include "tests/component/store/resource_fixture.h"

namespace carestream::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Micros kDay = 86'400LL * 1'000'000;
constexpr Micros kOld = 1'764'000'000'000'000;  // Monday, 2025-11-24
constexpr Micros kKeep = 90 * kDay;
constexpr Micros kLater = kOld + 110 * kDay;  // Saturday, 2026-03-14

class RetentionTest : public test::StoreTest {
protected:
    RetentionTest()
        : session_(Connect()),
          retention_(
              {.url = url()}, partitions_, kKeep,
              [this](const std::string& level, const std::string& id, const std::string& text) {
                  log_.push_back(level + " " + id + " " + text);
              }),
          messages_(MakeMessages({.url = url()}, keys(), test::Definitions(), clock_)) {
        Open(0);
    }
    void Open(Micros keep) {
        journal_.reset();
        auto made = MakeJournal(
            {.connect = {.url = url()},
             .keys = keys(),
             .clock = clock_,
             .log =
                 [this](const std::string&, const std::string& id, const std::string& text) {
                     const std::lock_guard lock(mutex_);
                     journal_log_.push_back(id + " " + text);
                 },
             .committed = {},
             .disk_folder = state_folder(),
             .journal_keep = keep});
        ASSERT_TRUE(made) << made.error().ToString();
        journal_ = std::move(*made);
    }
    Result<JournalReceipt> Append(const std::string& control_id, Micros received) {
        JournalEntry entry;
        entry.channel = "adt";
        entry.source = "adt|A|B";
        entry.control_id = control_id;
        entry.raw = "raw of " + control_id;
        entry.received = received;
        entry.answer = "AA";
        std::promise<Result<JournalReceipt>> promise;
        journal_->Append(entry, [&promise](Result<JournalReceipt> receipt) {
            promise.set_value(std::move(receipt));
        });
        return promise.get_future().get();
    }
    void Decide(std::int64_t seq, OutcomeStatus status = OutcomeStatus::kProcessed) {
        pg::Params params;
        params.Int8(seq).Int2(static_cast<std::int16_t>(status));
        const auto done = session_.Query(
            "insert into outcome (seq, received, tenant, status, event, stage, path, reason, "
            "generation, map_name, map_version) select seq, received, 1, $2::int2, '', '', '', '', "
            "1, '', '' from journal where seq = $1::int8",
            params);
        ASSERT_TRUE(done) << done.error().ToString();
    }
    // Four weeks: two old ones with the numbers 1, 2 and 3, one that is old but not wholly, now.
    void FillWeeks() {
        int n = 0;
        for (const Micros received :
             {kOld, kOld + kDay, kOld + 7 * kDay, kOld + 14 * kDay, kLater}) {
            const auto receipt = Append("C" + std::to_string(++n), received);
            ASSERT_TRUE(receipt) << receipt.error().ToString();
            ASSERT_EQ(receipt->seq, n);
        }
    }
    void MoveWatermark(std::int64_t seq) {
        ASSERT_TRUE(session_.Execute("update journal_watermark set seq = " + std::to_string(seq)));
    }
    std::string Weeks(const std::string& table = "journal") const {
        return Scalar(
            "select string_agg(c.relname, ' ' order by c.relname) from pg_class c where "
            "c.relkind = 'r' and c.relname like '" +
            table + "\\_20%'");
    }
    static DeadLetterFilter Only(std::int64_t seq) {
        DeadLetterFilter filter;
        filter.seqs = {seq};
        return filter;
    }

    ManualClock clock_{kOld};
    pg::Connection session_;
    Partitions partitions_;
    std::vector<std::string> log_;
    Retention retention_;
    std::mutex mutex_;
    std::vector<std::string> journal_log_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Messages> messages_;
};

TEST_F(RetentionTest, WeeksThatAreWhollyOlderGo) {
    FillWeeks();
    for (int seq = 1; seq <= 5; ++seq) Decide(seq);
    MoveWatermark(5);
    ASSERT_TRUE(
        session_.Execute("insert into message_key select 1, 7, seq, received from journal"));
    // The third week ends a few hours after the time before which all may go.
    EXPECT_EQ(retention_.DropOld(kLater).value(), true);
    EXPECT_EQ(Weeks(), "journal_20251208 journal_20260309");
    EXPECT_EQ(Weeks("outcome"), "outcome_20251208 outcome_20260309");
    EXPECT_EQ(Weeks("message_key"), "message_key_20251208 message_key_20260309");
    EXPECT_EQ(Scalar("select string_agg(seq::text, ' ' order by seq) from journal"), "4 5");
    EXPECT_EQ(Scalar("select count(*) from message_key"), "2");
    EXPECT_THAT(log_, ElementsAre(HasSubstr("info journal-dropped the week from 2025-11-24 is "
                                            "dropped (store.journal_keep): messages 1 to 2"),
                                  HasSubstr("the week from 2025-12-01 is dropped "
                                            "(store.journal_keep): messages 3 to 3")));
    EXPECT_EQ(retention_.DropOld(kLater).value(), true);
    EXPECT_EQ(log_.size(), 2u);
    // Numbers go on, also when no message is left.
    EXPECT_EQ(retention_.DropOld(kLater + 200 * kDay).value(), true);
    EXPECT_EQ(Scalar("select count(*) from journal"), "0");
    Open(0);
    EXPECT_EQ(Append("C6", kLater + 200 * kDay).value().seq, 6);
}

TEST_F(RetentionTest, ForeverKeepsAll) {
    FillWeeks();
    for (int seq = 1; seq <= 5; ++seq) Decide(seq);
    MoveWatermark(5);
    Retention forever({.url = url()}, partitions_, 0, {});
    EXPECT_EQ(forever.DropOld(kLater).value(), true);
    EXPECT_EQ(Scalar("select count(*) from journal"), "5");
}

TEST_F(RetentionTest, ShowSaysWhatBecameOfADroppedMessage) {
    FillWeeks();
    for (int seq = 1; seq <= 5; ++seq) Decide(seq);
    MoveWatermark(5);
    ASSERT_TRUE(retention_.DropOld(kLater));
    const auto gone = messages_->Show(2, "ann");
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, Code::kGone);
    EXPECT_EQ(gone.error().message,
              "message 2 is gone: the week from 2025-11-24 (messages 1 to 2) was dropped on "
              "2026-03-14 because of store.journal_keep; the resources that it made stay");
    EXPECT_TRUE(messages_->Show(4, "ann"));
    const auto never = messages_->Show(99, "ann");
    EXPECT_EQ(never.error().code, Code::kNotFound);
    EXPECT_EQ(Scalar("select count(*) from audit where seq = 2"), "0");
}

TEST_F(RetentionTest, AMessageWithoutOutcomeKeepsItsWeek) {
    FillWeeks();
    for (const int seq : {1, 4, 5}) Decide(seq);
    MoveWatermark(1);
    EXPECT_EQ(retention_.DropOld(kLater).value(), true);
    EXPECT_EQ(Scalar("select count(*) from journal"), "5");
    EXPECT_THAT(log_, IsEmpty());
    Decide(2);
    MoveWatermark(2);
    ASSERT_TRUE(retention_.DropOld(kLater));
    EXPECT_EQ(Scalar("select min(seq) from journal"), "3") << "above the watermark";
}

TEST_F(RetentionTest, AnUndecidedDeadLetterKeepsItsWeek) {
    FillWeeks();
    for (const int seq : {1, 3, 4, 5}) Decide(seq);
    Decide(2, OutcomeStatus::kDeadLetter);
    MoveWatermark(5);
    EXPECT_EQ(retention_.DropOld(kLater).value(), true);
    EXPECT_EQ(Scalar("select string_agg(seq::text, ' ' order by seq) from journal"), "1 2 4 5")
        << "and only its own";
    ASSERT_EQ(messages_->Discard(Only(2), "ann").value(), 1);
    ASSERT_TRUE(retention_.DropOld(kLater));
    EXPECT_EQ(Scalar("select min(seq) from journal"), "4");
}

TEST_F(RetentionTest, AnOpenReplayKeepsItsWeek) {
    FillWeeks();
    for (const int seq : {1, 3, 4, 5}) Decide(seq);
    Decide(2, OutcomeStatus::kDeadLetter);
    MoveWatermark(5);
    ASSERT_THAT(messages_->Reopen(Only(2), "ann").value(), ElementsAre(2));
    ASSERT_TRUE(retention_.DropOld(kLater));
    EXPECT_EQ(Scalar("select min(seq) from journal"), "1");
    Decide(2);
    ASSERT_TRUE(retention_.DropOld(kLater));
    EXPECT_EQ(Scalar("select min(seq) from journal"), "4");
    EXPECT_EQ(Scalar("select count(*) from reopened"), "0") << "or the status counts it";
}

TEST_F(RetentionTest, AWeekInUseIsTriedAgainAndNobodyWaitsForIt) {
    FillWeeks();
    for (int seq = 1; seq <= 5; ++seq) Decide(seq);
    MoveWatermark(5);
    auto reader = Connect();
    ASSERT_TRUE(reader.Execute("begin; select count(*) from journal"));
    const auto start = std::chrono::steady_clock::now();
    const auto dropped = retention_.DropOld(kLater);
    ASSERT_TRUE(dropped) << dropped.error().ToString();
    EXPECT_FALSE(*dropped);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
    EXPECT_EQ(Scalar("select count(*) from journal"), "5");
    EXPECT_EQ(Scalar("select count(*) from journal_dropped"), "0");
    ASSERT_TRUE(Append("C6", kLater)) << "no lock is left behind";
    ASSERT_TRUE(reader.Execute("rollback"));
    EXPECT_EQ(retention_.DropOld(kLater).value(), true);
    EXPECT_EQ(Scalar("select min(seq) from journal"), "4");
}

TEST_F(RetentionTest, AnOldClockFindsItsWeekAgain) {
    FillWeeks();
    for (int seq = 1; seq <= 5; ++seq) Decide(seq);
    MoveWatermark(5);
    // Another than the journal's own list of weeks: as if the drop came between look and insert.
    ASSERT_TRUE(retention_.DropOld(kLater));
    const auto receipt = Append("C1", kOld);
    ASSERT_TRUE(receipt) << receipt.error().ToString();
    EXPECT_EQ(receipt->seq, 6);
    EXPECT_FALSE(receipt->duplicate);
    ASSERT_EQ(journal_->Pending(0, 10).value().size(), 1u);
    ASSERT_TRUE(retention_.DropOld(kLater));
    EXPECT_TRUE(messages_->Show(6, "ann")) << "it waits";
    Decide(6);
    MoveWatermark(6);
    ASSERT_TRUE(retention_.DropOld(kLater));
    EXPECT_THAT(messages_->Show(6, "ann").error().message, HasSubstr("(messages 6 to 6)"));
    EXPECT_THAT(messages_->Show(1, "ann").error().message, HasSubstr("(messages 1 to 2)"));
}

TEST_F(RetentionTest, TheJournalKeepsHouse) {
    FillWeeks();
    for (int seq = 1; seq <= 5; ++seq) Decide(seq);
    journal_.reset();
    clock_.Advance(110 * kDay);
    Open(kKeep);
    EXPECT_TRUE(test::Eventually([this] { return Scalar("select min(seq) from journal") == "4"; }));
    const auto again = Append("C6", kOld);
    ASSERT_TRUE(again) << again.error().ToString();
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(journal_log_, testing::Contains(HasSubstr("journal-dropped")).Times(2));
}

}  // namespace
}  // namespace carestream::store
