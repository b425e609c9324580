#pragma once
// carestream trace: for each value of a message which rules took it where. No server.
#include <string>
#include <vector>

#include "channels.h"

namespace carestream::cli {

struct TraceOptions {
    std::vector<std::string> files;
    std::string channel;
    Places places;
    std::string path;  // only values below it, "PID-3"; "" = all
    bool json = false;
};

// Exit code: 0 every message was mapped, 1 some were not, 2 nothing could be tried.
[[nodiscard]] int TraceMessages(const TraceOptions& options);

}  // namespace carestream::cli
