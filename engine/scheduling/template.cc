#include "scheduling/template.h"

#include <date/tz.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace carestream::scheduling {

namespace {

constexpr int kDayMinutes = 24 * 60;

Micros MicrosOf(date::sys_seconds time) {
    return static_cast<Micros>(time.time_since_epoch().count()) * 1'000'000;
}

bool IsClosed(const Template& schedule, Day day) {
    return std::any_of(schedule.closed.begin(), schedule.closed.end(),
                       [&](const ClosedDays& one) { return one.first <= day && day <= one.last; });
}

// Extra hours hold on closed days, too: whoever writes them means that day.
std::vector<Hours> HoursOf(const Template& schedule, Day day) {
    std::vector<Hours> hours;
    // 1970-01-01 was a Thursday.
    const auto weekday = static_cast<std::size_t>(((day % 7) + 7 + 3) % 7);
    if (!IsClosed(schedule, day)) {
        for (const WeeklyHours& weekly : schedule.weekly) {
            if (weekly.days[weekday]) hours.push_back(weekly.hours);
        }
    }
    for (const ExtraHours& extra : schedule.extra) {
        if (extra.day == day) hours.push_back(extra.hours);
    }
    return hours;
}

void AddDay(const Template& schedule, const date::time_zone& zone, Day day,
            std::vector<SlotTime>& slots) {
    const date::local_days midnight{date::days(day)};
    const Micros length = Micros{schedule.slot_minutes} * 60 * 1'000'000;
    for (const Hours& hours : HoursOf(schedule, day)) {
        for (int at = hours.from; at + schedule.slot_minutes <= hours.to;
             at += schedule.slot_minutes) {
            const date::local_seconds local = midnight + std::chrono::minutes(at);
            const date::local_info info = zone.get_info(local);
            if (info.result == date::local_info::nonexistent) continue;
            const auto start = date::sys_seconds(local.time_since_epoch()) - info.first.offset;
            slots.push_back({MicrosOf(start), MicrosOf(start) + length});
        }
    }
}

Day DayOf(Micros time) {
    constexpr Micros kDay = Micros{kDayMinutes} * 60 * 1'000'000;
    return static_cast<Day>(time >= 0 ? time / kDay : (time - kDay + 1) / kDay);
}

}  // namespace

std::vector<SlotTime> Expand(const Template& schedule, Micros from, Micros to) {
    const date::time_zone& zone = *date::locate_zone(schedule.time_zone);
    std::vector<SlotTime> all;
    // Local days differ from UTC's by less than one; a day more in front, so that what overlaps is
    // decided alike wherever `from` is.
    for (Day day = DayOf(from) - 2; day <= DayOf(to) + 1; ++day) {
        AddDay(schedule, zone, day, all);
    }
    std::sort(all.begin(), all.end(), [](const SlotTime& a, const SlotTime& b) {
        return std::tie(a.start, a.end) < std::tie(b.start, b.end);
    });
    std::vector<SlotTime> slots;
    Micros taken = std::numeric_limits<Micros>::min();
    for (const SlotTime& slot : all) {
        // Hours that meet, or the hour that spring takes out of a slot.
        if (slot.start < taken) continue;
        taken = slot.end;
        if (from <= slot.start && slot.start < to) slots.push_back(slot);
    }
    return slots;
}

const Template* Templates::Find(std::string_view name) const {
    const auto found = std::find_if(templates_.begin(), templates_.end(),
                                    [&](const Template& one) { return one.name == name; });
    return found == templates_.end() ? nullptr : &*found;
}

}  // namespace carestream::scheduling
