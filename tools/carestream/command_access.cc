#include "command_access.h"

#include <iostream>

#include "admin_print.h"
#include "net/url.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using fhir::Node;

void PrintAccess(const Node& access) {
    const std::string status = Text(access, "status");
    const std::string operation = Text(access, "operation");
    std::string who = Text(access, "issuer");
    if (!who.empty()) who += '|';
    who += Text(access, "subject");
    std::cout << Padded(Text(access, "at"), 25) << ' '
              << Paint(status < "400" ? Style::kGreen : Style::kRed, status) << ' '
              << Padded(operation.empty() ? Text(access, "interaction") : "$" + operation, 16)
              << ' ' << Padded(Text(access, "target"), 28) << ' ' << (who.empty() ? "-" : who);
    if (const std::string client = Text(access, "client"); !client.empty()) {
        std::cout << " with " << client;
    }
    if (const std::string address = Text(access, "address"); !address.empty()) {
        std::cout << " from " << address;
    }
    std::cout << '\n';
}

}  // namespace

int ShowAudit(const AdminOptions& admin, const AuditOptions& options) {
    const std::string target = "/audit?limit=" + std::to_string(options.limit) +
                               "&patient=" + net::PercentEncode(options.patient) +
                               "&actor=" + net::PercentEncode(options.actor) +
                               "&since=" + net::PercentEncode(options.since);
    return Ask(admin, "GET", target, {}, [](const Node& answer) {
        const Node* accesses = answer.Find("accesses");
        if (accesses == nullptr || accesses->items().empty()) {
            std::cout << "No such accesses.\n";
            return 0;
        }
        for (const Node& access : accesses->items()) PrintAccess(access);
        if (const Node* more = answer.Find("more"); more != nullptr && more->boolean()) {
            PrintNote("there are older ones: a higher --limit shows them");
        }
        return 0;
    });
}

}  // namespace carestream::cli
