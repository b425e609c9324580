#include "command_lint.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "app/folders.h"
#include "app/settings.h"
#include "channel/generation.h"
#include "channels.h"
#include "config/references.h"
#include "content.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

constexpr int kPortFirst = 2576;  // 2575, registered for HL7, is the demo channel's

bool IsChannelName(const std::string& name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

// The ports behind every "listen:" of the text, comments left out: the one that is written, as the
// default of a variable too, and the one that the variable gives now. Read as text: a channel that
// is not valid yet has its port all the same.
void AddPorts(std::string line, const config::References& references, std::set<int>& ports) {
    line.resize(std::min(line.find('#'), line.size()));
    constexpr std::string_view kKey = "listen";
    for (std::size_t at = line.find(kKey); at != std::string::npos; at = line.find(kKey, at)) {
        at += kKey.size();
        std::size_t value = line.find_first_not_of("\"' ", at);
        if (value == std::string::npos || line[value] != ':') continue;
        value = line.find_first_not_of("\"' ", value + 1);
        if (value == std::string::npos) continue;
        // Up to what ends the value; the braces of a variable are part of it.
        std::size_t end = value;
        for (int depth = 0; end < line.size(); ++end) {
            const char c = line[end];
            if (c == '{') ++depth;
            if (c == '}' && --depth < 0) break;
            if (depth == 0 && std::string_view("\"', \t\r").find(c) != std::string_view::npos)
                break;
        }
        const std::string written = line.substr(value, end - value);
        const auto resolved = config::Resolve(written, references);
        for (std::string text : {written, resolved ? resolved->text : std::string()}) {
            while (!text.empty() && text.back() == '}') text.pop_back();
            const std::size_t colon = text.rfind(':');
            if (colon == std::string::npos) continue;
            const std::size_t first = text.find_first_of("0123456789", colon);
            int port = 0;
            if (first != std::string::npos) {
                std::from_chars(text.data() + first, text.data() + text.size(), port);
            }
            ports.insert(port);
        }
    }
}

// Whether somebody on this machine listens on the port, on whatever address.
bool TakenNow(int port) {
    const auto number = htons(static_cast<std::uint16_t>(port));
    const auto refuses = [](int family, const sockaddr* address, socklen_t size) {
        const int probe = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (probe < 0) return false;  // no such family here
        const int on = 1;
        // As the daemon's listeners do: links that have just closed hold no port.
        ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (family == AF_INET6) ::setsockopt(probe, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        const bool taken = ::bind(probe, address, size) != 0 && errno == EADDRINUSE;
        ::close(probe);
        return taken;
    };
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = number;
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = number;
    return refuses(AF_INET, reinterpret_cast<const sockaddr*>(&four), sizeof four) ||
           refuses(AF_INET6, reinterpret_cast<const sockaddr*>(&six), sizeof six);
}

// The first port from kPortFirst that no file of the folder names, those included that are not read
// (a channel put aside comes back), and that nobody has now.
int FreePort(const std::filesystem::path& folder) {
    std::set<int> named;
    const auto references = config::References::OfProcess(folder);
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (!entry.is_regular_file() || name.ends_with(channel::kTestEnding)) continue;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) AddPorts(line, references, named);
    }
    int port = kPortFirst;
    while (port < 65'535 && (named.contains(port) || TakenNow(port))) ++port;
    return port;
}

std::string ChannelText(const std::string& name, int port) {
    return "# Check it with `carestream lint` and `carestream test`, take it into service with\n"
           "# `carestream reload`. All keys with their defaults: conf/README.md\n"
           "channel: " +
           name + R"(
tenant: main
source:
  mllp:
    listen: 127.0.0.1:)" +
           std::to_string(port) + R"(             # an own port; loopback until you open it
    allow: [127.0.0.0/8]               # networks that may connect
time_zone: America/New_York            # for time stamps that come without an offset
assigning_authority: MAIN              # for identifiers that name none
authority_for: [Patient, Encounter]    # leave out what another feed owns
ack_after: commit                      # AA as soon as the message is durable
processing_ids: [P]                    # add T for a test feed
mapping:
  messages: [ADT]                      # ADT, ORU, SIU or single events: ADT^A01
)";
}

std::string TestText(const std::string& name) {
    return "# What " + name +
           R"(.yaml makes of a message; `carestream test` runs it. Put messages of your sender
# here, with invented patients. The form: mappings/README.md, "Tests beside the maps".
- note: "An admission: times get the channel's zone, identifiers without an authority get its own."
  message: |
    MSH|^~\&|EHR|MAIN|CS|MAIN|20260102030405||ADT^A01^ADT_A01|T1|P|2.5.1
    EVN|A01|20260102030400
    PID|1||100^^^^MR||Roe^Jane||19800102|F
    PV1|1|I|4W^412^A||||||||||||||||V9^^^^VN|||||||||||||||||||||||||202601020300
  expect:
    Patient.identifier.system: urn:carestream:authority:MAIN
    Patient.identifier.value: "100"
    Patient.name.family: Roe
    Patient.birthDate: 1980-01-02
    Encounter.subject.reference: "@Patient"
    Encounter.period.start: "2026-01-02T03:00:00-05:00"
  modes: {Patient: upsert, Encounter: upsert}    # find: this feed has no authority for it

- note: Without an identifier the patient cannot be found again; the message becomes a dead letter.
  message: |
    MSH|^~\&|EHR|MAIN|CS|MAIN|20260102030405||ADT^A08^ADT_A01|T2|P|2.5.1
    PID|1||^^^^MR||Roe^Jane
  status: unusable
)";
}

