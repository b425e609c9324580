// Goal: what is asked all the time is found by seeks, also where a join seems to pay.
// Method: count what it read of a table that grew quickly.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "tests/component/store/resource_fixture.h"

namespace carestream::store {
namespace {

class PlanTest : public test::ResourceTest {
protected:
    [[nodiscard]] std::int64_t Number(const std::string& sql) const {
        return std::stoll(Scalar(sql));
    }
    // Rows of `resource` that were read, by whatever way.
    [[nodiscard]] std::int64_t RowsRead() const {
        return Number(
            "select (select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'resource')"
            " + (select seq_tup_read from pg_stat_user_tables where relname = 'resource')");
    }
    // What nobody analysed yet is thought to hold one patient: all of them were read for each.
    void GrowQuickly() {
        ASSERT_TRUE(Update(R"({"resourceType":"Patient","id":"0"})").has_value());
        const auto filled = Connect().Execute(
            "insert into resource (pk, tenant, type, version, deleted, subject, updated, "
            "main_date, id) select 1000000 + n, tenant, type, 1, false, 0, updated, main_date, "
            "n::text from resource, generate_series(1, 20000) n where id = '0'");
        ASSERT_TRUE(filled.has_value()) << filled.error().ToString();
    }
    // A session says what it read when its transaction ends, but not more than once a second.
    void ExpectSeeks(const std::function<void(const std::string& id)>& ask) {
        const std::int64_t rows = RowsRead();
        const std::int64_t scans = Scans();
        for (int i = 1; i <= 30; ++i) {
            ask(std::to_string(i));
            if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
        }
        EXPECT_GT(Scans(), scans + 10);
        EXPECT_LT(RowsRead() - rows, 2'000);
    }
    [[nodiscard]] std::int64_t Scans() const {
        return Number(
            "select idx_scan + seq_scan from pg_stat_user_tables where relname = 'resource'");
    }
};

TEST_F(PlanTest, WhomAPatientIsLinkedWith) {
    GrowQuickly();
    ExpectSeeks([&](const std::string& id) {
        std::promise<Result<std::vector<std::string>>> promise;
        reader().LinkedIds(1, id, [&](Result<std::vector<std::string>> ids) {
            promise.set_value(std::move(ids));
        });
        EXPECT_EQ(promise.get_future().get().value(), std::vector<std::string>{id});
    });
}

TEST_F(PlanTest, SearchesById) {
    GrowQuickly();
    ExpectSeeks([&](const std::string& id) {
        SearchRequest request;
        request.query =
            search::ParseQuery(*test::Definitions(), "Patient", {{"_id", "no-" + id}}).value();
        std::promise<bool> promise;
        reader().Search(std::move(request), [&](const Result<SearchPage>& page) {
            promise.set_value(page.has_value());
        });
        EXPECT_TRUE(promise.get_future().get());
    });
}

}  // namespace
}  // namespace carestream::store
