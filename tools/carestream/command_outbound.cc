#include "command_outbound.h"

#include <iostream>

#include "admin_print.h"
#include "fhir/json.h"
#include "net/url.h"

namespace carestream::cli {

namespace {

using fhir::Node;

Style StyleOfState(const std::string& state) {
    if (state == "acked" || state == "idle" || state == "sending") return Style::kGreen;
    return state == "queued" || state == "accepted" || state == "skipped" ? Style::kYellow
                                                                          : Style::kRed;
}

bool IsHeld(const Node& message) {
    const Node* held = message.Find("held");
    return held != nullptr && held->boolean();
}

std::string WhyOf(const Node& message) {
    const std::string path = Text(message, "path");
    const std::string reason = Text(message, "reason");
    return path.empty() || reason.empty() ? path + reason : path + ": " + reason;
}

void PrintRow(const Node& message) {
    const std::string state = Text(message, "state");
    std::cout << Padded(Text(message, "number"), 8) << ' ' << Padded(Text(message, "created"), 25)
              << Padded(Text(message, "channel"), 14) << Padded(Text(message, "event"), 9)
              << Padded(Text(message, "answer"), 4)
              << Paint(StyleOfState(state), Padded(IsHeld(message) ? state + ", held" : state, 16));
    if (const std::string why = WhyOf(message); !why.empty()) std::cout << "  " << why;
    std::cout << '\n';
}

int PrintMessage(const Node& message) {
    const std::string number = Text(message, "number");
    const std::string state = Text(message, "state");
    std::cout << Paint(Style::kBold, "Message " + number) << "  " << Text(message, "event")
              << "  to " << Text(message, "channel") << "\nabout    "
              << (Text(message, "about").empty() ? "" : Text(message, "about") + ", ")
              << Text(message, "cause") << "\nstate    " << Paint(StyleOfState(state), state)
              << (IsHeld(message) ? ", held until you decide" : "") << ", attempts "
              << Text(message, "attempts") << '\n';
    if (const std::string why = WhyOf(message); !why.empty()) {
        std::cout << "reason   " << why << '\n';
    }
    if (const std::string next = Text(message, "next_at"); !next.empty()) {
        std::cout << "next     " << next << '\n';
    }
    const std::string command = "carestream outbound show " + number + " --raw";
    PrintSegments("Message", std::string(message.TextOf("raw")), command);
    const std::string ack(message.TextOf("ack"));
    if (!ack.empty()) PrintSegments("Answer", ack, command);
    return 0;
}

int PrintRaw(const Node& message) {
    const std::string raw(message.TextOf("raw"));
    if (!StdoutIsTerminal()) {
        std::cout << raw;
        return 0;
    }
    for (const std::string_view segment : SegmentsOf(raw)) std::cout << Printable(segment) << '\n';
    return 0;
}

}  // namespace

void PrintOutboundChannels(const Node& answer) {
    const Node* channels = answer.Find("outbound");
    if (channels == nullptr) return;
    for (const Node& channel : channels->items()) {
        const std::string state = Text(channel, "state");
        std::cout << "  " << Padded(Text(channel, "name"), 16)
                  << Padded(Text(channel, "destination"), 26) << Paint(StyleOfState(state), state)
                  << ", in line " << Text(channel, "waiting");
        if (const std::string oldest = Text(channel, "oldest"); !oldest.empty()) {
            std::cout << " since " << oldest;
        }
        for (const char* count : {"accepted", "nacked", "ambiguous"}) {
            if (const std::string number = Text(channel, count); number != "0") {
                std::cout << ", " << count << ' ' << number;
            }
        }
        if (const std::string why = Text(channel, "why"); !why.empty()) std::cout << ": " << why;
        std::cout << '\n';
    }
}

int ListOutbound(const AdminOptions& admin, const OutboundOptions& options) {
    const std::string target = "/outbound?channel=" + net::PercentEncode(options.channel) +
                               "&state=" + net::PercentEncode(options.state) +
                               "&after=" + std::to_string(options.after) +
                               "&limit=" + std::to_string(options.limit);
    return Ask(admin, "GET", target, {}, [&options](const Node& answer) {
        const Node* rows = answer.Find("messages");
        if (rows == nullptr || rows->items().empty()) {
            std::cout << (options.state.empty() ? "Nothing waits, nothing was refused.\n"
                                                : "No such messages.\n");
            return 0;
        }
        std::cout << Paint(Style::kDim,
                           "number   made                     channel       event    ack state")
                  << '\n';
        for (const Node& row : rows->items()) PrintRow(row);
        if (rows->items().size() == static_cast<std::size_t>(options.limit)) {
            PrintNote("there may be more: --after " + Text(rows->items().back(), "number"));
        }
        return 0;
    });
}

int ShowOutbound(const AdminOptions& admin, const OutboundOptions& options) {
    return Ask(admin, "GET", "/outbound/" + std::to_string(options.number), {},
               options.raw ? PrintRaw : PrintMessage);
}

int DecideOutbound(const AdminOptions& admin, const std::string& decision,
                   const OutboundOptions& options) {
    Node body = Node::Object();
    body.Set("number", Node::Number(std::to_string(options.number)));
    return Ask(admin, "POST", "/outbound/" + decision, fhir::ToJson(body), [](const Node& message) {
        std::cout << "message " << Text(message, "number") << " is " << Text(message, "state")
                  << '\n';
        return 0;
    });
}

}  // namespace carestream::cli
