// Goal: a store opens, works, survives its server and closes as one thing. Method: Store::Open on
// embedded servers in fresh folders, and on the fixture's as an external one.
#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <future>
#include <mutex>

#include "store/backup.h"
#include "store/internal/embedded.h"
#include "store/internal/pg.h"
#include "tests/component/store/resource_fixture.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class StoreOpenTest : public testing::Test {
protected:
    StoreOpenTest() {
        std::string name = "/tmp/carestream-store-XXXXXX";
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        chmod(name.c_str(), 0711);
        test::TestServer::PutCluster(folder_ / "state");
    }
    ~StoreOpenTest() override { fs::remove_all(folder_); }

    StoreOptions Options() const {
        StoreOptions options;
        options.state_folder = folder_ / "state";
        options.schemas_sql = fs::path(CARESTREAM_SOURCE_DIR) / "schemas" / "sql";
        options.shared_buffers_mb = 32;
        return options;
    }
    Result<std::unique_ptr<Store>> Open(const StoreOptions& options, int lock_wait_ms = 5'000) {
        StoreEvents events;
        events.log = [this](const std::string&, const std::string& id, const std::string&) {
            const std::lock_guard lock(mutex_);
            ids_.push_back(id);
        };
        events.committed = [this](std::int64_t seq) { event_seq_ = seq; };
        return Store::Open(options, test::Definitions(), test::SharedIndexer(), clock_, events,
                           lock_wait_ms);
    }
    static Result<JournalReceipt> Append(Store& store, const std::string& control_id) {
        JournalEntry entry;
        entry.channel = "adt";
        entry.source = "adt";
        entry.control_id = control_id;
        entry.raw = "raw " + control_id;
        entry.received = test::kDay0;
        entry.answer = "AA";
        std::promise<Result<JournalReceipt>> promise;
        store.journal().Append(entry, [&promise](Result<JournalReceipt> receipt) {
            promise.set_value(std::move(receipt));
        });
        return promise.get_future().get();
    }
    static Result<RestResult> Create(Store& store, const std::string& json) {
        RestWrite write;
        write.type = "Patient";
        write.resource = test::Json(json);
        std::promise<Result<RestResult>> promise;
        store.writer().SubmitRest(std::move(write), [&promise](Result<RestResult> result) {
            promise.set_value(std::move(result));
        });
        return promise.get_future().get();
    }
    static Result<StoredVersion> Read(Store& store, const std::string& id) {
        std::promise<Result<StoredVersion>> promise;
        store.reader().Read(1, "Patient", id, [&promise](Result<StoredVersion> found) {
            promise.set_value(std::move(found));
        });
        return promise.get_future().get();
    }

    fs::path folder_;
    SystemClock clock_;
    std::atomic<std::int64_t> event_seq_ = 0;
    std::mutex mutex_;
    std::vector<std::string> ids_;  // guarded by mutex_
};

TEST_F(StoreOpenTest, OpensClosesAndOpensAgain) {
    std::string id;
    for (const bool first : {true, false}) {
        auto store = Open(Options());
        ASSERT_TRUE(store) << store.error().ToString();
        EXPECT_TRUE((*store)->Ready());
        if (first) {
            ASSERT_TRUE(Append(**store, "C1"));
            const auto created = Create(**store, R"({"resourceType":"Patient","active":true})");
            ASSERT_TRUE(created) << created.error().ToString();
            id = created->version.id;
            EXPECT_EQ(event_seq_, 1);
        }
        const auto read = Read(**store, id);
        ASSERT_TRUE(read) << read.error().ToString();
        EXPECT_THAT(read->body, HasSubstr("\"active\":true"));
        EXPECT_EQ((*store)->journal().Load(1).value().raw, "raw C1");
        EXPECT_EQ((*store)->messages().Status().value().pending, 1);
    }
    EXPECT_EQ(fs::status(folder_ / "state/keys").permissions() & fs::perms::all,
              fs::perms::owner_all);
}

TEST_F(StoreOpenTest, ASecondDaemonIsToldAndTheFirstGoesOn) {
    auto store = Open(Options());
    ASSERT_TRUE(store) << store.error().ToString();
    const auto second = Open(Options(), 200);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kConflict);
    EXPECT_TRUE((*store)->Ready());
    EXPECT_TRUE(Append(**store, "C1"));
}

TEST_F(StoreOpenTest, NeedsTheKeysItWasWrittenWith) {
    { ASSERT_TRUE(Open(Options())); }
    fs::rename(folder_ / "state/keys", folder_ / "kept");
    const auto refused = Open(Options());
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("restore the key folder"));
    fs::rename(folder_ / "kept", folder_ / "state/keys");
    EXPECT_TRUE(Open(Options()));
}

TEST_F(StoreOpenTest, KilledServerNeedsNoNewStore) {
    auto opened = Open(Options());
    ASSERT_TRUE(opened) << opened.error().ToString();
    Store& store = **opened;
    const auto created = Create(store, R"({"resourceType":"Patient","active":true})");
    ASSERT_TRUE(created);
    for (int round = 0; round < 3; ++round) {
        std::ifstream in(folder_ / "state/postgres/data/postmaster.pid");
        int pid = 0;
        ASSERT_TRUE(in >> pid);
        ASSERT_EQ(kill(pid, SIGKILL), 0);
        EXPECT_TRUE(test::Eventually(
            [&] { return Append(store, "C" + std::to_string(round)).has_value(); }, 30'000));
        EXPECT_TRUE(
            test::Eventually([&] { return Read(store, created->version.id).has_value(); }, 30'000));
        EXPECT_TRUE(test::Eventually(
            [&] { return Create(store, R"({"resourceType":"Patient"})").has_value(); }, 30'000));
        EXPECT_TRUE(store.messages().Status());
    }
}

TEST_F(StoreOpenTest, BackupOpensElsewhere) {
    std::string id;
    {
        auto store = Open(Options());
        ASSERT_TRUE(store) << store.error().ToString();
        const auto created = Create(**store, R"({"resourceType":"Patient","active":true})");
        ASSERT_TRUE(created);
        id = created->version.id;
        const auto taken = Backup({.postgres = "embedded",
                                   .state_folder = folder_ / "state",
                                   .target = folder_ / "copy",
                                   .with_keys = true});
        ASSERT_TRUE(taken) << taken.error().ToString();
    }
    ASSERT_TRUE(Restore({.source = folder_ / "copy", .state_folder = folder_ / "other"}));
    StoreOptions options = Options();
    options.state_folder = folder_ / "other";
    auto store = Open(options);
    ASSERT_TRUE(store) << store.error().ToString();
    EXPECT_TRUE(Read(**store, id));
    EXPECT_TRUE(Create(**store, R"({"resourceType":"Patient"})"));
}

using ExternalStoreTest = test::StoreTest;

TEST_F(ExternalStoreTest, UsesAUrlAndLeavesTheServerAlone) {
    SystemClock clock;
    {
        auto store = Store::Open(Options(), test::Definitions(), test::SharedIndexer(), clock, {});
        ASSERT_TRUE(store) << store.error().ToString();
        EXPECT_TRUE((*store)->Ready());
        EXPECT_EQ((*store)->connection_url(), url());
    }
    EXPECT_TRUE(pg::Answers(url()));
    StoreOptions nowhere = Options();
    nowhere.postgres = "postgresql://nobody@/none?host=%2Fnowhere";
    const auto refused =
        Store::Open(nowhere, test::Definitions(), test::SharedIndexer(), clock, {});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().retryable);
}

}  // namespace
}  // namespace carestream::store
