#include "hl7/batch.h"

#include <algorithm>

namespace carestream::hl7 {

namespace {

constexpr std::string_view kAround = " \t\r\n\x0b\x1c\x1a";

std::string_view Strip(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const std::size_t first = text.find_first_not_of(kAround);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kAround) + 1 - first);
}

// The next line end or MLLP byte. (std::string_view::find_first_of is ten times slower.)
std::size_t FindEnd(std::string_view text, std::size_t at) {
    while (at < text.size() && text[at] != '\r' && text[at] != '\n' && text[at] != 0x1C &&
           text[at] != 0x0B) {
        ++at;
    }
    return at;
}

// "MSH" and friends count only before a delimiter: text may begin with these letters too.
bool Begins(std::string_view line, std::string_view id) {
    if (!line.starts_with(id) || line.size() < 4) return false;
    const char c = line[3];
    return c > 0x20 && c < 0x7F && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
           !(c >= 'a' && c <= 'z');
}

bool IsEnvelope(std::string_view line) {
    // Trailers are often bare: "BTS" and nothing more.
    return Begins(line, "FHS") || Begins(line, "BHS") || Begins(line, "BTS") ||
           Begins(line, "FTS") || line == "BTS" || line == "FTS";
}

}  // namespace

std::vector<std::string_view> SplitMessages(std::string_view file) {
    std::vector<std::string_view> messages;
    std::size_t open = file.npos;  // where the message began that is being read
    const auto close = [&](std::size_t at) {
        if (open == file.npos) return;
        const std::size_t end = file.substr(0, at).find_last_not_of("\r\n\x0b\x1c\x1a");
        // The last line end belongs to the message.
        std::size_t last = std::max(end + 1, open);
        if (last < at && file[last] == '\r') ++last;
        if (last < at && file[last] == '\n') ++last;
        messages.push_back(file.substr(open, last - open));
        open = file.npos;
    };
    for (std::size_t at = 0; at < file.size();) {
        const std::size_t line_end = FindEnd(file, at);
        std::string_view line = file.substr(at, line_end - at);
        std::size_t begin = at;
        if (line.starts_with("\xEF\xBB\xBF")) {
            line.remove_prefix(3);
            begin += 3;
        }
        if (Begins(line, "MSH")) {
            close(at);
            open = begin;
        } else if (IsEnvelope(line)) {
            close(at);
        }
        at = line_end + 1;
        if (line_end < file.size() && file[line_end] == '\x1c') close(line_end);
    }
    close(file.size());
    if (messages.empty()) {
        const std::string_view rest = Strip(file);
        if (!rest.empty()) messages.push_back(rest);
    }
    return messages;
}

}  // namespace carestream::hl7
