#include "fhir/temporal.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace carestream::fhir {
namespace {

using Precision = Temporal::Precision;
constexpr Micros kSecond = 1'000'000;
constexpr Micros kMinute = 60 * kSecond;
constexpr Micros kHour = 60 * kMinute;
constexpr Micros kDay = 24 * kHour;

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}
    bool AtEnd() const { return at_ == text_.size(); }
    bool Take(char c) {
        if (AtEnd() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    // Exactly `digits` digits within [low, high].
    template <typename T>
    bool Number(int digits, int low, int high, T& out) {
        int value = 0;
        for (int i = 0; i < digits; ++i) {
            if (AtEnd() || text_[at_] < '0' || text_[at_] > '9') return false;
            value = value * 10 + (text_[at_++] - '0');
        }
        if (value < low || value > high) return false;
        out = static_cast<T>(value);
        return true;
    }
    bool Fraction(std::int32_t& nanos, std::int8_t& digits) {
        std::int32_t unit = 100'000'000;
        int count = 0;
        while (!AtEnd() && text_[at_] >= '0' && text_[at_] <= '9') {
            nanos += (text_[at_++] - '0') * unit;
            unit /= 10;
            ++count;
        }
        digits = static_cast<std::int8_t>(std::min(count, 9));
        return count > 0;
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
};

int DaysOfMonth(int year, int month) {
    const auto last = std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
                      std::chrono::last;
    return static_cast<int>(static_cast<unsigned>(last.day()));
}

bool ReadDate(Reader& reader, Temporal& out) {
    if (!reader.Number(4, 1, 9999, out.year)) return false;
    out.precision = Precision::kYear;
    if (!reader.Take('-')) return true;
    if (!reader.Number(2, 1, 12, out.month)) return false;
    out.precision = Precision::kMonth;
    if (!reader.Take('-')) return true;
    if (!reader.Number(2, 1, DaysOfMonth(out.year, out.month), out.day)) return false;
    out.precision = Precision::kDay;
    return true;
}

bool ReadTime(Reader& reader, Temporal& out) {
    if (!reader.Number(2, 0, 23, out.hour)) return false;
    out.precision = Precision::kHour;
    if (!reader.Take(':')) return true;
    if (!reader.Number(2, 0, 59, out.minute)) return false;
    out.precision = Precision::kMinute;
    if (!reader.Take(':')) return true;
    if (!reader.Number(2, 0, 60, out.second)) return false;
    out.precision = Precision::kSecond;
    out.second = std::min<std::int8_t>(out.second, 59);
    return !reader.Take('.') || reader.Fraction(out.nanos, out.fraction_digits);
}

bool ReadOffset(Reader& reader, Temporal& out) {
    if (reader.AtEnd()) return true;
    out.has_offset = true;
    if (reader.Take('Z')) return true;
    const bool negative = reader.Take('-');
    if (!negative && !reader.Take('+')) return false;
    int hours = 0;
    int minutes = 0;
    if (!reader.Number(2, 0, 14, hours) || !reader.Take(':') || !reader.Number(2, 0, 59, minutes)) {
        return false;
    }
    out.offset_minutes = static_cast<std::int16_t>((hours * 60 + minutes) * (negative ? -1 : 1));
    return true;
}

Micros DayStart(const Temporal& value) {
    const std::chrono::year_month_day date{std::chrono::year(value.year),
                                           std::chrono::month(static_cast<unsigned>(value.month)),
                                           std::chrono::day(static_cast<unsigned>(value.day))};
    return std::chrono::sys_days(date).time_since_epoch().count() * kDay;
}

Micros TimeOfDay(const Temporal& value) {
    return value.hour * kHour + value.minute * kMinute + value.second * kSecond +
           value.nanos / 1000;
}

bool SetMicros(Temporal& value, Micros local) {
    const auto day = std::chrono::floor<std::chrono::days>(
        std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(local)));
    const std::chrono::year_month_day date{day};
    const int year = static_cast<int>(date.year());
    if (year < 1 || year > 9999) return false;
    value.year = static_cast<std::int16_t>(year);
    value.month = static_cast<std::int8_t>(static_cast<unsigned>(date.month()));
    value.day = static_cast<std::int8_t>(static_cast<unsigned>(date.day()));
    const Micros time = local - day.time_since_epoch().count() * kDay;
    value.hour = static_cast<std::int8_t>(time / kHour);
    value.minute = static_cast<std::int8_t>(time / kMinute % 60);
    value.second = static_cast<std::int8_t>(time / kSecond % 60);
    value.nanos = static_cast<std::int32_t>(time % kSecond * 1000);
    return true;
}

// One past the last digit of a fraction, in microseconds.
Micros FractionUnit(int digits) {
    Micros unit = kSecond;
    for (int i = 0; i < std::min(digits, 6); ++i) unit /= 10;
    return unit;
}

}  // namespace

std::optional<Temporal> Temporal::ParseDate(std::string_view text) {
    Reader reader(text);
    Temporal out;
    out.kind = Kind::kDate;
    if (!ReadDate(reader, out) || !reader.AtEnd()) return std::nullopt;
    return out;
}

std::optional<Temporal> Temporal::ParseDateTime(std::string_view text) {
    Reader reader(text);
    Temporal out;
    if (!ReadDate(reader, out)) return std::nullopt;
    out.kind = Kind::kDateTime;
    if (reader.AtEnd()) return out;
    if (!reader.Take('T')) return std::nullopt;
    if (reader.AtEnd()) return out;  // "2015T": FHIRPath's way to write a partial dateTime
    if (out.precision != Precision::kDay || !ReadTime(reader, out) || !ReadOffset(reader, out) ||
        !reader.AtEnd()) {
        return std::nullopt;
    }
    return out;
}

