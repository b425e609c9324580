// Goal: each journaled message reaches the writer once, in journal order, with bounded memory,
// whatever the timing. Method: an in-memory journal and writer with faults on demand.
#include "channel/dispatcher.h"

#include <gmock/gmock.h>

#include <numeric>

#include "tests/unit/channel/support.h"

namespace carestream::channel {
namespace {

using store::OutcomeStatus;
using test::Eventually;
using test::Message;

class DispatcherTest : public testing::Test {
protected:
    DispatcherTest() : writer_(journal_) {
        auto generation = std::make_shared<Generation>();
        generation->channels.push_back(test::MakeChannel());
        generation_ = generation;
    }
    void Start(DispatcherLimits limits = {.messages_max = 64, .bytes_max = 1 << 20, .workers = 4}) {
        dispatcher_ = std::make_unique<Dispatcher>(
            journal_, writer_, [this] { return generation_; }, clock_, log_, metrics_, limits);
        dispatcher_->Start();
        // Live from here on: what comes is taken from memory, not from the journal.
        ASSERT_TRUE(Eventually([this] { return !dispatcher_->Status().reading_backlog; }));
    }
    // Commits and announces, as the journal's thread does.
    std::int64_t Accept(const std::string& raw) {
        const std::int64_t seq = journal_.Put("test", raw);
        dispatcher_->Accepted({seq, 1, "test", raw, 1'000'000, 0});
        return seq;
    }
    std::vector<std::int64_t> Numbers(std::int64_t count) {
        std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
        std::iota(numbers.begin(), numbers.end(), 1);
        return numbers;
    }

    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    SystemClock clock_;
    test::MemoryJournal journal_;
    test::MemoryWriter writer_;
    std::shared_ptr<const Generation> generation_;
    std::unique_ptr<Dispatcher> dispatcher_;
};

TEST_F(DispatcherTest, KeepsTheOrderOfTheJournalWhileMappingInParallel) {
    Start();
    for (int i = 0; i < 60; ++i)
        Accept(Message(std::to_string(i), i % 7 == 0 ? "ADT^A01" : "ADT^A08") +
               (i % 7 == 0 ? "NTE|SLOW" : ""));
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 60; }));
    EXPECT_EQ(writer_.seqs(), Numbers(60));
}

TEST_F(DispatcherTest, FirstReadsWhatTheJournalHolds) {
    for (int i = 0; i < 500; ++i) journal_.Put("test", Message(std::to_string(i)));
    Start();
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 500; }));
    EXPECT_EQ(writer_.seqs(), Numbers(500));
    Accept(Message("new"));
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 501; }));
}

TEST_F(DispatcherTest, ABurstBeyondTheWindowStaysInTheJournalAndIsReadFromThere) {
    Start({.messages_max = 16, .bytes_max = 1 << 20, .workers = 2});
    writer_.hold_ = true;
    for (int i = 0; i < 1000; ++i) Accept(Message(std::to_string(i)));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LE(dispatcher_->Status().in_flight, 16u);
    EXPECT_TRUE(dispatcher_->Status().reading_backlog);
    writer_.hold_ = false;
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 1000; }));
    EXPECT_EQ(writer_.seqs(), Numbers(1000));
    ASSERT_TRUE(Eventually([&] { return !dispatcher_->Status().reading_backlog; }));
    Accept(Message("live again"));
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 1001; }));
}

TEST_F(DispatcherTest, TheWindowIsBoundedInBytesToo) {
    Start({.messages_max = 1000, .bytes_max = 10'000, .workers = 2});
    writer_.hold_ = true;
    for (int i = 0; i < 100; ++i)
        Accept(Message(std::to_string(i)) + "NTE|" + std::string(2000, 'x'));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LE(dispatcher_->Status().in_flight, 6u);
    writer_.hold_ = false;
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 100; }));
    EXPECT_EQ(writer_.seqs(), Numbers(100));
}

