#pragma once
// carestream diff: what overlays make of the maps. No server.
#include <string>
#include <vector>

#include "channels.h"

namespace carestream::cli {

struct DiffOptions {
    std::vector<std::string> overlays;
    std::string name;  // only maps whose name has this text; "" = all
    Places places;
    bool changes_only = false;  // leave out rules that are as in the base
};

// Exit code: 0 shown, 2 the overlays or the mappings have mistakes.
[[nodiscard]] int Diff(const DiffOptions& options);

}  // namespace carestream::cli
