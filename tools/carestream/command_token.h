#pragma once
// carestream token: a bearer token of this machine's development key.
#include <filesystem>
#include <string>

namespace carestream::cli {

struct TokenOptions {
    std::string patient;
    std::string scope;
    std::string expires = "1h";
};

[[nodiscard]] int MakeToken(const std::filesystem::path& state, const TokenOptions& options);

}  // namespace carestream::cli
