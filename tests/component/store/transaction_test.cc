// Goal: several writes are one: all or nothing, decided under the locks, with their bookings; under
// races and when sessions die. Method: the real writer on a real server.
#include <gtest/gtest.h>

#include <thread>

#include "store/internal/bookings_impl.h"
#include "tests/component/store/resource_fixture.h"

namespace carestream {
namespace {

using Results = std::vector<store::RestResult>;

class TransactionTest : public test::ResourceTest {
protected:
    static store::RestWrite Put(const std::string& id, const std::string& status,
                                std::optional<std::int32_t> if_match = std::nullopt) {
        store::RestWrite write;
        write.method = store::RestMethod::kUpdate;
        write.type = "Slot";
        write.id = id;
        write.resource =
            test::Json(R"({"resourceType":"Slot","status":")" + status +
                       R"(","schedule":{"reference":"Schedule/s"},)"
                       R"("start":"2026-12-01T08:00:00Z","end":"2026-12-01T08:20:00Z"})");
        write.if_match = if_match;
        return write;
    }
    static store::Booking Row(const std::string& appointment, std::int32_t revision,
                              std::int16_t state) {
        store::Booking booking;
        booking.appointment = appointment;
        booking.revision = revision;
        booking.state = state;
        booking.due = test::kDay0 + state;
        booking.detail = "SECRET-DETAIL";
        return booking;
    }
    std::future<Result<Results>> Submit(store::RestTransaction transaction) {
        auto promise = std::make_shared<std::promise<Result<Results>>>();
        auto future = promise->get_future();
        writer().SubmitTransaction(std::move(transaction), [promise](Result<Results> results) {
            promise->set_value(std::move(results));
        });
        return future;
    }
    Result<Results> Run(std::vector<store::RestWrite> writes,
                        std::vector<store::Booking> bookings = {}) {
        return Submit({std::move(writes), std::move(bookings)}).get();
    }
    std::string StatusOf(const std::string& id) {
        const auto read = Read("Slot", id);
        return read && !read->deleted ? std::string(test::Json(read->body).TextOf("status")) : "";
    }
    std::unique_ptr<store::Bookings> Bookings() {
        return store::MakeBookings(Parts().connect, keys());
    }
};

TEST_F(TransactionTest, EveryWriteGetsAVersionAndAnEventInOrder) {
    const auto made = Run({Put("b", "free"), Put("a", "free"), Put("c", "free")});
    ASSERT_TRUE(made) << made.error().ToString();
    ASSERT_EQ(made->size(), 3u);
    EXPECT_TRUE((*made)[0].created);
    EXPECT_EQ((*made)[0].version.id, "b");
    EXPECT_EQ(Scalar("select string_agg(r.id, '' order by e.seq) from event e join resource r on "
                     "r.pk = e.resource"),
              "bac");
    const auto again = Run({Put("b", "busy", 1), Put("a", "free", 1)});
    ASSERT_TRUE(again) << again.error().ToString();
    EXPECT_EQ((*again)[0].version.version, 2);
    EXPECT_TRUE((*again)[1].unchanged);
    EXPECT_EQ((*again)[1].version.version, 1);
    EXPECT_EQ(Scalar("select count(*) from event"), "4");
}

TEST_F(TransactionTest, WhenOneFailsNothingHappensAndItIsNamed) {
    ASSERT_TRUE(Run({Put("a", "free"), Put("b", "free"), Put("c", "free")}));
    const auto failed =
        Run({Put("a", "busy", 1), Put("b", "busy"), Put("c", "busy", 7)}, {Row("x", 0, 1)});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::kPreconditionFailed);
    EXPECT_EQ(failed.error().path, "Slot/c");
    for (const char* id : {"a", "b", "c"}) EXPECT_EQ(StatusOf(id), "free") << id;
    EXPECT_EQ(Scalar("select count(*) from event"), "3");
    EXPECT_EQ(Scalar("select count(*) from booking"), "0");
    // What was undone does not stand in the way of the next in the same batch either.
    std::vector<std::future<Result<Results>>> batch;
    batch.push_back(Submit({{Put("a", "busy", 1), Put("new", "busy", 9)}, {}}));
    batch.push_back(
        Submit({{Put("a", "busy-tentative", 1), Put("new", "free", store::kAbsent)}, {}}));
    EXPECT_FALSE(batch[0].get());
    const auto second = batch[1].get();
    ASSERT_TRUE(second) << second.error().ToString();
    EXPECT_EQ((*second)[0].version.version, 2);
    EXPECT_EQ((*second)[1].version.version, 1);
}

TEST_F(TransactionTest, WhatIsNoTransactionIsRefused) {
    EXPECT_EQ(Run({Put("a", "free"), Put("a", "busy")}).error().code, Code::kInvalid);
    store::RestWrite conditional = Put("a", "free");
    conditional.if_none_exist.emplace();
    EXPECT_EQ(Run({conditional}).error().code, Code::kInvalid);
    std::vector<store::RestWrite> many;
    for (int i = 0; i < 257; ++i) many.push_back(Put("m" + std::to_string(i), "free"));
    EXPECT_EQ(Run(many).error().code, Code::kLimit);
    EXPECT_EQ(Scalar("select count(*) from version"), "0");
}

TEST_F(TransactionTest, AbsentMeansAbsent) {
    ASSERT_TRUE(Run({Put("a", "free", store::kAbsent)}));
    const auto again = Run({Put("a", "busy", store::kAbsent)});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::kPreconditionFailed);
    store::RestWrite gone;
    gone.method = store::RestMethod::kDelete;
    gone.type = "Slot";
    gone.id = "a";
    ASSERT_TRUE(Run({gone}));
    EXPECT_TRUE(Run({Put("a", "busy", store::kAbsent)}));
}

