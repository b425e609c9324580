#pragma once
// carestream coverage: what of a feed the maps do not use, by frequency. No server.
#include <string>
#include <vector>

#include "channels.h"

namespace carestream::cli {

struct CoverageOptions {
    std::vector<std::string> files;
    std::string channel;
    Places places;
    std::size_t limit = 20;  // lines of each list
    bool json = false;       // everything, without limit
};

// Exit code: 0 counted, 1 a file could not be read, 2 nothing could be tried.
[[nodiscard]] int Coverage(const CoverageOptions& options);

}  // namespace carestream::cli
