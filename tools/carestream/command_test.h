#pragma once
// carestream test: the tests written beside mappings and channels. No server.
#include <filesystem>
#include <string>

namespace carestream::cli {

struct TestOptions {
    std::filesystem::path folder;  // and `config`: as PlacesIn takes them
    std::filesystem::path config;
    std::string filter;  // only tests with this text in their file's name or note
    bool json = false;
};

// Exit code: 0 all passed, 1 some did not, 2 none could be run.
[[nodiscard]] int Test(const TestOptions& options);

}  // namespace carestream::cli
