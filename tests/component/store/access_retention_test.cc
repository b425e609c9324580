// Goal: rows of the audit go once they are old, all of them and no others, in batches, and a
// database that is away is come back to. Method: the audit and its retention on a real server.
#include "store/internal/access_retention.h"

#include <gtest/gtest.h>

#include <atomic>

#include "resource_fixture.h"
#include "store/internal/access_audit_impl.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

using test::Eventually;

constexpr Micros kDay = 86'400LL * 1'000'000;
constexpr Micros kNow = 20'000 * kDay;

class FixedClock final : public Clock {
public:
    [[nodiscard]] Micros Now() const override { return now; }
    std::atomic<Micros> now = kNow;
};

class AccessRetentionTest : public test::StoreTest {
protected:
    void Fill(int count, Micros at, Tenant tenant = 1) {
        AccessAuditParts parts{.connect = {.url = url()}, .keys = keys()};
        auto audit = MakeAccessAudit(std::move(parts));
        for (int i = 0; i < count; ++i) {
            AccessRow row;
            row.tenant = tenant;
            row.at = at;
            row.interaction = "read";
            row.patient_ids = {"ada", "bob"};
            ASSERT_TRUE(audit->Append(std::move(row)));
        }
    }
    AccessRetentionOptions With(Micros keep) {
        return {.connect = {.url = url()},
                .keep = keep,
                .log =
                    [this](const std::string& level, const std::string&, const std::string&) {
                        if (level == "warn") ++warned_;
                    },
                .every_ms = 20,
                .rest_ms = 1,
                .batch_rows = 7};
    }
    void Sql(const std::string& sql) { ASSERT_TRUE(Connect().Execute(sql).has_value()); }
    std::string Rows() const {
        return Scalar(
            "select (select count(*) from access) || ' ' || "
            "(select count(*) from access_patient)");
    }

    FixedClock clock_;
    std::atomic<int> warned_ = 0;
};

TEST_F(AccessRetentionTest, OldRowsGoOfAllTenantsAndYoungOnesStay) {
    Fill(50, kNow - 40 * kDay);
    Fill(20, kNow - 31 * kDay, 2);
    Fill(5, kNow - 29 * kDay);
    Fill(3, kNow - 29 * kDay, 2);
    const AccessRetention retention(With(30 * kDay), clock_);
    EXPECT_TRUE(Eventually([&] { return Rows() == "8 16"; })) << Rows();
    clock_.now = kNow + 2 * kDay;  // and later, by itself
    EXPECT_TRUE(Eventually([&] { return Rows() == "0 0"; })) << Rows();
}

TEST_F(AccessRetentionTest, ForeverIsForever) {
    Fill(3, kDay);
    { const AccessRetention retention(With(0), clock_); }
    EXPECT_EQ(Rows(), "3 6");
}

TEST_F(AccessRetentionTest, AnOutageIsComeBackTo) {
    Fill(10, kDay);
    Sql("alter table access rename to access_away");
    const AccessRetention retention(With(30 * kDay), clock_);
    EXPECT_TRUE(Eventually([&] { return warned_ > 1; }));
    Sql("alter table access_away rename to access");
    EXPECT_TRUE(Eventually([&] { return Rows() == "0 0"; })) << Rows();
}

TEST_F(AccessRetentionTest, TheStoreDoesIt) {
    Fill(3, clock_.Now() - 40 * kDay);
    SystemClock now;
    Fill(2, now.Now());
    StoreOptions options = Options();
    options.access_keep = 30 * kDay;
    auto store = Store::Open(options, test::Definitions(), test::SharedIndexer(), now, {});
    ASSERT_TRUE(store.has_value()) << store.error().ToString();
    EXPECT_TRUE(Eventually([&] { return Rows() == "2 4"; })) << Rows();
}

}  // namespace
}  // namespace carestream::store
