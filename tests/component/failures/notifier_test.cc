// Goal: whatever fails becomes one Task for its cause, with the right count after any crash, news
// for staff and nothing for patients; a flood becomes few versions. Method: journal and writer on a
// real store, the Tasks read through the API.
#include "failures/notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "component/rest/rest_fixture.h"
#include "tests/support/token_gate.h"
#include "topics/topics.h"

namespace carestream::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kHourMs = 3'600'000;

class FailuresTest : public RestTest {
protected:
    void SetUp() override {
        gate_ = tokens_.Make(state_folder(), clock_, log_);
        StartService({});
        staff_ = Token("user/*.cruds", "");
    }
    void TearDown() override {
        notifier_.reset();
        RestTest::TearDown();
    }
    Headers Token(const std::string& scope, const std::string& patient) {
        return tokens_.Token("s", patient, scope);
    }
    void StartNotifier(int pause_ms) {
        notifier_.reset();
        failures::NotifierOptions options;
        options.pause_ms = pause_ms;
        options.poll_ms = 20;
        notifier_ = std::make_unique<failures::Notifier>(
            options,
            failures::NotifierParts{store_->MakeFailures(), store_->reader(), store_->writer(),
                                    crypto::IdKey::Public(), log_, metrics_});
        notifier_->Start();
    }
    store::JournalReceipt Append(store::JournalEntry entry) {
        entry.channel = "feed";
        entry.source = "feed|A|B";
        entry.control_id = "C" + std::to_string(++messages_);
        entry.raw = "raw";
        entry.received = clock_.Now();
        std::promise<store::JournalReceipt> promise;
        store_->journal().Append(entry, [&](const Result<store::JournalReceipt>& receipt) {
            promise.set_value(receipt.value());
        });
        return promise.get_future().get();
    }
    // A message that cannot be processed.
    void Fail(const std::string& path, const std::string& reason = "no identity") {
        store::JournalEntry entry;
        entry.answer = "AA";
        const auto receipt = Append(entry);
        store::FeedWrite write;
        write.seq = receipt.seq;
        write.received = receipt.received;
        write.status = store::OutcomeStatus::kDeadLetter;
        write.stage = "map";
        write.path = path;
        write.reason = reason;
        std::promise<bool> done;
        store_->writer().SubmitFeed(std::move(write), [&](const Result<store::FeedResult>& result) {
            done.set_value(result.has_value());
        });
        EXPECT_TRUE(done.get_future().get());
    }
    [[nodiscard]] Reply Tasks(const Headers& who) {
        return Get("Task?code=urn:carestream:task|message-failed", who);
    }
    [[nodiscard]] static std::string CountOf(const fhir::Node& task) {
        return task.Find("input")->items().at(1).Find("valueInteger")->text();
    }
    // The only Task, once it shows that count.
    [[nodiscard]] fhir::Node TaskWith(const std::string& count) {
        fhir::Node task;
        EXPECT_TRUE(Eventually([&] {
            const auto reply = Tasks(staff_);
            const fhir::Node* entries = reply.body.Find("entry");
            if (entries == nullptr || entries->items().size() != 1) return false;
            task = *entries->items()[0].Find("resource");
            return CountOf(task) == count;
        })) << fhir::ToJson(task);
        return task;
    }

    const TokenGate tokens_;
    Headers staff_;
    int messages_ = 0;
    std::unique_ptr<failures::Notifier> notifier_;
};

TEST_F(FailuresTest, ADeadLetterIsATaskForStaffAndNobodyElse) {
    StartNotifier(0);
    Fail("PID-3");
    const fhir::Node task = TaskWith("1");
    EXPECT_EQ(task.Find("statusReason")->TextOf("text"), "PID-3: no identity");
    EXPECT_THAT(fhir::ToJson(task), HasSubstr(R"("valueString":"feed")"));
    const std::string id(task.TextOf("id"));
    EXPECT_EQ(Get("Task/" + id, Token("system/*.rs", "")).status, 200);
    const Headers patient = Token("patient/*.rs", "ada");
    EXPECT_EQ(Get("Task/" + id, patient).status, 404);
    EXPECT_THAT(Tasks(patient).Ids(), IsEmpty());
}