Result<void> WriteNew(const std::filesystem::path& file, const std::string& text) {
    std::ofstream stream(file);
    stream << text;
    if (!stream.flush()) return Fail(Code::kDenied, "cannot be written", file.string());
    std::cout << "wrote " << file.string() << '\n';
    return {};
}

// Where the daemon would look for channels; an error if there is no such folder.
Result<std::filesystem::path> ChannelFolder(const Places& places) {
    CARESTREAM_ASSIGN(content, LoadContent());
    const ReadInputs read = ReadInputsOf(content, places);
    if (!read.errors.empty()) return Fail(read.errors.front());
    if (!std::filesystem::is_directory(read.inputs.channels)) {
        return Fail(Code::kNotFound, "is no folder; make it, or name the right one",
                    read.inputs.channels.string());
    }
    return read.inputs.channels;
}

// Overlays that no channel names are checked alone, each over the base: they wait for their
// channel.
void LintUnusedOverlays(const channel::GenerationInputs& inputs, const std::set<std::string>& used,
                        std::vector<Error>& errors) {
    const std::filesystem::path folder = inputs.mappings / "overlays";
    if (!std::filesystem::is_directory(folder)) return;
    std::set<std::string> unused;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory() && !name.starts_with('.') && !used.contains(name)) {
            unused.insert(name);
        }
    }
    std::set<std::string> said;
    for (const Error& error : errors) said.insert(error.ToString());
    for (const std::string& name : unused) {
        auto compiled = mapping::Program::Compile(inputs.mappings, inputs.definitions,
                                                  inputs.dictionary, {name});
        for (Error& error : compiled.errors) {
            if (said.insert(error.ToString()).second) errors.push_back(std::move(error));
        }
    }
}

// Appends every mistake of channels and mappings; the number of channels.
std::size_t LintContent(const channel::GenerationInputs& inputs, std::vector<Error>& errors) {
    channel::Loaded loaded = channel::LoadGeneration(inputs, 1);
    const std::size_t channels = loaded.generation ? loaded.generation->channels.size() : 0;
    std::vector<Error> found = std::move(loaded.errors);
    // Without a channel nothing has looked at the mappings.
    if (found.empty() && channels == 0) {
        found = mapping::Program::Compile(inputs.mappings, inputs.definitions, inputs.dictionary)
                    .errors;
    }
    LintUnusedOverlays(inputs, loaded.overlays, found);
    app::LocateMappings(inputs.mappings, found);
    std::move(found.begin(), found.end(), std::back_inserter(errors));
    std::vector<Error> unread = app::UnreadFiles(inputs.channels, inputs.mappings);
    std::move(unread.begin(), unread.end(), std::back_inserter(errors));
    return channels;
}

}  // namespace

int Lint(const std::filesystem::path& folder, const std::filesystem::path& config) {
    const auto places = PlacesIn(folder, config);
    const auto content = LoadContent();
    if (!places || !content) {
        PrintError(places ? content.error() : places.error());
        return 2;
    }
    const std::filesystem::path file = ConfigOf(*content, *places);
    std::vector<Error> errors = app::ReadSettingsFile(file, content->home).errors;
    const ReadInputs read = ReadInputsOf(*content, *places);
    // Channels are not judged by tenants that are wrong.
    const std::size_t channels = read.errors.empty() ? LintContent(read.inputs, errors) : 0;
    for (const Error& error : errors) std::cout << error.ToString() << '\n';
    if (!errors.empty()) {
        std::cout << Paint(Style::kRed, Counted(errors.size(), "mistake")) << '\n';
        return 1;
    }
    std::cout << Paint(Style::kGreen, "no mistakes") << " in " << file.string() << ", "
              << Counted(channels, "channel") << " and the mappings\n";
    if (channels == 0) {
        std::cout << Paint(Style::kYellow, "no channel") << " in " << read.inputs.channels.string()
                  << ": nothing would be received; `carestream new channel NAME` writes one\n";
    }
    return 0;
}

int NewChannel(const std::string& name, const Places& places) {
    if (!IsChannelName(name)) {
        PrintError("a channel's name is up to 64 lower-case letters, digits and dashes");
        return 2;
    }
    const auto folder = ChannelFolder(places);
    if (!folder) {
        PrintError(folder.error());
        return 2;
    }
    const std::filesystem::path file = *folder / (name + ".yaml");
    const std::filesystem::path test = *folder / (name + std::string(channel::kTestEnding));
    for (const auto& there : {file, test}) {
        if (!std::filesystem::exists(there)) continue;
        PrintError(there.string() + ": exists already");
        return 2;
    }
    auto written = WriteNew(file, ChannelText(name, FreePort(*folder)));
    if (written) written = WriteNew(test, TestText(name));
    if (!written) {
        PrintError(written.error());
        return 2;
    }
    std::cout
        << "next: edit them, then `carestream lint`, `carestream test`, `carestream reload`\n";
    return 0;
}

}  // namespace carestream::cli
