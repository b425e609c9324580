#include "base/file.h"

#include <fstream>

namespace carestream {

Result<std::string> ReadFile(const std::filesystem::path& file) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(file, failed);
    std::ifstream stream(file, std::ios::binary);
    std::string text(failed ? 0 : size, '\0');
    if (failed || !stream.read(text.data(), static_cast<std::streamsize>(text.size()))) {
        return Fail(Code::kNotFound, "cannot be read", file.string());
    }
    return text;
}

}  // namespace carestream
