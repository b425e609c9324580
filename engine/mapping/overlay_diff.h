#pragma once
// What overlays make of the maps: the effective rules and codes beside those of the base. Reads
// files; pure otherwise.
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace carestream::mapping {

struct EffectiveLine {
    char sign = ' ';    // '+' of an overlay, '-' no longer in force, ' ' as in the base
    std::string text;   // the rule or code in flow style
    Position position;  // its file is named from the folder of the mappings
};

// A map, table, identity or message that an overlay touches.
struct EffectiveDocument {
    std::string folder;  // "segments", "tables", "outbound/segments", ...
    std::string name;    // "PID -> Patient"
    // Rules in the order in which they run; of a table only the codes that differ; of a message the
    // changes of its tree. Of what was replaced whole, or of anything that the base has not: where
    // it stands.
    std::vector<EffectiveLine> lines;
    std::size_t unchanged = 0;  // codes that are not listed
};

struct OverlayDiff {
    std::vector<EffectiveDocument> documents;  // by folder and name
    std::vector<Error> errors;  // mistakes that keep files from being laid over each other
};

[[nodiscard]] OverlayDiff DiffOverlays(const std::filesystem::path& mappings,
                                       const std::vector<std::string>& overlays);

}  // namespace carestream::mapping
