#pragma once
// `${env:NAME}`, `${env:NAME:-default}` and `${file:path}` inside configured text: resolved in one
// place, the same for the daemon, the CLI and the tests.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::config {

struct References {
    std::function<std::optional<std::string>(const std::string& name)> environment;
    std::filesystem::path folder;  // what a relative ${file:} is relative to

    // The process's environment; `folder` is the folder of the configuration file.
    [[nodiscard]] static References OfProcess(std::filesystem::path folder = {});
};

struct Resolved {
    std::string text;
    bool secret = false;  // a ${file:} took part: never printed
};

// A file's trailing line ends are dropped. As in a shell, `:-` also replaces an empty variable.
// Errors: kInvalid (syntax; a variable that is not set and has no default), kNotFound (file),
// kLimit (file over 64 KiB).
[[nodiscard]] Result<Resolved> Resolve(std::string_view text, const References& references);

// The first variable that `text` names: "PORT" of "127.0.0.1:${env:PORT:-80}", or "".
[[nodiscard]] std::string VariableIn(std::string_view text);

}  // namespace carestream::config
