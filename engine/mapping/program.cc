#include "mapping/program.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mapping/internal/compiler.h"
#include "mapping/internal/ledger.h"
#include "mapping/internal/outbound.h"
#include "mapping/internal/renderer.h"
#include "mapping/internal/run.h"

namespace carestream::mapping {

namespace {

std::string HeaderText(const hl7::Message& message, int field, int component) {
    const std::size_t msh = message.FindSegment("MSH");
    return message.Decode(
        message.Subcomponent(message.Component(message.Repetition(msh, field, 1), component), 1));
}

std::string EventOf(const hl7::Message& message) {
    return HeaderText(message, 9, 1) + "^" + HeaderText(message, 9, 2);
}

// Which message it is, and what the parser had to repair; its notes stand first.
void Describe(const hl7::Message& message, LossReport& report) {
    report.control_id = HeaderText(message, 10, 1);
    report.event = EventOf(message);
    std::vector<std::string> notes;
    for (const hl7::Note& note : message.notes()) {
        notes.push_back(note.path.empty() ? note.message : note.path + ": " + note.message);
    }
    report.notes.insert(report.notes.begin(), std::make_move_iterator(notes.begin()),
                        std::make_move_iterator(notes.end()));
}

class CompiledProgram final : public Program {
public:
    explicit CompiledProgram(std::shared_ptr<const internal::Model> model)
        : model_(std::move(model)) {}

    Mapped MapTraced(const hl7::Message& message, const MapContext& context,
                     Trace* trace) const override {
        const auto found = model_->by_event.find(EventOf(message));
        Mapped mapped;
        if (found == model_->by_event.end()) {
            mapped.status = MapStatus::kNoMap;
            mapped.path = "MSH-9";
            mapped.reason = "no message map covers this event";
            mapped.map_version = model_->version;
            mapped.report = ReportUnread(message, mapped.reason);
            if (trace != nullptr) *trace = TraceUnread(mapped.report);
        } else {
            mapped = internal::Run(*model_, message, context).Execute(*found->second, trace);
            Describe(message, mapped.report);
        }
        return mapped;
    }

    bool Covers(std::string_view code, std::string_view event) const override {
        return model_->by_event.count(std::string(code) + "^" + std::string(event)) != 0;
    }
    std::vector<std::string> Events() const override {
        std::vector<std::string> events;
        for (const auto& [event, map] : model_->by_event) events.push_back(event);
        std::sort(events.begin(), events.end());
        return events;
    }

    Result<Rendered> Render(const RenderRequest& request,
                            const Destination& destination) const override {
        const std::string_view type = request.focus->TextOf("resourceType");
        for (const auto& message : model_->outbound_messages) {
            const auto& events = message->events;
            if (message->source != type ||
                std::find(events.begin(), events.end(), request.event) == events.end()) {
                continue;
            }
            return internal::Renderer(*model_, request, destination).Render(*message);
        }
        return Fail(Code::kUnsupported, "no outbound message makes " + std::string(request.event) +
                                            " of this type of resource");
    }

    std::vector<std::string> OutboundEvents(std::string_view resource_type) const override {
        std::vector<std::string> events;
        for (const auto& message : model_->outbound_messages) {
            if (!resource_type.empty() && message->source != resource_type) continue;
            events.insert(events.end(), message->events.begin(), message->events.end());
        }
        std::sort(events.begin(), events.end());
        events.erase(std::unique(events.begin(), events.end()), events.end());
        return events;
    }

private:
    std::shared_ptr<const internal::Model> model_;
};

}  // namespace

Program::Compiled Program::Compile(const std::filesystem::path& mappings,
                                   std::shared_ptr<const fhir::Definitions> definitions,
                                   std::shared_ptr<const hl7::Dictionary> dictionary,
                                   const std::vector<std::string>& overlays) {
    internal::Problems problems;
    internal::Library library;
    library.Read(mappings, overlays, problems);
    if (library.messages.empty() && problems.size() == 0) {
        problems.Add({(mappings / "messages").string(), 0, 0}, "no message maps there");
    }
    internal::Compiler compiler(library, std::move(definitions), *dictionary, problems);
    std::shared_ptr<const internal::Model> model = compiler.Compile();
    Compiled compiled;
    compiled.errors = problems.Take();
    if (compiled.errors.empty()) {
        compiled.program = std::make_shared<CompiledProgram>(std::move(model));
    }
    return compiled;
}

LossReport ReportUnread(const hl7::Message& message, std::string_view reason) {
    LossReport report;
    internal::Ledger ledger(message);
    ledger.Lost(message.bytes(), reason, 0, false);
    ledger.Report({}, report);
    Describe(message, report);
    return report;
}

Trace TraceUnread(const LossReport& report) {
    Trace trace;
    for (const Unmapped& leaf : report.unmapped)
        trace.leaves.push_back({leaf.path, leaf.reason, {}});
    return trace;
}

std::string_view ModeName(fhir::ChangeMode mode) {
    constexpr std::string_view kNames[] = {"upsert", "find", "update", "delete"};
    return kNames[static_cast<std::size_t>(mode)];
}

bool IsTimeZone(std::string_view name) {
    return internal::Zone::Find(name).has_value();
}

}  // namespace carestream::mapping
