#include "admin_print.h"

#include <iostream>

#include "admin_client.h"
#include "fhir/json.h"
#include "terminal.h"

namespace carestream::cli {

using fhir::Node;

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

std::string Padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

void PrintNote(const std::string& text) {
    std::cout << Paint(Style::kDim, text) << '\n';
}

}  // namespace carestream::cli
