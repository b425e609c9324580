#include "command_access.h"

#include <iostream>

#include "admin_print.h"
#include "fhir/json.h"
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

void PrintLink(const Node& link) {
    const std::string state = Text(link, "state");
    std::cout << Paint(Style::kBold, "Link " + Text(link, "link")) << "  "
              << Paint(state == "in force" ? Style::kGreen : Style::kRed, state) << "  "
              << Text(link, "kind") << " of Patient/" << Text(link, "patient") << "\n  log-in "
              << Text(link, "issuer") << '|' << Text(link, "subject") << "\n  made "
              << Text(link, "made") << ", code by " << Text(link, "made_by") << '\n';
    if (const std::string related = Text(link, "related_person"); !related.empty()) {
        std::cout << "  RelatedPerson/" << related << ", may " << Text(link, "scopes") << '\n';
    }
    for (const char* end : {"until", "revoked"}) {
        if (const std::string when = Text(link, end); !when.empty()) {
            std::cout << "  " << end << ' ' << when << '\n';
        }
    }
}

}  // namespace

int MakeLinkCode(const AdminOptions& admin, const LinkOptions& options) {
    Node body = Node::Object();
    body.Set("patient", Node::String(options.patient));
    if (!options.carer.empty()) body.Set("related_person", Node::String(options.carer));
    if (!options.scopes.empty()) body.Set("scopes", Node::String(options.scopes));
    if (!options.until.empty()) body.Set("until", Node::String(options.until));
    body.Set("hours", Node::Number(std::to_string(options.hours)));
    return Ask(admin, "POST", "/links/code", fhir::ToJson(body), [](const Node& answer) {
        std::cout << Text(answer, "code") << '\n';
        PrintNote("good once, until " + Text(answer, "expires") +
                  "; hand it to the person whose log-in it is for, and to nobody else");
        return 0;
    });
}

int ListLinks(const AdminOptions& admin, const LinkOptions& options) {
    const std::string target = "/links?patient=" + net::PercentEncode(options.patient);
    return Ask(admin, "GET", target, {}, [](const Node& answer) {
        const Node* links = answer.Find("links");
        if (links == nullptr || links->items().empty()) {
            std::cout << "No log-in was ever linked to this patient.\n";
            return 0;
        }
        for (const Node& link : links->items()) PrintLink(link);
        return 0;
    });
}

int RevokeLinks(const AdminOptions& admin, const LinkOptions& options) {
    Node body = Node::Object();
    body.Set("patient", Node::String(options.patient));
    if (options.link != 0) body.Set("link", Node::Number(std::to_string(options.link)));
    return Ask(admin, "POST", "/links/revoke", fhir::ToJson(body), [](const Node& answer) {
        const std::string ended = Text(answer, "ended");
        std::cout << ended << (ended == "1" ? " link" : " links") << " ended\n";
        return ended == "0" ? 1 : 0;
    });
}

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
