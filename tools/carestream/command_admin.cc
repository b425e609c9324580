#include "command_admin.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <thread>
#include <utility>

#include "admin_client.h"
#include "admin_print.h"
#include "base/text.h"
#include "command_outbound.h"
#include "fhir/json.h"
#include "net/url.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using fhir::Node;

constexpr std::size_t kReplayedShownMax = 20;  // above it messages are counted
constexpr std::size_t kAskedAtOnce = 1'000;    // messages in one question
constexpr auto kAskAgain = std::chrono::milliseconds(200);

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

int PrintRaw(const Node& message) {
    const std::string raw(message.TextOf("raw"));
    if (!StdoutIsTerminal()) {
        std::cout << raw;
        return 0;
    }
    for (const std::string_view segment : SegmentsOf(raw)) std::cout << Printable(segment) << '\n';
    return 0;
}

// The acknowledgment that the sender got.
std::string AnswerText(const Node& message) {
    const std::string answer = Text(message, "answer");
    if (!answer.empty()) return Paint(StyleOf(answer), answer);
    return Text(message, "status") == "pending" ? "none yet: it follows the processing"
                                                : "none: no usable MSH";
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
              << Text(message, "received") << "\nACK sent " << AnswerText(message) << "\nstatus   "
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
    PrintSegments("Message", std::string(message.TextOf("raw")),
                  "carestream messages show " + Text(message, "seq") + " --raw");
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

// A count that stops at a limit says so in the member "more_..." beside it.
std::string Bounded(const Node& status, const std::string& name) {
    const Node* more = status.Find("more_" + name);
    return (more != nullptr && more->boolean() ? "more than " : "") + Text(status, name);
}

// Messages by number, while they have no outcome.
using Open = std::vector<std::int64_t>;

std::string SeqsBody(Open::const_iterator begin, Open::const_iterator end) {
    Node body = Node::Object();
    Node& seqs = body.Set("seqs", Node::Array());
    for (; begin != end; ++begin) seqs.Append(Node::Number(std::to_string(*begin)));
    return fhir::ToJson(body);
}

// Waits until each has an outcome; their summaries, by number.
Result<std::map<std::int64_t, Node>> AwaitOutcomes(const AdminOptions& admin, Open open) {
    std::map<std::int64_t, Node> outcomes;
    while (!open.empty()) {
        Open still;
        for (auto begin = open.cbegin(); begin != open.cend();) {
            const auto count = std::min<std::ptrdiff_t>(kAskedAtOnce, open.cend() - begin);
            const auto end = begin + count;
            CARESTREAM_ASSIGN(
                answer, AskDaemon(admin.state, "POST", "/messages/outcomes", SeqsBody(begin, end)));
            const Node* messages = answer.Find("messages");
            if (messages == nullptr) return Fail(Code::kInternal, "the daemon's answer is no list");
            for (const Node& message : messages->items()) {
                const std::int64_t seq = std::stoll(Text(message, "seq"));
                if (Text(message, "status") == "pending") {
                    still.push_back(seq);
                } else {
                    outcomes.emplace(seq, message);
                }
            }
            // They are worked off in order: what follows waits too, so it is not asked yet.
            if (!still.empty()) {
                still.insert(still.end(), end, open.cend());
                break;
            }
            begin = end;
        }
        open = std::move(still);
        if (!open.empty()) std::this_thread::sleep_for(kAskAgain);
    }
    return outcomes;
}

struct Replayed {
    std::size_t processed = 0;
    std::size_t kept = 0;
    std::size_t dead_again = 0;
};

Replayed CountReplayed(const std::map<std::int64_t, Node>& outcomes) {
    Replayed counts;
    for (const auto& [seq, message] : outcomes) {
        const std::string status = Text(message, "status");
        // Somebody may have discarded it at once: then it was dead again.
        ++(status == "processed" ? counts.processed
           : status == "kept"    ? counts.kept
                                 : counts.dead_again);
    }
    return counts;
}

void PrintReplayed(std::int64_t seq, const Node& message) {
    const std::string status = Text(message, "status");
    const bool dead = status != "processed" && status != "kept";
    std::cout << Padded(std::to_string(seq), 8) << ' '
              << Paint(StyleOf(status), dead ? "dead again" : status);
    std::string why;
    for (const char* name : {"stage", "path"}) {
        const std::string text = Text(message, name);
        if (!text.empty()) why += (why.empty() ? "" : " ") + text;
    }
    const std::string reason = Text(message, "reason");
    if (!reason.empty()) why += (why.empty() ? "" : ": ") + reason;
    if (!why.empty()) std::cout << ": " << why;
    std::cout << '\n';
}

void PrintReplayedJson(const Node& answer, const std::map<std::int64_t, Node>& outcomes,
                       const Replayed& counts) {
    Node all = answer;
    Node list = Node::Array();
    for (const auto& [seq, message] : outcomes) list.Append(message);
    all.Set("messages", std::move(list));
    Node numbers = Node::Object();
    numbers.Set("processed", Node::Number(std::to_string(counts.processed)));
    numbers.Set("kept", Node::Number(std::to_string(counts.kept)));
    numbers.Set("dead_again", Node::Number(std::to_string(counts.dead_again)));
    all.Set("counts", std::move(numbers));
    std::cout << fhir::ToPrettyJson(all) << '\n';
}

int StartReplay(const AdminOptions& admin, const DeadLetterOptions& options) {
    return Ask(admin, "POST", "/deadletters/replay", FilterBody(options), [](const Node& answer) {
        const std::size_t count = SizeOf(answer, "replayed");
        std::cout << Counted(count, "message") << (count == 1 ? " is" : " are")
                  << " processed again\n";
        if (count == 0) return 0;
        PrintNote("what became of " + std::string(count == 1 ? "it" : "them") +
                  ": `carestream messages show " + answer.Find("replayed")->items()[0].text() +
                  "`; what fails again is in `carestream deadletters`");
        return 0;
    });
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
                  << " s\n";
        if (const Node* answers = status.Find("database_answers");
            answers != nullptr && !answers->boolean()) {
            PrintNote("what it said last:");
        }
        std::cout << "pending " << Bounded(status, "pending");
        if (const std::string oldest = Text(status, "oldest_pending"); !oldest.empty()) {
            std::cout << " (oldest received " << oldest << ")";
        }
        std::cout << ", dead letters " << Bounded(status, "dead_letters") << ", identity conflicts "
                  << Text(status, "identity_conflicts") << ", resources about "
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
        PrintOutboundChannels(status);
        return state == "ready" ? 0 : 1;
    });
}

