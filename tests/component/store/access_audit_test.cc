// Goal: rows of the audit are not lost while the database is away, the queue ends where it is said
// to, and numbers and tokens lead to them. Method: the audit alone on a real server; its table is
// taken away and given back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "store/internal/access_audit_impl.h"
#include "store/internal/access_read.h"
#include "tests/support/store_fixture.h"

namespace carestream::store {
namespace {

using test::Eventually;
using testing::ElementsAre;

class AccessAuditTest : public test::StoreTest {
protected:
    std::unique_ptr<AccessAudit> Make(std::size_t bytes_max = 16u << 20) {
        AccessAuditParts parts{.connect = {.url = url()}, .keys = keys()};
        parts.queue_bytes_max = bytes_max;
        parts.log = [this](const std::string&, const std::string& id, const std::string&) {
            const std::lock_guard lock(mutex_);
            logged_.push_back(id);
        };
        return MakeAccessAudit(std::move(parts));
    }
    static AccessRow Row(const std::string& id, Micros at = 1'700'000'000'000'000) {
        AccessRow row;
        row.at = at;
        row.issuer = "i";
        row.subject = "s";
        row.interaction = "read";
        row.type = "Observation";
        row.id = id;
        row.patient_ids = {"ada"};
        return row;
    }
    std::vector<std::string> Read(AccessQuery query) {
        auto connection = Connect();
        auto page = ReadAccesses(connection, keys(), 0, query);
        EXPECT_TRUE(page.has_value()) << page.error().ToString();
        std::vector<std::string> ids;
        if (!page) return ids;
        for (const auto& record : page->records) ids.push_back(record.row.id);
        return ids;
    }
    void Sql(const std::string& sql) { ASSERT_TRUE(Connect().Execute(sql).has_value()); }

    std::mutex mutex_;
    std::vector<std::string> logged_;
};

TEST_F(AccessAuditTest, ADurableRowIsOnDiskWhenItIsTold) {
    auto audit = Make();
    std::atomic<int> told = 0;
    for (int i = 0; i < 50; ++i) {
        audit->AppendDurably(Row(std::to_string(i)), [&](Result<void> done) {
            if (done && Scalar("select count(*)::text from access") != "0") ++told;
        });
    }
    EXPECT_TRUE(Eventually([&] { return told == 50; }));
    EXPECT_EQ(Scalar("select count(*)::text from access"), "50");
    EXPECT_EQ(Scalar("select count(*)::text from access_patient"), "50");
    EXPECT_EQ(audit->waiting(), 0u);
}

TEST_F(AccessAuditTest, RowsThatWaitAreWrittenBeforeTheEnd) {
    auto audit = Make();
    for (int i = 0; i < 700; ++i) EXPECT_TRUE(audit->Append(Row("1")));
    audit.reset();
    EXPECT_EQ(Scalar("select count(*)::text from access"), "700");
    EXPECT_EQ(Scalar("select count(distinct number)::text from access"), "700");
}

TEST_F(AccessAuditTest, AnOutageIsWaitedForAndWritesNothingTwice) {
    auto audit = Make();
    Sql("alter table access rename to access_away");
    std::atomic<bool> told = false;
    audit->AppendDurably(Row("a"), [&](Result<void> done) { told = done.has_value(); });
    EXPECT_TRUE(audit->Append(Row("b")));
    EXPECT_TRUE(Eventually([&] { return !audit->Available(); }));
    EXPECT_FALSE(told);
    Sql("alter table access_away rename to access");
    EXPECT_TRUE(Eventually([&] { return told && audit->waiting() == 0; }));
    EXPECT_TRUE(audit->Available());
    EXPECT_EQ(Scalar("select count(*)::text from access"), "2");
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(logged_, ElementsAre("audit-down", "audit-connected"));
}

TEST_F(AccessAuditTest, AFullQueueRefusesAndALostOneIsTold) {
    auto audit = Make(4'000);
    Sql("alter table access rename to access_away");
    int taken = 0;
    while (taken < 1'000 && audit->Append(Row("a"))) ++taken;
    EXPECT_GT(taken, 2);
    EXPECT_LT(taken, 20);
    Code code = Code::kInternal;
    audit->AppendDurably(Row("b"), [&](Result<void> done) { code = done.error().code; });
    EXPECT_EQ(code, Code::kLimit);
    audit.reset();
    EXPECT_THAT(logged_, testing::Contains("audit-lost"));
}

TEST_F(AccessAuditTest, FoundByPatientActorTimeAndNumber) {
    auto audit = Make();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(audit->Append(Row(std::to_string(i), 1'000'000 * i)));
    AccessRow other = Row("other", 2'500'000);
    other.subject = "t";
    other.patient_ids = {"bob", "eve"};
    EXPECT_TRUE(audit->Append(other));
    AccessRow elsewhere = Row("elsewhere");
    elsewhere.tenant = 2;
    EXPECT_TRUE(audit->Append(elsewhere));
    audit.reset();
    EXPECT_THAT(Read({.patient_id = "ada"}), ElementsAre("4", "3", "2", "1", "0"));
    EXPECT_THAT(Read({.patient_id = "eve"}), ElementsAre("other"));
    EXPECT_THAT(Read({.issuer = "i", .subject = "t"}), ElementsAre("other"));
    EXPECT_THAT(Read({.from = 2'000'000, .until = 4'000'000}), ElementsAre("3", "other", "2"));
    EXPECT_THAT(Read({.tenant = 2}), ElementsAre("elsewhere"));
    const std::int64_t number =
        std::stoll(Scalar("select number::text from access where tenant = 2"));
    EXPECT_THAT(Read({.tenant = 2, .number = number}), ElementsAre("elsewhere"));
    EXPECT_THAT(Read({.tenant = 1, .number = number}), ElementsAre());
}

TEST_F(AccessAuditTest, PagesOfOneMomentAreWalkedOnce) {
    auto audit = Make();
    for (int i = 0; i < 9; ++i) EXPECT_TRUE(audit->Append(Row(std::to_string(i), 5)));
    audit.reset();
    auto connection = Connect();
    std::vector<std::string> ids;
    AccessQuery query{.patient_id = "ada", .count = 2};
    do {
        const auto page = ReadAccesses(connection, keys(), 0, query).value();
        for (const auto& record : page.records) ids.push_back(record.row.id);
        query.position = page.next;
    } while (!query.position.empty());
    EXPECT_THAT(ids, ElementsAre("8", "7", "6", "5", "4", "3", "2", "1", "0"));
    query.position = "12";
    EXPECT_EQ(ReadAccesses(connection, keys(), 0, query).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace carestream::store
