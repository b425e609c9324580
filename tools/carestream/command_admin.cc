#include "command_admin.h"

#include <algorithm>
#include <functional>
#include <iostream>
#include <utility>

#include "admin_client.h"
#include "fhir/json.h"
#include "net/url.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using fhir::Node;

// Runs the request, prints JSON when asked for, else what `print` makes of it.
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
    return value == nullptr ? std::string() : value->text();
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

void PrintMessageRow(const Node& message) {
    const std::string status = Text(message, "status");
    std::cout << Padded(Text(message, "seq"), 8) << ' ' << Padded(Text(message, "received"), 25)
              << Padded(Text(message, "channel"), 14) << Padded(Text(message, "event"), 9)
              << Padded(Text(message, "answer"), 3) << ' '
              << Paint(StyleOf(status), Padded(status, 12));
    const std::string path = Text(message, "path");
    const std::string reason = Text(message, "reason");
    if (!reason.empty()) std::cout << "  " << (path.empty() ? reason : path + ": " + reason);
    std::cout << '\n';
}

int PrintMessages(const Node& list, const std::string& none) {
    const Node* rows = list.Find("messages");
    if (rows == nullptr) rows = list.Find("dead_letters");
    if (rows == nullptr || rows->items().empty()) {
        std::cout << none << '\n';
        return 0;
    }
    std::cout << Paint(Style::kDim,
                       "seq      received                 channel       event    ack status")
              << '\n';
    for (const Node& row : rows->items()) PrintMessageRow(row);
    return 0;
}

void PrintRaw(const std::string& raw) {
    std::cout << Paint(Style::kBold, "Message") << '\n';
    std::string line;
    for (const char c : raw) {
        if (c != '\r' && c != '\n') {
            line += c;
        } else if (!line.empty()) {
            std::cout << "  " << std::exchange(line, {}) << '\n';
        }
    }
    if (!line.empty()) std::cout << "  " << line << '\n';
}

void PrintLoss(const Node& loss) {
    const Node* unmapped = loss.Find("unmapped");
    const std::size_t count = unmapped == nullptr ? 0 : unmapped->items().size();
    std::cout << Paint(Style::kBold, "Loss") << "     " << count << " of " << Text(loss, "leaves")
              << " values not mapped\n";
    if (const Node* notes = loss.Find("notes"); notes != nullptr) {
        for (const Node& note : notes->items()) std::cout << "  note: " << note.text() << '\n';
    }
    if (unmapped == nullptr) return;
    std::size_t shown = 0;
    for (const Node& item : unmapped->items()) {
        if (++shown > 12) {
            std::cout << "  ... and " << count - 12 << " more (--json shows all)\n";
            return;
        }
        std::cout << "  " << Padded(Text(item, "path"), 14) << ' ' << Text(item, "reason") << '\n';
    }
}

int PrintMessage(const Node& message) {
    const std::string status = Text(message, "status");
    std::cout << Paint(Style::kBold, "Message " + Text(message, "seq")) << "  "
              << Text(message, "event") << "  on " << Text(message, "channel") << "\nreceived "
              << Text(message, "received") << "\nACK sent "
              << Paint(StyleOf(Text(message, "answer")), Text(message, "answer")) << "\nstatus   "
              << Paint(StyleOf(status), status) << ", attempts " << Text(message, "attempts")
              << '\n';
    if (const std::string reason = Text(message, "reason"); !reason.empty()) {
        std::cout << "reason   " << Text(message, "stage") << ' ' << Text(message, "path") << ": "
                  << reason << '\n';
    }
    if (const std::string map = Text(message, "map"); !map.empty()) {
        std::cout << "map      " << map << " version " << Text(message, "map_version")
                  << ", generation " << Text(message, "generation") << '\n';
    }
    std::cout << Paint(Style::kBold, "Resources") << '\n';
    const Node* resources = message.Find("resources");
    if (resources == nullptr || resources->items().empty()) std::cout << "  none changed\n";
    if (resources != nullptr) {
        for (const Node& resource : resources->items()) {
            const Node* created = resource.Find("created");
            std::cout << "  " << Text(resource, "reference") << "  version "
                      << Text(resource, "version")
                      << (created != nullptr && created->boolean() ? "  created" : "") << '\n';
        }
    }
    if (const Node* loss = message.Find("loss"); loss != nullptr && loss->IsObject())
        PrintLoss(*loss);
    PrintRaw(Text(message, "raw"));
    return 0;
}

std::string FilterBody(const DeadLetterOptions& options) {
    Node body = Node::Object();
    if (!options.seqs.empty()) {
        Node& seqs = body.Set("seqs", Node::Array());
        for (const std::int64_t seq : options.seqs) seqs.Append(Node::Number(std::to_string(seq)));
    }
    const std::pair<const char*, const std::string*> members[] = {{"channel", &options.channel},
                                                                  {"stage", &options.stage},
                                                                  {"path", &options.path},
                                                                  {"reason", &options.reason}};
    for (const auto& [name, value] : members) {
        if (!value->empty()) body.Set(name, Node::String(*value));
    }
    body.Set("limit", Node::Number(std::to_string(options.limit)));
    return fhir::ToJson(body);
}

bool NamesNothing(const DeadLetterOptions& options) {
    return options.seqs.empty() && options.channel.empty() && options.stage.empty() &&
           options.path.empty() && options.reason.empty();
}

int RefuseAll() {
    PrintError(
        "name messages by their numbers, or narrow by --channel, --stage, --path or --reason "
        "(`carestream deadletters groups` shows them)");
    return 2;
}

}  // namespace