int Reload(const AdminOptions& admin) {
    return Ask(admin, "POST", "/reload", "{}", [](const Node& answer) {
        std::cout << "generation " << Text(answer, "generation") << " is in force\n";
        if (const Node* changes = answer.Find("changes")) {
            for (const Node& change : changes->items()) {
                std::cout << "  " << Printable(change.text()) << '\n';
            }
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
        PrintOutboundChannels(answer);
        return 0;
    });
}

int FindMessages(const AdminOptions& admin, const std::string& kind, const std::string& value,
                 int limit) {
    const std::string target = "/messages?kind=" + net::PercentEncode(kind) +
                               "&value=" + net::PercentEncode(value) +
                               "&limit=" + std::to_string(limit);
    return Ask(admin, "GET", target, {}, [limit](const Node& list) {
        const int code = PrintMessages(
            list, "No message carries it. Values are compared exactly, leading zeros included.");
        if (SizeOf(list, "messages") == static_cast<std::size_t>(limit)) {
            PrintNote("the newest " + std::to_string(limit) + "; --limit shows more");
        }
        return code;
    });
}

int ShowMessage(const AdminOptions& admin, std::int64_t seq, bool raw) {
    return Ask(admin, "GET", "/messages/" + std::to_string(seq), {}, raw ? PrintRaw : PrintMessage);
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
    return Ask(admin, "GET", target, {}, [](const Node& list) {
        const int code = PrintMessages(list, "No dead letters.");
        const std::string shown = std::to_string(SizeOf(list, "dead_letters"));
        const std::string total = Text(list, "total");
        if (!total.empty() && total != shown) {
            PrintNote("the oldest " + shown + " of " + total +
                      "; --limit shows more, `carestream deadletters groups` counts by cause");
        }
        return code;
    });
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
    if (options.no_wait) return StartReplay(admin, options);
    const auto answer = AskDaemon(admin.state, "POST", "/deadletters/replay", FilterBody(options));
    if (!answer) {
        PrintError(answer.error());
        return 2;
    }
    Open open;
    if (const Node* seqs = answer->Find("replayed")) {
        for (const Node& seq : seqs->items()) open.push_back(std::stoll(seq.text()));
    }
    const auto outcomes = AwaitOutcomes(admin, open);
    if (!outcomes) {
        PrintError(outcomes.error());
        PrintError("they are processed all the same; `carestream messages show NUMBER` tells");
        return 2;
    }
    const Replayed counts = CountReplayed(*outcomes);
    if (admin.json) {
        PrintReplayedJson(*answer, *outcomes, counts);
        return counts.dead_again == 0 ? 0 : 1;
    }
    if (outcomes->size() <= kReplayedShownMax) {
        for (const auto& [seq, message] : *outcomes) PrintReplayed(seq, message);
    }
    if (outcomes->size() != 1) {
        std::cout << Counted(outcomes->size(), "message") << ": " << counts.processed
                  << " processed, " << counts.kept << " kept, " << counts.dead_again
                  << " dead again\n";
    }
    if (outcomes->size() > kReplayedShownMax && counts.dead_again > 0) {
        PrintNote("`carestream deadletters groups` counts them by cause");
    }
    return counts.dead_again == 0 ? 0 : 1;
}

int ListConflicts(const AdminOptions& admin, const ConflictOptions& options) {
    const std::string target = "/conflicts?limit=" + std::to_string(options.limit) +
                               "&after=" + std::to_string(options.after) +
                               (options.all ? "&all=true" : "");
    return Ask(admin, "GET", target, {}, [&options](const Node& answer) {
        const Node* conflicts = answer.Find("conflicts");
        if (conflicts == nullptr || conflicts->items().empty()) {
            std::cout << (options.all ? "No identity conflicts.\n"
                                      : "No open identity conflicts.\n");
            return 0;
        }
        for (const Node& conflict : conflicts->items()) {
            std::cout << Paint(Style::kBold, "Conflict " + Text(conflict, "id")) << "  "
                      << Text(conflict, "at") << "  tenant " << Text(conflict, "tenant")
                      << ", message " << Text(conflict, "seq") << "\n  kept  "
                      << Text(conflict, "kept") << "\n  other " << Text(conflict, "other") << '\n';
            if (const std::string by = Text(conflict, "resolved_by"); !by.empty()) {
                std::cout << "  resolved " << Text(conflict, "resolved") << " by " << by << ": "
                          << Text(conflict, "note") << '\n';
            }
        }
        if (const Node* more = answer.Find("more"); more != nullptr && more->boolean()) {
            PrintNote("there are more: --after " + Text(conflicts->items().back(), "id"));
        }
        return 0;
    });
}

int ResolveConflict(const AdminOptions& admin, const ConflictOptions& options) {
    Node body = Node::Object();
    body.Set("id", Node::Number(std::to_string(options.id)));
    body.Set("note", Node::String(options.note));
    return Ask(admin, "POST", "/conflicts/resolve", fhir::ToJson(body), [](const Node& answer) {
        std::cout << "conflict " << Text(answer, "resolved") << " is resolved\n";
        return 0;
    });
}

int DiscardDeadLetters(const AdminOptions& admin, const DeadLetterOptions& options) {
    if (NamesNothing(options)) return RefuseAll();
    return Ask(admin, "POST", "/deadletters/discard", FilterBody(options), [](const Node& answer) {
        const std::string count = Text(answer, "discarded");
        std::cout << count << " dead letter" << (count == "1" ? "" : "s") << " discarded\n";
        return 0;
    });
}

}  // namespace carestream::cli
