#include "command_map.h"

#include <iostream>
#include <memory>

#include "app/folders.h"
#include "base/clock.h"
#include "channel/map_message.h"
#include "content.h"
#include "fhir/json.h"
#include "hl7/batch.h"
#include "hl7/message.h"
#include "mapping/program.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

struct Run {
    std::shared_ptr<const mapping::Program> program;
    std::shared_ptr<const channel::Channel> channel;  // null: no sender is known
    mapping::MapContext context;
    std::string fallback_charset = "UTF-8";

    [[nodiscard]] mapping::Mapped Map(const hl7::Message& message) const {
        return channel ? channel::MapMessage(*channel, message, context).mapped
                       : program->Map(message, context);
    }
};

void PrintAll(std::vector<Error> errors, const std::filesystem::path& mappings) {
    app::LocateMappings(mappings, errors);
    for (const Error& error : errors) PrintError(error);
}

// The program and what is known of the sender; null after errors were printed.
std::unique_ptr<Run> Prepare(const MapOptions& options) {
    auto run = std::make_unique<Run>();
    const auto content = LoadContent();
    if (!content) {
        PrintError(content.error());
        return nullptr;
    }
    const ReadInputs read = ReadInputsOf(*content, options.places);
    if (!read.errors.empty()) {
        PrintAll(read.errors, {});
        return nullptr;
    }
    const channel::GenerationInputs& inputs = read.inputs;
    if (options.channel.empty()) {
        auto compiled =
            mapping::Program::Compile(inputs.mappings, inputs.definitions, inputs.dictionary);
        if (!compiled.program) {
            PrintAll(compiled.errors, inputs.mappings);
            return nullptr;
        }
        run->program = compiled.program;
        run->context.authority_for = {"Patient", "Encounter"};
        return run;
    }
    const auto loaded = channel::LoadGeneration(inputs, 1);
    if (!loaded.generation) {
        PrintAll(loaded.errors, inputs.mappings);
        return nullptr;
    }
    const auto channel = loaded.generation->Find(options.channel);
    if (!channel) {
        PrintError("no channel '" + options.channel + "' in " + inputs.channels.string());
        return nullptr;
    }
    run->channel = channel;
    run->context = channel->context;
    run->context.ids = crypto::IdKey::Public();
    run->fallback_charset = channel->settings.charset;
    return run;
}

std::string At(const std::string& file, std::size_t number, const std::string& path,
               const std::string& reason) {
    return file + ": message " + std::to_string(number) + ": " +
           (path.empty() ? reason : path + ": " + reason);
}

bool Complain(const std::string& file, std::size_t number, const std::string& path,
              const std::string& reason) {
    PrintError(At(file, number, path, reason));
    return false;
}

// Values that a rule read and could not use. What no rule reads is no news: the report has it.
void PrintDropped(const std::string& file, std::size_t number, const mapping::LossReport& report) {
    for (const mapping::Unmapped& lost : report.unmapped) {
        if (lost.reason == "no rule") continue;
        std::cerr << Printable(At(file, number, lost.path, lost.reason)) << '\n';
    }
}

bool MapOne(const MapOptions& options, const Run& run, const std::string& file, std::size_t number,
            std::string_view bytes) {
    hl7::ParseOptions parse;
    parse.fallback_charset = run.fallback_charset;
    const auto message = hl7::Message::Parse(std::string(bytes), parse);
    if (!message) return Complain(file, number, message.error().path, message.error().message);
    const mapping::Mapped mapped = run.Map(*message);
    if (options.report_json) std::cerr << mapping::ToJson(mapped.report) << '\n';
    if (mapped.status == mapping::MapStatus::kNoMap) {
        return Complain(file, number, mapped.path,
                        mapped.reason + (run.channel ? "; it would be kept as it is"
                                                     : "; see mappings/messages"));
    }
    if (mapped.status == mapping::MapStatus::kUnusable) {
        return Complain(file, number, mapped.path, mapped.reason);
    }
    if (!options.quiet && !options.report_json) PrintDropped(file, number, mapped.report);
    const fhir::Node bundle = mapping::ToBundle(mapped.changes);
    std::cout << (options.ndjson ? fhir::ToJson(bundle) : fhir::ToPrettyJson(bundle)) << '\n';
    return true;
}

bool MapFile(const MapOptions& options, const Run& run, const std::string& name) {
    const auto file = ReadFileOrStdin(name);
    if (!file) {
        PrintError(file.error());
        return false;
    }
    const auto messages = hl7::SplitMessages(*file);
    if (messages.empty()) PrintError(name + ": no HL7 message found (a message starts with MSH)");
    bool all = !messages.empty();
    for (std::size_t i = 0; i < messages.size(); ++i) {
        all = MapOne(options, run, name, i + 1, messages[i]) && all;
    }
    return all;
}

}  // namespace

int Map(const MapOptions& options) {
    const auto run = Prepare(options);
    if (!run) return 2;
    run->context.received = SystemClock().Now();
    bool all = true;
    for (const std::string& name : options.files) all = MapFile(options, *run, name) && all;
    return all ? 0 : 1;
}

}  // namespace carestream::cli