TEST_F(TransactionTest, OfManyThatNameOneVersionOneWins) {
    ASSERT_TRUE(Run({Put("a", "free"), Put("b", "free")}));
    for (std::int32_t version = 1; version <= 10; ++version) {
        std::vector<std::future<Result<Results>>> racing;
        for (int i = 0; i < 20; ++i) {
            const std::string status = version % 2 == 1 ? "busy" : "free";
            auto writes = std::vector{Put("a", status, version), Put("b", status, version)};
            if (i % 2 == 1) std::swap(writes[0], writes[1]);
            racing.push_back(Submit({std::move(writes), {}}));
        }
        int won = 0;
        for (auto& one : racing) won += one.get().has_value() ? 1 : 0;
        EXPECT_EQ(won, 1);
    }
    EXPECT_EQ(Scalar("select sum(version) from resource where version > 0"), "22");
}

TEST_F(TransactionTest, BookingsChangeOnlyFromTheRevisionThatWasSeen) {
    ASSERT_TRUE(Run({Put("a", "busy")}, {Row("x", 0, 1)}));
    const auto bookings = Bookings();
    auto found = bookings->Find(1, "x").value();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->revision, 1);
    EXPECT_EQ(found->detail, "SECRET-DETAIL");
    EXPECT_EQ(found->due, test::kDay0 + 1);
    // A new one of the same name, and one of an older revision.
    for (const std::int32_t stale : {0, 5}) {
        const auto refused = Run({Put("a", "free")}, {Row("x", stale, 2)});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::kConflict);
        EXPECT_EQ(refused.error().path, "booking");
        EXPECT_EQ(StatusOf("a"), "busy");
    }
    ASSERT_TRUE(Run({}, {Row("x", 1, 2)}));  // without any write
    EXPECT_EQ(bookings->Find(1, "x").value()->state, 2);
    EXPECT_FALSE(bookings->Find(2, "x").value());
    EXPECT_EQ(Scalar("select count(*) from booking where position('SECRET' in detail::text) > 0 or "
                     "position(encode('SECRET', 'hex') in encode(detail, 'hex')) > 0"),
              "0");
    // Two in one batch: the second sees the first.
    auto one = Submit({{}, {Row("x", 2, 3)}});
    auto two = Submit({{}, {Row("x", 2, 4)}});
    EXPECT_TRUE(one.get());
    EXPECT_FALSE(two.get());
    EXPECT_EQ(bookings->Find(1, "x").value()->revision, 3);
}

TEST_F(TransactionTest, BookingsAreFoundWhenDueAndPrunedWhenSettled) {
    store::Booking later = Row("late", 0, 3);
    later.due = test::kDay0 + 1'000;
    store::Booking settled = Row("done", 0, 8);
    settled.settled = true;
    settled.due = 0;
    ASSERT_TRUE(Run({}, {Row("now", 0, 1), later, settled}));
    const auto bookings = Bookings();
    EXPECT_EQ(bookings->Delivered().value(), 0);
    for (const std::int64_t change : {7, 5}) ASSERT_TRUE(bookings->SetDelivered(change));
    EXPECT_EQ(bookings->Delivered().value(), 7);
    const auto due = bookings->Due(test::kDay0 + 10, 10).value();
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due[0].appointment, "now");
    EXPECT_EQ(bookings->List(1, 0, "", 10).value().size(), 2u);
    EXPECT_EQ(bookings->List(1, 0, "late", 10).value().size(), 1u);
    EXPECT_EQ(bookings->List(1, 8, "", 10).value().size(), 1u);
    EXPECT_EQ(bookings->Counts().value().count(8), 0u);
    EXPECT_EQ(bookings->Counts().value().at(3), 1);
    EXPECT_EQ(bookings->Prune(test::kDay0, 10).value(), 0);
    EXPECT_EQ(bookings->Prune(clock_.Now() + 1, 10).value(), 1);
    EXPECT_FALSE(bookings->Find(1, "done").value());
}

TEST_F(TransactionTest, SessionsThatDieLoseAndDoubleNothing) {
    std::vector<std::future<Result<Results>>> waiting;
    constexpr int kCount = 400;
    for (int i = 0; i < kCount; ++i) {
        const std::string id = std::to_string(i);
        waiting.push_back(
            Submit({{Put("l" + id, "busy", store::kAbsent), Put("r" + id, "busy", store::kAbsent)},
                    {Row(id, 0, 1)}}));
        if (i % 5 == 0) waiting.push_back(Submit({{}, {Row("alone" + id, 0, 1)}}));
        if (i % 100 == 50) {
            auto killer = Connect();
            ASSERT_TRUE(killer
                            .Execute("select pg_terminate_backend(pid) from pg_stat_activity "
                                     "where application_name = 'carestream rest writer'")
                            .has_value());
        }
    }
    for (auto& one : waiting) {
        const auto result = one.get();
        ASSERT_TRUE(result.has_value()) << result.error().ToString();
    }
    EXPECT_EQ(Scalar("select count(*) from version"), std::to_string(2 * kCount));
    EXPECT_EQ(Scalar("select max(seq) from event"), std::to_string(2 * kCount));
    EXPECT_EQ(Scalar("select count(*) from booking where revision = 1"),
              std::to_string(kCount + kCount / 5));
}

}  // namespace
}  // namespace carestream
