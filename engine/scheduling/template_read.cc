// Reading schedules: their declaration, and what a Spec cannot say.
#include <date/tz.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "base/text.h"
#include "config/each_file.h"
#include "scheduling/template.h"

namespace carestream::scheduling {

namespace {

namespace fs = std::filesystem;
using config::Field;
using config::Type;

constexpr std::size_t kSchedulesMax = 2'000;
constexpr std::size_t kNameMax = 64;
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<int> Number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

// "08:00", up to "24:00".
std::optional<int> ParseClock(std::string_view text) {
    if (text.size() != 5 || text[2] != ':' || !IsDigits(text.substr(0, 2)) ||
        !IsDigits(text.substr(3))) {
        return std::nullopt;
    }
    const int minutes = *Number(text.substr(0, 2)) * 60 + *Number(text.substr(3));
    if (*Number(text.substr(3)) > 59 || minutes > 24 * 60) return std::nullopt;
    return minutes;
}

// "2026-12-24"
std::optional<Day> ParseDay(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !IsDigits(text.substr(0, 4)) ||
        !IsDigits(text.substr(5, 2)) || !IsDigits(text.substr(8))) {
        return std::nullopt;
    }
    const date::year_month_day day{date::year(*Number(text.substr(0, 4))),
                                   date::month(static_cast<unsigned>(*Number(text.substr(5, 2)))),
                                   date::day(static_cast<unsigned>(*Number(text.substr(8))))};
    if (!day.ok()) return std::nullopt;
    return static_cast<Day>(date::sys_days(day).time_since_epoch().count());
}

Field ClockField(std::string key, std::string description, std::string example) {
    return {.key = std::move(key),
            .description = std::move(description),
            .required = true,
            .example = std::move(example)};
}

bool IsName(std::string_view name) {
    return !name.empty() && name.size() <= kNameMax &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-'; });
}

// One file's schedule. The position of a mistake is that of the value that holds it.
class Reader {
public:
    Reader(const config::Values& values, std::vector<Error>& errors)
        : values_(values), errors_(errors) {}

    Template Read() {
        out_.name = values_.String("schedule");
        out_.title = values_.String("title");
        if (!IsName(out_.name)) {
            Say("schedule", "'schedule': small letters, digits and '-' only, at most 64");
        }
        out_.slot_minutes = static_cast<int>(values_.Integer("slot_minutes"));
        out_.horizon_days = static_cast<int>(values_.Integer("horizon_days"));
        out_.release_lead = values_.Integer("release_lead") * 1000;
        out_.min_notice = values_.Integer("min_notice") * 1000;
        ReadActors();
        ReadService();
        ReadZone();
        ReadWeekly();
        ReadExtra();
        ReadClosed();
        return std::move(out_);
    }

private:
    void Say(std::string_view key, std::string message) {
        SayAt(values_.PositionOf(key), std::move(message));
    }
    void SayAt(const Position& position, std::string message) {
        errors_.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
    }

    void ReadActors() {
        const std::pair<const char*, const char*> kKinds[] = {{"practitioner", "Practitioner"},
                                                              {"location", "Location"},
                                                              {"service", "HealthcareService"}};
        for (const auto& [key, type] : kKinds) {
            const std::string& text = values_.String(key);
            if (text.empty()) continue;
            const std::size_t bar = text.find('|');
            Actor actor;
            actor.type = type;
            actor.id = text.substr(bar == std::string::npos ? 0 : bar + 1);
            if (bar != std::string::npos) actor.system = text.substr(0, bar);
            if (actor.id.empty() || (bar != std::string::npos && actor.system.empty())) {
                Say(key, std::string("'") + key + "' is a resource's id, or system|value");
            }
            out_.actors.push_back(std::move(actor));
        }
        if (out_.actors.empty()) {
            Say("schedule",
                "nobody and nothing is booked: name a practitioner, a location or a "
                "service");
        }
    }

    void ReadService() {
        const std::string& text = values_.String("service_type");
        if (text.empty()) return;
        const std::size_t bar = text.find('|');
        if (bar == std::string::npos || bar == 0 || bar + 1 == text.size()) {
            Say("service_type", "'service_type' is a code as system|code");
            return;
        }
        out_.service_system = text.substr(0, bar);
        out_.service_code = text.substr(bar + 1);
        out_.service_display = values_.String("service_display");
    }

