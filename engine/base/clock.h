#pragma once
// Time as the parts receive it: passed in, so that tests decide what "now" is.
#include <chrono>
#include <cstdint>
#include <string>

namespace carestream {

// Microseconds since 1970-01-01T00:00:00Z: the precision of PostgreSQL's timestamptz.
using Micros = std::int64_t;

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Micros Now() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] Micros Now() const override;
};

// Moves only when told. Thread-safe only if nobody advances it concurrently.
class ManualClock final : public Clock {
public:
    explicit ManualClock(Micros now) : now_(now) {}
    [[nodiscard]] Micros Now() const override { return now_; }
    void Advance(Micros by) { now_ += by; }

private:
    Micros now_;
};

// "2026-11-24T20:07:08.123456Z"; FHIR instant in UTC with millisecond precision when `millis`.
[[nodiscard]] std::string FormatInstant(Micros time, bool millis = true);

}  // namespace carestream
