#include "channel/test_runner.h"

#include <algorithm>
#include <iterator>

#include "channel/map_message.h"

namespace carestream::channel {

namespace {

namespace fs = std::filesystem;

const Channel* ChannelOfTest(const Generation& generation, const fs::path& test) {
    std::string name = test.filename().string();
    name.replace(name.size() - kTestEnding.size(), kTestEnding.size(), ".yaml");
    for (const auto& channel : generation.channels) {
        if (channel->settings.file.filename() == name) return channel.get();
    }
    return nullptr;
}

std::vector<mapping::TestCase> RunFile(const Generation& generation, const fs::path& file) {
    const Channel* channel = ChannelOfTest(generation, file);
    if (channel == nullptr) {
        const Position place{file.string(), 0, 0};
        Error error{Code::kNotFound,
                    "tests no channel: NAME.test.yaml stands beside NAME.yaml",
                    {},
                    place,
                    0,
                    false};
        return {{place, {}, {{std::move(error), {}, {}}}}};
    }
    return mapping::RunTests(
        {[channel](const hl7::Message& message, const mapping::MapContext& context) {
             return MapMessage(*channel, message, context).mapped;
         },
         {},
         channel->context},
        file);
}

}  // namespace

std::vector<mapping::TestCase> RunChannelTests(const Generation& generation,
                                               const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(kTestEnding) && name.front() != '.') files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<mapping::TestCase> all;
    for (const fs::path& file : files) {
        std::vector<mapping::TestCase> cases = RunFile(generation, file);
        std::move(cases.begin(), cases.end(), std::back_inserter(all));
    }
    return all;
}

}  // namespace carestream::channel