    void ReadZone() {
        out_.time_zone = values_.String("time_zone");
        if (out_.time_zone.empty()) return;
        const auto& zones = date::get_tzdb().zones;
        const bool known = std::any_of(zones.begin(), zones.end(), [&](const auto& zone) {
            return zone.name() == out_.time_zone;
        });
        if (known) return;
        std::vector<std::string_view> names;
        for (const auto& zone : zones) names.emplace_back(zone.name());
        Say("time_zone", "'" + out_.time_zone + "' is no time zone of the IANA data base" +
                             DidYouMean(out_.time_zone, names));
    }

    [[nodiscard]] Hours ReadHours(const config::Values& object) {
        Hours hours;
        for (const char* key : {"from", "to"}) {
            const auto minutes = ParseClock(object.String(key));
            if (!minutes) {
                SayAt(object.PositionOf(key),
                      std::string("'") + key + "' is a time as 08:00, at most 24:00");
                return {};
            }
            (*key == 'f' ? hours.from : hours.to) = *minutes;
        }
        if (hours.from + out_.slot_minutes > hours.to) {
            SayAt(object.PositionOf("to"),
                  "no slot fits in: 'to' is to be 'from' and at least "
                  "slot_minutes");
        }
        return hours;
    }

    void ReadWeekly() {
        for (const config::Values& object : values_.Objects("hours")) {
            WeeklyHours weekly;
            for (const std::string& day : object.Strings("days")) {
                const auto found = std::find(kDays.begin(), kDays.end(), day);
                weekly.days[static_cast<std::size_t>(found - kDays.begin())] = true;
            }
            if (object.Strings("days").empty()) {
                SayAt(object.PositionOf("days"), "'days' names no day");
            }
            weekly.hours = ReadHours(object);
            CheckOverlap(weekly, object.PositionOf("from"));
            out_.weekly.push_back(weekly);
        }
        if (out_.weekly.empty() && values_.Objects("extra_hours").empty()) {
            Say("schedule", "it is never open: give 'hours' or 'extra_hours'");
        }
    }

    void CheckOverlap(const WeeklyHours& weekly, const Position& position) {
        for (const WeeklyHours& other : out_.weekly) {
            const bool meets =
                weekly.hours.from < other.hours.to && other.hours.from < weekly.hours.to;
            for (std::size_t day = 0; meets && day < kDays.size(); ++day) {
                if (!weekly.days[day] || !other.days[day]) continue;
                SayAt(position, "these hours overlap earlier ones on " + std::string(kDays[day]));
                return;
            }
        }
    }

    void ReadExtra() {
        for (const config::Values& object : values_.Objects("extra_hours")) {
            const auto day = ParseDay(object.String("date"));
            if (!day) {
                SayAt(object.PositionOf("date"), "'date' is a day as 2026-12-24");
                continue;
            }
            out_.extra.push_back({*day, ReadHours(object)});
        }
    }

    void ReadClosed() {
        const auto& closed = values_.Strings("closed");
        for (std::size_t i = 0; i < closed.size(); ++i) {
            const std::string_view text = closed[i];
            const std::size_t dots = text.find("..");
            const auto first = ParseDay(text.substr(0, dots));
            const auto last =
                dots == std::string_view::npos ? first : ParseDay(text.substr(dots + 2));
            if (first && last && *first <= *last) {
                out_.closed.push_back({*first, *last});
            } else {
                SayAt(values_.ItemPosition("closed", i),
                      "a day as 2026-12-24, or days as 2026-12-24..2026-12-31");
            }
        }
    }

    const config::Values& values_;
    std::vector<Error>& errors_;
    Template out_;
};

std::vector<fs::path> FilesOf(const fs::path& folder, std::vector<Error>& errors) {
    std::vector<fs::path> files;
    std::error_code error;
    if (!fs::exists(folder, error)) return files;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".yaml") && name.front() != '.') files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (!error && files.size() <= kSchedulesMax) return files;
    errors.push_back(error ? Error{Code::kNotFound,
                                   "the folder of schedules cannot be read",
                                   folder.string(),
                                   {},
                                   0,
                                   false}
                           : Error{Code::kLimit,
                                   "more than " + std::to_string(kSchedulesMax) + " schedules",
                                   folder.string(),
                                   {},
                                   0,
                                   false});
    return {};
}

}  // namespace

