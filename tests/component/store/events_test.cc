// Goal: consumers see what changed, in commit order, with bodies and origin, and remember how far
// they came.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/internal/events_impl.h"
#include "tests/component/store/resource_fixture.h"

namespace carestream {
namespace {

using store::EventKind;
using testing::HasSubstr;

class EventsTest : public test::ResourceTest {
protected:
    std::unique_ptr<store::Events> MakeEvents() {
        parts_ = std::make_unique<store::ResourceParts>(Parts());
        auto codec = store::BodyCodec::Create(parts_->keys, parts_->dictionaries);
        EXPECT_TRUE(codec);
        return store::MakeEvents(*parts_, *codec);
    }
    std::unique_ptr<store::ResourceParts> parts_;
};

TEST_F(EventsTest, TellsWhatChangedWithBodiesBeforeAndAfter) {
    const auto made = Create(R"({"resourceType":"Patient","gender":"female"})");
    ASSERT_TRUE(made) << made.error().ToString();
    const std::string id = made->version.id;
    ASSERT_TRUE(Update(R"({"resourceType":"Patient","id":")" + id + R"(","gender":"male"})"));
    store::RestWrite gone;
    gone.method = store::RestMethod::kDelete;
    gone.type = "Patient";
    gone.id = id;
    ASSERT_TRUE(Rest(std::move(gone)));

    const auto events = MakeEvents()->Read(0, 10);
    ASSERT_TRUE(events) << events.error().ToString();
    ASSERT_EQ(events->size(), 3u);
    const store::Event& created = (*events)[0];
    EXPECT_EQ(created.seq, 1);
    EXPECT_EQ(created.type + "/" + created.id, "Patient/" + id);
    EXPECT_EQ(created.kind, EventKind::kCreated);
    EXPECT_EQ(created.patient, id);
    EXPECT_EQ(created.channel, "");
    EXPECT_EQ(created.received, created.updated);
    EXPECT_EQ(created.before, "");
    EXPECT_THAT(created.body, HasSubstr("female"));
    EXPECT_EQ((*events)[1].kind, EventKind::kUpdated);
    EXPECT_THAT((*events)[1].before, HasSubstr("female"));
    EXPECT_THAT((*events)[1].body, HasSubstr("\"male\""));
    EXPECT_EQ((*events)[2].kind, EventKind::kDeleted);
    EXPECT_EQ((*events)[2].body, "");
    EXPECT_THAT((*events)[2].before, HasSubstr("\"male\""));
}

TEST_F(EventsTest, AMessageIsNamedWithChannelAndTimes) {
    auto connection = Connect();
    ASSERT_TRUE(
        connection.Execute("create table journal_all partition of journal default;"
                           "create table outcome_all partition of outcome default;"
                           "create table key_all partition of message_key default;"));
    store::FeedWrite write = Message(
        {Change("Patient", "1", R"({"identifier":[{"system":"urn:test:mrn","value":"1"}]})")});
    write.sent = test::kDay0 - 5'000'000;
    const Micros received = write.received;
    const std::int64_t seq = write.seq;
    ASSERT_TRUE(
        connection.Query("insert into journal values ($1::int8, $2::timestamptz, 1, 1, null, "
                         "gen_random_uuid(), 'adt', 'AA', '')",
                         store::pg::Params().Int8(seq).Timestamp(received)));
    ASSERT_TRUE(Feed(std::move(write)));
    const auto events = MakeEvents()->Read(0, 10);
    ASSERT_TRUE(events) << events.error().ToString();
    ASSERT_FALSE(events->empty());
    const store::Event& event = events->front();
    EXPECT_EQ(event.message, seq);
    EXPECT_EQ(event.channel, "adt");
    EXPECT_EQ(event.received, received);
    EXPECT_EQ(event.sent, test::kDay0 - 5'000'000);
    EXPECT_EQ(event.patient, event.id);
}

TEST_F(EventsTest, ANewConsumerBeginsAtTheHeadAndNeverGoesBack) {
    ASSERT_TRUE(Create(R"({"resourceType":"Patient","gender":"female"})"));
    const auto events = MakeEvents();
    EXPECT_EQ(events->Cursor("topics").value(), 1);
    ASSERT_TRUE(Create(R"({"resourceType":"Patient","gender":"male"})"));
    EXPECT_EQ(events->Cursor("topics").value(), 1);
    EXPECT_EQ(events->Head().value(), 2);
    ASSERT_TRUE(events->MoveCursor("topics", 2));
    ASSERT_TRUE(events->MoveCursor("topics", 1));
    EXPECT_EQ(events->Cursor("topics").value(), 2);
}

TEST_F(EventsTest, ADamagedVersionHoldsUpNobody) {
    ASSERT_TRUE(Create(R"({"resourceType":"Patient","gender":"female"})"));
    ASSERT_TRUE(Create(R"({"resourceType":"Patient","gender":"male"})"));
    auto connection = Connect();
    ASSERT_TRUE(
        connection.Execute("update version set body = '\\x00' where resource = (select "
                           "min(resource) from version)"));
    const auto events = MakeEvents()->Read(0, 10);
    ASSERT_TRUE(events) << events.error().ToString();
    ASSERT_EQ(events->size(), 2u);
    EXPECT_TRUE((*events)[0].unreadable);
    EXPECT_EQ((*events)[0].body, "");
    EXPECT_FALSE((*events)[1].unreadable);
    EXPECT_THAT((*events)[1].body, HasSubstr("\"male\""));
}

TEST_F(EventsTest, PagesAndLoadsByNumber) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(Create(R"({"resourceType":"Patient","active":true})"));
    const auto events = MakeEvents();
    const auto page = events->Read(1, 2);
    ASSERT_TRUE(page);
    ASSERT_EQ(page->size(), 2u);
    EXPECT_EQ((*page)[0].seq, 2);
    EXPECT_EQ((*page)[1].seq, 3);
    const auto loaded = events->Load({5, 2, 99});
    ASSERT_TRUE(loaded);
    ASSERT_EQ(loaded->size(), 2u);
    EXPECT_EQ((*loaded)[0].seq, 2);
    EXPECT_EQ((*loaded)[1].seq, 5);
}

TEST_F(EventsTest, ReadsSomeTypesAndSaysHowFarItLooked) {
    const auto events = MakeEvents();
    EXPECT_EQ(events->ReadTypes(0, {"Flag"}, 10).value().read_to, 0);
    for (const char* type : {"Patient", "Basic", "Patient", "Basic", "Patient"}) {
        const std::string code = std::string(type) == "Basic" ? R"(,"code":{"text":"x"})" : "";
        ASSERT_TRUE(Create(R"({"resourceType":")" + std::string(type) + "\"" + code + "}"));
    }
    const auto basic = events->ReadTypes(0, {"Basic"}, 10).value();
    ASSERT_EQ(basic.events.size(), 2u);
    EXPECT_EQ(basic.events[0].seq, 2);
    EXPECT_EQ(basic.events[1].seq, 4);
    EXPECT_EQ(basic.read_to, 5);
    const auto page = events->ReadTypes(0, {"Basic", "Patient"}, 2).value();
    EXPECT_EQ(page.events.size(), 2u);
    EXPECT_EQ(page.read_to, 2);
    EXPECT_EQ(events->ReadTypes(2, {"Basic"}, 1).value().read_to, 4);
    const auto none = events->ReadTypes(4, {"Basic"}, 10).value();
    EXPECT_TRUE(none.events.empty());
    EXPECT_EQ(none.read_to, 5);
}

TEST_F(EventsTest, ACursorMayCountFromZero) {
    ASSERT_TRUE(Create(R"({"resourceType":"Patient"})"));
    const auto events = MakeEvents();
    EXPECT_EQ(events->CursorFromZero("other").value(), 0);
    ASSERT_TRUE(events->MoveCursor("other", 7));
    EXPECT_EQ(events->CursorFromZero("other").value(), 7);
    EXPECT_EQ(events->Cursor("head").value(), 1);
}

}  // namespace
}  // namespace carestream
