#pragma once
// carestream lint and new: work on YAML files, no server.
#include <filesystem>
#include <string>

#include "channels.h"

namespace carestream::cli {

// `folder` and `config` as PlacesIn takes them. 0 = no mistakes.
[[nodiscard]] int Lint(const std::filesystem::path& folder, const std::filesystem::path& config);

// Writes <name>.yaml, commented, and its test into the folder of channels; its port is one that no
// channel there has. Refuses to overwrite.
[[nodiscard]] int NewChannel(const std::string& name, const Places& places);

}  // namespace carestream::cli