TEST_F(DispatcherTest, SteadyTrafficWhileReadingTheBacklogComesOnceAndInOrder) {
    for (int i = 0; i < 300; ++i) journal_.Put("test", Message(std::to_string(i)));
    Start({.messages_max = 32, .bytes_max = 1 << 20, .workers = 2});
    for (int i = 300; i < 2000; ++i) {
        Accept(Message(std::to_string(i)));
        if (i % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() >= 2000; }, 20'000));
    EXPECT_EQ(writer_.seqs(), Numbers(2000));
}

TEST_F(DispatcherTest, BadMessagesBecomeDeadLettersInTheirPlaceAndHoldNobodyUp) {
    Start();
    Accept(Message("1"));
    Accept("not HL7 at all");
    Accept(Message("BAD"));
    Accept(Message("THROW"));
    Accept(Message("2", "ADT^A99"));
    Accept(Message("3", "ADT^A01", "T"));
    const std::int64_t gone = journal_.Put("gone", Message("4"));
    dispatcher_->Accepted({gone, 1, "gone", Message("4"), 1'000'000, 0});
    Accept(Message("5"));
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 8; }));
    const auto writes = writer_.writes();
    struct Expected {
        OutcomeStatus status;
        const char* stage;
        const char* path;
    };
    const Expected expected[] = {{OutcomeStatus::kProcessed, "", ""},
                                 {OutcomeStatus::kDeadLetter, "parse", ""},
                                 {OutcomeStatus::kDeadLetter, "map", "PID-3"},
                                 {OutcomeStatus::kDeadLetter, "map", ""},
                                 {OutcomeStatus::kKept, "", ""},
                                 {OutcomeStatus::kDeadLetter, "receive", "MSH-11.1"},
                                 {OutcomeStatus::kDeadLetter, "channel", ""},
                                 {OutcomeStatus::kProcessed, "", ""}};
    for (std::size_t i = 0; i < writes.size(); ++i) {
        SCOPED_TRACE(i);
        EXPECT_EQ(writes[i].seq, static_cast<std::int64_t>(i) + 1);
        EXPECT_EQ(writes[i].status, expected[i].status);
        EXPECT_EQ(writes[i].stage, expected[i].stage);
        if (*expected[i].path != '\0') {
            EXPECT_EQ(writes[i].path, expected[i].path);
        }
        EXPECT_EQ(writes[i].reason.empty(), writes[i].status == OutcomeStatus::kProcessed);
    }
    EXPECT_EQ(writes[0].event, "ADT^A01");
    EXPECT_EQ(writes[0].map_name, "TEST");
    EXPECT_EQ(writes[0].generation, 1);
    EXPECT_EQ(dispatcher_->Status().dead_letters, 5);
    // Nothing is lost silently: what was kept or refused names every leaf too.
    EXPECT_THAT(writes[4].loss_report,
                testing::HasSubstr(R"({"path":"PID-3.1","reason":"no map for the event in this )"
                                   R"(channel"})"));
    EXPECT_THAT(writes[5].loss_report, testing::HasSubstr(R"("path":"PID-3.1","reason":"this )"));
}

TEST_F(DispatcherTest, ReplayedMessagesAreProcessedAgain) {
    Start();
    for (int i = 0; i < 5; ++i) Accept(Message(std::to_string(i)));
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 5; }));
    journal_.Reopen(2);
    journal_.Reopen(4);
    dispatcher_->Replay({2, 4, 99});  // 99 does not exist: said and skipped
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 7; }));
    EXPECT_THAT(writer_.seqs(), testing::ElementsAre(1, 2, 3, 4, 5, 2, 4));
}

TEST_F(DispatcherTest, AfterACommitInDoubtTheJournalIsAsked) {
    Start();
    Accept(Message("1"));
    journal_.Put("test", Message("2"));  // committed, but its append failed: nobody announces it
    dispatcher_->Resynchronise();
    Accept(Message("3"));
    ASSERT_TRUE(Eventually([&] { return writer_.seqs().size() == 3; }));
    EXPECT_EQ(writer_.seqs(), Numbers(3));
}

