// Goal: an operator finds, sees, replays and discards messages, and each of it is noted. Method: a
// real journal fills the tables, outcomes are written as the feed writer writes them.
#include "store/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <future>

#include "store/internal/journal_impl.h"
#include "store/internal/message_seal.h"
#include "store/internal/messages_impl.h"
#include "store/internal/tokens.h"
#include "tests/component/store/resource_fixture.h"

namespace carestream::store {
namespace {

constexpr Micros kNow = 1'764'000'000'000'000;

class MessagesTest : public test::StoreTest {
protected:
    MessagesTest() : session_(Connect()) {
        auto made = MakeJournal({.connect = {.url = url()},
                                 .keys = keys(),
                                 .clock = clock_,
                                 .log = {},
                                 .committed = {},
                                 .disk_folder = state_folder()});
        EXPECT_TRUE(made);
        journal_ = std::move(*made);
        messages_ = MakeMessages({.url = url()}, keys(), test::Definitions(), clock_);
    }

    std::int64_t Append(const std::string& control_id, const std::string& channel = "adt") {
        JournalEntry entry;
        entry.channel = channel;
        entry.source = channel + "|A|B";
        entry.control_id = control_id;
        entry.raw = "raw of " + control_id;
        entry.received = kNow;
        entry.answer = "AA";
        std::promise<std::int64_t> seq;
        journal_->Append(entry, [&seq](const Result<JournalReceipt>& receipt) {
            seq.set_value(receipt.value().seq);
        });
        return seq.get_future().get();
    }

    void Decide(std::int64_t seq, OutcomeStatus status, const std::string& path = "",
                const std::string& reason = "") {
        const std::string detail =
            SealDetail(keys(), 1, seq, kNow, R"({"leaves": 3})", {{"Patient", "p1", 2, true}});
        pg::Params params;
        params.Int8(seq).Timestamp(kNow).Int2(static_cast<std::int16_t>(status)).Text(path);
        params.Text(reason).Bytes(detail);
        const std::string stage = status == OutcomeStatus::kDeadLetter ? "map" : "";
        params.Text(stage);
        const auto done = session_.Query(
            "insert into outcome (seq, received, tenant, status, event, stage, path, reason, "
            "generation, "
            "map_name, map_version, detail) values ($1::int8, $2::timestamptz, 1, $3::int2, "
            "'ADT^A01', "
            "$7::text, $4::text, $5::text, 4, 'ADT_A01', 'v1', $6::bytea)",
            params);
        ASSERT_TRUE(done) << done.error().ToString();
    }

