#pragma once
// Runs the tests written beside the channels: those of channels/ward-7.yaml are in
// channels/ward-7.test.yaml, in the form of mappings/tests.
#include <filesystem>
#include <vector>

#include "channel/generation.h"
#include "mapping/test_runner.h"

namespace carestream::channel {

// Each message goes the way it would go through its channel: refused = unusable, not one of its
// events = no-map. Files in the order of names; one without its channel is a failed test.
[[nodiscard]] std::vector<mapping::TestCase> RunChannelTests(const Generation& generation,
                                                             const std::filesystem::path& folder);

}  // namespace carestream::channel
