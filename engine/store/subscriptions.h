#pragma once
// What was found for subscriptions and how far it was delivered, so that numbers have no gaps and
// nothing is forgotten across restarts.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace carestream::store {

struct SubscriptionState {
    Tenant tenant = 1;
    std::string id;              // of the Subscription
    std::int64_t number = 0;     // of its newest match
    std::int64_t delivered = 0;  // rest-hook: all up to it were taken
    int failures = 0;            // in a row
    Micros next_at = 0;          // of the next attempt; 0 = none waits
    Micros failing_since = 0;    // of the first of `failures`; 0 = none
};

// Numbers are given by the caller, one after the other from SubscriptionState::number + 1.
struct SubscriptionMatch {
    Tenant tenant = 1;
    std::string id;
    std::int64_t number = 0;
    std::int64_t event = 0;  // Event::seq
};

struct Notification {
    std::int64_t number = 0;
    std::int64_t event = 0;
    Micros made = 0;
};

// On a session of its own. Blocking; one caller at a time.
class Subscriptions {
public:
    virtual ~Subscriptions() = default;
    [[nodiscard]] virtual Result<std::vector<SubscriptionState>> States() = 0;
    // The matches and the consumer's cursor, in one transaction; repeated whole after an outage it
    // changes nothing. A subscription that has no state gets one.
    [[nodiscard]] virtual Result<void> Record(std::string_view consumer, std::int64_t cursor,
                                              const std::vector<SubscriptionMatch>& matches) = 0;
    // `delivered` and what follows it; `number` stays. Each of the states is of another one.
    [[nodiscard]] virtual Result<void> SaveDelivery(
        const std::vector<SubscriptionState>& states) = 0;
    // With from <= number <= to, ascending.
    [[nodiscard]] virtual Result<std::vector<Notification>> Notifications(
        Tenant tenant, const std::string& id, std::int64_t from, std::int64_t to, int limit) = 0;
    [[nodiscard]] virtual Result<void> Remove(Tenant tenant, const std::string& id) = 0;
    // Drops what was made before; at most `limit` rows at a time. Gives how many went.
    [[nodiscard]] virtual Result<std::int64_t> Prune(Micros before, int limit) = 0;
};

}  // namespace carestream::store
