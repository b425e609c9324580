#pragma once
// Channels and mappings as the daemon would load them, without a daemon.
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "channel/generation.h"
#include "content.h"

namespace carestream::cli {

// What the user named; "" = what the configuration says, the house's conf/carestream.yaml by
// default.
struct Places {
    std::filesystem::path config;
    std::filesystem::path channels;
    std::filesystem::path mappings;
};

// channels/, mappings/ and conf/carestream.yaml below `folder`, each if it is there; all "" for the
// folder "". `config`, unless "", is taken instead. Error: kNotFound, neither channels nor
// mappings.
[[nodiscard]] Result<Places> PlacesIn(const std::filesystem::path& folder,
                                      const std::filesystem::path& config);

[[nodiscard]] std::filesystem::path ConfigOf(const Content& content, const Places& places);

struct ReadInputs {
    channel::GenerationInputs inputs;
    std::vector<Error> errors;  // of the configuration; with any, `inputs` must not be used
};
[[nodiscard]] ReadInputs ReadInputsOf(const Content& content, const Places& places);

}  // namespace carestream::cli
