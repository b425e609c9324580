// Goal: every input in every state has one outcome that is written down here, and no path frees a
// slot on which the other side may count. Method: a table of all of it, and all paths of a length.
#include "scheduling/saga.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/text.h"

namespace carestream {
namespace {

using scheduling::Advance;
using scheduling::Confirm;
using scheduling::Input;
using scheduling::kInputs;
using scheduling::kStates;
using scheduling::Saga;
using scheduling::Slots;
using scheduling::State;
using scheduling::Step;

struct Row {
    State state;
    Step step;
    // One word for each input, in the order of kInputs: "." stays, "x" is refused, otherwise the
    // new state and what becomes of the slots: + take, - free all, < free the former, > free the
    // new; ? = it asks.
    const char* outcomes;
};

// clang-format off
//                           book      resch      cancel      taken       refused      never       uncertain  ehr-booked  overbooked  ehr-cancel   due        free        confirm
const Row kTable[] = {
 {State::kHeld, Step::kNone,
  "pending+?  x             cancelled-   .          .            .           .          booked+     .           cancelled-   expired-   cancelled-  booked+"},
 {State::kPending, Step::kBook,
  ".          x             cancelling?  booked+    compensated- .           ambiguous  booked+     .           compensated- ambiguous  cancelled-  booked+"},
 {State::kBooked, Step::kBook,
  ".          rescheduling? cancelling?  .          .            .           .          .           .           cancelled-   over       cancelled-  ."},
 {State::kRescheduling, Step::kReschedule,
  ".          x             cancelling?  booked<    booked>      .           ambiguous  booked<     .           cancelled-   ambiguous  cancelled-  booked<"},
 {State::kCancelling, Step::kCancel,
  "x          x             .            cancelled- ambiguous    cancelled-  ambiguous  .           .           cancelled-   ambiguous  cancelled-  booked+"},
 {State::kAmbiguous, Step::kBook,
  ".          x             cancelling?  booked+    compensated- .           .          booked+     .           compensated- .          cancelled-  booked+"},
 {State::kAmbiguous, Step::kReschedule,
  ".          x             cancelling?  booked<    booked>      .           .          booked<     .           cancelled-   .          cancelled-  booked<"},
 {State::kAmbiguous, Step::kCancel,
  "x          x             .            cancelled- .            cancelled-  .          .           .           cancelled-   .          cancelled-  booked+"},
 {State::kAmbiguous, Step::kNone,
  ".          x             cancelling?  .          .            .           .          booked+     .           cancelled-   .          cancelled-  booked+"},
 {State::kCancelled, Step::kCancel,
  "x          x             .            .          .            .           .          booked+     ambiguous<  .            .          .           x"},
 {State::kCompensated, Step::kBook,
  "x          x             .            .          .            .           .          booked+     ambiguous<  .            .          .           x"},
 {State::kExpired, Step::kNone,
  "x          x             .            .          .            .           .          booked+     ambiguous<  .            .          .           x"},
 {State::kOver, Step::kBook,
  "x          x             x            .          .            .           .          booked+     ambiguous<  .            .          x           x"},
};
// clang-format on

std::string Describe(const Saga& saga, Input input, Confirm confirm) {
    const auto next = Advance(saga, input, confirm);
    if (!next) return next.error().code == Code::kConflict ? "x" : "wrong error";
    if (!next->changed) return next->saga == saga && !next->ask ? "." : "changed in silence";
    std::string text(ToString(next->saga.state));
    text += std::map<Slots, std::string>{{Slots::kKeep, ""},
                                         {Slots::kTake, "+"},
                                         {Slots::kFree, "-"},
                                         {Slots::kFreeFormer, "<"},
                                         {Slots::kFreeNew, ">"}}[next->slots];
    if (next->ask) text += "?";
    EXPECT_EQ(next->saga.asked, saga.asked + (next->ask ? 1 : 0));
    return text;
}

std::vector<std::string> WordsOf(std::string_view text) {
    std::vector<std::string> words;
    for (const std::string_view word : Split(text, ' ')) {
        if (!word.empty()) words.emplace_back(word);
    }
    return words;
}

TEST(SagaTest, EveryInputInEveryState) {
    std::set<State> seen;
    for (const Row& row : kTable) {
        seen.insert(row.state);
        const auto words = WordsOf(row.outcomes);
        ASSERT_EQ(words.size(), kInputs.size());
        for (std::size_t i = 0; i < kInputs.size(); ++i) {
            EXPECT_EQ(Describe({row.state, row.step, 3}, kInputs[i], Confirm::kAck), words[i])
                << ToString(row.state) << "/" << ToString(row.step) << " " << ToString(kInputs[i]);
        }
    }
    EXPECT_EQ(seen.size(), kStates.size());
}

TEST(SagaTest, WhoWantsTheFillersWordIsNotContentWithAnAck) {
    for (const Confirm confirm : {Confirm::kFillerMessage, Confirm::kSrr}) {
        EXPECT_EQ(Describe({State::kPending, Step::kBook, 1}, Input::kTaken, confirm), ".");
        EXPECT_EQ(Describe({State::kRescheduling, Step::kReschedule, 2}, Input::kTaken, confirm),
                  ".");
        EXPECT_EQ(Describe({State::kCancelling, Step::kCancel, 2}, Input::kTaken, confirm),
                  "cancelled-");
        EXPECT_EQ(Describe({State::kPending, Step::kBook, 1}, Input::kEhrBooked, confirm),
                  "booked+");
    }
}

TEST(SagaTest, WithoutADestinationNobodyIsAsked) {
    EXPECT_EQ(Describe({}, Input::kBook, Confirm::kNone), "booked+");
    EXPECT_EQ(Describe({State::kBooked}, Input::kReschedule, Confirm::kNone), "booked<");
    EXPECT_EQ(Describe({State::kBooked}, Input::kCancel, Confirm::kNone), "cancelled-");
    EXPECT_EQ(Describe({State::kAmbiguous}, Input::kCancel, Confirm::kNone), "cancelled-");
}

TEST(SagaTest, WhatTheEhrBooksAgainIsNoAnswerToWhatWasAskedBefore) {
    const auto revived =
        Advance({State::kCancelled, Step::kCancel, 3}, Input::kEhrOverbooked, Confirm::kAck);
    ASSERT_TRUE(revived);
    EXPECT_EQ(revived->saga, (Saga{State::kAmbiguous, Step::kNone, 3}));
    const auto booked = Advance(revived->saga, Input::kEhrBooked, Confirm::kAck);
    ASSERT_TRUE(booked);
    EXPECT_EQ(booked->saga, (Saga{State::kBooked, Step::kNone, 3}));
    const auto cancelled = Advance(booked->saga, Input::kCancel, Confirm::kAck);
    ASSERT_TRUE(cancelled);
    EXPECT_EQ(cancelled->saga, (Saga{State::kCancelling, Step::kCancel, 4}));
}

// Plays every sequence of inputs and watches what the other side may believe.
TEST(SagaTest, NoSilenceEverFreesASlot) {
    std::set<std::tuple<State, Step>> reached;
    const auto play = [&](const auto& self, const Saga& saga, int depth) -> void {
        reached.insert({saga.state, saga.step});
        if (depth == 0) return;
        for (const Input input : kInputs) {
            const auto next = Advance(saga, input, Confirm::kApplicationAck);
            if (!next || !next->changed) continue;
            const bool silent = input == Input::kUncertain ||
                                (input == Input::kDue && saga.state != State::kHeld) ||
                                input == Input::kBook ||
                                (input == Input::kCancel && saga.state != State::kHeld);
            if (silent) {
                EXPECT_TRUE(next->slots == Slots::kKeep || next->slots == Slots::kTake)
                    << ToString(saga.state) << " " << ToString(input);
            }
            if (IsSettled(next->saga.state) && next->saga.state != State::kOver) {
                EXPECT_EQ(next->slots, Slots::kFree) << ToString(saga.state);
            }
            self(self, next->saga, depth - 1);
        }
    };
    play(play, {}, 6);
    for (const Row& row : kTable) {
        const bool is = row.state == State::kCancelled || row.state == State::kBooked ||
                        row.state == State::kOver || reached.count({row.state, row.step}) > 0;
        EXPECT_TRUE(is) << "never reached: " << ToString(row.state);
    }
}

TEST(SagaTest, NamesAreReadAsTheyAreWritten) {
    for (const State state : kStates) EXPECT_EQ(scheduling::ParseState(ToString(state)), state);
    EXPECT_FALSE(scheduling::ParseState("Booked"));
    for (const Step step : {Step::kBook, Step::kReschedule, Step::kCancel}) {
        EXPECT_EQ(scheduling::ParseStep(ToString(step)), step);
    }
    EXPECT_EQ(scheduling::ParseStep("x"), Step::kNone);
}

}  // namespace
}  // namespace carestream
