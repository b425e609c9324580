#pragma once
// Dates and times with the precision they were written in. Source: FHIR R4 2.24.0.1 (date,
// dateTime, instant, time), FHIRPath 2.0.0 section 2.1.7 and 6.1.1 (partial values). Pure values.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carestream::fhir {

struct Temporal {
    enum class Kind : std::uint8_t { kDate, kDateTime, kTime };
    enum class Precision : std::uint8_t { kYear, kMonth, kDay, kHour, kMinute, kSecond };

    Kind kind = Kind::kDate;
    Precision precision = Precision::kDay;
    std::int16_t year = 1;  // 1..9999
    std::int8_t month = 1;
    std::int8_t day = 1;
    std::int8_t hour = 0;
    std::int8_t minute = 0;
    std::int8_t second = 0;           // 60 is read as 59
    std::int8_t fraction_digits = 0;  // 0..9 as written
    std::int32_t nanos = 0;
    bool has_offset = false;
    std::int16_t offset_minutes = 0;

    // FHIR forms, and hours or minutes alone as FHIRPath allows them. The whole text must be one.
    [[nodiscard]] static std::optional<Temporal> ParseDate(std::string_view text);
    [[nodiscard]] static std::optional<Temporal> ParseDateTime(std::string_view text);
    [[nodiscard]] static std::optional<Temporal> ParseTime(std::string_view text);  // "14:30"

    // The first and last microsecond that the value may mean; without an offset read as UTC. Not
    // for kTime.
    [[nodiscard]] Micros Low() const;
    [[nodiscard]] Micros High() const;

    // -1, 0, 1; nullopt when the precisions (or a missing offset) leave it open. Times compare with
    // times only.
    [[nodiscard]] static std::optional<int> Compare(const Temporal& a, const Temporal& b);

    enum class Unit : std::uint8_t { kYear, kMonth, kDay, kMillisecond };
    // nullopt when the year leaves 1..9999. Days that a month lacks become its last. Units finer
    // than the precision count only when they fill it.
    [[nodiscard]] std::optional<Temporal> Plus(std::int64_t amount, Unit unit) const;

    [[nodiscard]] std::string ToString() const;  // "2024-02", "2024-02-03T10:00:00.5Z", "10:30"
};

}  // namespace carestream::fhir
