#pragma once
// What the CLI shows to people: colour only on a terminal, errors on stderr.
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::cli {

enum class Style { kPlain, kBold, kRed, kGreen, kYellow, kDim };

[[nodiscard]] bool StdoutIsTerminal();
[[nodiscard]] bool StderrIsTerminal();
// `text` in colour if stdout is a terminal and NO_COLOR is unset.
[[nodiscard]] std::string Paint(Style style, std::string_view text);
// Control characters as "\x1B", direction marks as "\u202E": text that came with a message must not
// steer the terminal.
[[nodiscard]] std::string Printable(std::string_view text);
[[nodiscard]] std::string Counted(std::size_t count, std::string_view noun);  // "1 test", "2 tests"
// "error: file:line:column: ..." on stderr.
void PrintError(const Error& error);
void PrintError(std::string_view text);
[[nodiscard]] Result<std::string> ReadFileOrStdin(const std::string& name);  // "-" = stdin

}  // namespace carestream::cli
