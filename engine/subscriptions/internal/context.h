#pragma once
// What the parts of the engine share; all of it belongs to the engine's thread unless it says
// otherwise.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "subscriptions/engine.h"
#include "subscriptions/registry.h"

namespace carestream::subscriptions {

// Commands for the engine's thread, from any thread.
class Inbox {
public:
    using Command = std::function<void()>;
    // False after Close: the command is dropped.
    bool Post(Command command);
    void Wake();
    void Close();
    // Waits until there is a command, a wake-up or `until` (steady microseconds from now); gives
    // what there is.
    [[nodiscard]] std::vector<Command> Wait(Micros wait_at_most);
    [[nodiscard]] bool closed() const;

private:
    mutable std::mutex mutex_;  // guards all
    std::condition_variable ready_;
    std::vector<Command> commands_;
    bool woken_ = false;
    bool closed_ = false;
};

// Why a subscription is off, and its sockets closed.
inline constexpr const char* kRevoked = "who asked for it may not do so any more";

// What is due when: checked against the subscription when it comes up, so nothing is ever removed.
struct Due {
    store::Tenant tenant = 1;
    std::string id;
};
using Timers = std::multimap<Micros, Due>;

struct Context {
    const EngineOptions options;
    EngineParts parts;
    // Shared with callbacks that may come after the engine is gone.
    std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
    Registry registry{*parts.definitions};
    Timers timers = {};

    [[nodiscard]] Micros Now() const { return parts.clock.Now(); }
    // Looks at it again at that time, or earlier. One timer each counts: the earliest.
    void Later(Micros at, Active& active) {
        if (active.timer_at != 0 && active.timer_at <= at) return;
        active.timer_at = at;
        timers.emplace(at, Due{active.definition.tenant, active.definition.id});
    }
    [[nodiscard]] Result<bool> IsInForce(const Active& active) const {
        if (!active.definition.owner) return false;
        return parts.in_force ? parts.in_force(*active.definition.owner) : Result<bool>(true);
    }
    // How many events one notification tells at most.
    [[nodiscard]] int LimitOf(const Definition& definition) const {
        return definition.count_max != 0 ? std::min(definition.count_max, options.events_max)
                                         : options.events_max;
    }
    // Notes in the audit that its owner is told of these. False: it cannot be noted now, so nothing
    // may be told.
    [[nodiscard]] bool Note(const Active& active, const std::vector<NotifiedEvent>& events) const;
    // Changes Subscription.status (and error) in memory and in the store. "" = without an error.
    void SetStatus(const ActivePtr& active, const std::string& status, const std::string& error);
};

// Events of numbers as they may be told now: without those that the owner, or who asks for them
// (`also`, null: nobody), may not see any more. `loaded` keeps what is pointed at.
[[nodiscard]] Result<std::vector<NotifiedEvent>> LoadNotified(Context& context, Active& active,
                                                              std::int64_t from, std::int64_t to,
                                                              int limit,
                                                              std::vector<store::Event>& loaded,
                                                              auth::Access* also = nullptr);

}  // namespace carestream::subscriptions
