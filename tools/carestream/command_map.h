#pragma once
// carestream map: messages in, one FHIR Bundle each out. No server.
#include <filesystem>
#include <string>
#include <vector>

#include "channels.h"

namespace carestream::cli {

struct MapOptions {
    std::vector<std::string> files;
    std::string channel;  // "" = neutral: UTC, authority for everything
    Places places;
    std::vector<std::string> profiles;  // guides beside those of the channel: "us-core"
    bool ndjson = false;
    bool report_json = false;
    std::filesystem::path against;  // print only what this folder of mappings makes differently
    bool quiet = false;             // nothing of what was dropped
};

// With a channel each message is judged as the daemon would (its events and processing ids).
// Says on stderr which values a rule read and dropped ("FILE: message 1: PID-7.1: not a date ...");
// with `report_json` the report says it, and more. With `against` prints, instead of Bundles, what
// these mappings make ("-") and what those of the other folder make ("+"). Exit code: 0 every
// message mapped, or none differs; 1 some did not, 2 nothing could be tried.
[[nodiscard]] int Map(const MapOptions& options);

}  // namespace carestream::cli
