// Goal: what is to be sent is queued once with its cursor, changes state only from the state that
// was seen, numbers its changes without gaps and shows nothing in plain. Method: a fresh database.
#include "store/outbound.h"

#include <gtest/gtest.h>

#include <thread>

#include "store/internal/outbound_impl.h"
#include "tests/support/store_fixture.h"

namespace carestream {
namespace {

using store::OutboundCause;
using store::OutboundCursor;
using store::OutboundMessage;
using store::OutboundState;
using store::OutboundUpdate;

constexpr Micros kNow = 1'767'222'000'000'000;

class OutboundTest : public test::StoreTest {
protected:
    void SetUp() override {
        outbound_ = store::MakeOutbound({.url = url()}, keys(), clock_);
        ASSERT_TRUE(outbound_->Follow({{"ehr", OutboundCause::kEvent, 0}}));
    }
    OutboundMessage Message(std::int64_t cause, const std::string& channel = "ehr") {
        OutboundMessage message;
        message.number = ++number_;
        message.channel = channel;
        message.cause = cause;
        message.event = "SIU^S12";
        message.type = "Appointment";
        message.id = "a" + std::to_string(cause);
        message.control_id = "CSAB" + std::to_string(number_);
        message.bytes = "MSH|secret" + std::to_string(cause);
        return message;
    }
    void MustEnqueue(const std::vector<OutboundMessage>& messages, std::int64_t cursor) {
        const auto done = outbound_->Enqueue(messages, {{"ehr", OutboundCause::kEvent, cursor}});
        ASSERT_TRUE(done) << done.error().ToString();
    }
    static OutboundUpdate UpdateOf(const store::OutboundRow& row, OutboundState state) {
        OutboundUpdate update;
        update.number = row.number;
        update.change = row.change;
        update.tenant = row.tenant;
        update.state = state;
        return update;
    }
    std::vector<std::int64_t> ChangeNumbers(std::int64_t after = 0) {
        std::vector<std::int64_t> numbers;
        const auto changes = outbound_->Changes(after, 100).value();
        for (const auto& change : changes) {
            numbers.push_back(change.change);
        }
        return numbers;
    }

