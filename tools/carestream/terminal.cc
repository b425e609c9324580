#include "terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/text.h"

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

namespace {

// The bytes of the character at the start of `text` if a terminal obeys it, else 0. C0, DEL, C1
// (U+0080 to U+009F) and the marks that turn the direction of writing (U+202A-E, U+2066-9).
std::size_t Obeyed(std::string_view text) {
    const auto byte = [&](std::size_t at) {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
    };
    if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
    if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) < 0xA0) return 2;
    if (byte(0) != 0xE2) return 0;
    const bool embedding = byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE;
    const bool isolate = byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9;
    return embedding || isolate ? 3 : 0;
}

std::string EscapeOf(std::string_view character) {
    const auto last = static_cast<unsigned>(static_cast<unsigned char>(character.back()));
    char text[8];
    if (character.size() < 3) {
        std::snprintf(text, sizeof text, "\\x%02X", last);
    } else {
        const unsigned high = static_cast<unsigned char>(character[1]) == 0x80 ? 0x2000 : 0x2040;
        std::snprintf(text, sizeof text, "\\u%04X", high + (last & 0x3F));
    }
    return text;
}

}  // namespace

std::string Printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t obeyed = Obeyed(text);
        const std::size_t taken = std::max<std::size_t>(obeyed, 1);
        out += obeyed == 0 ? std::string(1, text[0]) : EscapeOf(text.substr(0, taken));
        text.remove_prefix(taken);
    }
    return out;
}

std::string Counted(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

void PrintError(const Error& error) {
    PrintError(error.ToString());
}

void PrintError(std::string_view text) {
    std::cerr << (ColourOn(STDERR_FILENO) ? "\x1b[31merror:\x1b[0m " : "error: ");
    for (const std::string_view line : Split(text, '\n')) std::cerr << Printable(line) << '\n';
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
