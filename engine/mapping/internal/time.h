#pragma once
// HL7 times (DT, TM, DTM/TS) as parts, and their FHIR forms. Precision and offset are kept; an
// offset that is absent comes from the sender's zone. Source: HL7 v2.8 2.A.21-22, FHIR R4 2.24.0.1.
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "mapping/program.h"

namespace carestream::mapping::internal {

struct Moment {
    // How far it is known: kYear .. kSecond.
    enum Precision { kYear = 1, kMonth, kDay, kHour, kMinute, kSecond };
    int year = 0;
    int month = 1;
    int day = 1;
    int hour = 0;
    int minute = 0;
    int second = 0;
    std::string fraction;  // digits after the point, at most 9
    Precision precision = kYear;
    std::optional<int> offset_minutes;
};

// False and a reason ("not a date (month out of range)") that names no value.
[[nodiscard]] bool ParseMoment(std::string_view text, Moment& out, std::string_view& reason);
// TM: HH[MM[SS[.S]]]; an offset is read and dropped.
[[nodiscard]] bool ParseTime(std::string_view text, Moment& out, std::string_view& reason);

// A zone of the IANA database, or nothing. Cheap to copy; thread-safe.
class Zone {
public:
    [[nodiscard]] static std::optional<Zone> Find(std::string_view name);
    // Minutes east of UTC at this local time. In the hour that occurs twice and in the hour that
    // does not exist as `dst` says (kReject like kEarlier); both set *unsure.
    [[nodiscard]] int OffsetMinutes(const Moment& local, Dst dst, bool* unsure) const;
    // Minutes east of UTC at this moment.
    [[nodiscard]] int OffsetMinutesAt(Micros utc) const;

private:
    explicit Zone(const void* zone) : zone_(zone) {}
    const void* zone_;
};

// FHIR date, dateTime, instant or time. False if it is none of them.
[[nodiscard]] bool ParseFhirMoment(std::string_view text, Moment& out, bool* time_only);
// Is `a` before `b`, as far as both are known? Offsets count where both have one.
[[nodiscard]] bool IsBefore(const Moment& a, const Moment& b);
// HL7 DTM as precise as the moment, with its offset if it has one; TM if `time_only`.
[[nodiscard]] std::string FormatHl7(const Moment& moment, bool time_only);

[[nodiscard]] std::string FormatDate(const Moment& moment);
// Date only as long as the precision is; with time when hours are known. The moment has an offset
// then.
[[nodiscard]] std::string FormatDateTime(const Moment& moment);
[[nodiscard]] std::string FormatTime(const Moment& moment);
// Seconds added on the calendar; the offset stays. Units: s, min, h, d, wk, mo, a.
[[nodiscard]] bool AddDuration(Moment& moment, double amount, std::string_view unit);
// The moment in UTC, to the second.
[[nodiscard]] Moment MomentAt(Micros utc);
// 0 offset is taken as UTC when none is known.
[[nodiscard]] Micros ToMicros(const Moment& moment);

}  // namespace carestream::mapping::internal