std::optional<Temporal> Temporal::ParseTime(std::string_view text) {
    Reader reader(text);
    Temporal out;
    out.kind = Kind::kTime;
    if (!ReadTime(reader, out) || !reader.AtEnd()) return std::nullopt;
    return out;
}

Micros Temporal::Low() const {
    return DayStart(*this) + TimeOfDay(*this) - offset_minutes * kMinute;
}

Micros Temporal::High() const {
    const Micros low = Low();
    switch (precision) {
        case Precision::kYear:
        case Precision::kMonth: {
            Temporal next = *this;
            next.month = static_cast<std::int8_t>(precision == Precision::kYear ? 12 : month);
            next.day = static_cast<std::int8_t>(DaysOfMonth(year, next.month));
            return DayStart(next) + kDay - 1;
        }
        case Precision::kDay:
            return low + kDay - 1;
        case Precision::kHour:
            return low + kHour - 1;
        case Precision::kMinute:
            return low + kMinute - 1;
        case Precision::kSecond:
            break;
    }
    return low + FractionUnit(fraction_digits) - 1;
}

std::optional<int> Temporal::Compare(const Temporal& a, const Temporal& b) {
    if ((a.kind == Kind::kTime) != (b.kind == Kind::kTime)) return std::nullopt;
    Temporal left = a;
    Temporal right = b;
    const bool timed = left.precision >= Precision::kHour && right.precision >= Precision::kHour;
    if (timed && left.kind != Kind::kTime) {
        if (left.has_offset != right.has_offset) return std::nullopt;
        if (left.has_offset && left.offset_minutes != right.offset_minutes) {
            if (!SetMicros(left, left.Low()) || !SetMicros(right, right.Low())) return std::nullopt;
        }
    }
    const int fields[6][2] = {{left.year, right.year},     {left.month, right.month},
                              {left.day, right.day},       {left.hour, right.hour},
                              {left.minute, right.minute}, {left.second, right.second}};
    const int common = static_cast<int>(std::min(left.precision, right.precision));
    for (int i = left.kind == Kind::kTime ? 3 : 0; i <= common; ++i) {
        if (fields[i][0] != fields[i][1]) return fields[i][0] < fields[i][1] ? -1 : 1;
    }
    if (left.precision != right.precision) return std::nullopt;
    if (left.nanos != right.nanos) return left.nanos < right.nanos ? -1 : 1;
    return 0;
}

std::optional<Temporal> Temporal::Plus(std::int64_t amount, Unit unit) const {
    constexpr std::int64_t kAmountMax = 400'000'000'000'000;  // milliseconds in 12,000 years
    if (amount > kAmountMax || amount < -kAmountMax) return std::nullopt;
    Temporal out = *this;
    if (unit == Unit::kYear || unit == Unit::kMonth) {
        std::int64_t months = unit == Unit::kYear ? amount * 12 : amount;
        if (precision == Precision::kYear) months = months / 12 * 12;
        months += std::int64_t{year} * 12 + month - 1;
        if (months < 12 || months >= 10'000 * 12) return std::nullopt;
        out.year = static_cast<std::int16_t>(months / 12);
        out.month = static_cast<std::int8_t>(months % 12 + 1);
        out.day =
            static_cast<std::int8_t>(std::min<int>(out.day, DaysOfMonth(out.year, out.month)));
        return out;
    }
    if (kind == Kind::kTime) {
        const Micros time = (TimeOfDay(*this) + amount % (kDay / 1000) * 1000 + kDay) % kDay;
        return SetMicros(out, time) ? std::optional(out) : std::nullopt;
    }
    if (precision == Precision::kYear || precision == Precision::kMonth) {
        const std::int64_t days = unit == Unit::kDay ? amount : amount / (kDay / 1000);
        return precision == Precision::kYear ? Plus(days / 365, Unit::kYear)
                                             : Plus(days / 30, Unit::kMonth);
    }
    Micros delta = unit == Unit::kDay ? 0 : amount * 1000;
    if (unit == Unit::kDay) {
        if (amount > 5'000'000 || amount < -5'000'000) return std::nullopt;
        delta = amount * kDay;
    }
    const Micros unit_of[6] = {kDay, kDay, kDay, kHour, kMinute, 1};
    const Micros step = unit_of[static_cast<int>(precision)];
    delta = delta / step * step;
    if (!SetMicros(out, DayStart(*this) + TimeOfDay(*this) + delta)) return std::nullopt;
    if (out.nanos != 0) out.fraction_digits = std::max<std::int8_t>(out.fraction_digits, 3);
    return out;
}

std::string Temporal::ToString() const {
    char text[64];
    std::string out;
    const auto append = [&](const char* format, int value) {
        std::snprintf(text, sizeof text, format, value);
        out += text;
    };
    if (kind != Kind::kTime) {
        append("%04d", year);
        if (precision >= Precision::kMonth) append("-%02d", month);
        if (precision >= Precision::kDay) append("-%02d", day);
        if (precision <= Precision::kDay) return out;
        out += 'T';
    }
    append("%02d", hour);
    if (precision >= Precision::kMinute) append(":%02d", minute);
    if (precision >= Precision::kSecond) append(":%02d", second);
    if (fraction_digits > 0) {
        std::snprintf(text, sizeof text, ".%09d", nanos);
        out.append(text, static_cast<std::size_t>(fraction_digits) + 1);
    }
    if (has_offset && offset_minutes == 0) out += 'Z';
    if (has_offset && offset_minutes != 0) {
        out += offset_minutes < 0 ? '-' : '+';
        append("%02d", std::abs(offset_minutes) / 60);
        append(":%02d", std::abs(offset_minutes) % 60);
    }
    return out;
}

}  // namespace carestream::fhir
