// Goal: what is kept of a booking is read as it was written, that of earlier versions, too.
#include "scheduling/record.h"

#include <gtest/gtest.h>

#include "fhir/json.h"

namespace carestream {
namespace {

using scheduling::Record;
using scheduling::RecordOf;
using scheduling::RowOf;
using scheduling::State;
using scheduling::Step;

TEST(RecordTest, IsReadAsItWasWritten) {
    Record record;
    record.appointment = "booking-1";
    record.saga = {State::kRescheduling, Step::kReschedule, 2};
    record.slot = {"b", "2031-01-01T09:00:00Z", "2031-01-01T10:00:00Z", "Schedule/adam"};
    record.former = {"a", "2031-01-01T08:00:00Z", "2031-01-01T08:30:00Z", "Schedule/eve"};
    record.first_slot = "a";
    record.reason = "On holiday";
    record.by_patient = true;
    record.seen = 7;
    record.former_parts = fhir::ParseJson(R"({"serviceType":[{"text":"Visit"}]})").value();
    const auto read = RecordOf(RowOf(record, 1));
    ASSERT_TRUE(read) << read.error().ToString();
    EXPECT_EQ(read->saga, record.saga);
    EXPECT_EQ(read->slot, record.slot);
    EXPECT_EQ(read->former, record.former);
    EXPECT_EQ(read->first_slot, record.first_slot);
    EXPECT_EQ(read->reason, record.reason);
    EXPECT_TRUE(read->by_patient);
    EXPECT_EQ(read->seen, 7);
    EXPECT_EQ(read->former_parts, record.former_parts);
    const fhir::Node told = Describe(record);
    EXPECT_EQ(told.TextOf("state"), "rescheduling");
    EXPECT_EQ(told.TextOf("first_slot"), "a");
    EXPECT_EQ(told.Find("former")->TextOf("start"), "2031-01-01T08:00:00Z");
    // Another Schedule's that said nothing.
    record.former_parts = fhir::Node::Object();
    EXPECT_FALSE(RecordOf(RowOf(record, 1))->former_parts.IsNull());
}

TEST(RecordTest, RowsOfEarlierVersionsAreRead) {
    store::Booking row;
    row.appointment = "booking-1";
    row.state = static_cast<std::int16_t>(State::kCancelling);
    row.detail = R"({"step":"cancel","asked":3,"slot":{"id":"a"},"reason":"On holiday"})";
    const auto cancelling = RecordOf(row);
    ASSERT_TRUE(cancelling) << cancelling.error().ToString();
    EXPECT_EQ(cancelling->saga, (scheduling::Saga{State::kCancelling, Step::kCancel, 3}));
    EXPECT_TRUE(cancelling->by_patient);
    EXPECT_EQ(cancelling->seen, 0);
    EXPECT_TRUE(cancelling->former_parts.IsNull());
    row.detail = R"({"step":"new","asked":1,"slot":{"id":"a"}})";
    EXPECT_FALSE(RecordOf(row)->by_patient);
}

}  // namespace
}  // namespace carestream
