#pragma once
// An outbound channel's names tied to what they name: topics, channels, messages that can be made.
#include <memory>
#include <vector>

#include "channel/generation.h"

namespace carestream::channel {

// `generation` has its channels and topics. With errors the result must not be used.
[[nodiscard]] OutboundChannel LinkOutbound(OutboundSettings settings,
                                           std::shared_ptr<const mapping::Program> program,
                                           const Generation& generation,
                                           const fhir::Definitions& definitions,
                                           std::vector<Error>& errors);

}  // namespace carestream::channel