config::Spec ScheduleSpec() {
    return {
        .name = "schedule",
        .title = "A schedule (`mappings/schedules/<name>.yaml`)",
        .description =
            "When somebody or something can be booked. Slots are made of it at the start, at a "
            "reload and daily; a change of the file touches no slot that is held or booked, and "
            "takes free ones away that it no longer has.",
        .fields = {
            {.key = "schedule",
             .description = "Its name: small letters, digits, `-`. It names the Schedule for good: "
                            "under another name it is another one.",
             .required = true,
             .example = "dermatology-room-2"},
            {.key = "title",
             .description = "What it is, for people.",
             .required = true,
             .example = "Dermatology, room 2"},
            {.key = "practitioner",
             .description = "Who is booked: the id of a Practitioner, or an identifier as "
                            "`system|value`. At least one of practitioner, location and service.",
             .example = "urn:oid:2.16.840.1.113883.4.6|1234567893"},
            {.key = "location", .description = "Where: a Location, likewise.", .example = "room-2"},
            {.key = "service", .description = "What: a HealthcareService, likewise."},
            {.key = "service_type",
             .description = "The service as a code, `system|code`.",
             .example = "http://snomed.info/sct|394582007"},
            {.key = "service_display",
             .description = "The code in words.",
             .example = "Dermatology"},
            {.key = "time_zone",
             .description = "IANA name of the zone whose clock the hours mean. A time that the "
                            "clock skips makes no slot, one that it shows twice makes one.",
             .required = true,
             .example = "Europe/Berlin"},
            {.key = "slot_minutes",
             .type = Type::kInteger,
             .description = "Length of a slot. One booking a slot.",
             .required = true,
             .example = "20",
             .min = 5,
             .max = 720},
            {.key = "hours",
             .type = Type::kObject,
             .description = "Hours of each week.",
             .list = true,
             .default_text = "[]",
             .fields = {{.key = "days",
                         .type = Type::kChoice,
                         .description = "Days of the week.",
                         .required = true,
                         .list = true,
                         .example = "[mon, tue, thu]",
                         .choices = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}},
                        ClockField("from", "Start of the first slot.", "\"08:00\""),
                        ClockField("to", "No slot ends later.", "\"12:00\"")}},
            {.key = "extra_hours",
             .type = Type::kObject,
             .description = "Hours of single days, beside the weekly ones; also on closed days.",
             .list = true,
             .default_text = "[]",
             .fields = {ClockField("date", "The day.", "\"2026-12-19\""),
                        ClockField("from", "Start of the first slot.", "\"09:00\""),
                        ClockField("to", "No slot ends later.", "\"13:00\"")}},
            {.key = "closed",
             .description = "Days without the weekly hours: `2026-12-24` or "
                            "`2026-12-24..2026-12-31`.",
             .list = true,
             .default_text = "[]",
             .example = "\"2026-12-24..2026-12-31\""},
            {.key = "horizon_days",
             .type = Type::kInteger,
             .description = "How many days ahead slots are made.",
             .default_text = "60",
             .min = 1,
             .max = 400},
            {.key = "release_lead",
             .type = Type::kDuration,
             .description = "A slot can be booked from so long before its start; 0 = as soon as it "
                            "is made.",
             .default_text = "0s",
             .example = "14d"},
            {.key = "min_notice",
             .type = Type::kDuration,
             .description = "And until so long before it.",
             .default_text = "0s",
             .example = "2h"},
        }};
}

Templates::Loaded Templates::Load(const fs::path& folder, const std::string& display) {
    Loaded loaded;
    auto templates = std::make_shared<Templates>();
    config::UniqueNames names;
    config::ReadEach(FilesOf(folder, loaded.errors), display, ScheduleSpec(), loaded.errors,
                     [&](const config::Values& values, const std::string& file) {
                         Template one = Reader(values, loaded.errors).Read();
                         names.Add(one.name, file, values.PositionOf("schedule"), loaded.errors);
                         templates->templates_.push_back(std::move(one));
                     });
    std::sort(templates->templates_.begin(), templates->templates_.end(),
              [](const Template& a, const Template& b) { return a.name < b.name; });
    if (loaded.errors.empty()) loaded.templates = std::move(templates);
    return loaded;
}

}  // namespace carestream::scheduling
