#pragma once
// Where mappings/, schemas/, channels/ and conf/ lie.
#include <filesystem>

#include "base/result.h"

namespace carestream {

// $CARESTREAM_HOME if set, else the nearest folder above the executable that holds both mappings/
// and schemas/. Error: kNotFound, with the variable named.
[[nodiscard]] Result<std::filesystem::path> FindHome();

// Where the daemon writes when nobody said otherwise: /var/lib/carestream for root, else var/ of
// `home`.
[[nodiscard]] std::filesystem::path DefaultStateFolder(const std::filesystem::path& home);

}  // namespace carestream
