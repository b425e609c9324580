#pragma once
// A code table as a spreadsheet saves it: CSV (RFC 4180) with the columns code, target, system,
// display; the last two may be left out, an empty target means deliberately none.
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::mapping::internal {

// The same as YAML text whose codes stand in the lines of the CSV. `head` begins it: "table: X" or
// "extends: X". Error kInvalid with `position.line`.
[[nodiscard]] Result<std::string> CsvTableAsYaml(std::string_view csv, std::string_view head);

}  // namespace carestream::mapping::internal
