#pragma once
// Commands about messages on their way out. Each returns the exit code, as in command_admin.h.
#include <cstdint>
#include <string>

#include "command_admin.h"
#include "fhir/node.h"

namespace carestream::cli {

struct OutboundOptions {
    std::string channel;
    std::string state;  // "nacked,ambiguous"; "" = all that are not settled
    std::int64_t after = 0;
    int limit = 100;
    std::int64_t number = 0;
    bool raw = false;
};

[[nodiscard]] int ListOutbound(const AdminOptions& admin, const OutboundOptions& options);
[[nodiscard]] int ShowOutbound(const AdminOptions& admin, const OutboundOptions& options);
// `decision`: resend, skip, acked or replay.
[[nodiscard]] int DecideOutbound(const AdminOptions& admin, const std::string& decision,
                                 const OutboundOptions& options);

// The lines about outbound channels in an answer about channels.
void PrintOutboundChannels(const fhir::Node& answer);

}  // namespace carestream::cli