    ManualClock clock_{kNow};
    pg::Connection session_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Messages> messages_;
};

std::vector<std::int64_t> Seqs(const Result<std::vector<MessageSummary>>& summaries) {
    std::vector<std::int64_t> seqs;
    for (const MessageSummary& summary : summaries.value()) seqs.push_back(summary.seq);
    return seqs;
}

TEST_F(MessagesTest, FindsByEveryKey) {
    const std::int64_t first = Append("C1");
    const std::int64_t second = Append("C1", "oru");
    Append("C2");
    EXPECT_THAT(Seqs(messages_->Find(1, {"control", "C1"}, 10)),
                testing::ElementsAre(second, first));
    EXPECT_THAT(Seqs(messages_->Find(1, {"control", "C1"}, 1)), testing::ElementsAre(second));
    EXPECT_THAT(Seqs(messages_->Find(2, {"control", "C1"}, 10)), testing::IsEmpty());
    EXPECT_THAT(Seqs(messages_->Find(1, {"control", ""}, 10)), testing::IsEmpty());

    for (const char* kind : {"patient", "visit", "order"}) {
        const std::int64_t token = FindToken(keys().token_key("1"), kind, "100001");
        pg::Params params;
        params.Int8(token).Int8(first).Timestamp(kNow);
        // Twice, as after a replay.
        for (int i = 0; i < 2; ++i) {
            ASSERT_TRUE(session_.Query(
                "insert into message_key values (1, $1::int8, $2::int8, $3::timestamptz)", params));
        }
        EXPECT_THAT(Seqs(messages_->Find(1, {kind, "100001"}, 10)), testing::ElementsAre(first))
            << kind;
        EXPECT_THAT(Seqs(messages_->Find(1, {kind, "100002"}, 10)), testing::IsEmpty()) << kind;
    }
    EXPECT_EQ(messages_->Find(1, {"name", "x"}, 10).error().code, Code::kInvalid);
}

TEST_F(MessagesTest, ShowOpensAndIsAudited) {
    const std::int64_t seq = Append("C1");
    auto shown = messages_->Show(seq, "ann");
    ASSERT_TRUE(shown) << shown.error().ToString();
    EXPECT_EQ(shown->summary.status, "pending");
    EXPECT_EQ(shown->summary.attempts, 0);
    EXPECT_EQ(shown->raw, "raw of C1");
    Decide(seq, OutcomeStatus::kProcessed);
    shown = messages_->Show(seq, "ann");
    ASSERT_TRUE(shown) << shown.error().ToString();
    EXPECT_EQ(shown->summary.status, "processed");
    EXPECT_EQ(shown->summary.event, "ADT^A01");
    EXPECT_EQ(shown->summary.answer, "AA");
    EXPECT_EQ(shown->summary.received, kNow);
    EXPECT_EQ(shown->summary.attempts, 1);
    EXPECT_EQ(shown->loss_report, R"({"leaves": 3})");
    ASSERT_EQ(shown->resources.size(), 1u);
    EXPECT_EQ(shown->resources[0].type + shown->resources[0].id, "Patientp1");
    EXPECT_EQ(shown->resources[0].version, 2);
    EXPECT_TRUE(shown->resources[0].created);
    EXPECT_EQ(shown->generation, 4);
    EXPECT_EQ(shown->map_name, "ADT_A01");
    EXPECT_EQ(shown->map_version, "v1");
    EXPECT_EQ(messages_->Show(99, "ann").error().code, Code::kNotFound);
    EXPECT_EQ(Scalar("select count(*) || min(actor) || min(action) || min(seq) from audit"),
              "2annshow1");
}

TEST_F(MessagesTest, DeadLettersAreGroupedReplayedAndDiscarded) {
    for (int i = 1; i <= 6; ++i) Append("C" + std::to_string(i), i <= 4 ? "adt" : "oru");
    Decide(1, OutcomeStatus::kDeadLetter, "PID-3", "no identity");
    Decide(2, OutcomeStatus::kDeadLetter, "PID-3", "no identity");
    Decide(3, OutcomeStatus::kDeadLetter, "OBX-2", "unknown type");
    Decide(4, OutcomeStatus::kProcessed);
    Decide(5, OutcomeStatus::kDeadLetter, "PID-3", "no identity");
    Decide(6, OutcomeStatus::kKept);

    const auto groups = messages_->DeadLetterGroups();
    ASSERT_TRUE(groups) << groups.error().ToString();
    ASSERT_EQ(groups->size(), 2u);
    EXPECT_EQ(groups->at(0).path, "PID-3");
    EXPECT_EQ(groups->at(0).stage, "map");
    EXPECT_EQ(groups->at(0).count, 3);
    EXPECT_EQ(groups->at(0).oldest_seq, 1);
    EXPECT_EQ(groups->at(0).newest_seq, 5);

    EXPECT_THAT(Seqs(messages_->DeadLetters({})), testing::ElementsAre(1, 2, 3, 5));
    DeadLetterFilter filter;
    filter.channel = "adt";
    filter.path = "PID-3";
    EXPECT_THAT(Seqs(messages_->DeadLetters(filter)), testing::ElementsAre(1, 2));
    filter.limit = 1;
    EXPECT_EQ(messages_->CountDeadLetters(filter).value(), 2) << "whatever the limit";
    EXPECT_EQ(messages_->CountDeadLetters({}).value(), 4);
    EXPECT_THAT(messages_->Reopen(filter, "bob").value(), testing::ElementsAre(1));
    const auto waiting = journal_->Pending(0, 10);
    ASSERT_EQ(waiting.value().size(), 1u);
    EXPECT_EQ(waiting->at(0).seq, 1);
    EXPECT_EQ(waiting->at(0).attempts, 1);

    // Fails again, is sent round again: attempts are counted.
    Decide(1, OutcomeStatus::kDeadLetter, "PID-3", "no identity");
    filter.limit = 0;
    EXPECT_THAT(messages_->Reopen(filter, "bob").value(), testing::ElementsAre(1, 2));
    Decide(1, OutcomeStatus::kProcessed);
    EXPECT_EQ(messages_->Show(1, "bob")->summary.attempts, 3);

    DeadLetterFilter rest;
    rest.reason = "no identity";
    EXPECT_EQ(messages_->Discard(rest, "bob").value(), 1);
    EXPECT_EQ(messages_->Show(5, "bob")->summary.status, "discarded");
    EXPECT_EQ(messages_->Show(5, "bob")->summary.reason, "no identity");

    // By number also what was discarded or kept; what was processed stays.
    DeadLetterFilter named;
    named.seqs = {4, 5, 6, 77};
    EXPECT_THAT(messages_->Reopen(named, "bob").value(), testing::ElementsAre(5, 6));
    EXPECT_EQ(
        Scalar(
            "select string_agg(action || seq, ' ' order by id) from audit where action <> 'show'"),
        "reopen1 reopen1 reopen2 discard5 reopen5 reopen6");
}

TEST_F(MessagesTest, StatusCounts) {
    for (int i = 1; i <= 4; ++i) Append("C" + std::to_string(i));
    Decide(1, OutcomeStatus::kDeadLetter);
    Decide(2, OutcomeStatus::kProcessed);
    EXPECT_TRUE(
        test::Eventually([this] { return Scalar("select seq from journal_watermark") == "2"; }));
    ASSERT_TRUE(messages_->Reopen({}, "bob"));
    const auto status = messages_->Status();
    ASSERT_TRUE(status) << status.error().ToString();
    EXPECT_EQ(status->pending, 3);
    EXPECT_EQ(status->oldest_pending, kNow);
    EXPECT_EQ(status->dead_letters, 0);
    EXPECT_EQ(status->resources, 0);
    EXPECT_GT(status->bytes, 1'000'000);
}

TEST_F(MessagesTest, ConflictsAreListedPageByPageAndResolvedOnce) {
    const int patient = test::Definitions()->ResourceTypeNumber("Patient");
    for (int pk = 1; pk <= 4; ++pk) {
        const std::string id = "p" + std::to_string(pk);
        pg::Params params;
        params.Int8(pk).Int2(static_cast<std::int16_t>(patient)).Text(id);
        ASSERT_TRUE(
            session_.Query("insert into resource values ($1::int8, 1, $2::int2, 1, false, "
                           "$1::int8, now(), now(), $3::text)",
                           params));
    }
    for (int other = 2; other <= 4; ++other) {
        pg::Params params;
        params.Int2(static_cast<std::int16_t>(patient)).Int8(other);
        ASSERT_TRUE(
            session_.Query("insert into identity_conflict (tenant, type, kept, other, seq) "
                           "values (1, $1::int2, 1, $2::int8, 10 + $2::int8)",
                           params));
    }
    const auto page = messages_->Conflicts({.after = 0, .limit = 2, .all = false});
    ASSERT_TRUE(page) << page.error().ToString();
    ASSERT_EQ(page->size(), 2u);
    EXPECT_EQ(page->at(0).kept, "Patient/p1");
    EXPECT_EQ(page->at(0).other, "Patient/p2");
    EXPECT_EQ(page->at(0).seq, 12);
    EXPECT_EQ(page->at(0).resolved, 0);
    EXPECT_EQ(messages_->Status()->identity_conflicts, 3);
    const std::int64_t id = page->at(1).id;
    EXPECT_EQ(messages_->Conflicts({.after = id, .limit = 2, .all = false})->size(), 1u);

    EXPECT_EQ(messages_->ResolveConflict(id, "", "ann").error().code, Code::kInvalid);
    EXPECT_EQ(messages_->ResolveConflict(99, "x", "ann").error().code, Code::kNotFound);
    const auto done = messages_->ResolveConflict(id, "marked-note: two people", "ann");
    ASSERT_TRUE(done) << done.error().ToString();
    const auto again = messages_->ResolveConflict(id, "x", "bob");
    EXPECT_EQ(again.error().code, Code::kConflict);
    EXPECT_THAT(again.error().message, testing::HasSubstr("by ann"));
    EXPECT_EQ(messages_->Conflicts({})->size(), 2u);
    EXPECT_EQ(messages_->Status()->identity_conflicts, 2);
    const auto all = messages_->Conflicts({.after = 0, .limit = 10, .all = true});
    ASSERT_EQ(all->size(), 3u);
    EXPECT_EQ(all->at(1).note, "marked-note: two people");
    EXPECT_EQ(all->at(1).resolved_by, "ann");
    EXPECT_EQ(all->at(1).resolved, kNow);
    EXPECT_EQ(Scalar("select actor || action || seq || detail from audit"),
              "annresolve-conflict13conflict " + std::to_string(id));
    EXPECT_EQ(Scalar("select count(*) from identity_conflict where position('marked'::bytea in "
                     "note) > 0"),
              "0");
}

TEST_F(MessagesTest, SurvivesALostSession) {
    Append("C1");
    ASSERT_TRUE(messages_->Show(1, "ann"));
    ASSERT_TRUE(journal_->Load(1));
    ASSERT_TRUE(
        session_.Query("select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                       "current_database() and pid <> pg_backend_pid()"));
    EXPECT_TRUE(messages_->Show(1, "ann"));
    EXPECT_TRUE(messages_->Status());
    EXPECT_TRUE(journal_->Load(1));
    EXPECT_TRUE(journal_->Pending(0, 10));
}

TEST_F(MessagesTest, SummariesNameTheStatusOfEachAndAreNoView) {
    for (const char* id : {"A", "B", "C"}) Append(id);
    Decide(2, OutcomeStatus::kDeadLetter, "PID-3", "no identity");
    Decide(3, OutcomeStatus::kKept);
    const auto found = messages_->Summaries({3, 1, 2, 77});
    ASSERT_TRUE(found) << found.error().ToString();
    EXPECT_THAT(Seqs(found), testing::ElementsAre(1, 2, 3));
    EXPECT_EQ((*found)[0].status, "pending");
    EXPECT_EQ((*found)[1].status, "dead-letter");
    EXPECT_EQ((*found)[1].path, "PID-3");
    EXPECT_EQ((*found)[2].status, "kept");
    EXPECT_EQ(session_.Query("select count(*) from audit")->Int8(0, 0), 0);
}

TEST_F(MessagesTest, ReopenedMessagesCountAsPendingEachTime) {
    for (const char* id : {"A", "B", "C"}) Append(id);
    for (const std::int64_t seq : {1, 2, 3}) Decide(seq, OutcomeStatus::kDeadLetter, "PID-3", "x");
    ASSERT_TRUE(session_.Execute("update journal_watermark set seq = 3"));
    EXPECT_EQ(messages_->Status()->pending, 0);
    for (int time = 0; time < 2; ++time) {
        for (const std::int64_t seq : {3, 1}) {
            DeadLetterFilter one;
            one.seqs = {seq};
            ASSERT_TRUE(messages_->Reopen(one, "ann"));
        }
        EXPECT_EQ(messages_->Status()->pending, 2);
        Decide(1, OutcomeStatus::kDeadLetter, "PID-3", "x");
        EXPECT_EQ(messages_->Status()->pending, 1);
        Decide(3, OutcomeStatus::kDeadLetter, "PID-3", "x");
        EXPECT_EQ(messages_->Status()->pending, 0);
    }
}

TEST_F(MessagesTest, CountsOfTheStatusStopAtTheirLimit) {
    Append("FIRST");
    // Rows as the journal writes them, more than anybody needs to count.
    const auto filled = session_.Execute(
        "insert into journal (seq, received, tenant, source, control, content, channel, answer, "
        "raw) "
        "select seq + n, received + n * interval '1 ms', tenant, source, n, content, channel, "
        "answer, "
        "raw from journal, generate_series(1, 100000) n; analyze journal");
    ASSERT_TRUE(filled) << filled.error().ToString();
    auto status = messages_->Status();
    ASSERT_TRUE(status) << status.error().ToString();
    EXPECT_EQ(status->pending, kCountMax);
    EXPECT_TRUE(status->more_pending);
    EXPECT_EQ(status->oldest_pending, kNow);
    EXPECT_EQ(status->dead_letters, 0);
    const auto began = std::chrono::steady_clock::now();
    constexpr int kTimes = 5;
    for (int i = 0; i < kTimes; ++i) ASSERT_TRUE(messages_->Status());
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::printf("a status with 100000 waiting: %.1f ms\n", took.count() / kTimes);
    const auto fewer = session_.Execute("delete from journal where seq > 10000");
    ASSERT_TRUE(fewer) << fewer.error().ToString();
    status = messages_->Status();
    ASSERT_TRUE(status) << status.error().ToString();
    EXPECT_EQ(status->pending, 10'000);
    EXPECT_FALSE(status->more_pending);
}

}  // namespace
}  // namespace carestream::store
