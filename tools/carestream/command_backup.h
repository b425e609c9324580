#pragma once
// carestream backup and restore.
#include <filesystem>

namespace carestream::cli {

[[nodiscard]] int Backup(const std::filesystem::path& state, const std::filesystem::path& target,
                         bool with_keys);
[[nodiscard]] int Restore(const std::filesystem::path& state, const std::filesystem::path& source);

}  // namespace carestream::cli
