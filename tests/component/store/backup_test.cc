// Goal: a backup taken under load starts elsewhere and holds everything acknowledged before it.
// Method: real base backups of a running server, restored into empty folders and started.
#include "store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "store/internal/embedded.h"
#include "store/internal/journal_impl.h"
#include "store/internal/key_check.h"
#include "store/internal/migrate.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BackupTest : public testing::Test {
protected:
    BackupTest() {
        std::string name = "/tmp/carestream-backup-XXXXXX";
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        chmod(name.c_str(), 0711);
        test::TestServer::PutCluster(folder_ / "state");
        OpenStore(folder_ / "state");
    }
    ~BackupTest() override {
        CloseStore();
        fs::remove_all(folder_);
    }

    void CloseStore() {
        journal_.reset();
        keys_.reset();
        server_.reset();
    }
    // The parts of a store that hold messages.
    void OpenStore(const fs::path& state) {
        CloseStore();
        auto server = EmbeddedServer::Start(
            {.state_folder = state, .shared_buffers_mb = 32, .stop_with_parent = true}, {});
        ASSERT_TRUE(server) << server.error().ToString();
        server_ = std::move(*server);
        auto session = pg::Connection::Connect({.url = server_->url()});
        ASSERT_TRUE(session);
        const auto migrated =
            Migrate(*session, fs::path(CARESTREAM_SOURCE_DIR) / "schemas" / "sql", {});
        ASSERT_TRUE(migrated) << migrated.error().ToString();
        auto keys = OpenKeys(*session, state / "keys");
        ASSERT_TRUE(keys) << keys.error().ToString();
        keys_ = std::make_unique<crypto::KeyRing>(std::move(*keys));
        auto journal = MakeJournal({.connect = {.url = server_->url()},
                                    .keys = *keys_,
                                    .clock = clock_,
                                    .log = {},
                                    .committed = {},
                                    .disk_folder = state});
        ASSERT_TRUE(journal) << journal.error().ToString();
        journal_ = std::move(*journal);
    }
    std::int64_t Append(const std::string& raw) {
        JournalEntry entry;
        entry.channel = "adt";
        entry.raw = raw;
        entry.received = clock_.Now();
        entry.answer = "AA";
        std::promise<std::int64_t> seq;
        journal_->Append(entry, [&seq](const Result<JournalReceipt>& receipt) {
            seq.set_value(receipt ? receipt->seq : -1);
        });
        return seq.get_future().get();
    }
    Result<BackupReport> Take(bool with_keys) {
        return Backup({.postgres = "embedded",
                       .state_folder = folder_ / "state",
                       .target = folder_ / "copy",
                       .with_keys = with_keys});
    }
    Result<RestoreReport> PutBack() {
        return Restore({.source = folder_ / "copy", .state_folder = folder_ / "other"});
    }

    fs::path folder_;
    SystemClock clock_;
    std::unique_ptr<EmbeddedServer> server_;
    std::unique_ptr<crypto::KeyRing> keys_;
    std::unique_ptr<Journal> journal_;
};

TEST_F(BackupTest, TakenUnderLoadStartsElsewhere) {
    std::atomic<bool> stop = false;
    std::atomic<std::int64_t> acknowledged = 0;
    std::thread feed([&] {
        while (!stop) acknowledged = Append("message");
    });
    EXPECT_TRUE(test::Eventually([&] { return acknowledged > 50; }));
    const std::int64_t before = acknowledged;
    const auto taken = Take(true);
    stop = true;
    feed.join();
    ASSERT_TRUE(taken) << taken.error().ToString();
    EXPECT_GT(taken->bytes, 1'000'000u);
    EXPECT_EQ(taken->keys, "id.key\nindex.key\nroot-1.key\n");
    EXPECT_EQ(fs::status(folder_ / "copy").permissions() & fs::perms::all, fs::perms::owner_all);

    const auto restored = PutBack();
    ASSERT_TRUE(restored) << restored.error().ToString();
    EXPECT_TRUE(restored->keys_present);
    OpenStore(folder_ / "other");
    EXPECT_EQ(journal_->Load(before).value().raw, "message");
    EXPECT_GT(Append("more"), before);
    EXPECT_EQ(PutBack().error().code, Code::kConflict) << "a cluster is there now";
    EXPECT_EQ(Take(true).error().code, Code::kConflict) << "the target is in use";
}

TEST_F(BackupTest, KeysTravelApart) {
    const std::int64_t seq = Append("message");
    ASSERT_TRUE(Take(false));
    EXPECT_FALSE(fs::exists(folder_ / "copy" / "keys"));
    const std::string index_key = [&] {
        std::ifstream in(folder_ / "state/keys/index.key", std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    std::ifstream manifest(folder_ / "copy/manifest");
    const std::string text(std::istreambuf_iterator<char>(manifest), {});
    EXPECT_THAT(text, HasSubstr("root-1="));
    EXPECT_THAT(text, testing::Not(HasSubstr(index_key)));

    auto restored = PutBack();
    ASSERT_TRUE(restored) << restored.error().ToString();
    EXPECT_FALSE(restored->keys_present);
    CloseStore();
    fs::copy(folder_ / "state/keys", folder_ / "other/keys");
    chmod((folder_ / "other/keys").c_str(), 0700);
    OpenStore(folder_ / "other");
    EXPECT_EQ(journal_->Load(seq).value().raw, "message");

    // Keys of another store are noticed before anything is put in place.
    fs::remove_all(folder_ / "third");
    ASSERT_TRUE(crypto::KeyRing::Create(folder_ / "third/keys"));
    const auto refused = Restore({.source = folder_ / "copy", .state_folder = folder_ / "third"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kConflict);
    EXPECT_FALSE(fs::exists(folder_ / "third/postgres/data"));
}

TEST_F(BackupTest, RefusesWhatIsDamaged) {
    ASSERT_TRUE(Take(true));
    {
        std::fstream file(folder_ / "copy/data/global/pg_control",
                          std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(100);
        file.put('\x55');
    }
    const auto refused = PutBack();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalid);
    EXPECT_THAT(refused.error().message, HasSubstr("pg_control"));
    EXPECT_FALSE(fs::exists(folder_ / "other/postgres/data"));
    const auto none = Restore({.source = folder_ / "state", .state_folder = folder_ / "other"});
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().message, HasSubstr("not a backup"));
    const auto nobody = Backup({.postgres = "embedded",
                                .state_folder = folder_ / "other",
                                .target = folder_ / "second",
                                .with_keys = false});
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace carestream::store
