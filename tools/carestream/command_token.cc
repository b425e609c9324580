#include "command_token.h"

#include <iostream>

#include "auth/local_token.h"
#include "base/clock.h"
#include "config/units.h"
#include "terminal.h"

namespace carestream::cli {
namespace {

constexpr std::int64_t kLifetimeMsMax = 30ll * 86'400'000;

}  // namespace

int MakeToken(const std::filesystem::path& state, const TokenOptions& options) {
    const auto lifetime_ms = config::ParseDurationMs(options.expires);
    if (!lifetime_ms || *lifetime_ms < 1000 || *lifetime_ms > kLifetimeMsMax) {
        PrintError("--expires is a duration like 20s, 1h or 7d, at most 30d");
        return 2;
    }
    if (std::error_code error; !std::filesystem::is_directory(state, error)) {
        PrintError("no state folder " + state.string() +
                   "; start the daemon, or name it by --state");
        return 2;
    }
    const auto token = auth::MintLocalToken(
        state, {options.patient, options.scope, *lifetime_ms * 1000}, SystemClock().Now());
    if (!token) {
        PrintError(token.error());
        return 2;
    }
    std::cout << *token << '\n';
    return 0;
}

}  // namespace carestream::cli
