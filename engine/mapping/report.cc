#include "fhir/json.h"
#include "mapping/program.h"

namespace carestream::mapping {

namespace {

void Member(std::string_view name, std::string_view text, std::string& out) {
    fhir::WriteJsonString(name, out);
    out.push_back(':');
    fhir::WriteJsonString(text, out);
}

}  // namespace

std::string ToJson(const LossReport& report) {
    constexpr std::size_t kPerLeaf = 24;  // a path, and of some a reason
    std::string out = "{";
    out.reserve(256 + report.leaves * kPerLeaf);
    Member("control_id", report.control_id, out);
    out.push_back(',');
    Member("event", report.event, out);
    out += ",\"leaves\":" + std::to_string(report.leaves) + ",\"mapped\":[";
    bool first = true;
    for (const std::string& path : report.mapped) {
        if (!first) out.push_back(',');
        first = false;
        fhir::WriteJsonString(path, out);
    }
    out += "],\"unmapped\":[";
    first = true;
    for (const Unmapped& leaf : report.unmapped) {
        out += first ? "{" : ",{";
        first = false;
        Member("path", leaf.path, out);
        out.push_back(',');
        Member("reason", leaf.reason, out);
        out.push_back('}');
    }
    out += "],\"notes\":[";
    first = true;
    for (const std::string& note : report.notes) {
        if (!first) out.push_back(',');
        first = false;
        fhir::WriteJsonString(note, out);
    }
    out += "]}";
    return out;
}

}  // namespace carestream::mapping
