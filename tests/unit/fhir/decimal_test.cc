// Goal: decimals are exact, keep their written precision and never overflow silently.
#include "fhir/decimal.h"

#include <gtest/gtest.h>

namespace carestream::fhir {
namespace {

Decimal D(std::string_view text) {
    return Decimal::Parse(text).value();
}

TEST(DecimalTest, ReadsAndWrites) {
    for (const std::string_view text :
         {"0", "1", "-1", "1.50", "-0.00000001", "0.10", "123456789012345678901234567890.12345"}) {
        EXPECT_EQ(D(text).ToString(), text);
    }
    EXPECT_EQ(D("1.5e3").ToString(), "1500");
    EXPECT_EQ(D("1.50e-2").ToString(), "0.0150");
    EXPECT_EQ(D("+7").ToString(), "7");
    for (const std::string_view text : {"", "-", ".", ".5", "5.", "1e", "1e999", "1x", "1.2.3",
                                        "99999999999999999999999999999999999999999"}) {
        EXPECT_FALSE(Decimal::Parse(text)) << text;
    }
}

TEST(DecimalTest, Calculates) {
    EXPECT_EQ(Decimal::Add(D("1.2"), D("1.80"))->ToString(), "3.00");
    EXPECT_EQ(Decimal::Multiply(D("1.2"), D("1.8"))->ToString(), "2.16");
    EXPECT_EQ(Decimal::Divide(D("1"), D("3"))->ToString(), "0.3333333333333333");
    EXPECT_EQ(Decimal::Divide(D("4"), D("2.0"))->ToString(), "2");
    EXPECT_FALSE(Decimal::Divide(D("4"), D("0.00")));
    const Decimal big = D("99999999999999999999999999999999999");
    EXPECT_FALSE(Decimal::Multiply(big, big));
    EXPECT_FALSE(Decimal::Add(D("999999999999999999999999999999999999"), D("1")));
    EXPECT_EQ(Decimal::Compare(D("1.10"), D("1.1")), 0);
    EXPECT_LT(Decimal::Compare(D("-2"), D("1")), 0);
    EXPECT_GT(Decimal::Compare(big, D("0.000000000000000000000000000001")), 0);
}

TEST(DecimalTest, RoundsAndKnowsItsPrecision) {
    using R = Decimal::Rounding;
    EXPECT_EQ(D("2.5").Rounded(0, R::kHalfAway).ToString(), "3");
    EXPECT_EQ(D("-2.5").Rounded(0, R::kHalfAway).ToString(), "-3");
    EXPECT_EQ(D("-2.1").Rounded(0, R::kFloor).ToString(), "-3");
    EXPECT_EQ(D("-2.1").Rounded(0, R::kCeiling).ToString(), "-2");
    EXPECT_EQ(D("2.9").Rounded(0, R::kTruncate).ToString(), "2");
    EXPECT_EQ(D("1").Rounded(2, R::kHalfAway, true).ToString(), "1.00");
    EXPECT_EQ(D("5.4").HalfUnit().ToString(), "0.05");
    EXPECT_EQ(D("100").HalfUnit().ToString(), "0.5");
}

}  // namespace
}  // namespace carestream::fhir
