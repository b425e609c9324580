#pragma once
// Reading a whole file, as every loader of tables and YAML does.
#include <filesystem>
#include <string>

#include "base/result.h"

namespace carestream {

// The bytes of a regular file. Error: kNotFound, "cannot be read", the path as given.
[[nodiscard]] Result<std::string> ReadFile(const std::filesystem::path& file);

}  // namespace carestream
