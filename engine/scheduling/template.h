#pragma once
// Schedules as YAML (mappings/schedules/<name>.yaml): weekly hours of somebody or something that
// can be booked, cut into slots. Pure; files are read in Templates::Load only.
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/spec.h"

namespace carestream::scheduling {

// A day of the calendar: days since 1970-01-01.
using Day = std::int32_t;

// Minutes since midnight as the clock on the wall shows them; `to` at most 24:00.
struct Hours {
    int from = 0;
    int to = 0;
};
struct WeeklyHours {
    std::array<bool, 7> days{};  // from Monday
    Hours hours;
};
struct ExtraHours {
    Day day = 0;
    Hours hours;
};
struct ClosedDays {
    Day first = 0;
    Day last = 0;  // inclusive
};

// Who or what is booked: "Practitioner/<id>", or by identifier where `system` is set.
struct Actor {
    std::string type;
    std::string id;  // or the identifier's value
    std::string system;
};

// One booking a slot.
struct Template {
    std::string name;
    std::string title;
    std::vector<Actor> actors;  // at least one
    std::string service_system;
    std::string service_code;  // "" = not said
    std::string service_display;
    std::string time_zone;  // IANA
    int slot_minutes = 0;
    std::vector<WeeklyHours> weekly;
    std::vector<ExtraHours> extra;
    std::vector<ClosedDays> closed;
    int horizon_days = 0;     // slots are made so far ahead
    Micros release_lead = 0;  // bookable from so long before the start; 0 = as soon as it is made
    Micros min_notice = 0;    // and until so long before it
};

struct SlotTime {
    Micros start = 0;
    Micros end = 0;
    bool operator==(const SlotTime&) const = default;
};

// The slots that start at or after `from` and before `to`, ascending and without overlaps. A time
// that the clock skips (spring) makes none, one that it shows twice (autumn) makes one, at the
// first showing. The same template and time give the same slots, whatever the bounds.
[[nodiscard]] std::vector<SlotTime> Expand(const Template& schedule, Micros from, Micros to);

// The declaration of a schedule's file.
[[nodiscard]] config::Spec ScheduleSpec();

// Immutable; thread-safe.
class Templates {
public:
    struct Loaded;
    // Reads every file of the folder; an absent folder holds none. All mistakes are collected, with
    // file:line:column; `display` stands before the file names.
    [[nodiscard]] static Loaded Load(const std::filesystem::path& folder,
                                     const std::string& display);

    [[nodiscard]] const std::vector<Template>& all() const { return templates_; }
    [[nodiscard]] const Template* Find(std::string_view name) const;  // nullptr: unknown

private:
    std::vector<Template> templates_;  // by name
};

struct Templates::Loaded {
    std::shared_ptr<const Templates> templates;  // null if there are errors
    std::vector<Error> errors;
};

}  // namespace carestream::scheduling
