#pragma once
// An answer that belongs to no message under way: a late one, or an application acknowledgment that
// came as a message of its own.
#include <string>

#include "base/clock.h"
#include "channel/generation.h"
#include "outbound/acknowledgment.h"
#include "store/outbound.h"

namespace carestream::outbound {

// Settles the message that it answers. False: the channel has none of this MSH-10 that waits for an
// answer. Errors: of the store.
[[nodiscard]] Result<bool> SettleByAnswer(store::Outbound& queue,
                                          const channel::OutboundChannel& channel,
                                          const Acknowledgment& answer, const std::string& raw,
                                          Micros now);

}  // namespace carestream::outbound
