#pragma once
// What receivers are told: history Bundles whose first entry is a SubscriptionStatus as Parameters.
// Pure. Source: Subscriptions R5 Backport IG STU 1.1, notifications in R4.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/events.h"
#include "subscriptions/definition.h"

namespace carestream::subscriptions {

enum class NotificationType : std::uint8_t {
    kHandshake,
    kHeartbeat,
    kEvent,
    kQueryStatus,
    kQueryEvent
};

struct NotifiedEvent {
    std::int64_t number = 0;
    Micros made = 0;
    // Null: it is not there any more, or its owner may not see it now; then only the number is
    // told.
    const store::Event* event = nullptr;
    // What the owner is shown of its body, where that is not all.
    std::shared_ptr<const std::string> shown = {};

    [[nodiscard]] const std::string& body() const { return shown ? *shown : event->body; }
};

struct StatusView {
    std::string status;       // requested, active, error, off
    std::int64_t number = 0;  // events since the start
    std::string error = {};   // for people, without values; "" = none
};

// `base`: "https://host/fhir/r4". The content level may be another than the definition's.
[[nodiscard]] std::string StatusParameters(const Definition& definition, const StatusView& view,
                                           NotificationType type,
                                           const std::vector<NotifiedEvent>& events,
                                           Content content, std::string_view base);

[[nodiscard]] std::string NotificationBundle(const Definition& definition, const StatusView& view,
                                             NotificationType type,
                                             const std::vector<NotifiedEvent>& events,
                                             Content content, std::string_view base, Micros now);

}  // namespace carestream::subscriptions
