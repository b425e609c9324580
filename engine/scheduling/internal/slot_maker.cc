#include "scheduling/internal/slot_maker.h"

#include <algorithm>
#include <utility>

#include "fhir/json.h"
#include "scheduling/internal/resources.h"

namespace carestream::scheduling {

namespace {

constexpr std::size_t kWritesAPiece = 64;
constexpr int kPage = 500;
constexpr Micros kDayMicros = 86'400LL * 1'000'000;
constexpr Micros kSlotMicrosMax = 720LL * 60 * 1'000'000;  // as ScheduleSpec has it

bool IsFree(const Stored& slot) {
    return slot.node.TextOf("status") == "free";
}

SlotTime TimeOf(const Stored& slot) {
    return {InstantOf(slot.node.TextOf("start")), InstantOf(slot.node.TextOf("end"))};
}

}  // namespace

void SlotMaker::Begin() {
    find_tasks_ = true;
    tasks_.clear();
    writes_.clear();
}

Result<bool> SlotMaker::Continue() {
    if (find_tasks_) {
        const auto found = FindTasks();
        if (!found && found.error().retryable) return Fail(found.error());
        if (!found) Complain(found.error());
        find_tasks_ = false;
        return true;
    }
    if (writes_.empty()) {
        if (tasks_.empty()) return false;
        const auto compared = Compare(tasks_.front());
        if (!compared && compared.error().retryable) return Fail(compared.error());
        if (!compared) Complain(compared.error());
        tasks_.pop_front();
        return true;
    }
    return Write();
}

void SlotMaker::Complain(const Error& error) {
    context_.parts.log.Error("scheduling.slots", error.message, {{"path", error.path}});
}

Result<bool> SlotMaker::Write() {
    const std::size_t count = std::min(kWritesAPiece, writes_.size());
    store::RestTransaction transaction;
    transaction.writes.assign(writes_.begin(),
                              writes_.begin() + static_cast<std::ptrdiff_t>(count));
    auto written = context_.Write(std::move(transaction));
    if (!written && WasOvertaken(written.error())) {
        // One of them was booked meanwhile: each by itself.
        for (std::size_t i = 0; i < count; ++i) {
            store::RestTransaction single;
            single.writes.push_back(writes_[i]);
            written = context_.Write(std::move(single));
            if (!written && !WasOvertaken(written.error())) break;
            written = std::vector<store::RestResult>();
        }
    }
    if (!written && written.error().retryable) return Fail(written.error());
    if (!written) Complain(written.error());
    writes_.erase(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(count));
    return true;
}

Result<void> SlotMaker::FindTasks() {
    std::set<std::string> wanted;
    const auto templates = context_.rules->templates();
    for (const Template& one : templates->all()) {
        tasks_.push_back({{templates, &one}, ScheduleId(context_.rules->ids(), one)});
        wanted.insert(tasks_.back().id);
    }
    CARESTREAM_ASSIGN(
        known, context_.Search("Schedule", {{"identifier", std::string(kScheduleSystem) + "|"},
                                            {"active", "true"},
                                            {"_count", std::to_string(kPage)}}));
    for (const store::StoredVersion& one : known) {
        const bool gone = one.id.starts_with(kSchedulePrefix) && wanted.count(one.id) == 0;
        if (gone) tasks_.push_back({nullptr, one.id});
    }
    return {};
}

Result<std::map<std::string, Stored>> SlotMaker::SlotsOf(const std::string& schedule_id,
                                                         Micros from) {
    CARESTREAM_ASSIGN(found, context_.Search("Slot", {{"schedule", "Schedule/" + schedule_id},
                                                      {"start", "ge" + FormatInstant(from)},
                                                      {"_count", std::to_string(kPage)}}));
    std::map<std::string, Stored> slots;
    for (store::StoredVersion& one : found) {
        CARESTREAM_ASSIGN(node, fhir::ParseJson(one.body));
        slots[one.id] = Stored{std::move(node), one.version, {}};
    }
    return slots;
}

// What is to go goes first, and then everything is looked at again: a new slot is made only when
// nothing is left that it would overlap, however many were booked meanwhile.
Result<void> SlotMaker::Compare(const Task& task) {
    const Micros now = context_.Now();
    CARESTREAM_ASSIGN(schedule, context_.Read("Schedule", task.id));
    CARESTREAM_ASSIGN(slots, SlotsOf(task.id, now - kSlotMicrosMax));
    const auto wanted = WantedOf(task, slots, now);
    for (const auto& [id, slot] : slots) {
        const bool removable = id.starts_with(kSlotPrefix) && IsFree(slot) &&
                               wanted.count(id) == 0 && TimeOf(slot).start >= now;
        if (removable) Remove(id, slot.version);
    }
    if (!writes_.empty()) {
        tasks_.push_back(task);
        return {};
    }
    PutSchedule(task, schedule);
    // By time: what follows their events looks at one stretch of the calendar after the other.
    std::vector<std::pair<std::string, SlotTime>> in_order(wanted.begin(), wanted.end());
    std::sort(in_order.begin(), in_order.end(),
              [](const auto& a, const auto& b) { return a.second.start < b.second.start; });
    for (const auto& [id, time] : in_order) {
        const auto known = slots.find(id);
        if (known != slots.end() && !IsFree(known->second)) continue;
        Put("Slot", id, FreeSlot(*task.schedule, id, task.id, time),
            known == slots.end() ? store::kAbsent : known->second.version);
    }
    return {};
}

// By id, without what would overlap a slot that is taken or blocked.
std::map<std::string, SlotTime> SlotMaker::WantedOf(const Task& task,
                                                    const std::map<std::string, Stored>& slots,
                                                    Micros now) const {
    std::map<std::string, SlotTime> wanted;
    if (task.schedule == nullptr) return wanted;
    std::vector<std::pair<std::string, SlotTime>> taken;
    for (const auto& [id, slot] : slots) {
        if (!IsFree(slot)) taken.emplace_back(id, TimeOf(slot));
    }
    const Micros until = now + task.schedule->horizon_days * kDayMicros;
    for (const SlotTime& time : Expand(*task.schedule, now, until)) {
        std::string id = SlotId(context_.rules->ids(), *task.schedule, time.start);
        const bool overlaps = std::any_of(taken.begin(), taken.end(), [&](const auto& other) {
            return other.first != id && other.second.start < time.end &&
                   time.start < other.second.end;
        });
        if (!overlaps) wanted.emplace(std::move(id), time);
    }
    return wanted;
}

void SlotMaker::PutSchedule(const Task& task, const Stored& stored) {
    fhir::Node wanted;
    if (task.schedule != nullptr) {
        wanted = ScheduleOf(*task.schedule, task.id);
    } else {
        wanted = stored.node;
        wanted.Set("active", fhir::Node::Boolean(false));
    }
    Put("Schedule", task.id, std::move(wanted), stored.exists() ? stored.version : store::kAbsent);
}

void SlotMaker::Put(const std::string& type, const std::string& id, fhir::Node resource,
                    std::int32_t if_match) {
    store::RestWrite write;
    write.tenant = context_.options.tenant;
    write.method = store::RestMethod::kUpdate;
    write.type = type;
    write.id = id;
    write.resource = std::move(resource);
    write.if_match = if_match;
    writes_.push_back(std::move(write));
}

void SlotMaker::Remove(const std::string& id, std::int32_t if_match) {
    store::RestWrite write;
    write.tenant = context_.options.tenant;
    write.method = store::RestMethod::kDelete;
    write.type = "Slot";
    write.id = id;
    write.if_match = if_match;
    writes_.push_back(std::move(write));
}

}  // namespace carestream::scheduling
