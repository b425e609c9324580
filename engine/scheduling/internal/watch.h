#pragma once
// What happens without an app's asking: events of Appointments, what became of messages, timers.
#include <cstdint>
#include <optional>
#include <string>

#include "scheduling/internal/calendars.h"
#include "scheduling/internal/context.h"
#include "scheduling/internal/ledger.h"

namespace carestream::scheduling {

// Confined to the scheduler's thread. Every error is an outage: the same call again later.
class Watch {
public:
    Watch(Context& context, Ledger& ledger, Calendars& calendars)
        : context_(context), ledger_(ledger), calendars_(calendars) {}

    // Where it stopped before. Afterwards the others may be called.
    [[nodiscard]] Result<void> Load();
    // True: there was something, look again at once.
    [[nodiscard]] Result<bool> ReadEvents();
    [[nodiscard]] Result<bool> ReadDeliveries();
    [[nodiscard]] Result<bool> FireTimers();

private:
    [[nodiscard]] Result<void> Look(const store::Event& event);
    [[nodiscard]] Result<void> OfEhr(const store::Event& event);
    [[nodiscard]] Result<void> OfClient(const store::Event& event);
    // The time that a message tells, as a slot of the booking's Schedule.
    struct Place {
        SlotRef ref;                 // without an id unless `free`
        std::optional<Stored> free;  // to be taken; else there is none at that time, or:
        bool of_others = false;
    };
    [[nodiscard]] Result<bool> Follow(const store::Event& event, const SlotRef& told);
    [[nodiscard]] Result<Plan> PlanMove(Case one, const SlotRef& told);
    [[nodiscard]] Result<Plan> PlanRevival(Case one, const SlotRef& told);
    [[nodiscard]] Result<Place> PlaceAt(const Record& record, const SlotRef& told);
    [[nodiscard]] Result<void> Take(const Delivery& delivery);
    // Refusals of the saga and of the data concern this booking only.
    [[nodiscard]] Result<void> Step(const std::string& appointment, const Ledger::Judge& judge,
                                    const std::string& evidence, const std::string& reason = {});

    Context& context_;
    Ledger& ledger_;
    Calendars& calendars_;
    std::int64_t cursor_ = 0;
    std::int64_t delivered_ = 0;
};

}  // namespace carestream::scheduling
