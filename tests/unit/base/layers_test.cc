// Goal: includes go down the layers only. Method: reads engine/layers.txt and every source of each
// module, and names each #include that crosses an edge which is not listed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace {

namespace fs = std::filesystem;
const fs::path kRoot = CARESTREAM_SOURCE_DIR;

std::map<std::string, std::set<std::string>> ReadEdges() {
    std::map<std::string, std::set<std::string>> edges;
    std::ifstream file(kRoot / "engine/layers.txt");
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(':');
        if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
        std::istringstream words(line.substr(colon + 1));
        auto& allowed = edges[line.substr(0, colon)];
        for (std::string word; words >> word;) allowed.insert(word);
    }
    return edges;
}

fs::path FolderOf(const std::string& module) {
    return module.find('/') == std::string::npos ? kRoot / "engine" / module : kRoot / module;
}

std::string ModuleOf(const std::string& include, const auto& edges) {
    for (const auto& [module, allowed] : edges) {
        if (include.starts_with(module + "/")) return module;
    }
    return {};
}

TEST(Layers, IncludesGoDownOnly) {
    const auto edges = ReadEdges();
    ASSERT_GT(edges.size(), 10u);
    const std::regex pattern("^\\s*#include \"([^\"]+)\"");
    for (const auto& [module, allowed] : edges) {
        if (!fs::exists(FolderOf(module))) continue;
        for (const auto& entry : fs::recursive_directory_iterator(FolderOf(module))) {
            const auto extension = entry.path().extension();
            if (extension != ".h" && extension != ".cc") continue;
            std::ifstream file(entry.path());
            for (std::string line; std::getline(file, line);) {
                std::smatch match;
                if (!std::regex_search(line, match, pattern)) continue;
                const std::string target = ModuleOf(match[1], edges);
                const bool foreign_internal = match[1].str().find("/internal/") != std::string::npos &&
                                              target != module;
                EXPECT_FALSE(foreign_internal) << entry.path() << ": " << line;
                EXPECT_TRUE(target.empty() || target == module || allowed.count(target))
                    << entry.path() << " (" << module << ") may not include " << match[1];
            }
        }
    }
}

}  // namespace
