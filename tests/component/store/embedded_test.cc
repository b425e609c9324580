// Goal: one server per state folder, always: made, adopted, supervised, stopped. Method: real
// servers in fresh folders, killed in every way a machine knows.
#include "store/internal/embedded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <mutex>

#include "store/internal/embedded_folder.h"
#include "store/internal/pg.h"
#include "store/internal/pg_install.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class EmbeddedTest : public testing::Test {
protected:
    EmbeddedTest() {
        std::string name = "/tmp/carestream-embedded-XXXXXX";
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    ~EmbeddedTest() override { fs::remove_all(folder_); }
    void PutCluster() { test::TestServer::PutCluster(folder_); }

    std::unique_ptr<EmbeddedServer> Start() {
        auto server = EmbeddedServer::Start(
            {.state_folder = folder_, .shared_buffers_mb = 32, .stop_with_parent = true},
            [this](const std::string&, const std::string& id, const std::string&) {
                const std::lock_guard lock(mutex_);
                events_.push_back(id);
            });
        EXPECT_TRUE(server) << server.error().ToString();
        return server ? std::move(*server) : nullptr;
    }
    std::string Ask(const std::string& url, const std::string& sql) {
        auto connection = pg::Connection::Connect({.url = url});
        if (!connection) return connection.error().ToString();
        const auto rows = connection->Query("select (" + sql + ")::text");
        if (!rows) return rows.error().ToString();
        return std::string(rows->Text(0, 0));
    }
    std::vector<std::string> Events() {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    static bool Runs(int pid) { return pid > 0 && kill(pid, 0) == 0; }

    fs::path folder_;
    std::mutex mutex_;
    std::vector<std::string> events_;  // guarded by mutex_
};

TEST_F(EmbeddedTest, WholeLife) {
    int pid = 0;
    {
        const auto server = Start();
        ASSERT_NE(server, nullptr);
        pid = server->pid();
        const std::string url = server->url();
        EXPECT_EQ(Ask(url,
                      "select current_setting('fsync') || current_setting('synchronous_commit') || "
                      "current_setting('full_page_writes') || current_setting('listen_addresses')"),
                  "ononon");
        EXPECT_EQ(Ask(url,
                      "select datcollate || pg_encoding_to_char(encoding) from pg_database where "
                      "datname = current_database()"),
                  "C.UTF-8UTF8");
        EXPECT_EQ(EmbeddedUrl(folder_).value(), url);
        EXPECT_EQ(fs::status(server->data_folder()).permissions() & fs::perms::all,
                  fs::perms::owner_all);

        // A second daemon uses the same server and leaves it alone.
        {
            const auto second = Start();
            ASSERT_NE(second, nullptr);
            EXPECT_EQ(second->url(), url);
            EXPECT_EQ(second->pid(), pid);
        }
        EXPECT_TRUE(Runs(pid));
        EXPECT_TRUE(pg::Answers(url));
    }
    EXPECT_FALSE(Runs(pid));
    const auto again = Start();
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(Ask(again->url(), "select 1"), "1");
    EXPECT_THAT(Events(), testing::ElementsAre("postgres-init"));
}

TEST_F(EmbeddedTest, RestartsWhatWasKilled) {
    PutCluster();
    const auto server = Start();
    ASSERT_NE(server, nullptr);
    for (int round = 0; round < 2; ++round) {
        const int pid = server->pid();
        kill(pid, SIGKILL);
        EXPECT_TRUE(test::Eventually(
            [&] { return server->pid() > 0 && server->pid() != pid && pg::Answers(server->url()); },
            30'000));
        // Only then: a server that is killed while the supervisor waits for it is one restart, not
        // two.
        EXPECT_TRUE(test::Eventually(
            [&] {
                const auto events = Events();
                return std::count(events.begin(), events.end(), "postgres-restarted") == round + 1;
            },
            30'000));
    }
}

TEST_F(EmbeddedTest, AdoptsAServerThatSurvivedItsDaemon) {
    PutCluster();
    // A daemon that is killed leaves its server behind: played by starting the server without one.
    {
        const auto server = Start();
        ASSERT_NE(server, nullptr);
    }
    EmbeddedFolder folder(folder_);
    ASSERT_TRUE(folder.Prepare());
    const auto install = FindPostgres(folder.ClusterMajor());
    ASSERT_TRUE(install);
    Command command;
    command.words = {(install->bin / "postgres").string(), "-D", folder.data().string()};
    command.account = folder.account();
    command.output = folder.start_log();
    command.death_signal = SIGQUIT;
    const auto orphan = Spawn(command);
    ASSERT_TRUE(orphan);
    {
        const auto server = Start();  // while it may still be starting
        ASSERT_NE(server, nullptr);
        EXPECT_EQ(server->pid(), *orphan);
        EXPECT_EQ(Ask(server->url(), "select 1"), "1");
        EXPECT_THAT(Events(), testing::Contains("postgres-adopted"));
        // The last user stops it; a zombie of ours looks alive, so it is collected meanwhile.
        std::thread reaper([pid = *orphan] {
            test::Eventually([&] { return Ended(pid).has_value(); }, 30'000);
        });
        reaper.detach();
    }
    EXPECT_EQ(folder.FindRunning().pid, 0);
}

TEST_F(EmbeddedTest, TheStandbyTakesOverTheServer) {
    PutCluster();
    auto first = Start();
    ASSERT_NE(first, nullptr);
    auto second = Start();
    ASSERT_NE(second, nullptr);
    first.reset();  // stops the server, which the second one is still using
    EXPECT_TRUE(test::Eventually([&] { return pg::Answers(second->url()); }, 30'000));
    const int pid = second->pid();
    second.reset();
    EXPECT_FALSE(Runs(pid));
}

TEST_F(EmbeddedTest, LongPathsGetAShortSocket) {
    const fs::path deep = folder_ / std::string(60, 'd') / std::string(60, 'e');
    ASSERT_EQ(chmod(folder_.c_str(), 0711), 0);
    test::TestServer::PutCluster(deep);
    const auto server = EmbeddedServer::Start(
        {.state_folder = deep, .shared_buffers_mb = 32, .stop_with_parent = true}, {});
    ASSERT_TRUE(server) << server.error().ToString();
    EXPECT_THAT((*server)->url(), testing::Not(HasSubstr("ddd")));
    EXPECT_EQ(Ask((*server)->url(), "select 1"), "1");
    EmbeddedFolder folder(deep);
    ASSERT_TRUE(folder.Prepare());
    const fs::path socket = folder.MakeSocketFolder().value();
    EXPECT_EQ(fs::status(socket).permissions() & fs::perms::all, fs::perms::owner_all);
}

TEST_F(EmbeddedTest, NamesTheFolderThatCannotBeEntered) {
    if (geteuid() != 0) GTEST_SKIP() << "only root runs the server under another account";
    const fs::path closed = folder_ / "closed";
    fs::create_directories(closed);
    ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
    ASSERT_EQ(chmod(closed.c_str(), 0700), 0);
    const auto refused = EmbeddedServer::Start({.state_folder = closed / "state"}, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalid);
    EXPECT_THAT(refused.error().message, HasSubstr("chmod o+x " + closed.string()));
}

TEST_F(EmbeddedTest, SaysWhyItDoesNotStart) {
    PutCluster();
    {
        const auto server = Start();
        ASSERT_NE(server, nullptr);
    }
    std::ofstream(folder_ / "postgres/data/local.conf") << "no_such_setting = 1\n";
    ASSERT_EQ(chmod((folder_ / "postgres/data/local.conf").c_str(), 0644), 0);
    const auto refused =
        EmbeddedServer::Start({.state_folder = folder_, .start_timeout_ms = 60'000}, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("no_such_setting"));
    const auto none = FindPostgres(99);
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().message, HasSubstr("apt-get install postgresql-99"));
}

TEST(PgSettings, FollowTheMachine) {
    const auto settings = [](std::uint64_t memory_gb, std::uint64_t disk_gb) {
        return ServerSettings({0, memory_gb << 30, disk_gb << 30}, "/s", "/l");
    };
    EXPECT_THAT(settings(24, 100), HasSubstr("shared_buffers = 4096MB"));
    EXPECT_THAT(settings(4, 100), HasSubstr("shared_buffers = 1024MB"));
    EXPECT_THAT(settings(4, 1'000), HasSubstr("max_wal_size = 16384MB"));
    EXPECT_THAT(settings(4, 20), HasSubstr("max_wal_size = 2048MB"));
    EXPECT_THAT(settings(4, 1), HasSubstr("max_wal_size = 512MB"));
}

}  // namespace
}  // namespace carestream::store
