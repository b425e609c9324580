#include "command_lint.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "app/settings.h"
#include "base/home.h"
#include "channel/generation.h"
#include "channels.h"
#include "content.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

bool IsChannelName(const std::string& name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

std::string ChannelText(const std::string& name) {
    return "# Check it with `carestream lint`, take it into service with `carestream reload`.\n"
           "# All keys with their defaults: conf/README.md\n"
           "channel: " +
           name +
           "\n"
           "tenant: main\n"
           "source:\n"
           "  mllp:\n"
           "    listen: 127.0.0.1:2576             # an own port; loopback until you open it\n"
           "    allow: [127.0.0.0/8]               # networks that may connect\n"
           "time_zone: America/New_York            # for time stamps that come without an offset\n"
           "assigning_authority: MAIN              # for identifiers that name none\n"
           "authority_for: [Patient, Encounter]    # leave out what another feed owns\n"
           "ack_after: commit                      # AA as soon as the message is durable\n"
           "processing_ids: [P]                    # add T for a test feed\n"
           "mapping:\n"
           "  messages: [ADT]                      # ADT, ORU, SIU or single events: ADT^A01\n";
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
    std::size_t channels = 0;
    // Channels are not judged by tenants that are wrong.
    if (read.errors.empty()) {
        channel::Loaded loaded = channel::LoadGeneration(read.inputs, 1);
        std::move(loaded.errors.begin(), loaded.errors.end(), std::back_inserter(errors));
        if (loaded.generation) channels = loaded.generation->channels.size();
    }
    for (const Error& error : errors) std::cout << error.ToString() << '\n';
    if (!errors.empty()) {
        std::cout << Paint(Style::kRed, Counted(errors.size(), "mistake")) << '\n';
        return 1;
    }
    std::cout << Paint(Style::kGreen, "no mistakes") << " in " << file.string() << ", "
              << Counted(channels, "channel") << " and the mappings\n";
    return 0;
}

int NewChannel(const std::string& name, const std::filesystem::path& channels) {
    if (!IsChannelName(name)) {
        PrintError("a channel's name is up to 64 lower-case letters, digits and dashes");
        return 2;
    }
    std::filesystem::path folder = channels;
    if (folder.empty()) {
        const auto home = FindHome();
        if (!home) {
            PrintError(home.error());
            return 2;
        }
        folder = *home / "channels";
    }
    const std::filesystem::path file = folder / (name + ".yaml");
    if (std::filesystem::exists(file)) {
        PrintError(file.string() + ": exists already");
        return 2;
    }
    std::ofstream stream(file);
    stream << ChannelText(name);
    if (!stream.flush()) {
        PrintError(file.string() + ": cannot be written");
        return 2;
    }
    std::cout << "wrote " << file.string()
              << "\nnext: edit it, then `carestream lint` and `carestream reload`\n";
    return 0;
}

}  // namespace carestream::cli
