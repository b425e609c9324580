#include "base/clock.h"

#include <cstdio>

namespace carestream {

Micros SystemClock::Now() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string FormatInstant(Micros time, bool millis) {
    using namespace std::chrono;
    const sys_time<microseconds> point{microseconds{time}};
    const auto day = floor<days>(point);
    const year_month_day date{day};
    const hh_mm_ss clock{point - day};
    char buffer[64];
    const auto micros = static_cast<int>(clock.subseconds().count());
    const int written = std::snprintf(
        buffer, sizeof buffer, millis ? "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ" : "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
        static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
        millis ? micros / 1000 : micros);
    return {buffer, static_cast<std::size_t>(written)};
}

}  // namespace carestream
