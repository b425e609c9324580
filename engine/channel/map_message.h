#pragma once
// What a channel makes of a parsed message: does it take it, and what does it map to. One judgement
// for the daemon, the tests beside channels and `carestream map --channel`. Pure.
#include <string>

#include "channel/generation.h"
#include "hl7/message.h"
#include "mapping/program.h"

namespace carestream::channel {

struct Judged {
    std::string event;  // "ADT^A01"; "" if MSH-9 is none
    std::string stage;  // of what became a dead letter: "receive", "parse", "map"
    // kUnusable: a dead letter. kNoMap: kept as it is. The report names every leaf in each case.
    mapping::Mapped mapped;
};

// `context`: the channel's own with the time of receipt, or one that differs from it as a test
// says. `trace`: how it came about, unless null.
[[nodiscard]] Judged MapMessage(const Channel& channel, const hl7::Message& message,
                                const mapping::MapContext& context,
                                mapping::Trace* trace = nullptr);

}  // namespace carestream::channel
