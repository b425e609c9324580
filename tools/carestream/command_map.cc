#include "command_map.h"

#include <iostream>

#include "fhir/json.h"
#include "mapper.h"
#include "mapping/compare.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

std::string At(const std::string& file, std::size_t number, const std::string& path,
               const std::string& reason) {
    std::string text = file + ": message " + std::to_string(number);
    for (const std::string& part : {path, reason}) {
        if (!part.empty()) text += ": " + part;
    }
    return text;
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

// Why a profile that was asked for is not claimed stands among them.
void PrintNotes(const std::string& file, std::size_t number, const mapping::LossReport& report) {
    for (const std::string& note : report.notes) {
        std::cerr << Printable(At(file, number, note, "")) << '\n';
    }
}

bool MapOne(const MapOptions& options, const Mapper& mapper, const std::string& file,
            std::size_t number, const Result<hl7::Message>& message) {
    if (!message) return Complain(file, number, message.error().path, message.error().message);
    const mapping::Mapped mapped = mapper.Map(*message);
    if (options.report_json) std::cerr << mapping::ToJson(mapped.report) << '\n';
    if (mapped.status == mapping::MapStatus::kNoMap) {
        return Complain(file, number, mapped.path,
                        mapped.reason + (mapper.has_channel() ? "; it would be kept as it is"
                                                              : "; see mappings/messages"));
    }
    if (mapped.status == mapping::MapStatus::kUnusable) {
        return Complain(file, number, mapped.path, mapped.reason);
    }
    if (!options.quiet && !options.report_json) PrintDropped(file, number, mapped.report);
    if (!options.quiet && !options.report_json && !options.profiles.empty()) {
        PrintNotes(file, number, mapped.report);
    }
    const fhir::Node bundle = mapping::ToBundle(mapped.changes);
    std::cout << (options.ndjson ? fhir::ToJson(bundle) : fhir::ToPrettyJson(bundle)) << '\n';
    return true;
}

void PrintDifference(const std::string& file, std::size_t number,
                     const mapping::Difference& difference) {
    std::cout << Printable(At(file, number, difference.path, "")) << '\n';
    const auto line = [](Style style, const char* sign, const std::string& text) {
        if (!text.empty()) std::cout << "  " << Paint(style, sign + Printable(text)) << '\n';
    };
    line(Style::kRed, "- ", difference.before);
    line(Style::kGreen, "+ ", difference.after);
}

int CompareAll(const MapOptions& options) {
    Places other = options.places;
    other.mappings = options.against;
    const Micros received = SystemClock().Now();
    const auto before = Mapper::Make(options.channel, options.places, received, options.profiles);
    const auto after =
        before ? Mapper::Make(options.channel, other, received, options.profiles) : nullptr;
    if (!after) return 2;
    std::size_t messages = 0, different = 0;
    bool all = true;
    const auto compare = [&](const std::string& file, std::size_t number,
                             const Result<hl7::Message>& message) {
        if (!message) {
            all = Complain(file, number, message.error().path, message.error().message);
            return;
        }
        ++messages;
        const auto list = mapping::Compare(before->Map(*message), after->Map(*message));
        if (list.empty()) return;
        ++different;
        for (const auto& one : list) PrintDifference(file, number, one);
    };
    all = before->EachMessage(options.files, compare) && all;
    std::cerr << different << " of " << Counted(messages, "message") << " differ\n";
    return all && different == 0 ? 0 : 1;
}

}  // namespace

int Map(const MapOptions& options) {
    if (!options.against.empty()) return CompareAll(options);
    const auto mapper =
        Mapper::Make(options.channel, options.places, SystemClock().Now(), options.profiles);
    if (!mapper) return 2;
    bool all = true;
    const auto map = [&](const std::string& file, std::size_t number,
                         const Result<hl7::Message>& message) {
        all = MapOne(options, *mapper, file, number, message) && all;
    };
    all = mapper->EachMessage(options.files, map) && all;
    return all ? 0 : 1;
}

}  // namespace carestream::cli
