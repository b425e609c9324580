// Goal: binary values arrive as they were sent, and every kind of failure is told apart. Method: a
// real server, statements that only echo.
#include "store/internal/pg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "tests/support/store_fixture.h"

namespace carestream::store::pg {
namespace {

class PgTest : public test::StoreTest {
protected:
    PgTest() : connection_(Connect()) {}
    Connection connection_;
};

TEST_F(PgTest, EchoesEveryType) {
    const Uuid uuid{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
    const std::string bytes("\0\xff\n", 3);
    Params params;
    params.Bool(true).Int2(-2).Int4(-4).Int8(std::numeric_limits<std::int64_t>::min());
    params.Float8(0.1)
        .Timestamp(1'764'000'000'123'456)
        .UuidValue(uuid)
        .Text("Gr\u00fc\u00dfe")
        .Bytes(bytes);
    params.Null().Text("");
    const Statement echo{
        "echo",
        "select $1::bool, $2::int2, $3::int4, $4::int8, $5::float8, $6::timestamptz, "
        "$7::uuid, $8::text, $9::bytea, $10::text, $11::text, $6::timestamptz::text"};
    for (int i = 0; i < 2; ++i) {
        auto rows = connection_.Run(echo, params);
        ASSERT_TRUE(rows) << rows.error().ToString();
        ASSERT_EQ(rows->size(), 1);
        EXPECT_TRUE(rows->Bool(0, 0));
        EXPECT_EQ(rows->Int2(0, 1), -2);
        EXPECT_EQ(rows->Int4(0, 2), -4);
        EXPECT_EQ(rows->Int8(0, 3), std::numeric_limits<std::int64_t>::min());
        EXPECT_EQ(rows->Float8(0, 4), 0.1);
        EXPECT_EQ(rows->Timestamp(0, 5), 1'764'000'000'123'456);
        EXPECT_EQ(rows->UuidValue(0, 6), uuid);
        EXPECT_EQ(rows->Text(0, 7), "Gr\u00fc\u00dfe");
        EXPECT_EQ(rows->Bytes(0, 8), bytes);
        EXPECT_TRUE(rows->IsNull(0, 9));
        EXPECT_FALSE(rows->IsNull(0, 10));
        EXPECT_EQ(rows->Text(0, 10), "");
        EXPECT_EQ(rows->Text(0, 11), "2025-11-24 16:00:00.123456+00");
    }
    Uuid parsed{};
    EXPECT_TRUE(ParseUuid(FormatUuid(uuid), parsed));
    EXPECT_EQ(parsed, uuid);
    EXPECT_FALSE(ParseUuid("00010203-0405-0607-0809-0a0b0c0d0eg0", parsed));
    EXPECT_FALSE(ParseUuid("000102030405-0607-0809-0a0b-0c0d0e0f", parsed));
}

TEST_F(PgTest, UnnestsArrays) {
    Array numbers(Type::kInt8);
    Array texts(Type::kText);
    Array times(Type::kTimestamptz);
    const Statement unnest{"unnest",
                           "select n, t, w from unnest($1::int8[], $2::text[], $3::timestamptz[]) "
                           "as x(n, t, w) order by n nulls last"};
    for (int round = 0; round < 2; ++round) {
        numbers.Clear();
        texts.Clear();
        times.Clear();
        for (int i = 0; i < 3; ++i) {
            numbers.AddInt8(i);
            texts.AddText("t" + std::to_string(i));
            times.AddTimestamp(i);
        }
        numbers.AddNull();
        texts.AddText("");
        times.AddNull();
        Params params;
        params.List(numbers).List(texts).List(times);
        auto rows = connection_.Run(unnest, params);
        ASSERT_TRUE(rows) << rows.error().ToString();
        ASSERT_EQ(rows->size(), 4);
        EXPECT_EQ(rows->Int8(2, 0), 2);
        EXPECT_EQ(rows->Text(2, 1), "t2");
        EXPECT_EQ(rows->Timestamp(2, 2), 2);
        EXPECT_TRUE(rows->IsNull(3, 0));
        EXPECT_EQ(rows->Text(3, 1), "");
    }
    const Array none(Type::kInt8);
    Params params;
    params.List(none);
    auto rows = connection_.Query("select unnest($1::int8[])", params);
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->size(), 0);
    rows = connection_.Query("select array[1,null,3]::int8[], array['a','']::text[], '{}'::int8[]");
    ASSERT_TRUE(rows);
    EXPECT_THAT(rows->Int8List(0, 0), testing::ElementsAre(1, 3));
    EXPECT_THAT(rows->TextList(0, 1), testing::ElementsAre("a", ""));
    EXPECT_THAT(rows->Int8List(0, 2), testing::IsEmpty());
}

TEST_F(PgTest, PipelinesInOrderAndSurvivesLargeTraffic) {
    const Statement repeat{"repeat", "select repeat($1::text, $2::int4)"};
    const std::string block(100'000, 'x');
    // 30 MB each way: without reading while sending both sides would wait for each other.
    for (int i = 0; i < 300; ++i) {
        Params params;
        params.Text(block).Int4(1);
        ASSERT_TRUE(connection_.Queue(repeat, params));
    }
    auto all = connection_.Sync();
    ASSERT_TRUE(all) << all.error().ToString();
    ASSERT_EQ(all->size(), 300u);
    for (const Rows& rows : *all) EXPECT_EQ(rows.Text(0, 0).size(), block.size());
    EXPECT_TRUE(connection_.Sync()) << "an empty pipeline";
    EXPECT_TRUE(connection_.Run(repeat, Params().Text("y").Int4(2)));
}

TEST_F(PgTest, ErrorInPipelineUndoesItAndNamesNoValue) {
    ASSERT_TRUE(connection_.Execute("create table t (n int8 primary key, w text not null)"));
    const Statement insert{"insert", "insert into t values ($1::int8, $2::text)"};
    const Statement late{"late", "select count(*) from t"};
    Params first;
    first.Int8(7'777'777).Text("Smith");
    ASSERT_TRUE(connection_.Queue(insert, first));
    ASSERT_TRUE(connection_.Queue(insert, first));
    ASSERT_TRUE(connection_.Queue(late));
    auto all = connection_.Sync();
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().code, Code::kInvalid);
    EXPECT_FALSE(all.error().retryable);
    EXPECT_EQ(connection_.sqlstate(), "23505");
    EXPECT_THAT(all.error().message, testing::HasSubstr("t_pkey"));
    EXPECT_THAT(all.error().message, testing::Not(testing::HasSubstr("7777777")));
    EXPECT_FALSE(connection_.InTransaction());
    // "late" was never prepared: it is prepared again.
    ASSERT_TRUE(connection_.Queue(late));
    all = connection_.Sync();
    ASSERT_TRUE(all) << all.error().ToString();
    EXPECT_EQ(all->at(0).Int8(0, 0), 0);
}

TEST_F(PgTest, RollbackEndsWhatIsOpen) {
    const Statement begin{"begin", "begin"};
    const Statement bad{"bad", "select 1 / $1::int4"};
    ASSERT_TRUE(connection_.Queue(begin));
    ASSERT_TRUE(connection_.Queue(bad, Params().Int4(0)));
    auto all = connection_.Sync();
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().code, Code::kInvalid);
    EXPECT_TRUE(connection_.InTransaction());
    connection_.Rollback();
    EXPECT_FALSE(connection_.InTransaction());
    ASSERT_TRUE(connection_.Queue(begin));  // queued, never synced
    connection_.Rollback();
    EXPECT_FALSE(connection_.InTransaction());
    EXPECT_TRUE(connection_.Usable());
    const auto wrong = connection_.Query("select nothing");
    ASSERT_FALSE(wrong);
    EXPECT_TRUE(wrong.error().retryable);
    EXPECT_THAT(wrong.error().message, testing::HasSubstr("42703"));
}

TEST_F(PgTest, CancelAndTimeoutEndAWait) {
    const Canceller canceller = connection_.canceller();
    std::thread other([&canceller] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        canceller.Cancel();
    });
    const auto slept = connection_.Query("select pg_sleep(30)");
    other.join();
    ASSERT_FALSE(slept);
    EXPECT_EQ(connection_.sqlstate(), "57014");
    EXPECT_TRUE(connection_.Usable());

    connection_.set_wait_timeout_ms(100);
    const auto late = connection_.Query("select pg_sleep(30)");
    ASSERT_FALSE(late);
    EXPECT_TRUE(late.error().retryable);
    EXPECT_FALSE(connection_.Usable());
    EXPECT_FALSE(connection_.Query("select 1"));
    EXPECT_FALSE(connection_.Execute("select 1"));
    EXPECT_FALSE(connection_.Queue({"one", "select 1"}));
    EXPECT_FALSE(connection_.Sync());
}

// What was queued before it may have been done: whoever asks has to look.
TEST_F(PgTest, ASessionThatTheServerEndsIsLostAtOnce) {
    const pg::Statement end{"end_itself", "select pg_terminate_backend(pg_backend_pid())"};
    for (int i = 0; i < 10; ++i) {
        auto connection = Connect();
        ASSERT_TRUE(connection.Queue(end).has_value());
        ASSERT_FALSE(connection.Sync().has_value());
        EXPECT_FALSE(connection.Usable());
        auto other = Connect();
        ASSERT_FALSE(other.Run(end).has_value());
        EXPECT_FALSE(other.Usable());
    }
}

TEST_F(PgTest, LostSessionIsAnOutage) {
    auto other = Connect();
    auto pid = connection_.Query("select pg_backend_pid()");
    ASSERT_TRUE(pid);
    ASSERT_TRUE(
        other.Query("select pg_terminate_backend($1::int4)", Params().Int4(pid->Int4(0, 0))));
    const auto lost = connection_.Query("select 1");
    ASSERT_FALSE(lost);
    EXPECT_TRUE(lost.error().retryable);
    EXPECT_FALSE(connection_.Usable());
    const auto refused = Connection::Connect({.url = "postgresql://x@/y?host=%2Fnowhere"});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().retryable);
}

}  // namespace
}  // namespace carestream::store::pg
