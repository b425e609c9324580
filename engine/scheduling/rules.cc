#include "scheduling/rules.h"

#include <algorithm>

#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

std::shared_ptr<const Template> Rules::TemplateOf(const std::string& schedule) const {
    const std::string id = IdOf(schedule, "Schedule");
    if (!id.starts_with(kSchedulePrefix)) return nullptr;
    const auto now = templates();
    const std::lock_guard lock(mutex_);
    if (indexed_ != now) {
        indexed_ = now;
        by_id_.clear();
        for (const Template& one : now->all()) by_id_[ScheduleId(ids_, one)] = &one;
    }
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return nullptr;
    return {now, found->second};
}

std::string Rules::ScheduleIdOf(const std::string& name) const {
    const auto now = templates();
    const Template* found = now->Find(name);
    return found == nullptr ? std::string() : ScheduleId(ids_, *found);
}

std::set<std::string> Rules::SchedulesOf(std::string_view type, std::string_view identifier) const {
    std::set<std::string> schedules;
    const auto now = templates();
    for (const Template& one : now->all()) {
        const bool names =
            std::any_of(one.actors.begin(), one.actors.end(), [&](const Actor& actor) {
                return actor.type == type && !actor.system.empty() &&
                       actor.system + "|" + actor.id == identifier;
            });
        if (names) schedules.insert(ScheduleId(ids_, one));
    }
    return schedules;
}

Result<void> Rules::CheckBookable(const std::string& schedule, Micros start) const {
    const Micros ahead = start - Now();
    if (ahead <= 0) {
        return Fail(Code::kConflict, "the slot has begun: choose a later one", "slot");
    }
    const auto known = TemplateOf(schedule);
    if (known != nullptr && ahead < known->min_notice) {
        return Fail(Code::kConflict, "it is too late to book the slot here: choose a later one",
                    "slot");
    }
    if (known != nullptr && known->release_lead > 0 && ahead > known->release_lead) {
        return Fail(Code::kConflict, "the slot cannot be booked yet: choose an earlier one",
                    "slot");
    }
    return {};
}

}  // namespace carestream::scheduling
