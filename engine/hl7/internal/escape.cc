#include "hl7/internal/escape.h"

#include <algorithm>

#include "base/text.h"

namespace carestream::hl7::internal {

namespace {

constexpr int kSpacesMax = 99;

// The number of ".sp3", ".sk+3", ...: absent = 1; -1 if it is none.
int ReadCount(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    if (text.empty()) return 1;
    if (!IsDigits(text) || text.size() > 4) return -1;
    int count = 0;
    for (const char c : text) count = count * 10 + (c - '0');
    return std::min(count, kSpacesMax);
}

bool IsIndent(std::string_view text) {
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    return text.empty() || IsDigits(text);
}

// 2.7.6: what matters of the layout is where lines end.
EscapeKind ResolveFormat(std::string_view body, std::string& out) {
    if (body.size() < 3 || body.size() > 8) return EscapeKind::kUnknown;
    const std::string command = ToLowerAscii(body.substr(1, 2));
    const std::string_view argument = body.substr(3);
    if (command == "br" || command == "ce") {
        if (!argument.empty()) return EscapeKind::kUnknown;
        out.push_back('\n');
        return EscapeKind::kResolved;
    }
    if (command == "fi" || command == "nf") {
        return argument.empty() ? EscapeKind::kResolved : EscapeKind::kUnknown;
    }
    if (command == "in" || command == "ti") {
        return IsIndent(argument) ? EscapeKind::kResolved : EscapeKind::kUnknown;
    }
    if (command != "sp" && command != "sk") return EscapeKind::kUnknown;
    const int count = ReadCount(argument);
    if (count < 0) return EscapeKind::kUnknown;
    out.append(static_cast<std::size_t>(count), command == "sp" ? '\n' : ' ');
    return EscapeKind::kResolved;
}

bool IsHex(std::string_view text) {
    return !text.empty() && text.size() % 2 == 0 &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
           });
}

EscapeKind ResolveLetter(char letter, const Delimiters& delimiters, std::string& out) {
    char text = 0;
    switch (letter) {
        case 'F':
            text = delimiters.field;
            break;
        case 'S':
            text = delimiters.component;
            break;
        case 'T':
            text = delimiters.subcomponent != 0 ? delimiters.subcomponent : '&';
            break;
        case 'R':
            text = delimiters.repetition != 0 ? delimiters.repetition : '~';
            break;
        case 'E':
            text = delimiters.escape;
            break;
        case 'P':
            text = delimiters.truncation != 0 ? delimiters.truncation : '#';
            break;
        case 'H':
        case 'N':
            return EscapeKind::kResolved;  // highlighting carries no text
        default:
            return EscapeKind::kUnknown;
    }
    out.push_back(text);
    return EscapeKind::kResolved;
}

}  // namespace

EscapeKind ResolveEscape(std::string_view body, const Delimiters& delimiters, std::string& out) {
    if (body.empty()) return EscapeKind::kUnknown;
    if (body.size() == 1) return ResolveLetter(body[0], delimiters, out);
    const std::string_view rest = body.substr(1);
    switch (body[0]) {
        case '.':
            return ResolveFormat(body, out);
        case 'X':
        case 'x': {
            std::string bytes;
            if (!IsHex(rest) || !FromHex(rest, bytes)) return EscapeKind::kUnknown;
            out.append(bytes);
            return EscapeKind::kResolved;
        }
        case 'C':
            return rest.size() == 4 && IsHex(rest) ? EscapeKind::kKeptRaw : EscapeKind::kUnknown;
        case 'M':
            return (rest.size() == 4 || rest.size() == 6) && IsHex(rest) ? EscapeKind::kKeptRaw
                                                                         : EscapeKind::kUnknown;
        case 'Z':
            return EscapeKind::kKeptRaw;
        default:
            return EscapeKind::kUnknown;
    }
}

}  // namespace carestream::hl7::internal
