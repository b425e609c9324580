// Goal: dates of headers are written and read in the one form that RFC 9110 wants.
#include "net/http_date.h"

#include <gtest/gtest.h>

namespace carestream::net {
namespace {

TEST(HttpDate, RoundTrip) {
    EXPECT_EQ(FormatHttpDate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(FormatHttpDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    for (const std::time_t time : {std::time_t{0}, std::time_t{784111777}, std::time_t{1709164800},
                                   std::time_t{4102444799}}) {
        EXPECT_EQ(ParseHttpDate(FormatHttpDate(time)), time);
    }
}

TEST(HttpDate, OtherFormsAreNoDates) {
    for (const std::string_view text :
         {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
          "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:3x GMT",
          "Sun, 36 Nov 1994 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT"}) {
        EXPECT_FALSE(ParseHttpDate(text).has_value()) << text;
    }
}

TEST(RetryAfterTest, InBothForms) {
    constexpr Micros kSecond = 1'000'000;
    constexpr Micros kNow = 1'780'000'000 * kSecond;  // Thu, 28 May 2026 20:26:40 GMT
    EXPECT_EQ(ParseRetryAfter("120", kNow), 120 * kSecond);
    EXPECT_EQ(ParseRetryAfter("", kNow), 0);
    EXPECT_EQ(ParseRetryAfter("-5", kNow), 0);
    EXPECT_EQ(ParseRetryAfter("soon", kNow), 0);
    EXPECT_EQ(ParseRetryAfter("999999999999", kNow), 86'400 * kSecond);
    EXPECT_EQ(ParseRetryAfter("Thu, 28 May 2026 20:27:40 GMT", kNow), 60 * kSecond);
    EXPECT_EQ(ParseRetryAfter("Thu, 28 May 2026 20:00:00 GMT", kNow), 0);
}

}  // namespace
}  // namespace carestream::net