    ManualClock clock_{kNow};
    std::int64_t number_ = 0;
    std::unique_ptr<store::Outbound> outbound_;
};

TEST_F(OutboundTest, MessagesAndCursorMoveTogetherAndARepetitionChangesNothing) {
    const std::vector<OutboundMessage> messages = {Message(3), Message(4)};
    for (int repeat = 0; repeat < 2; ++repeat) MustEnqueue(messages, 5);
    const auto line = outbound_->Waiting("ehr", 10).value();
    ASSERT_EQ(line.size(), 2u);
    EXPECT_EQ(line[0].row.number, 1);
    EXPECT_EQ(line[0].row.id, "a3");
    EXPECT_EQ(line[0].row.event, "SIU^S12");
    EXPECT_EQ(line[0].row.created, kNow);
    EXPECT_EQ(line[0].control_id, "CSAB1");
    EXPECT_EQ(line[0].bytes, "MSH|secret3");
    EXPECT_EQ(outbound_->Follow({{"ehr", OutboundCause::kEvent, 0}}).value()[0].seq, 5);
    EXPECT_EQ(ChangeNumbers(), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(outbound_->Waiting("other", 10).value().size(), 0u);
}

TEST_F(OutboundTest, WhatFailsIsCountedOnceForEachTime) {
    const auto counted = [this] {
        return Scalar(
            "select string_agg(channel || ' ' || kind || ' ' || path || ' ' || count, ', ' "
            "order by kind) from failure where direction = 2");
    };
    OutboundMessage unmade = Message(2);
    unmade.bytes.clear();
    unmade.path = "PID-3";
    unmade.reason = "a value is missing";
    for (int repeat = 0; repeat < 2; ++repeat) MustEnqueue({unmade, Message(3), Message(4)}, 5);
    EXPECT_EQ(counted(), "ehr refused PID-3 1");
    auto line = outbound_->Waiting("ehr", 10).value();
    ASSERT_EQ(line.size(), 2u);
    ASSERT_TRUE(outbound_->Save({UpdateOf(line[0].row, OutboundState::kSending)}));
    EXPECT_EQ(counted(), "ehr refused PID-3 1");
    const auto sending = outbound_->Sending().value().at(0);
    for (int repeat = 0; repeat < 2; ++repeat) {
        ASSERT_TRUE(outbound_->Save({UpdateOf(sending, OutboundState::kAmbiguous)}));
    }
    EXPECT_EQ(counted(), "ehr ambiguous  1, ehr refused PID-3 1");
    // Still ambiguous is no second failure; refused after it is one.
    auto row = outbound_->Row(sending.number).value();
    ASSERT_TRUE(outbound_->Save({UpdateOf(row, OutboundState::kAmbiguous)}));
    EXPECT_EQ(counted(), "ehr ambiguous  1, ehr refused PID-3 1");
    row = outbound_->Row(sending.number).value();
    OutboundUpdate refused = UpdateOf(row, OutboundState::kNacked);
    refused.path = "PID-3";
    refused.reason = "unknown";
    ASSERT_TRUE(outbound_->Save({refused}));
    EXPECT_EQ(counted(), "ehr ambiguous  1, ehr refused PID-3 2");
    EXPECT_EQ(Scalar("select reason from failure where kind = 'refused'"), "unknown");
}

TEST_F(OutboundTest, ACauseIsNotQueuedTwiceAndLeavesNoGap) {
    MustEnqueue({Message(3)}, 5);
    MustEnqueue({Message(3), Message(6)}, 7);
    EXPECT_EQ(outbound_->Waiting("ehr", 10).value().size(), 2u);
    EXPECT_EQ(ChangeNumbers(), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(Scalar("select change from outbound_head"), "2");
}

TEST_F(OutboundTest, WhoHasGoneFurtherIsNotOvertaken) {
    MustEnqueue({Message(3)}, 5);
    const auto late = outbound_->Enqueue({Message(4)}, {{"ehr", OutboundCause::kEvent, 4}});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::kConflict);
    const auto unknown = outbound_->Enqueue({Message(4)}, {{"new", OutboundCause::kEvent, 9}});
    EXPECT_FALSE(unknown);
    // One that is right and one that is not: neither moves.
    EXPECT_FALSE(outbound_->Enqueue(
        {Message(4)}, {{"ehr", OutboundCause::kEvent, 9}, {"new", OutboundCause::kEvent, 9}}));
    EXPECT_EQ(outbound_->Waiting("ehr", 10).value().size(), 1u);
    EXPECT_EQ(outbound_->Follow({{"ehr", OutboundCause::kEvent, 0}}).value()[0].seq, 5);
}

TEST_F(OutboundTest, AConsumerThatIsNotNamedIsForgottenAndBeginsAtTheEnd) {
    MustEnqueue({}, 5);
    ASSERT_TRUE(Connect().Execute("update event_head set seq = 8"));
    EXPECT_EQ(outbound_->Follow({{"lab", OutboundCause::kEvent, 0}}).value()[0].seq, 8);
    EXPECT_EQ(outbound_->Follow({{"ehr", OutboundCause::kEvent, 0}}).value()[0].seq, 8);
    EXPECT_EQ(outbound_->Follow({{"ehr", OutboundCause::kMessage, 0}}).value()[0].seq, 0);
    EXPECT_EQ(Scalar("select count(*) from event_cursor where consumer like 'outbound:%'"), "1");
}

TEST_F(OutboundTest, AStateIsTakenOnlyFromTheStateThatWasSeen) {
    MustEnqueue({Message(1), Message(2)}, 2);
    const auto line = outbound_->Waiting("ehr", 10).value();
    OutboundUpdate sending = UpdateOf(line[0].row, OutboundState::kSending);
    sending.waiting = true;
    sending.attempts = 1;
    sending.tried = kNow + 1;
    const auto saved = outbound_->Save({sending}).value();
    ASSERT_EQ(saved.size(), 1u);
    EXPECT_EQ(saved[0].change, 3);
    EXPECT_EQ(outbound_->Save({sending}).value().size(), 0u);
    EXPECT_EQ(ChangeNumbers(), (std::vector<std::int64_t>{2, 3}));

    OutboundUpdate acked = UpdateOf(line[0].row, OutboundState::kAcked);
    acked.change = saved[0].change;
    acked.code = "AA";
    acked.ack = "MSA|AA|secret ack";
    OutboundUpdate skipped = UpdateOf(line[1].row, OutboundState::kSkipped);
    ASSERT_EQ(outbound_->Save({acked, skipped}).value().size(), 2u);
    const auto changes = outbound_->Changes(3, 10).value();
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0].change, 4);
    EXPECT_EQ(changes[0].state, OutboundState::kAcked);
    EXPECT_EQ(changes[0].ack, "MSA|AA|secret ack");
    EXPECT_EQ(changes[0].id, "a1");
    EXPECT_EQ(changes[0].settled, kNow);
    EXPECT_EQ(changes[1].state, OutboundState::kSkipped);
    EXPECT_EQ(outbound_->Waiting("ehr", 10).value().size(), 0u);
}

TEST_F(OutboundTest, ChangesHaveNoGapsWhateverRunsAtOnce) {
    std::vector<OutboundMessage> messages;
    for (int i = 1; i <= 40; ++i) messages.push_back(Message(i));
    MustEnqueue(messages, 40);
    const auto line = outbound_->Waiting("ehr", 100).value();
    std::vector<std::thread> threads;
    for (std::size_t part = 0; part < 4; ++part) {
        threads.emplace_back([&, part] {
            // Each row is wanted by two threads, one gets it.
            for (std::size_t i = part / 2; i < line.size(); i += 2) {
                (void)outbound_->Save({UpdateOf(line[i].row, OutboundState::kSkipped)});
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(Scalar("select change from outbound_head"), "80");
    const auto numbers = ChangeNumbers();
    ASSERT_EQ(numbers.size(), 40u);
    EXPECT_EQ(numbers.front(), 41);
    EXPECT_EQ(numbers.back(), 80);
}

TEST_F(OutboundTest, WhatWasSentAndNotAnsweredIsFoundByItsControlId) {
    MustEnqueue({Message(1), Message(2)}, 2);
    EXPECT_EQ(outbound_->Unanswered(1, "ehr", "CSAB1").value().size(), 0u);
    const auto line = outbound_->Waiting("ehr", 10).value();
    OutboundUpdate accepted = UpdateOf(line[0].row, OutboundState::kAccepted);
    accepted.next_at = kNow + 10;
    ASSERT_TRUE(outbound_->Save({accepted, UpdateOf(line[1].row, OutboundState::kSending)}));
    EXPECT_EQ(outbound_->Unanswered(1, "ehr", "CSAB1").value().size(), 1u);
    EXPECT_EQ(outbound_->Unanswered(1, "lab", "CSAB1").value().size(), 0u);
    EXPECT_EQ(outbound_->Unanswered(1, "ehr", "").value().size(), 0u);
    EXPECT_EQ(outbound_->Overdue("ehr", kNow + 9, 10).value().size(), 0u);
    EXPECT_EQ(outbound_->Overdue("ehr", kNow + 10, 10).value().size(), 1u);
    ASSERT_EQ(outbound_->Sending().value().size(), 1u);
    EXPECT_EQ(outbound_->Sending().value()[0].number, 2);
}

TEST_F(OutboundTest, WhatCouldNotBeMadeIsADeadLetterFromTheStart) {
    OutboundMessage broken = Message(1);
    broken.bytes = broken.control_id = "";
    broken.path = "PID-3";
    broken.reason = "is required";
    MustEnqueue({broken, Message(2)}, 2);
    EXPECT_EQ(outbound_->Waiting("ehr", 10).value().size(), 1u);
    const auto open = outbound_->List({}).value();
    ASSERT_EQ(open.size(), 2u);
    EXPECT_EQ(open[0].state, OutboundState::kNacked);
    EXPECT_EQ(open[0].path, "PID-3");
    EXPECT_EQ(open[0].settled, kNow);
    store::OutboundFilter filter;
    filter.after = 1;
    EXPECT_EQ(outbound_->List(filter).value().size(), 1u);
    filter = {"ehr", {OutboundState::kNacked}, 0, 100};
    EXPECT_EQ(outbound_->List(filter).value().size(), 1u);
    filter.channel = "lab";
    EXPECT_EQ(outbound_->List(filter).value().size(), 0u);
    const auto depths = outbound_->Depths().value();
    ASSERT_EQ(depths.size(), 1u);
    EXPECT_EQ(depths[0].waiting, 1);
    EXPECT_EQ(depths[0].nacked, 1);
    EXPECT_EQ(depths[0].oldest, kNow);
}

TEST_F(OutboundTest, PeopleDecideAndTheAuditKnows) {
    MustEnqueue({Message(1)}, 1);
    const auto row = outbound_->Row(1).value();
    EXPECT_EQ(outbound_->Show(1, "ann").value().bytes, "MSH|secret1");
    ASSERT_TRUE(outbound_->Decide(UpdateOf(row, OutboundState::kSkipped), "skip", "ann"));
    const auto again = outbound_->Decide(UpdateOf(row, OutboundState::kQueued), "resend", "ann");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::kConflict);
    EXPECT_EQ(outbound_->Show(9, "ann").error().code, Code::kNotFound);
    EXPECT_EQ(Scalar("select string_agg(actor || ' ' || action || ' ' || detail, ',' order by id) "
                     "from audit"),
              "ann outbound show 1,ann outbound skip 1,ann outbound resend 1");
}

TEST_F(OutboundTest, SettledOnesAreDroppedAndNothingElse) {
    MustEnqueue({Message(1), Message(2), Message(3)}, 3);
    const auto line = outbound_->Waiting("ehr", 10).value();
    ASSERT_TRUE(outbound_->Save({UpdateOf(line[0].row, OutboundState::kAcked),
                                 UpdateOf(line[1].row, OutboundState::kNacked)}));
    EXPECT_EQ(outbound_->Prune("ehr", kNow, 10).value(), 0);
    EXPECT_EQ(outbound_->Prune("lab", kNow + 1, 10).value(), 0);
    EXPECT_EQ(outbound_->Prune("ehr", kNow + 1, 10).value(), 1);
    EXPECT_EQ(Scalar("select string_agg(number::text, ',' order by number) from outbound"), "2,3");
}

TEST_F(OutboundTest, NothingIsInPlain) {
    MustEnqueue({Message(1)}, 1);
    OutboundUpdate update = UpdateOf(outbound_->Row(1).value(), OutboundState::kAcked);
    update.ack = "MSA|AA|secret ack";
    ASSERT_TRUE(outbound_->Save({update}));
    EXPECT_EQ(Scalar("select count(*) from outbound o where o::text like '%CSAB%' or "
                     "position('secret'::bytea in message) > 0 or position('secret'::bytea in "
                     "ack) > 0"),
              "0");
}

// Rows of the journal as the journal writes them, with what is sealed left empty.
TEST_F(OutboundTest, ArrivedMessagesAreReadUpToTheEndAndConclusionsUpToTheFirstThatIsOpen) {
    auto connection = Connect();
    const auto arrive = [&](int seq, const std::string& channel, const std::string& answer,
                            int status) {
        const std::string at = "'2026-01-01 00:00:00+00'";
        ASSERT_TRUE(connection.Execute(
            "insert into journal (seq, received, tenant, source, content, channel, answer, raw) "
            "values (" +
            std::to_string(seq) + ", " + at + ", 1, 1, gen_random_uuid(), '" + channel + "', '" +
            answer + "', '')"));
        if (status == 0) return;
        ASSERT_TRUE(connection.Execute(
            "insert into outcome (seq, received, tenant, status, event, stage, path, reason, "
            "generation, map_name, map_version) values (" +
            std::to_string(seq) + ", " + at + ", 1, " + std::to_string(status) +
            ", '', '', 'PID-3', 'why', 1, '', '')"));
    };
    for (const char* table : {"journal", "outcome"}) {
        ASSERT_TRUE(connection.Execute(std::string("create table ") + table +
                                       "_test partition of " + table + " default"));
    }
    EXPECT_EQ(outbound_->Arrived(0, {"adt"}, 10).value().read_to, 0);
    arrive(1, "adt", "AA", 1);
    arrive(2, "adt", "CA", 3);
    arrive(3, "lab", "CA", 1);
    arrive(4, "adt", "AR", 3);
    arrive(5, "adt", "CA", 0);
    arrive(6, "adt", "CA", 1);
    const auto all = outbound_->Arrived(0, {"adt"}, 10).value();
    ASSERT_EQ(all.messages.size(), 4u);
    EXPECT_EQ(all.messages[3].seq, 6);
    EXPECT_EQ(all.read_to, 6);
    const auto some = outbound_->Arrived(0, {"adt"}, 2).value();
    EXPECT_EQ(some.messages.size(), 2u);
    EXPECT_EQ(some.read_to, 2);
    const auto none = outbound_->Arrived(2, {"other"}, 2).value();
    EXPECT_EQ(none.messages.size(), 0u);
    EXPECT_EQ(none.read_to, 6);
    const auto concluded = outbound_->Conclusions(0, {"adt"}, 10).value();
    ASSERT_EQ(concluded.messages.size(), 1u);
    EXPECT_EQ(concluded.messages[0].message.seq, 2);
    EXPECT_EQ(concluded.messages[0].status, store::OutcomeStatus::kDeadLetter);
    EXPECT_EQ(concluded.messages[0].path, "PID-3");
    EXPECT_EQ(concluded.read_to, 2);
    EXPECT_EQ(outbound_->Conclusions(0, {"lab"}, 10).value().read_to, 6);
}

TEST_F(OutboundTest, NumbersAreReservedInBlocks) {
    const std::int64_t first = outbound_->Reserve().value();
    EXPECT_EQ(outbound_->Reserve().value(), first + store::kOutboundBlock);
}

}  // namespace
}  // namespace carestream