int Status(const AdminOptions& admin) {
    return Ask(admin, "GET", "/status", {}, [](const Node& status) {
        const std::string state = Text(status, "state");
        std::cout << Paint(StyleOf(state), Text(status, "headline"));
        if (const std::string since = Text(status, "since"); !since.empty())
            std::cout << ", since " << since;
        if (const std::string remedy = Text(status, "remedy"); !remedy.empty())
            std::cout << ": " << remedy;
        std::cout << "\nversion " << Text(status, "version") << ", generation "
                  << Text(status, "generation") << ", up " << Text(status, "uptime_seconds")
                  << " s\npending " << Text(status, "pending");
        if (const std::string oldest = Text(status, "oldest_pending"); !oldest.empty()) {
            std::cout << " (oldest received " << oldest << ")";
        }
        std::cout << ", dead letters " << Text(status, "dead_letters") << ", resources about "
                  << Text(status, "resources") << '\n';
        if (const Node* channels = status.Find("channels")) {
            for (const Node& channel : channels->items()) {
                const Node* listening = channel.Find("listening");
                std::cout << "  " << Padded(Text(channel, "name"), 16)
                          << Padded(Text(channel, "source"), 26)
                          << (listening != nullptr && listening->boolean() ? "listening"
                                                                           : "not listening")
                          << ", received " << Text(channel, "received") << '\n';
            }
        }
        return state == "ready" ? 0 : 1;
    });
}

int Reload(const AdminOptions& admin) {
    return Ask(admin, "POST", "/reload", "{}", [](const Node& answer) {
        std::cout << "generation " << Text(answer, "generation") << " is in force\n";
        if (const Node* changes = answer.Find("changes")) {
            for (const Node& change : changes->items()) std::cout << "  " << change.text() << '\n';
        }
        return 0;
    });
}

int Channels(const AdminOptions& admin) {
    return Ask(admin, "GET", "/channels", {}, [](const Node& answer) {
        std::cout << Paint(Style::kDim,
                           "channel         source                    links  received  nacked  "
                           "last received")
                  << '\n';
        if (const Node* channels = answer.Find("channels")) {
            for (const Node& channel : channels->items()) {
                std::cout << Padded(Text(channel, "name"), 16)
                          << Padded(Text(channel, "source"), 26)
                          << Padded(Text(channel, "connections"), 7)
                          << Padded(Text(channel, "received"), 10)
                          << Padded(Text(channel, "nacked"), 8) << Text(channel, "last_received")
                          << '\n';
            }
        }
        return 0;
    });
}

int FindMessages(const AdminOptions& admin, const std::string& kind, const std::string& value,
                 int limit) {
    const std::string target = "/messages?kind=" + net::PercentEncode(kind) +
                               "&value=" + net::PercentEncode(value) +
                               "&limit=" + std::to_string(limit);
    return Ask(admin, "GET", target, {}, [](const Node& list) {
        return PrintMessages(
            list, "No message carries it. Values are compared exactly, leading zeros included.");
    });
}

int ShowMessage(const AdminOptions& admin, std::int64_t seq) {
    return Ask(admin, "GET", "/messages/" + std::to_string(seq), {}, PrintMessage);
}

int ListDeadLetters(const AdminOptions& admin, const DeadLetterOptions& options) {
    std::string target = "/deadletters?limit=" + std::to_string(options.limit);
    const std::pair<const char*, const std::string*> members[] = {{"channel", &options.channel},
                                                                  {"stage", &options.stage},
                                                                  {"path", &options.path},
                                                                  {"reason", &options.reason}};
    for (const auto& [name, value] : members) {
        if (!value->empty()) target += std::string("&") + name + "=" + net::PercentEncode(*value);
    }
    return Ask(admin, "GET", target, {},
               [](const Node& list) { return PrintMessages(list, "No dead letters."); });
}

int GroupDeadLetters(const AdminOptions& admin) {
    return Ask(admin, "GET", "/deadletters/groups", {}, [](const Node& answer) {
        const Node* groups = answer.Find("groups");
        if (groups == nullptr || groups->items().empty()) {
            std::cout << "No dead letters.\n";
            return 0;
        }
        std::cout << Paint(Style::kDim, "count   stage     path            first..last   reason")
                  << '\n';
        for (const Node& group : groups->items()) {
            std::cout << Padded(Text(group, "count"), 8) << Padded(Text(group, "stage"), 10)
                      << Padded(Text(group, "path"), 16)
                      << Padded(Text(group, "oldest_seq") + ".." + Text(group, "newest_seq"), 14)
                      << Text(group, "reason") << '\n';
        }
        return 0;
    });
}

int ReplayDeadLetters(const AdminOptions& admin, const DeadLetterOptions& options) {
    if (NamesNothing(options)) return RefuseAll();
    return Ask(admin, "POST", "/deadletters/replay", FilterBody(options), [](const Node& answer) {
        const Node* seqs = answer.Find("replayed");
        std::cout << (seqs == nullptr ? 0 : seqs->items().size())
                  << " messages are processed again\n";
        return 0;
    });
}

int DiscardDeadLetters(const AdminOptions& admin, const DeadLetterOptions& options) {
    if (NamesNothing(options)) return RefuseAll();
    return Ask(admin, "POST", "/deadletters/discard", FilterBody(options), [](const Node& answer) {
        std::cout << Text(answer, "discarded") << " dead letters discarded\n";
        return 0;
    });
}

}  // namespace carestream::cli
