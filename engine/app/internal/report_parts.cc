#include "app/internal/report_parts.h"

#include <algorithm>
#include <utility>

namespace carestream::app {

namespace {

reports::DeliveryState StateOf(store::OutboundState state) {
    switch (state) {
        case store::OutboundState::kQueued:
            return reports::DeliveryState::kWaiting;
        case store::OutboundState::kSending:
            return reports::DeliveryState::kSent;
        case store::OutboundState::kAccepted:
            return reports::DeliveryState::kReceived;
        case store::OutboundState::kAcked:
            return reports::DeliveryState::kAccepted;
        case store::OutboundState::kNacked:
            return reports::DeliveryState::kRejected;
        case store::OutboundState::kAmbiguous:
            return reports::DeliveryState::kClarifying;
        case store::OutboundState::kSkipped:
            return reports::DeliveryState::kWithdrawn;
    }
    return reports::DeliveryState::kClarifying;
}

}  // namespace

bool PassesReportsOn(const channel::Generation& generation, store::Tenant tenant) {
    const auto passes = [tenant](const auto& channel) {
        return channel->settings.tenant_number == tenant &&
               std::any_of(channel->topics.begin(), channel->topics.end(), [](const auto* topic) {
                   return topic->resource == "QuestionnaireResponse";
               });
    };
    return std::any_of(generation.outbound.begin(), generation.outbound.end(), passes);
}

reports::DeliveriesSince ReportDeliveries(store::Outbound& queue) {
    return [&queue](std::int64_t after, int limit) -> Result<std::vector<reports::Delivery>> {
        CARESTREAM_ASSIGN(changes, queue.Changes(after, limit));
        std::vector<reports::Delivery> deliveries;
        deliveries.reserve(changes.size());
        for (store::OutboundChange& change : changes) {
            reports::Delivery delivery;
            delivery.change = change.change;
            delivery.tenant = change.tenant;
            delivery.channel = std::move(change.channel);
            // A message that was made of another message is about no resource.
            if (change.kind == store::OutboundCause::kEvent) {
                delivery.type = std::move(change.type);
                delivery.id = std::move(change.id);
                delivery.event = change.cause;
            }
            delivery.state = StateOf(change.state);
            if (delivery.state == reports::DeliveryState::kRejected) {
                delivery.reason = std::move(change.reason);
            }
            deliveries.push_back(std::move(delivery));
        }
        return deliveries;
    };
}

}  // namespace carestream::app
