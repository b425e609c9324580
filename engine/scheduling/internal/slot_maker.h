#pragma once
// Keeps the Slots of templates as the templates say: makes those that are missing, removes free
// ones that are no longer wanted, touches none that is held, booked or blocked.
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "scheduling/internal/context.h"

namespace carestream::scheduling {

// Confined to the scheduler's thread. The work is done piece by piece, so that apps do not wait for
// the whole of it; what was begun and forgotten is begun again by the next Begin.
class SlotMaker {
public:
    explicit SlotMaker(Context& context) : context_(context) {}

    // Everything is to be looked at: at the start, with other templates, once a day.
    void Begin();
    // The next piece. True: there is more. Errors: kUnavailable; the same piece comes again.
    [[nodiscard]] Result<bool> Continue();

private:
    // Which schedules are to be looked at; those of templates that are gone have none.
    struct Task {
        std::shared_ptr<const Template> schedule;
        std::string id;
    };
    [[nodiscard]] Result<void> FindTasks();
    [[nodiscard]] Result<void> Compare(const Task& task);
    [[nodiscard]] Result<std::map<std::string, Stored>> SlotsOf(const std::string& schedule_id,
                                                                Micros from);
    [[nodiscard]] Result<bool> Write();
    void Complain(const Error& error);
    [[nodiscard]] std::map<std::string, SlotTime> WantedOf(
        const Task& task, const std::map<std::string, Stored>& slots, Micros now) const;
    void PutSchedule(const Task& task, const Stored& stored);
    void Put(const std::string& type, const std::string& id, fhir::Node resource,
             std::int32_t if_match);
    void Remove(const std::string& id, std::int32_t if_match);

    Context& context_;
    bool find_tasks_ = false;
    std::deque<Task> tasks_;
    std::deque<store::RestWrite> writes_;
};

}  // namespace carestream::scheduling
