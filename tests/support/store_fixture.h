#pragma once
// A real PostgreSQL for tests: one private server a test process (a copied, migrated cluster;
// starts in about a third of a second), one fresh database and key folder a test.
//
//   class MyTest : public test::StoreTest {};      // url(), state_folder(), keys()
//   TEST_F(MyTest, Works) { auto store = OpenStore(); ... store->journal() ... }
//
// The server runs without fsync: kill -9 of its processes is survived, loss of power is not tested
// here.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "crypto/keys.h"
#include "store/internal/pg.h"
#include "store/store.h"

namespace carestream::test {

// The process's server. Started on first use, stopped at the end of the process.
struct TestServer {
    // URL of a new database with all migrations applied.
    [[nodiscard]] static std::string FreshDatabase();
    // Process id of the postmaster, for tests that kill it. The supervisor starts it again.
    [[nodiscard]] static int Pid();
    // Copies a fresh cluster to `state_folder` for an embedded server: what initdb would make, in a
    // tenth of the time.
    static void PutCluster(const std::filesystem::path& state_folder);
    [[nodiscard]] static std::filesystem::path LogFolder();
    [[nodiscard]] static std::filesystem::path DataFolder();
};

class StoreTest : public testing::Test {
protected:
    StoreTest();
    ~StoreTest() override;

    [[nodiscard]] const std::string& url() const { return url_; }
    [[nodiscard]] const std::filesystem::path& state_folder() const { return state_folder_; }
    // The keys of this test's store; made on first use in state_folder()/keys.
    [[nodiscard]] const crypto::KeyRing& keys();
    // A session of its own.
    [[nodiscard]] store::pg::Connection Connect() const;
    // Links of patients as merges make them, past the store, which remembers them for a second.
    void ChangeLinks(const std::string& sql) const;
    // The first column of the first row, as text ("" for none): for asserting on tables.
    [[nodiscard]] std::string Scalar(const std::string& sql) const;

    // Options for Store::Open on this test's database.
    [[nodiscard]] store::StoreOptions Options() const;

private:
    std::string url_;
    std::filesystem::path state_folder_;
    std::optional<crypto::KeyRing> keys_;
};

// Waits until `condition()` holds, at most `timeout_ms`; false then.
template <typename Condition>
bool Eventually(Condition condition, int timeout_ms = 10'000);

}  // namespace carestream::test

#include <chrono>
#include <thread>

template <typename Condition>
bool carestream::test::Eventually(Condition condition, int timeout_ms) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}
