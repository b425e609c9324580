#pragma once
// What lies in the folders of channels and mappings, looked at as files.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace carestream::app {

// YAML that nobody reads because its name does not end in ".yaml" (.yml, .YAML, ...): whoever wrote
// it believes that it is in force. Errors with the remedy, in order of the paths.
[[nodiscard]] std::vector<Error> UnreadFiles(const std::filesystem::path& channels,
                                             const std::filesystem::path& mappings);

// Errors of mappings name files from the folder of the mappings: makes them paths that open.
void LocateMappings(const std::filesystem::path& mappings, std::vector<Error>& errors);

// Hash by name, from `mappings`, of the files that a generation reads there.
using FileSums = std::map<std::string, std::uint64_t>;
[[nodiscard]] FileSums SumsOfMappings(const std::filesystem::path& mappings);

// "mapping segments/PID.Patient.yaml: changed" (added, removed), in order of the names; after the
// first few only how many more.
[[nodiscard]] std::vector<std::string> ChangedMappings(const FileSums& before,
                                                       const FileSums& after);

}  // namespace carestream::app
