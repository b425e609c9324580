#pragma once
// carestream lint and new: work on YAML files, no server.
#include <filesystem>
#include <string>

namespace carestream::cli {

// `folder` and `config` as PlacesIn takes them. 0 = no mistakes.
[[nodiscard]] int Lint(const std::filesystem::path& folder, const std::filesystem::path& config);

// Writes channels/<name>.yaml, commented, and its test beside it; refuses to overwrite.
[[nodiscard]] int NewChannel(const std::string& name, const std::filesystem::path& channels);

}  // namespace carestream::cli
