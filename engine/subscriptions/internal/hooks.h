#pragma once
// Rest-hooks: one request under way for each subscription, in the order of the numbers, until it is
// taken. Belongs to the engine's thread.
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "subscriptions/internal/context.h"
#include "subscriptions/internal/retry.h"

namespace carestream::subscriptions {

class Hooks {
public:
    explicit Hooks(Context& context);

    // Looks whether something is to be sent: a handshake, events that wait, a heartbeat that is
    // due. `fresh`: the events with the numbers after state.delivered, at hand; may be empty.
    void Kick(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh = {});
    // States that changed since the last call: to be saved.
    [[nodiscard]] std::vector<store::SubscriptionState> TakeChanged();

private:
    enum class Kind { kHandshake, kHeartbeat, kEvents };
    void Send(const ActivePtr& active, Kind kind, const std::vector<NotifiedEvent>& events);
    void KeepAlive(const ActivePtr& active);
    // R4 criteria: nothing, or the resource itself, one at a time.
    void SendPlain(const ActivePtr& active, const std::vector<NotifiedEvent>& events);
    void Post(const ActivePtr& active, Kind kind, std::int64_t up_to, HookRequest request);
    void Answered(const ActivePtr& active, Kind kind, std::int64_t up_to, std::int64_t serial,
                  const HookAnswer& answer);
    void HandshakeAnswered(const ActivePtr& active, const HookAnswer& answer);
    void SendEvents(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh);
    [[nodiscard]] HookRequest RequestFor(const Definition& definition) const;
    [[nodiscard]] double Jitter();

    Context& context_;
    const RetryPolicy policy_;
    std::unordered_set<ActivePtr> changed_;
    std::int64_t serials_ = 0;
    std::uint64_t random_;
    telemetry::Counter& delivered_;
    telemetry::Counter& failed_;
    telemetry::Histogram& seconds_;
};

}  // namespace carestream::subscriptions
