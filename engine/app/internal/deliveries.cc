#include "app/internal/deliveries.h"

#include <utility>

namespace carestream::app {

namespace {

scheduling::DeliveryState StateOf(store::OutboundState state) {
    switch (state) {
        case store::OutboundState::kAcked:
            return scheduling::DeliveryState::kTaken;
        case store::OutboundState::kNacked:
            return scheduling::DeliveryState::kRefused;
        case store::OutboundState::kAmbiguous:
            return scheduling::DeliveryState::kUncertain;
        default:
            return scheduling::DeliveryState::kOther;
    }
}

class OutboundDeliveries final : public scheduling::Deliveries {
public:
    explicit OutboundDeliveries(std::unique_ptr<store::Outbound> outbound)
        : outbound_(std::move(outbound)) {}

    Result<std::vector<scheduling::Delivery>> Changes(std::int64_t after, int limit) override {
        CARESTREAM_ASSIGN(changes, outbound_->Changes(after, limit));
        std::vector<scheduling::Delivery> deliveries;
        deliveries.reserve(changes.size());
        for (const store::OutboundChange& change : changes) {
            scheduling::Delivery delivery;
            delivery.change = change.change;
            delivery.tenant = change.tenant;
            delivery.channel = change.channel;
            if (change.type == "Appointment") delivery.appointment = change.id;
            if (change.kind == store::OutboundCause::kEvent) delivery.event = change.cause;
            delivery.state = StateOf(change.state);
            delivery.code = change.code;
            deliveries.push_back(std::move(delivery));
        }
        return deliveries;
    }

private:
    const std::unique_ptr<store::Outbound> outbound_;
};

}  // namespace

std::unique_ptr<scheduling::Deliveries> DeliveriesOf(std::unique_ptr<store::Outbound> outbound) {
    return std::make_unique<OutboundDeliveries>(std::move(outbound));
}

}  // namespace carestream::app
