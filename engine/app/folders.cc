#include "app/folders.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "base/text.h"

namespace carestream::app {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChangesShownMax = 10;

// The regular files of a folder, with those of its subfolders if `deep`; sorted. What cannot be
// looked at is left out: who reads the folder in earnest says why.
std::vector<fs::path> FilesIn(const fs::path& folder, bool deep) {
    std::vector<fs::path> files;
    std::error_code error;
    fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                        error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
        if (!deep) it.disable_recursion_pending();
        std::error_code ignored;
        if (it->is_regular_file(ignored)) files.push_back(it->path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

bool LooksLikeYaml(const fs::path& file) {
    const std::string ending = ToLowerAscii(file.extension().string());
    return ending == ".yml" || ending == ".yaml";
}

std::uint64_t SumOf(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return Fnv64(text.str());
}

}  // namespace

std::vector<Error> UnreadFiles(const fs::path& channels, const fs::path& mappings) {
    std::vector<fs::path> files = FilesIn(channels, false);
    std::vector<fs::path> more = FilesIn(mappings, true);
    std::move(more.begin(), more.end(), std::back_inserter(files));
    std::vector<Error> errors;
    for (const fs::path& file : files) {
        if (!LooksLikeYaml(file) || file.extension() == ".yaml") continue;
        const std::string name = file.stem().string() + ".yaml";
        errors.push_back(Error{
            Code::kInvalid, "is not read: rename it to " + name, file.string(), {}, 0, false});
    }
    return errors;
}

void LocateMappings(const fs::path& mappings, std::vector<Error>& errors) {
    for (Error& error : errors) {
        std::string& file = error.position.file;
        if (file.empty() || fs::path(file).is_absolute()) continue;
        std::error_code ignored;
        if (fs::exists(mappings / file, ignored)) file = (mappings / file).string();
    }
}

FileSums SumsOfMappings(const fs::path& mappings) {
    FileSums sums;
    for (const fs::path& file : FilesIn(mappings, true)) {
        const std::string name = file.lexically_relative(mappings).string();
        // Tests beside the maps are none of a generation.
        if (name.starts_with("tests/")) continue;
        const bool questionnaire =
            file.extension() == ".json" && name.starts_with("questionnaires/");
        if (file.extension() != ".yaml" && !questionnaire) continue;
        sums[name] = SumOf(file);
    }
    return sums;
}

std::vector<std::string> ChangedMappings(const FileSums& before, const FileSums& after) {
    std::map<std::string, std::string> found;
    for (const auto& [name, sum] : before) {
        const auto now = after.find(name);
        if (now == after.end()) {
            found[name] = "removed";
        } else if (now->second != sum) {
            found[name] = "changed";
        }
    }
    for (const auto& [name, sum] : after) {
        if (!before.contains(name)) found[name] = "added";
    }
    std::vector<std::string> changes;
    for (const auto& [name, what] : found) {
        if (changes.size() == kChangesShownMax) {
            changes.push_back("... and " + std::to_string(found.size() - kChangesShownMax) +
                              " more mappings");
            break;
        }
        changes.push_back("mapping " + name + ": " + what);
    }
    return changes;
}

}  // namespace carestream::app
