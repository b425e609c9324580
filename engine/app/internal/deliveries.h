#pragma once
// What became of messages about Appointments: the scheduler knows no outbound channels.
#include <memory>

#include "scheduling/scheduler.h"
#include "store/outbound.h"

namespace carestream::app {

[[nodiscard]] std::unique_ptr<scheduling::Deliveries> DeliveriesOf(
    std::unique_ptr<store::Outbound> outbound);

}  // namespace carestream::app