TEST_F(DispatcherTest, WaitersHearTheOutcome) {
    Start();
    std::atomic<int> heard = 0;
    const std::int64_t good = journal_.Put("test", Message("1"));
    const std::int64_t bad = journal_.Put("test", Message("BAD"));
    Processed first;
    Processed second;
    dispatcher_->Await(good, [&](const Processed& outcome) { first = outcome, ++heard; });
    dispatcher_->Await(bad, [&](const Processed& outcome) { second = outcome, ++heard; });
    dispatcher_->Accepted({good, 1, "test", Message("1"), 1, 0});
    dispatcher_->Accepted({bad, 1, "test", Message("BAD"), 1, 0});
    ASSERT_TRUE(Eventually([&] { return heard == 2; }));
    EXPECT_EQ(first.status, OutcomeStatus::kProcessed);
    EXPECT_EQ(second.status, OutcomeStatus::kDeadLetter);
    EXPECT_EQ(second.path, "PID-3");
    EXPECT_EQ(second.reason, "no usable identity");
}

TEST_F(DispatcherTest, StopLeavesTheRestInTheJournal) {
    Start();
    writer_.hold_ = true;
    for (int i = 0; i < 10; ++i) Accept(Message(std::to_string(i)));
    dispatcher_->Stop();
    dispatcher_->Stop();
    Accept(Message("late"));
    writer_.hold_ = false;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_LE(writer_.seqs().size(), 10u);
}

// MSH-9 goes to columns that are not sealed, and with shifted delimiters it may hold anything.
TEST(Process, TakesAnEventOnlyIfItIsOne) {
    struct Row {
        const char* msh_9;
        OutcomeStatus status;
        const char* event;
    };
    const Row rows[] = {
        {"ADT^A01^ADT_A01", OutcomeStatus::kProcessed, "ADT^A01"},
        {"ADT^A99", OutcomeStatus::kKept, "ADT^A99"},
        {"ACK", OutcomeStatus::kKept, "ACK"},
        {"ADT^A0\xe9", OutcomeStatus::kDeadLetter, ""},
        {"AD\xc3^A01", OutcomeStatus::kDeadLetter, ""},
        {"ADT^A0\x01", OutcomeStatus::kDeadLetter, ""},
        {"Doe^Jane^Q", OutcomeStatus::kDeadLetter, ""},
        {"19700101", OutcomeStatus::kDeadLetter, ""},
        {"ADT_A01", OutcomeStatus::kDeadLetter, ""},
        {" ADT^A01", OutcomeStatus::kDeadLetter, ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.msh_9);
        store::PendingMessage pending;
        pending.channel = "test";
        pending.raw = Message("1", row.msh_9);
        const auto write = Process(std::move(pending), test::MakeChannel().get());
        EXPECT_EQ(write.status, row.status);
        EXPECT_EQ(write.event, row.event);
        if (row.status != OutcomeStatus::kDeadLetter) continue;
        EXPECT_EQ(write.stage, "parse");
        EXPECT_EQ(write.path, "MSH-9");
        EXPECT_THAT(write.reason, testing::HasSubstr("replay"));
    }
}

TEST(Process, AnEventOfARefusedFrameIsNoDifferent) {
    auto channel = test::MakeChannel();
    channel->settings.keep_unmapped = false;
    store::PendingMessage pending;
    pending.channel = "test";
    pending.raw = Message("1", "ADT^A0\xe9");
    const auto write = Process(std::move(pending), channel.get());
    EXPECT_EQ(write.stage, "receive");
    EXPECT_EQ(write.event, "");
}

TEST(FindKeys, OfAWholeMessage) {
    store::PendingMessage pending;
    pending.seq = 7;
    pending.channel = "test";
    pending.raw =
        "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|C1|P|2.5\rPID|1||M1^^^X^MR~S\\T\\2^^^Y^SS~\"\"||\r"
        "PV1|1|I|||||||||||||||||V1^^^X\rORC|RE|P1^A|F1^B\rOBR|1|P1^A|F1^B\rORC|RE|P2\rMRG|M0^^^"
        "X\r";
    const auto write = Process(std::move(pending), test::MakeChannel().get());
    std::vector<std::string> keys;
    for (const store::FindKey& key : write.find_keys) keys.push_back(key.kind + "=" + key.value);
    EXPECT_THAT(keys, testing::ElementsAre("control=C1", "patient=M1", "patient=S&2", "visit=V1",
                                           "order=P1", "order=F1", "order=P2", "patient=M0"));
}

}  // namespace
}  // namespace carestream::channel
