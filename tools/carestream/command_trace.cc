#include "command_trace.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "fhir/json.h"
#include "mapper.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using mapping::Trace;

// "PID-3" has "PID-3.1", "PID-3[2].4" and not "PID-30.1"; "PID" has all of them, and "PID[2]-3.1".
bool IsBelow(std::string_view path, std::string_view above) {
    if (!path.starts_with(above)) return false;
    return path.size() == above.size() || above.empty() ||
           std::string_view("-.[").find(path[above.size()]) != std::string_view::npos;
}

std::string PlaceOf(const Position& position) {
    return std::filesystem::path(position.file).filename().string() + ":" +
           std::to_string(position.line);
}

std::string ElementOf(const Trace::Use& use) {
    if (use.resource.empty()) return "(the kind of message)";
    const std::string type = use.resource.substr(0, use.resource.find('/'));
    return use.element.empty() ? type + " (whether it is made, or how)" : type + "." + use.element;
}

void PrintText(const Trace& trace, const std::string& path) {
    std::size_t widest = 0;
    for (const Trace::Leaf& leaf : trace.leaves) widest = std::max(widest, leaf.path.size());
    for (const Trace::Leaf& leaf : trace.leaves) {
        if (!IsBelow(leaf.path, path)) continue;
        std::string start = leaf.path + std::string(widest + 2 - leaf.path.size(), ' ');
        if (leaf.uses.empty()) {
            std::cout << start
                      << (leaf.reason == "no rule" ? Paint(Style::kDim, leaf.reason)
                                                   : Paint(Style::kYellow, Printable(leaf.reason)))
                      << '\n';
        }
        for (const Trace::Use& use : leaf.uses) {
            std::string places;
            for (const Position& rule : use.rules) {
                places += (places.empty() ? "" : " > ") + PlaceOf(rule);
            }
            std::cout << start << Printable(ElementOf(use)) << "  " << Paint(Style::kDim, places)
                      << '\n';
            start.assign(start.size(), ' ');
        }
    }
}

fhir::Node ToNode(const Trace& trace, const std::string& path) {
    using fhir::Node;
    Node list = Node::Array();
    for (const Trace::Leaf& leaf : trace.leaves) {
        if (!IsBelow(leaf.path, path)) continue;
        Node one = Node::Object();
        one.Set("path", Node::String(leaf.path));
        if (!leaf.reason.empty()) one.Set("reason", Node::String(leaf.reason));
        Node uses = Node::Array();
        for (const Trace::Use& use : leaf.uses) {
            Node node = Node::Object();
            if (!use.resource.empty()) node.Set("resource", Node::String(use.resource));
            if (!use.element.empty()) node.Set("element", Node::String(use.element));
            Node rules = Node::Array();
            for (const Position& rule : use.rules) {
                rules.items().push_back(Node::String(rule.file + ":" + std::to_string(rule.line) +
                                                     ":" + std::to_string(rule.column)));
            }
            node.Set("rules", std::move(rules));
            uses.items().push_back(std::move(node));
        }
        if (!leaf.uses.empty()) one.Set("uses", std::move(uses));
        list.items().push_back(std::move(one));
    }
    return list;
}

bool TraceOne(const TraceOptions& options, const Mapper& mapper, const std::string& file,
              std::size_t number, const Result<hl7::Message>& message) {
    const std::string name = file + ": message " + std::to_string(number);
    if (!message) {
        PrintError(name + ": " + message.error().ToString());
        return false;
    }
    Trace trace;
    const mapping::Mapped mapped = mapper.Map(*message, &trace);
    const bool is_mapped = mapped.status == mapping::MapStatus::kMapped;
    if (options.json) {
        fhir::Node line = fhir::Node::Object();
        line.Set("file", fhir::Node::String(file));
        line.Set("message", fhir::Node::Number(std::to_string(number)));
        line.Set("map", fhir::Node::String(mapped.map_name));
        if (!is_mapped) line.Set("reason", fhir::Node::String(mapped.path + ": " + mapped.reason));
        line.Set("values", ToNode(trace, options.path));
        std::cout << fhir::ToJson(line) << '\n';
    } else {
        std::cout << Paint(Style::kBold, Printable(name)) << "  " << mapped.map_name << '\n';
        PrintText(trace, options.path);
    }
    if (!is_mapped) PrintError(name + ": " + mapped.path + ": " + mapped.reason);
    return is_mapped;
}

}  // namespace

int TraceMessages(const TraceOptions& options) {
    const auto mapper = Mapper::Make(options.channel, options.places);
    if (!mapper) return 2;
    bool all = true;
    const auto trace = [&](const std::string& file, std::size_t number,
                           const Result<hl7::Message>& message) {
        all = TraceOne(options, *mapper, file, number, message) && all;
    };
    all = mapper->EachMessage(options.files, trace) && all;
    return all ? 0 : 1;
}

}  // namespace carestream::cli
