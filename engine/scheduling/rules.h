#pragma once
// What may be booked when, by the templates in force.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "scheduling/template.h"

namespace carestream::scheduling {

// Thread-safe. Shared by the scheduler and by answers that are still under way when it is gone;
// what `templates` and `clock` refer to outlives them all.
class Rules {
public:
    Rules(crypto::IdKey ids, std::function<std::shared_ptr<const Templates>()> templates,
          const Clock& clock)
        : ids_(std::move(ids)), templates_(std::move(templates)), clock_(clock) {}

    [[nodiscard]] Micros Now() const { return clock_.Now(); }
    [[nodiscard]] const crypto::IdKey& ids() const { return ids_; }
    [[nodiscard]] std::shared_ptr<const Templates> templates() const { return templates_(); }
    // The template of "Schedule/<id>"; nullptr: it is no schedule of a template in force.
    [[nodiscard]] std::shared_ptr<const Template> TemplateOf(const std::string& schedule) const;
    // A schedule's id, by the template's name; "" = there is no such template.
    [[nodiscard]] std::string ScheduleIdOf(const std::string& name) const;
    // Ids of the Schedules whose templates name an actor by this identifier, "system|value".
    [[nodiscard]] std::set<std::string> SchedulesOf(std::string_view type,
                                                    std::string_view identifier) const;
    // May a slot of "Schedule/<id>" that starts then be booked now? Error: kConflict.
    [[nodiscard]] Result<void> CheckBookable(const std::string& schedule, Micros start) const;

private:
    const crypto::IdKey ids_;
    const std::function<std::shared_ptr<const Templates>()> templates_;
    const Clock& clock_;
    // Schedule ids of the templates that were asked for last.
    mutable std::mutex mutex_;  // guards what follows
    mutable std::shared_ptr<const Templates> indexed_;
    mutable std::map<std::string, const Template*> by_id_;
};

}  // namespace carestream::scheduling
