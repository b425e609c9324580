// Goal: what becomes of a message follows from its state, what happened and the channel's policy,
// and what may have arrived is never called unsent. Method: tables.
#include "outbound/policy.h"

#include <gtest/gtest.h>

namespace carestream::outbound {
namespace {

using channel::OnAmbiguous;
using channel::OnRefusal;
using store::OutboundRow;
using store::OutboundState;

constexpr Micros kNow = 1'000'000'000'000;

channel::OutboundPolicy Policy(OnAmbiguous on_ambiguous = OnAmbiguous::kHold) {
    channel::OutboundPolicy policy;
    policy.retry_first_ms = 1'000;
    policy.retry_max_ms = 60'000;
    policy.on_ambiguous = on_ambiguous;
    return policy;
}

OutboundRow Row(OutboundState state = OutboundState::kQueued, int attempts = 1) {
    OutboundRow row;
    row.number = 7;
    row.change = 9;
    row.tenant = 2;
    row.state = state;
    row.attempts = attempts;
    row.tried = kNow - 10'000'000;
    row.made = true;
    return row;
}

Acknowledgment Ack(const std::string& code) {
    return {code, "id", "PID-3", "error 101 of table 0357"};
}

struct Case {
    const char* name;
    OutboundState before;
    End end;
    OnAmbiguous on_ambiguous;
    OutboundState after;
    bool waiting;
    bool held;
};

class AfterAttemptTest : public testing::TestWithParam<Case> {};

TEST_P(AfterAttemptTest, Follows) {
    const Case& c = GetParam();
    const auto update = AfterAttempt(Policy(c.on_ambiguous), Row(c.before), c.end, "why", kNow);
    EXPECT_EQ(update.state, c.after);
    EXPECT_EQ(update.waiting, c.waiting);
    EXPECT_EQ(update.held, c.held);
    EXPECT_EQ(update.number, 7);
    EXPECT_EQ(update.change, 9);
    EXPECT_EQ(update.tenant, 2);
    const bool again = c.waiting && !c.held;
    EXPECT_EQ(update.next_at, again ? kNow + 1'000'000 : 0);
    EXPECT_EQ(update.reason, c.end == End::kTaken ? "" : "why");
}

constexpr auto kQueued = OutboundState::kQueued;
constexpr auto kSending = OutboundState::kSending;
constexpr auto kAmbiguous = OutboundState::kAmbiguous;
INSTANTIATE_TEST_SUITE_P(
    Ends, AfterAttemptTest,
    testing::Values(
        Case{"taken", kQueued, End::kTaken, OnAmbiguous::kHold, OutboundState::kAcked, false,
             false},
        Case{"refused", kQueued, End::kRefused, OnAmbiguous::kResend, OutboundState::kNacked, false,
             false},
        Case{"unsent", kQueued, End::kUnsent, OnAmbiguous::kHold, kQueued, true, false},
        Case{"doubt_hold", kQueued, End::kInDoubt, OnAmbiguous::kHold, kAmbiguous, true, true},
        Case{"doubt_resend", kQueued, End::kInDoubt, OnAmbiguous::kResend, kAmbiguous, true, false},
        Case{"doubt_flag", kQueued, End::kInDoubt, OnAmbiguous::kFlag, kAmbiguous, false, false},
        Case{"crash_hold", kSending, End::kInDoubt, OnAmbiguous::kHold, kAmbiguous, true, true},
        Case{"unsent_after_doubt", kAmbiguous, End::kUnsent, OnAmbiguous::kResend, kAmbiguous, true,
             false},
        Case{"unsent_after_a_decision", kAmbiguous, End::kUnsent, OnAmbiguous::kHold, kAmbiguous,
             true, false},
        Case{"doubt_again", kAmbiguous, End::kInDoubt, OnAmbiguous::kHold, kAmbiguous, true, true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PolicyTest, WaitsDoubleUpToTheLongest) {
    const int waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
    for (int attempts = 1; attempts <= 8; ++attempts) {
        const auto update =
            AfterAttempt(Policy(), Row(kQueued, attempts), End::kUnsent, "why", kNow);
        EXPECT_EQ(update.next_at - kNow, waits_s[attempts - 1] * 1'000'000) << attempts;
    }
    EXPECT_EQ(AfterAttempt(Policy(), Row(kQueued, 1'000'000), End::kUnsent, "", kNow).next_at,
              kNow + 60'000'000);
}

TEST(PolicyTest, AReceiverThatWantsToBeLeftAloneIs) {
    const Reply reply{"429", 600'000'000};
    auto update = AfterAttempt(Policy(), Row(), End::kUnsent, "not now", kNow, reply);
    EXPECT_EQ(update.next_at, kNow + 600'000'000);
    EXPECT_EQ(update.code, "429");
    // It may not shorten the wait, and what is held waits for a person.
    update = AfterAttempt(Policy(), Row(kQueued, 6), End::kUnsent, "", kNow, {"503", 1'000'000});
    EXPECT_EQ(update.next_at, kNow + 32'000'000);
    update = AfterAttempt(Policy(), Row(), End::kInDoubt, "", kNow, reply);
    EXPECT_TRUE(update.held);
    EXPECT_EQ(update.next_at, 0);
    // An attempt without a word leaves the last one.
    OutboundRow row = Row();
    row.code = "AE";
    EXPECT_EQ(AfterAttempt(Policy(), row, End::kUnsent, "", kNow).code, "AE");
}

TEST(PolicyTest, GivesUpOnlyAfterTheTimeForIt) {
    channel::OutboundPolicy policy = Policy(OnAmbiguous::kResend);
    policy.give_up_after_ms = 10'001;
    EXPECT_EQ(AfterAttempt(policy, Row(), End::kUnsent, "", kNow).state, kQueued);
    policy.give_up_after_ms = 10'000;
    const auto dead = AfterAttempt(policy, Row(kQueued, 3), End::kUnsent, "no link", kNow);
    EXPECT_EQ(dead.state, OutboundState::kNacked);
    EXPECT_FALSE(dead.waiting);
    EXPECT_EQ(dead.reason, "given up after 3 attempts: no link");
    // What may have arrived is flagged, not dead.
    for (const End end : {End::kUnsent, End::kInDoubt}) {
        const auto flagged = AfterAttempt(policy, Row(kAmbiguous), end, "why", kNow);
        EXPECT_EQ(flagged.state, kAmbiguous);
        EXPECT_FALSE(flagged.waiting);
        EXPECT_FALSE(flagged.held);
    }
}

TEST(PolicyTest, AnswersHaveTheirConsequences) {
    channel::OutboundPolicy policy = Policy();
    EXPECT_EQ(AfterAnswer(policy, Row(), Ack("AA"), kNow).state, OutboundState::kAcked);
    EXPECT_EQ(AfterAnswer(policy, Row(), Ack("CA"), kNow).state, OutboundState::kAcked);
    const auto refused = AfterAnswer(policy, Row(), Ack("AE"), kNow);
    EXPECT_EQ(refused.state, OutboundState::kNacked);
    EXPECT_EQ(refused.code, "AE");
    EXPECT_EQ(refused.path, "PID-3");
    EXPECT_EQ(refused.reason, "answered AE, error 101 of table 0357");
    EXPECT_FALSE(refused.waiting);
    EXPECT_EQ(AfterAnswer(policy, Row(), Ack("AR"), kNow).state, OutboundState::kNacked);
    EXPECT_EQ(AfterAnswer(policy, Row(), Ack("CR"), kNow).state, OutboundState::kNacked);
    const auto again = AfterAnswer(policy, Row(), Ack("CE"), kNow);
    EXPECT_EQ(again.state, kQueued);
    EXPECT_TRUE(again.waiting);
    EXPECT_EQ(again.next_at, kNow + 1'000'000);
    policy.on_ae = OnRefusal::kRetry;
    EXPECT_EQ(AfterAnswer(policy, Row(), Ack("AE"), kNow).state, kQueued);
    policy.give_up_after_ms = 1;
    EXPECT_EQ(AfterAnswer(policy, Row(), Ack("AE"), kNow).state, OutboundState::kNacked);
}

TEST(PolicyTest, AnAcceptedMessageWaitsForTheApplication) {
    channel::OutboundPolicy policy = Policy();
    policy.application_ack_ms = 5'000;
    const auto accepted = AfterAnswer(policy, Row(), Ack("CA"), kNow);
    EXPECT_EQ(accepted.state, OutboundState::kAccepted);
    EXPECT_FALSE(accepted.waiting);
    EXPECT_EQ(accepted.next_at, kNow + 5'000'000);
    EXPECT_EQ(AfterAnswer(policy, Row(OutboundState::kAccepted), Ack("AA"), kNow).state,
              OutboundState::kAcked);
    EXPECT_EQ(AfterAnswer(policy, Row(OutboundState::kAccepted), Ack("AE"), kNow).state,
              OutboundState::kNacked);
    const auto overdue = AfterOverdue(Row(OutboundState::kAccepted));
    EXPECT_EQ(overdue.state, kAmbiguous);
    EXPECT_FALSE(overdue.waiting);
}

TEST(PolicyTest, DecisionsFitTheState) {
    const auto state_after = [](OutboundState state, Decision decision) {
        const auto update = AfterDecision(Row(state), decision);
        return update ? std::string(ToString(update->state)) + (update->waiting ? " waiting" : "")
                      : "refused";
    };
    struct Expected {
        OutboundState state;
        const char *resend, *skip, *acked, *replay;
    };
    const Expected table[] = {
        {kQueued, "refused", "skipped", "refused", "refused"},
        {kSending, "refused", "refused", "refused", "refused"},
        {OutboundState::kAccepted, "refused", "skipped", "acked", "refused"},
        {OutboundState::kAcked, "refused", "refused", "refused", "queued waiting"},
        {OutboundState::kNacked, "refused", "skipped", "acked", "queued waiting"},
        {kAmbiguous, "ambiguous waiting", "skipped", "acked", "refused"},
        {OutboundState::kSkipped, "refused", "refused", "refused", "queued waiting"}};
    for (const Expected& row : table) {
        SCOPED_TRACE(ToString(row.state));
        EXPECT_EQ(state_after(row.state, Decision::kResend), row.resend);
        EXPECT_EQ(state_after(row.state, Decision::kSkip), row.skip);
        EXPECT_EQ(state_after(row.state, Decision::kAcked), row.acked);
        EXPECT_EQ(state_after(row.state, Decision::kReplay), row.replay);
    }
    EXPECT_FALSE(AfterDecision(Row(kAmbiguous), Decision::kResend)->held);
    EXPECT_EQ(ParseDecision("rescend").error().message,
              "'rescend' is no decision, did you mean 'resend'?; there are resend, skip, acked and "
              "replay");
}

}  // namespace
}  // namespace carestream::outbound
