#include "terminal.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace carestream::cli {

namespace {

bool ColourOn(int descriptor) {
    const char* no_colour = std::getenv("NO_COLOR");
    return isatty(descriptor) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace

bool StdoutIsTerminal() {
    return isatty(STDOUT_FILENO) != 0;
}
bool StderrIsTerminal() {
    return isatty(STDERR_FILENO) != 0;
}

std::string Paint(Style style, std::string_view text) {
    static constexpr const char* kCodes[] = {"",         "\x1b[1m",  "\x1b[31m",
                                             "\x1b[32m", "\x1b[33m", "\x1b[2m"};
    if (style == Style::kPlain || !ColourOn(STDOUT_FILENO)) return std::string(text);
    return kCodes[static_cast<int>(style)] + std::string(text) + "\x1b[0m";
}

std::string Counted(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

void PrintError(const Error& error) {
    PrintError(error.ToString());
}

void PrintError(std::string_view text) {
    std::cerr << (ColourOn(STDERR_FILENO) ? "\x1b[31merror:\x1b[0m " : "error: ") << text << '\n';
}

Result<std::string> ReadFileOrStdin(const std::string& name) {
    std::ostringstream text;
    if (name == "-") {
        text << std::cin.rdbuf();
        return std::move(text).str();
    }
    std::ifstream file(name, std::ios::binary);
    if (!file) return Fail(Code::kNotFound, "cannot be read", name);
    text << file.rdbuf();
    return std::move(text).str();
}

}  // namespace carestream::cli
