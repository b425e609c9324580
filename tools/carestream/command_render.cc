#include "command_render.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "app/folders.h"
#include "base/text.h"
#include "content.h"
#include "fhir/json.h"
#include "mapping/program.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

Result<mapping::Destination> ReadDestination(const std::vector<std::string>& members) {
    mapping::Destination destination;
    for (const std::string& member : members) {
        const std::size_t equals = member.find('=');
        if (equals == std::string::npos) {
            return Fail(Code::kInvalid, "--set takes NAME=VALUE, such as version=2.3");
        }
        CARESTREAM_TRY(mapping::SetMember(destination, std::string_view(member).substr(0, equals),
                                          std::string_view(member).substr(equals + 1)));
    }
    CARESTREAM_TRY(mapping::CheckDestination(destination));
    return destination;
}

// The documents of a file: the whole of it, or each line.
std::vector<std::string_view> Documents(std::string_view text) {
    if (fhir::ParseJson(text)) return {text};
    std::vector<std::string_view> lines;
    for (const std::string_view line : Split(text, '\n')) {
        if (!Trim(line).empty()) lines.push_back(line);
    }
    return lines;
}

class Command {
public:
    Command(const mapping::Program& program, mapping::Destination destination, std::string event)
        : program_(program), destination_(std::move(destination)), event_(std::move(event)) {}

    bool File(const std::string& file) {
        const auto text = ReadFileOrStdin(file);
        if (!text) {
            PrintError(text.error());
            return false;
        }
        bool all = true;
        std::size_t number = 0;
        for (const std::string_view document : Documents(*text)) {
            const std::string place = file + ": document " + std::to_string(++number) + ": ";
            const auto done = One(place, document);
            if (!done) PrintError(place + done.error().ToString());
            all = all && done;
        }
        return all;
    }

private:
    Result<void> One(const std::string& place, std::string_view document) {
        CARESTREAM_ASSIGN(node, fhir::ParseJson(document));
        const mapping::ResourceSet set(node);
        mapping::RenderRequest request;
        request.event = event_;
        for (const fhir::Node* resource : set.all()) {
            const auto events = program_.OutboundEvents(resource->TextOf("resourceType"));
            if (request.focus != nullptr ||
                std::find(events.begin(), events.end(), event_) == events.end()) {
                continue;
            }
            request.focus = resource;
        }
        if (request.focus == nullptr) {
            return Fail(Code::kInvalid, "no resource in it that " + event_ + " can be about");
        }
        request.resolve = [&](std::string_view reference) { return set.Find(reference); };
        request.now = SystemClock().Now();
        request.control_id = std::to_string(request.now) + "." + std::to_string(++count_);
        CARESTREAM_ASSIGN(rendered, program_.Render(request, destination_));
        for (const mapping::RenderNote& note : rendered.notes) {
            std::cerr << Printable(place + note.path + ": " + note.message) << '\n';
        }
        Print(std::move(rendered.bytes));
        return {};
    }

    // People see lines, programs get what would be sent.
    static void Print(std::string bytes) {
        if (isatty(STDOUT_FILENO) != 0) std::replace(bytes.begin(), bytes.end(), '\r', '\n');
        std::cout << bytes << '\n';
    }

    const mapping::Program& program_;
    mapping::Destination destination_;
    std::string event_;
    std::size_t count_ = 0;
};

}  // namespace

int Render(const RenderOptions& options) {
    const auto content = LoadContent();
    if (!content) {
        PrintError(content.error());
        return 2;
    }
    auto destination = ReadDestination(options.members);
    if (!destination) {
        PrintError(destination.error());
        return 2;
    }
    const ReadInputs read = ReadInputsOf(*content, options.places);
    auto errors = read.errors;
    const auto compiled = mapping::Program::Compile(read.inputs.mappings, read.inputs.definitions,
                                                    read.inputs.dictionary, options.overlays);
    errors.insert(errors.end(), compiled.errors.begin(), compiled.errors.end());
    app::LocateMappings(read.inputs.mappings, errors);
    for (const Error& error : errors) PrintError(error);
    if (!errors.empty()) return 2;
    const auto events = compiled.program->OutboundEvents({});
    if (std::find(events.begin(), events.end(), options.event) == events.end()) {
        const std::vector<std::string_view> names(events.begin(), events.end());
        PrintError("no outbound message makes " + options.event + DidYouMean(options.event, names));
        return 2;
    }
    Command command(*compiled.program, std::move(*destination), options.event);
    bool all = true;
    for (const std::string& file : options.files) all = command.File(file) && all;
    return all ? 0 : 1;
}

}  // namespace carestream::cli
