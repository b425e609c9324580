#pragma once
// Where mappings/, schemas/, channels/ and conf/ lie.
#include <filesystem>

#include "base/result.h"

namespace carestream {

// $CARESTREAM_HOME if set, else the nearest folder above the executable that holds both mappings/
// and schemas/. Error: kNotFound, with the variable named.
[[nodiscard]] Result<std::filesystem::path> FindHome();

}  // namespace carestream
