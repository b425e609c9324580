#include "mapper.h"

#include <algorithm>

#include "app/folders.h"
#include "channel/map_message.h"
#include "content.h"
#include "hl7/batch.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

void PrintAll(std::vector<Error> errors, const std::filesystem::path& mappings) {
    app::LocateMappings(mappings, errors);
    for (const Error& error : errors) PrintError(error);
}

}  // namespace

std::unique_ptr<Mapper> Mapper::Make(const std::string& channel, const Places& places,
                                     Micros received, const std::vector<std::string>& profiles) {
    std::unique_ptr<Mapper> mapper(new Mapper());
    mapper->context_.received = received;
    const auto content = LoadContent();
    if (!content) {
        PrintError(content.error());
        return nullptr;
    }
    const ReadInputs read = ReadInputsOf(*content, places);
    if (!read.errors.empty()) {
        PrintAll(read.errors, {});
        return nullptr;
    }
    const channel::GenerationInputs& inputs = read.inputs;
    mapper->mappings_ = inputs.mappings;
    if (channel.empty()) {
        auto compiled =
            mapping::Program::Compile(inputs.mappings, inputs.definitions, inputs.dictionary);
        if (!compiled.program) {
            PrintAll(compiled.errors, inputs.mappings);
            return nullptr;
        }
        mapper->program_ = compiled.program;
        mapper->context_.authority_for = {"Patient", "Encounter"};
        return mapper->AddProfiles(inputs, profiles) ? std::move(mapper) : nullptr;
    }
    const auto loaded = channel::LoadGeneration(inputs, 1);
    if (!loaded.generation) {
        PrintAll(loaded.errors, inputs.mappings);
        return nullptr;
    }
    const auto found = loaded.generation->Find(channel);
    if (!found) {
        PrintError("no channel '" + channel + "' in " + inputs.channels.string());
        return nullptr;
    }
    mapper->channel_ = found;
    mapper->context_ = found->context;
    mapper->context_.received = received;
    mapper->context_.ids = crypto::IdKey::Public();
    mapper->fallback_charset_ = found->settings.charset;
    return mapper->AddProfiles(inputs, profiles) ? std::move(mapper) : nullptr;
}

bool Mapper::AddProfiles(const channel::GenerationInputs& inputs,
                         const std::vector<std::string>& names) {
    fhir::Guides guides(inputs.schemas_fhir, inputs.definitions);
    for (const std::string& name : names) {
        const bool there =
            channel_ != nullptr &&
            std::find(channel_->settings.profiles.begin(), channel_->settings.profiles.end(),
                      name) != channel_->settings.profiles.end();
        if (there) continue;
        auto profiles = guides.Get(name);
        if (!profiles) {
            PrintError(profiles.error());
            return false;
        }
        context_.profiles.push_back(std::move(*profiles));
    }
    return true;
}

mapping::Mapped Mapper::Map(const hl7::Message& message, mapping::Trace* trace) const {
    mapping::Mapped mapped = channel_
                                 ? channel::MapMessage(*channel_, message, context_, trace).mapped
                                 : program_->MapTraced(message, context_, trace);
    if (trace == nullptr) return mapped;
    for (mapping::Trace::Leaf& leaf : trace->leaves) {
        for (mapping::Trace::Use& use : leaf.uses) {
            for (Position& rule : use.rules) rule.file = (mappings_ / rule.file).string();
        }
    }
    return mapped;
}

bool Mapper::EachMessage(const std::vector<std::string>& files, const Take& take) const {
    bool all = true;
    for (const std::string& file : files) all = EachMessageOf(file, take) && all;
    return all;
}

bool Mapper::EachMessageOf(const std::string& file, const Take& take) const {
    const auto text = ReadFileOrStdin(file);
    if (!text) {
        PrintError(text.error());
        return false;
    }
    const auto messages = hl7::SplitMessages(*text);
    if (messages.empty()) PrintError(file + ": no HL7 message found (a message starts with MSH)");
    hl7::ParseOptions parse;
    parse.fallback_charset = fallback_charset_;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        take(file, i + 1, hl7::Message::Parse(std::string(messages[i]), parse));
    }
    return !messages.empty();
}

}  // namespace carestream::cli
