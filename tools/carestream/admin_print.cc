#include "admin_print.h"

#include <algorithm>
#include <iostream>

#include "admin_client.h"
#include "base/text.h"
#include "fhir/json.h"

namespace carestream::cli {

namespace {

using fhir::Node;

constexpr std::size_t kFieldShownMax = 400;  // bytes of a field on a terminal

// One segment with its long fields (documents, images) shortened; adds to `cut` what is missing.
std::string Shortened(std::string_view segment, std::size_t& cut) {
    std::string out;
    for (const std::string_view field : Split(segment, '|')) {
        if (!out.empty()) out += '|';
        std::size_t shown = field.size();
        if (shown > kFieldShownMax) {
            shown = kFieldShownMax;
            // Not within a character of UTF-8.
            while (shown > 0 && (static_cast<unsigned char>(field[shown]) & 0xC0) == 0x80) --shown;
        }
        out += field.substr(0, shown);
        if (shown == field.size()) continue;
        cut += field.size() - shown;
        out += "[" + std::to_string(field.size() - shown) + " bytes cut]";
    }
    return out;
}

}  // namespace

int Ask(const AdminOptions& admin, const std::string& method, const std::string& target,
        const std::string& body, const std::function<int(const Node&)>& print) {
    const auto answer = AskDaemon(admin.state, method, target, body);
    if (!answer) {
        PrintError(answer.error());
        return 2;
    }
    if (!admin.json) return print(*answer);
    std::cout << fhir::ToPrettyJson(*answer) << '\n';
    return 0;
}

std::string Text(const Node& node, std::string_view name) {
    const Node* value = node.Find(name);
    return value == nullptr ? std::string() : Printable(value->text());
}

std::size_t SizeOf(const Node& node, std::string_view name) {
    const Node* list = node.Find(name);
    return list == nullptr ? 0 : list->items().size();
}

std::string Padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

Style StyleOf(const std::string& status) {
    if (status == "processed" || status == "ready" || status == "AA" || status == "CA")
        return Style::kGreen;
    return status == "pending" || status == "kept" || status == "starting" ? Style::kYellow
                                                                           : Style::kRed;
}

void PrintNote(const std::string& text) {
    std::cout << Paint(Style::kDim, text) << '\n';
}

std::vector<std::string_view> SegmentsOf(std::string_view raw) {
    std::vector<std::string_view> segments;
    while (!raw.empty()) {
        const std::size_t end = std::min(raw.find_first_of("\r\n"), raw.size());
        if (end > 0) segments.push_back(raw.substr(0, end));
        raw.remove_prefix(std::min(end + 1, raw.size()));
    }
    return segments;
}

void PrintSegments(const std::string& title, const std::string& raw, const std::string& command) {
    std::cout << Paint(Style::kBold, title) << '\n';
    std::size_t cut = 0;
    for (const std::string_view segment : SegmentsOf(raw)) {
        std::cout << "  "
                  << Printable(StdoutIsTerminal() ? Shortened(segment, cut) : std::string(segment))
                  << '\n';
    }
    if (cut == 0) return;
    std::cout << Paint(Style::kDim,
                       std::to_string(cut) + " bytes are not shown; `" + command + "` shows all")
              << '\n';
}

}  // namespace carestream::cli
