#pragma once
// What reports need to know of outbound channels.
#include "channel/generation.h"
#include "reports/reporter.h"
#include "store/outbound.h"

namespace carestream::app {

// Is there an outbound channel that sends what patients of the tenant report?
[[nodiscard]] bool PassesReportsOn(const channel::Generation& generation, store::Tenant tenant);

// The queue outlives the function.
[[nodiscard]] reports::DeliveriesSince ReportDeliveries(store::Outbound& queue);

}  // namespace carestream::app
