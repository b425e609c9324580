#include "mapping/internal/time.h"

#include <date/date.h>
#include <date/tz.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "fhir/temporal.h"

namespace carestream::mapping::internal {

namespace {

// Reads exactly `count` digits at `at`.
bool Digits(std::string_view text, std::size_t& at, std::size_t count, int& out) {
    if (at + count > text.size()) return false;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const char c = text[at + i];
        if (c < '0' || c > '9') return false;
        value = value * 10 + (c - '0');
    }
    at += count;
    out = value;
    return true;
}

bool IsDigitAt(std::string_view text, std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

// [+-]ZZ[ZZ] to the end of the text.
bool Offset(std::string_view text, std::size_t at, std::optional<int>& out) {
    const int sign = text[at] == '-' ? -1 : 1;
    ++at;
    int hours = 0;
    int minutes = 0;
    if (!Digits(text, at, 2, hours)) return false;
    if (at < text.size() && text[at] == ':') ++at;
    if (at < text.size() && !Digits(text, at, 2, minutes)) return false;
    if (at != text.size() || minutes > 59 || hours * 60 + minutes > 14 * 60) return false;
    out = sign * (hours * 60 + minutes);
    return true;
}

// HH[MM[SS[.S...]]][offset] from `at` to the end.
bool ClockPart(std::string_view text, std::size_t at, Moment& out, std::string_view& reason) {
    if (!Digits(text, at, 2, out.hour) || out.hour > 23) {
        reason = "not a time (hour out of range)";
        return false;
    }
    out.precision = Moment::kHour;
    if (IsDigitAt(text, at)) {
        if (!Digits(text, at, 2, out.minute) || out.minute > 59) {
            reason = "not a time (minute out of range)";
            return false;
        }
        out.precision = Moment::kMinute;
        if (IsDigitAt(text, at)) {
            if (!Digits(text, at, 2, out.second) || out.second > 59) {
                reason = "not a time (second out of range)";
                return false;
            }
            out.precision = Moment::kSecond;
            if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
                ++at;
                const std::size_t begin = at;
                while (IsDigitAt(text, at)) ++at;
                if (at == begin || at - begin > 9) {
                    reason = "not a time (fraction of a second)";
                    return false;
                }
                out.fraction = std::string(text.substr(begin, at - begin));
            }
        }
    }
    if (at == text.size()) return true;
    const bool signed_offset = text[at] == '+' || text[at] == '-';
    if (signed_offset && Offset(text, at, out.offset_minutes)) return true;
    reason = signed_offset ? "not a time (offset from UTC)" : "not a time (unexpected characters)";
    return false;
}

void Append(std::string& out, int value, int width) {
    char digits[12];
    int count = 0;
    do {
        digits[count++] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (int i = count; i < width; ++i) out.push_back('0');
    while (count > 0) out.push_back(digits[--count]);
}

date::local_seconds ToLocal(const Moment& moment) {
    const auto day =
        date::local_days(date::year(moment.year) / static_cast<unsigned>(moment.month) /
                         static_cast<unsigned>(moment.day));
    return day + std::chrono::hours(moment.hour) + std::chrono::minutes(moment.minute) +
           std::chrono::seconds(moment.second);
}

}  // namespace

bool ParseMoment(std::string_view text, Moment& out, std::string_view& reason) {
    std::size_t at = 0;
    if (!Digits(text, at, 4, out.year)) {
        reason = "not a date (no year)";
        return false;
    }
    if (out.year == 0) {
        reason = "not a date (year out of range)";
        return false;
    }
    out.precision = Moment::kYear;
    if (at == text.size()) return true;
    if (!Digits(text, at, 2, out.month)) {
        const bool offset =
            (text[at] == '+' || text[at] == '-') && Offset(text, at, out.offset_minutes);
        if (!offset) reason = "not a date (unexpected characters)";
        return offset;
    }
    if (out.month < 1 || out.month > 12) {
        reason = "not a date (month out of range)";
        return false;
    }
    out.precision = Moment::kMonth;
    if (at == text.size()) return true;
    if (!Digits(text, at, 2, out.day)) {
        const bool offset =
            (text[at] == '+' || text[at] == '-') && Offset(text, at, out.offset_minutes);
        if (!offset) reason = "not a date (unexpected characters)";
        return offset;
    }
    const auto day =
        date::year(out.year) / static_cast<unsigned>(out.month) / static_cast<unsigned>(out.day);
    if (!day.ok()) {
        reason = "not a date (day out of range)";
        return false;
    }
    out.precision = Moment::kDay;
    if (at == text.size()) return true;
    if (text[at] == '+' || text[at] == '-') {
        if (Offset(text, at, out.offset_minutes)) return true;
        reason = "not a date (offset from UTC)";
        return false;
    }
    return ClockPart(text, at, out, reason);
}

bool ParseTime(std::string_view text, Moment& out, std::string_view& reason) {
    return ClockPart(text, 0, out, reason);
}

std::optional<Zone> Zone::Find(std::string_view name) {
    try {
        return Zone(date::locate_zone(std::string(name)));
    } catch (const std::runtime_error&) {
        return std::nullopt;  // unknown zone, or no time zone database on this machine
    }
}

int Zone::OffsetMinutes(const Moment& local, Dst dst, bool* unsure) const {
    const auto* zone = static_cast<const date::time_zone*>(zone_);
    const date::local_info info = zone->get_info(ToLocal(local));
    const bool two = info.result != date::local_info::unique;
    if (two && unsure != nullptr) *unsure = true;
    const date::sys_info& side = two && dst == Dst::kLater ? info.second : info.first;
    return static_cast<int>(std::chrono::duration_cast<std::chrono::minutes>(side.offset).count());
}

int Zone::OffsetMinutesAt(Micros utc) const {
    const auto* zone = static_cast<const date::time_zone*>(zone_);
    const date::sys_seconds at{date::floor<std::chrono::seconds>(std::chrono::microseconds(utc))};
    return static_cast<int>(
        std::chrono::duration_cast<std::chrono::minutes>(zone->get_info(at).offset).count());
}

bool ParseFhirMoment(std::string_view text, Moment& out, bool* time_only) {
    using fhir::Temporal;
    auto read = Temporal::ParseDateTime(text);
    if (!read) read = Temporal::ParseDate(text);
    *time_only = !read;
    if (!read) read = Temporal::ParseTime(text);
    if (!read) return false;
    out.year = read->year;
    out.month = read->month;
    out.day = read->day;
    out.hour = read->hour;
    out.minute = read->minute;
    out.second = read->second;
    out.precision = static_cast<Moment::Precision>(static_cast<int>(read->precision) + 1);
    if (read->fraction_digits > 0) {
        out.fraction = std::to_string(1'000'000'000 + read->nanos)
                           .substr(1, static_cast<std::size_t>(read->fraction_digits));
    }
    if (read->has_offset) out.offset_minutes = read->offset_minutes;
    return true;
}

bool IsBefore(const Moment& a, const Moment& b) {
    const auto precision = std::min(a.precision, b.precision);
    if (precision >= Moment::kMinute && a.offset_minutes && b.offset_minutes) {
        return ToMicros(a) < ToMicros(b);
    }
    const auto known = [precision](const Moment& moment) {
        std::array<int, 6> parts{moment.year, moment.month,  moment.day,
                                 moment.hour, moment.minute, moment.second};
        std::fill(parts.begin() + precision, parts.end(), 0);
        return parts;
    };
    return known(a) < known(b);
}

std::string FormatHl7(const Moment& moment, bool time_only) {
    std::string out;
    if (!time_only) {
        Append(out, moment.year, 4);
        if (moment.precision >= Moment::kMonth) Append(out, moment.month, 2);
        if (moment.precision >= Moment::kDay) Append(out, moment.day, 2);
    }
    if (moment.precision >= Moment::kHour) Append(out, moment.hour, 2);
    if (moment.precision >= Moment::kMinute) Append(out, moment.minute, 2);
    if (moment.precision >= Moment::kSecond) Append(out, moment.second, 2);
    if (!moment.fraction.empty()) out += "." + moment.fraction.substr(0, 4);
    if (moment.precision < Moment::kHour || !moment.offset_minutes) return out;
    const int offset = *moment.offset_minutes;
    out.push_back(offset < 0 ? '-' : '+');
    Append(out, std::abs(offset) / 60, 2);
    Append(out, std::abs(offset) % 60, 2);
    return out;
}

std::string FormatDate(const Moment& moment) {
    std::string out;
    out.reserve(32);
    Append(out, moment.year, 4);
    if (moment.precision < Moment::kMonth) return out;
    out.push_back('-');
    Append(out, moment.month, 2);
    if (moment.precision < Moment::kDay) return out;
    out.push_back('-');
    Append(out, moment.day, 2);
    return out;
}

std::string FormatTime(const Moment& moment) {
    std::string out;
    Append(out, moment.hour, 2);
    out.push_back(':');
    Append(out, moment.minute, 2);
    out.push_back(':');
    Append(out, moment.second, 2);
    if (!moment.fraction.empty()) out += "." + moment.fraction;
    return out;
}

std::string FormatDateTime(const Moment& moment) {
    std::string out = FormatDate(moment);
    if (moment.precision < Moment::kHour) return out;
    out.push_back('T');
    out += FormatTime(moment);
    const int offset = moment.offset_minutes.value_or(0);
    out.push_back(offset < 0 ? '-' : '+');
    Append(out, std::abs(offset) / 60, 2);
    out.push_back(':');
    Append(out, std::abs(offset) % 60, 2);
    return out;
}

bool AddDuration(Moment& moment, double amount, std::string_view unit) {
    struct Unit {
        std::string_view word;
        double seconds;
        int months;
    };
    constexpr std::array<Unit, 24> kUnits = {{
        {"", 60, 0},      {"s", 1, 0},          {"sec", 1, 0},       {"seconds", 1, 0},
        {"min", 60, 0},   {"m", 60, 0},         {"minutes", 60, 0},  {"minute", 60, 0},
        {"h", 3600, 0},   {"hr", 3600, 0},      {"hours", 3600, 0},  {"hour", 3600, 0},
        {"d", 86400, 0},  {"day", 86400, 0},    {"days", 86400, 0},  {"wk", 604800, 0},
        {"w", 604800, 0}, {"weeks", 604800, 0}, {"week", 604800, 0}, {"mo", 0, 1},
        {"months", 0, 1}, {"a", 0, 12},         {"y", 0, 12},        {"years", 0, 12},
    }};
    const std::string word = ToLowerAscii(unit);
    const Unit* found = nullptr;
    for (const Unit& candidate : kUnits) {
        if (candidate.word == word) found = &candidate;
    }
    constexpr double kAmountMax = 1e8;  // far beyond any appointment, and safe to compute with
    if (found == nullptr || !(std::fabs(amount) <= kAmountMax)) return false;
    date::year_month_day day = date::year(moment.year) / static_cast<unsigned>(moment.month) /
                               static_cast<unsigned>(moment.day);
    if (found->months != 0) {
        if (amount != std::floor(amount) || std::fabs(amount) > 1200) return false;
        day += date::months(static_cast<int>(amount) * found->months);
        if (!day.ok()) day = day.year() / day.month() / date::last;
        moment.year = static_cast<int>(day.year());
        moment.month = static_cast<int>(static_cast<unsigned>(day.month()));
        moment.day = static_cast<int>(static_cast<unsigned>(day.day()));
        return moment.year >= 1 && moment.year <= 9999;
    }
    const auto seconds = std::chrono::seconds(std::llround(amount * found->seconds));
    const auto sum = ToLocal(moment) + seconds;
    const auto days = date::floor<date::days>(sum);
    const date::year_month_day new_day{days};
    const auto rest = (sum - days).count();
    moment.year = static_cast<int>(new_day.year());
    moment.month = static_cast<int>(static_cast<unsigned>(new_day.month()));
    moment.day = static_cast<int>(static_cast<unsigned>(new_day.day()));
    moment.hour = static_cast<int>(rest / 3600);
    moment.minute = static_cast<int>(rest / 60 % 60);
    moment.second = static_cast<int>(rest % 60);
    if (found->seconds < 86400 && moment.precision < Moment::kMinute) {
        moment.precision = Moment::kMinute;
    }
    return moment.year >= 1 && moment.year <= 9999;
}

Moment MomentAt(Micros utc) {
    const date::sys_seconds at{date::floor<std::chrono::seconds>(std::chrono::microseconds(utc))};
    const auto days = date::floor<date::days>(at);
    const date::year_month_day day{days};
    const auto rest = (at - days).count();
    Moment moment;
    moment.year = static_cast<int>(day.year());
    moment.month = static_cast<int>(static_cast<unsigned>(day.month()));
    moment.day = static_cast<int>(static_cast<unsigned>(day.day()));
    moment.hour = static_cast<int>(rest / 3600);
    moment.minute = static_cast<int>(rest / 60 % 60);
    moment.second = static_cast<int>(rest % 60);
    moment.precision = Moment::kSecond;
    moment.offset_minutes = 0;
    return moment;
}

Micros ToMicros(const Moment& moment) {
    const auto since = ToLocal(moment).time_since_epoch() -
                       std::chrono::minutes(moment.offset_minutes.value_or(0));
    Micros micros = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
    Micros scale = 100000;
    for (const char digit : moment.fraction) {
        micros += (digit - '0') * scale;
        scale /= 10;
    }
    return micros;
}

}  // namespace carestream::mapping::internal
