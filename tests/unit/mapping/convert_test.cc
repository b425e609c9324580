// Goal: HL7 primitives become valid FHIR primitives or are refused with a reason. Method: tables.
#include "mapping/internal/convert.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "fhir/validator.h"

namespace carestream::mapping::internal {
namespace {

using fhir::Primitive;

struct Row {
    Primitive primitive;
    const char* type;
    const char* in;
    const char* out;     // "" = refused
    const char* reason;  // of the refusal
};

class Convert : public testing::TestWithParam<Row> {};

TEST_P(Convert, GivesValidTextOrAReason) {
    const Row& row = GetParam();
    Conversion conversion;
    conversion.zone = Zone::Find("America/New_York");
    std::string text = row.in;
    std::string_view reason;
    const bool good = ToPrimitive(row.primitive, text, conversion, reason);
    EXPECT_EQ(good, *row.out != '\0') << row.in;
    if (good) {
        EXPECT_EQ(text, row.out);
        EXPECT_TRUE(fhir::IsPrimitive(row.type, text)) << text;
    } else {
        EXPECT_EQ(reason, row.reason) << row.in;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Times, Convert,
    testing::Values(
        Row{Primitive::kDate, "date", "1980", "1980", ""},
        Row{Primitive::kDate, "date", "198005", "1980-05", ""},
        Row{Primitive::kDate, "date", "19800517", "1980-05-17", ""},
        Row{Primitive::kDate, "date", "19800517103000-0500", "1980-05-17", ""},
        Row{Primitive::kDate, "date", "20000229", "2000-02-29", ""},
        Row{Primitive::kDate, "date", "19000229", "", "not a date (day out of range)"},
        Row{Primitive::kDate, "date", "19801301", "", "not a date (month out of range)"},
        Row{Primitive::kDate, "date", "00000000", "", "not a date (year out of range)"},
        Row{Primitive::kDate, "date", "1980-05-17", "", "not a date (unexpected characters)"},
        Row{Primitive::kDate, "date", "unknown", "", "not a date (no year)"},
        Row{Primitive::kDateTime, "dateTime", "2026", "2026", ""},
        Row{Primitive::kDateTime, "dateTime", "20260102", "2026-01-02", ""},
        // The zone of the channel, winter and summer.
        Row{Primitive::kDateTime, "dateTime", "202601020304", "2026-01-02T03:04:00-05:00", ""},
        Row{Primitive::kDateTime, "dateTime", "20260702030405", "2026-07-02T03:04:05-04:00", ""},
        Row{Primitive::kDateTime, "dateTime", "20260702030405.1234+0100",
            "2026-07-02T03:04:05.1234+01:00", ""},
        Row{Primitive::kDateTime, "dateTime", "20260702030405-00", "2026-07-02T03:04:05+00:00", ""},
        Row{Primitive::kDateTime, "dateTime", "2026070224", "", "not a time (hour out of range)"},
        Row{Primitive::kDateTime, "dateTime", "202607022360", "",
            "not a time (minute out of range)"},
        Row{Primitive::kDateTime, "dateTime", "20260702230461", "",
            "not a time (second out of range)"},
        Row{Primitive::kDateTime, "dateTime", "20260702030405+1500", "",
            "not a time (offset from UTC)"},
        Row{Primitive::kInstant, "instant", "20260702030405+0000", "2026-07-02T03:04:05+00:00", ""},
        Row{Primitive::kInstant, "instant", "20260702", "", "not precise enough for an instant"},
        Row{Primitive::kTime, "time", "0930", "09:30:00", ""},
        Row{Primitive::kTime, "time", "093015.25", "09:30:15.25", ""},
        Row{Primitive::kTime, "time", "2530", "", "not a time (hour out of range)"}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, Convert,
    testing::Values(Row{Primitive::kDecimal, "decimal", "007.50", "7.50", ""},
                    Row{Primitive::kDecimal, "decimal", "+3", "3", ""},
                    Row{Primitive::kDecimal, "decimal", "-.5", "-0.5", ""},
                    Row{Primitive::kDecimal, "decimal", "5.", "5", ""},
                    Row{Primitive::kDecimal, "decimal", "0", "0", ""},
                    Row{Primitive::kDecimal, "decimal", "1,234", "", "not a number"},
                    Row{Primitive::kDecimal, "decimal", "<5", "", "not a number"},
                    Row{Primitive::kDecimal, "decimal", "POS", "", "not a number"},
                    Row{Primitive::kDecimal, "decimal", ".", "", "not a number"},
                    Row{Primitive::kInteger, "integer", "-12", "-12", ""},
                    Row{Primitive::kInteger, "integer", "3.00", "3", ""},
                    Row{Primitive::kInteger, "integer", "3.5", "", "not a whole number"},
                    Row{Primitive::kInteger, "integer", "2147483648", "", "number out of range"},
                    Row{Primitive::kPositiveInt, "positiveInt", "0", "", "number out of range"},
                    Row{Primitive::kUnsignedInt, "unsignedInt", "0", "0", ""}));

INSTANTIATE_TEST_SUITE_P(
    Texts, Convert,
    testing::Values(Row{Primitive::kString, "string", "  a  b ", "a  b", ""},
                    Row{Primitive::kString, "string",
                        "a\x01"
                        "b",
                        "ab", ""},
                    Row{Primitive::kString, "string", "   ", "", "no text"},
                    Row{Primitive::kCode, "code", " a  b ", "a b", ""},
                    Row{Primitive::kUri, "uri", "urn:oid:1.2.3", "urn:oid:1.2.3", ""},
                    Row{Primitive::kUri, "uri", "a b", "", "not a URI (blanks)"},
                    Row{Primitive::kBoolean, "boolean", "Y", "true", ""},
                    Row{Primitive::kBoolean, "boolean", "no", "false", ""},
                    Row{Primitive::kBoolean, "boolean", "U", "", "not yes or no"},
                    Row{Primitive::kBase64Binary, "base64Binary", "QUJD\r\nRA==", "QUJDRA==", ""},
                    Row{Primitive::kBase64Binary, "base64Binary", "QUJ", "", "not base64"}));

TEST(Zone, TakesTheEarlierOfTwoOffsetsAndSaysSo) {
    Conversion conversion;
    conversion.zone = Zone::Find("America/New_York");
    std::string text = "20261101013000";  // the hour that occurs twice
    std::string_view reason;
    ASSERT_TRUE(ToPrimitive(Primitive::kDateTime, text, conversion, reason));
    EXPECT_EQ(text, "2026-11-01T01:30:00-04:00");
    EXPECT_TRUE(conversion.unsure_offset);
}

TEST(Zone, TakesTheOffsetThatTheChannelSays) {
    const auto convert = [](std::string text, Dst dst) {
        Conversion conversion;
        conversion.zone = Zone::Find("America/New_York");
        conversion.dst = dst;
        std::string_view reason;
        const bool good = ToPrimitive(Primitive::kDateTime, text, conversion, reason);
        return good ? text : std::string(reason);
    };
    EXPECT_EQ(convert("20261101013000", Dst::kLater), "2026-11-01T01:30:00-05:00");
    EXPECT_EQ(convert("20260308023000", Dst::kEarlier), "2026-03-08T02:30:00-05:00");
    EXPECT_EQ(convert("20260308023000", Dst::kLater), "2026-03-08T02:30:00-04:00");
    EXPECT_EQ(convert("20260308023000", Dst::kReject), "local time that occurs twice or never");
    EXPECT_EQ(convert("20261101013000", Dst::kReject), "local time that occurs twice or never");
    EXPECT_EQ(convert("20261101013000-0500", Dst::kReject), "2026-11-01T01:30:00-05:00");
    EXPECT_EQ(convert("20261101033000", Dst::kReject), "2026-11-01T03:30:00-05:00");
}

TEST(Zone, UnknownNamesAreNone) {
    EXPECT_FALSE(Zone::Find("Mars/Olympus").has_value());
    Conversion conversion;
    std::string text = "202601020304";
    std::string_view reason;
    EXPECT_FALSE(ToPrimitive(Primitive::kDateTime, text, conversion, reason));
    EXPECT_EQ(reason, "no offset from UTC and no time zone known");
}

TEST(Duration, IsAddedOnTheCalendar) {
    const auto add = [](const char* start, double amount, const char* unit) {
        Moment moment;
        std::string_view reason;
        EXPECT_TRUE(ParseMoment(start, moment, reason));
        if (!AddDuration(moment, amount, unit)) return std::string("refused");
        return FormatDateTime(moment);
    };
    EXPECT_EQ(add("202601312350+0100", 20, ""), "2026-02-01T00:10:00+01:00");
    EXPECT_EQ(add("202601310900+0000", 1.5, "h"), "2026-01-31T10:30:00+00:00");
    EXPECT_EQ(add("20260131", 1, "mo"), "2026-02-28");
    EXPECT_EQ(add("20240229", 1, "a"), "2025-02-28");
    EXPECT_EQ(add("20260131", 2, "d"), "2026-02-02");
    EXPECT_EQ(add("20260131", 2, "fortnights"), "refused");
    EXPECT_EQ(add("20260131", 1e300, "d"), "refused");
}

TEST(Uri, NamesAreEncoded) {
    EXPECT_EQ(UrnPart("St. Mary's / A"), "St.%20Mary%27s%20%2F%20A");
    EXPECT_TRUE(IsOid("1.2.840.114350"));
    EXPECT_FALSE(IsOid("1.02.3"));
    EXPECT_FALSE(IsOid("3.1"));
    EXPECT_TRUE(IsUri("http://x"));
    EXPECT_FALSE(IsUri("MAIN:A B"));
}

TEST(Base64, IsAppendedAtEveryLength) {
    std::string text;
    std::string built;
    for (int line = 0; line < 40; ++line) {
        const std::string added(static_cast<std::size_t>(line % 7),
                                static_cast<char>('a' + line % 26));
        built = line == 0 ? ToBase64(added)
                          : AppendBase64(built, line % 3 == 0 ? "" : "\r\n", ToBase64(added));
        text += (line == 0 || line % 3 == 0 ? "" : "\r\n") + added;
        EXPECT_EQ(built, ToBase64(text)) << line;
    }
}

}  // namespace
}  // namespace carestream::mapping::internal
