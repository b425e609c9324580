// Goal: a database only ever moves forward, along files that nobody changed; keys and database
// belong together. Method: real databases and folders, each broken in one way.
#include "store/internal/migrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "store/internal/key_check.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MigrateTest : public test::StoreTest {
protected:
    MigrateTest() : folder_(state_folder() / "sql"), session_(Connect()) {
        fs::create_directories(folder_);
        // A database of its own schema, without the migrations that the fixture applied.
        EXPECT_TRUE(session_.Execute("drop schema public cascade; create schema public"));
        Write("0001_one.sql", "create table one (n int4);");
        Write("0002_two.sql", "create table two (n int4); insert into two values (2);");
        Write("README.md", "not a migration");
    }
    void Write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name, std::ios::trunc) << text;
    }

    fs::path folder_;
    pg::Connection session_;
};

TEST_F(MigrateTest, AppliesOnceInOrder) {
    std::vector<std::string> lines;
    const LogLine log = [&lines](const std::string&, const std::string& id,
                                 const std::string& text) { lines.push_back(id + " " + text); };
    for (int i = 0; i < 2; ++i) {
        const auto done = Migrate(session_, folder_, log);
        ASSERT_TRUE(done) << done.error().ToString();
    }
    EXPECT_THAT(lines, testing::ElementsAre("migrated applied 0001_one.sql",
                                            "migrated applied 0002_two.sql"));
    Write("0003_three.sql", "alter table two add column more text;");
    ASSERT_TRUE(Migrate(session_, folder_, log));
    EXPECT_EQ(
        Scalar("select string_agg(version || name, ' ' order by version) from schema_migration"),
        "10001_one.sql 20002_two.sql 30003_three.sql");
}

TEST_F(MigrateTest, ABrokenFileLeavesNothingBehind) {
    Write("0002_two.sql", "create table two (n int4); select no_such_column from two;");
    const auto failed = Migrate(session_, folder_, {});
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().ToString(), HasSubstr("0002_two.sql"));
    EXPECT_THAT(failed.error().ToString(), HasSubstr("no_such_column"));
    EXPECT_EQ(Scalar("select max(version) from schema_migration"), "1");
    EXPECT_EQ(Scalar("select to_regclass('two')"), "");
    Write("0002_two.sql", "create table two (n int4);");
    EXPECT_TRUE(Migrate(session_, folder_, {})) << "the lock was given back";
}

TEST_F(MigrateTest, RefusesWhatIsChangedNewerOrIncomplete) {
    ASSERT_TRUE(Migrate(session_, folder_, {}));
    Write("0001_one.sql", "create table one (n int8);");
    auto refused = Migrate(session_, folder_, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("new migration"));
    Write("0001_one.sql", "create table one (n int4);");
    fs::remove(folder_ / "0002_two.sql");
    refused = Migrate(session_, folder_, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("newer CareStream"));
    Write("0003_three.sql", "");
    refused = Migrate(session_, folder_, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("migration 2 is missing"));
    EXPECT_FALSE(Migrate(session_, folder_ / "nowhere", {}));
}

TEST_F(MigrateTest, TwoDaemonsMigrateOneAfterTheOther) {
    Write("0003_slow.sql", "select pg_sleep(0.3); create table three (n int4);");
    std::vector<std::thread> daemons;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 3; ++i) {
        daemons.emplace_back([&] {
            auto session = Connect();
            if (!Migrate(session, folder_, {})) ++wrong;
        });
    }
    for (std::thread& daemon : daemons) daemon.join();
    EXPECT_EQ(wrong, 0);
}

using KeyCheckTest = test::StoreTest;

TEST_F(KeyCheckTest, KeysAndDatabaseBelongTogether) {
    auto session = Connect();
    const fs::path folder = state_folder() / "keys";
    {
        auto ring = OpenKeys(session, folder);
        ASSERT_TRUE(ring) << ring.error().ToString();
        ASSERT_TRUE(OpenKeys(session, folder)) << "the same again";
        ASSERT_TRUE(ring->Rotate());
        ASSERT_TRUE(OpenKeys(session, folder)) << "a new root key is noted";
    }
    fs::rename(folder / "root-2.key", state_folder() / "aside");
    auto refused = OpenKeys(session, folder);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("root-2.key is missing"));
    fs::rename(state_folder() / "aside", folder / "root-2.key");

    fs::rename(folder, state_folder() / "kept");
    refused = OpenKeys(session, folder);
    ASSERT_FALSE(refused) << "no new keys for an old store";
    EXPECT_THAT(refused.error().message, HasSubstr("restore the key folder"));
    EXPECT_FALSE(fs::exists(folder));
    ASSERT_TRUE(crypto::KeyRing::Create(folder));
    refused = OpenKeys(session, folder);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("another key"));
}

}  // namespace
}  // namespace carestream::store
