#pragma once
// Channels and mappings as the daemon would load them, without a daemon.
#include <filesystem>
#include <string>

#include "base/result.h"
#include "channel/generation.h"
#include "content.h"

namespace carestream::cli {

// `channels` empty = the house's. Tenants are those of the shipped configuration.
[[nodiscard]] channel::GenerationInputs GenerationInputsOf(const Content& content,
                                                           const std::filesystem::path& channels,
                                                           const std::filesystem::path& mappings);

}  // namespace carestream::cli
