#pragma once
// Tokens for development, signed with a key of this machine. The daemon takes them only when its
// configuration says so (auth.local_tokens).
#include <filesystem>
#include <string>

#include "auth/gate.h"
#include "base/clock.h"
#include "base/result.h"

namespace carestream::auth {

struct LocalToken {
    std::string patient;  // claim `patient`; "" = none
    std::string scope;
    Micros lifetime = 3'600'000'000;
};

// Makes the key on first use: <state>/auth/local.key (mode 0600), and its public half beside it
// (local.jwks). Errors: kInvalid.
[[nodiscard]] Result<std::string> MintLocalToken(const std::filesystem::path& state,
                                                 const LocalToken& token, Micros now);

// The key and its public half, made where they are missing: the daemon does so at its start, so that
// the first token is taken at once. Errors: kInvalid.
[[nodiscard]] Result<void> EnsureLocalKey(const std::filesystem::path& state);

// What the daemon expects of them.
[[nodiscard]] IssuerOptions LocalIssuer(const std::filesystem::path& state);

}  // namespace carestream::auth
