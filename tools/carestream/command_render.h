#pragma once
// carestream render: resources in, one HL7 v2 message each out. No server.
#include <string>
#include <vector>

#include "channels.h"

namespace carestream::cli {

struct RenderOptions {
    std::vector<std::string> files;  // JSON: a resource, a Bundle, or one of them a line
    std::string event;               // "SIU^S12"
    std::vector<std::string> overlays;
    std::vector<std::string> members;  // of the destination: "version=2.3"
    Places places;
};

// The message is about the first resource of each input that the event can be about; the others are
// what it refers to. Says on stderr what the message could not take. Exit code: 0 every input gave
// a message, 1 some did not, 2 nothing could be tried.
[[nodiscard]] int Render(const RenderOptions& options);

}  // namespace carestream::cli