TEST_F(FailuresTest, AFloodIsOneTaskAndFewVersions) {
    StartNotifier(kHourMs);
    for (int i = 1; i <= 50; ++i) Fail("PID-3[" + std::to_string(i) + "].1", "no identity");
    ASSERT_TRUE(Eventually([&] { return Tasks(staff_).Ids().size() == 1; }));
    EXPECT_EQ(Scalar("select count from failure"), "50");
    EXPECT_EQ(Scalar("select path from failure"), "PID-3.1");
    // What came later waits: the Task stays as it was told first.
    const std::string id = Tasks(staff_).Ids().at(0);
    EXPECT_THAT(Get("Task/" + id + "/_history", staff_).body.Find("entry")->items(), SizeIs(1));
    // And is told when the pause is over, here after a restart.
    StartNotifier(0);
    (void)TaskWith("50");
}

TEST_F(FailuresTest, WhatFailedWhileNobodyLookedIsTold) {
    Fail("PID-3");
    Fail("PID-3");
    Fail("", "cannot be parsed");
    StartNotifier(0);
    ASSERT_TRUE(Eventually([&] { return Tasks(staff_).Ids().size() == 2; }));
    EXPECT_TRUE(Eventually(
        [&] { return Scalar("select count(*) from failure where told < count") == "0"; }));
    // The same again changes nothing: a crash after the Task and before the mark.
    ASSERT_TRUE(Connect().Execute("update failure set told = 0, told_at = null"));
    EXPECT_TRUE(Eventually(
        [&] { return Scalar("select count(*) from failure where told < count") == "0"; }));
    for (const std::string& id : Tasks(staff_).Ids()) {
        EXPECT_THAT(Get("Task/" + id + "/_history", staff_).body.Find("entry")->items(), SizeIs(1));
    }
}

TEST_F(FailuresTest, ATaskThatWasCompletedOrDeletedComesAgain) {
    StartNotifier(0);
    Fail("PID-3");
    fhir::Node task = TaskWith("1");
    const std::string path = "Task/" + std::string(task.TextOf("id"));
    task.Set("status", fhir::Node::String("completed"));
    ASSERT_EQ(Put(path, fhir::ToJson(task), staff_).status, 200);
    Fail("PID-3");
    EXPECT_EQ(TaskWith("2").TextOf("status"), "requested");
    ASSERT_LT(Delete(path, staff_).status, 300);
    Fail("PID-3");
    EXPECT_EQ(TaskWith("3").TextOf("status"), "requested");
}

TEST_F(FailuresTest, RefusedFramesAndMoreCausesThanAreKeptApart) {
    store::JournalEntry refused;
    refused.answer = "AR";
    refused.refused_stage = "receive";
    refused.refused_path = "MSH-11";
    refused.refused_reason = "not P";
    (void)Append(refused);
    EXPECT_EQ(Scalar("select channel || '|' || kind || '|' || path from failure"),
              "feed|receive|MSH-11");
    for (int i = 0; i < 150; ++i) Fail("ZZ" + std::to_string(i) + "-1");
    EXPECT_EQ(Scalar("select count(*) from failure"), "101");
    EXPECT_EQ(Scalar("select count from failure where path = ''"), "51");
    EXPECT_EQ(Scalar("select sum(count) from failure"), "151");
}

TEST_F(FailuresTest, ItIsNewsOnceForEachTelling) {
    const auto topics =
        topics::Topics::Load(std::string(CARESTREAM_SOURCE_DIR) + "/mappings/topics", "",
                             definitions_)
            .topics;
    ASSERT_TRUE(topics);
    StartNotifier(0);
    Fail("PID-3");
    fhir::Node task = TaskWith("1");
    Fail("PID-3");
    task = TaskWith("2");
    task.Set("status", fhir::Node::String("completed"));
    ASSERT_EQ(Put("Task/" + std::string(task.TextOf("id")), fhir::ToJson(task), staff_).status,
              200);
    std::vector<bool> fired;
    const auto read = store_->MakeEvents()->ReadTypes(0, {"Task"}, 100);
    ASSERT_TRUE(read);
    for (const auto& event : read->events) {
        const auto current = fhir::ParseJson(event.body).value();
        const auto before =
            event.before.empty() ? fhir::Node() : fhir::ParseJson(event.before).value();
        const auto all = topics->Fired(
            {event.before.empty() ? topics::Change::kCreated : topics::Change::kUpdated, "Task",
             &current, event.before.empty() ? nullptr : &before});
        fired.push_back(std::any_of(all.begin(), all.end(), [](const topics::Topic* topic) {
            return topic->name == "message-failed";
        }));
    }
    // Made, counted, acknowledged: the last is no news.
    EXPECT_EQ(fired, (std::vector<bool>{true, true, false}));
}

}  // namespace
}  // namespace carestream::test
