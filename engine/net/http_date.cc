#include "net/http_date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/text.h"

namespace carestream::net {
namespace {

// Not strftime: its names follow the locale.
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool ReadNumber(std::string_view text, std::size_t at, std::size_t size, int& number) {
    if (at + size > text.size() || !IsDigits(text.substr(at, size))) return false;
    std::from_chars(text.data() + at, text.data() + at + size, number);
    return true;
}

}  // namespace

std::string FormatHttpDate(std::time_t time) {
    std::tm utc{};
    gmtime_r(&time, &utc);
    std::array<char, 64> text{};
    const int size = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                   kDays[static_cast<std::size_t>(utc.tm_wday)].data(), utc.tm_mday,
                                   kMonths[static_cast<std::size_t>(utc.tm_mon)].data(),
                                   utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<std::time_t> ParseHttpDate(std::string_view text) {
    std::tm utc{};
    int year = 0;
    if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
    const bool numbers = ReadNumber(text, 5, 2, utc.tm_mday) && ReadNumber(text, 12, 4, year) &&
                         ReadNumber(text, 17, 2, utc.tm_hour) &&
                         ReadNumber(text, 20, 2, utc.tm_min) && ReadNumber(text, 23, 2, utc.tm_sec);
    if (!numbers || utc.tm_mday < 1 || utc.tm_mday > 31 || utc.tm_hour > 23 || utc.tm_min > 59 ||
        utc.tm_sec > 60) {
        return std::nullopt;
    }
    utc.tm_year = year - 1900;
    for (std::size_t month = 0; month < kMonths.size(); ++month) {
        if (text.substr(8, 3) != kMonths[month]) continue;
        utc.tm_mon = static_cast<int>(month);
        return timegm(&utc);
    }
    return std::nullopt;
}

Micros ParseRetryAfter(std::string_view text, Micros now) {
    constexpr Micros kSecond = 1'000'000;
    constexpr Micros kDay = 86'400 * kSecond;
    std::int64_t seconds = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seconds);
    if (error == std::errc() && stop == end && seconds >= 0) {
        return std::min<Micros>(seconds, kDay / kSecond) * kSecond;
    }
    const auto date = ParseHttpDate(text);
    if (!date) return 0;
    return std::clamp<Micros>(static_cast<Micros>(*date) * kSecond - now, 0, kDay);
}

}  // namespace carestream::net
