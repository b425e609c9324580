#include "base/home.h"

#include <unistd.h>

#include <cstdlib>

namespace carestream {

Result<std::filesystem::path> FindHome() {
    namespace fs = std::filesystem;
    const auto holds = [](const fs::path& folder) {
        std::error_code ignored;
        return fs::is_directory(folder / "mappings", ignored) &&
               fs::is_directory(folder / "schemas", ignored);
    };
    if (const char* home = std::getenv("CARESTREAM_HOME"); home != nullptr && *home != '\0') {
        if (holds(home)) return fs::path(home);
        return Fail(Code::kNotFound, "CARESTREAM_HOME names no folder with mappings/ and schemas/",
                    home);
    }
    std::error_code error;
    fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (; !folder.empty(); folder = folder.parent_path()) {
        if (holds(folder)) return folder;
        if (folder == folder.root_path()) break;
    }
    return Fail(Code::kNotFound,
                "no folder above the program holds mappings/ and schemas/; set CARESTREAM_HOME");
}

std::filesystem::path DefaultStateFolder(const std::filesystem::path& home) {
    return geteuid() == 0 ? std::filesystem::path("/var/lib/carestream") : home / "var";
}

}  // namespace carestream
