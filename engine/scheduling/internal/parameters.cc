#include "scheduling/internal/parameters.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "rest/outcome.h"

namespace carestream::scheduling {

std::vector<std::string> ValuesOf(const rest::OperationCall& call, std::string_view name) {
    std::vector<std::string> values;
    for (const auto& [key, value] : call.parameters) {
        if (key == name) values.push_back(value);
    }
    const fhir::Node* list = call.body.Find("parameter");
    if (list == nullptr) return values;
    for (const fhir::Node& parameter : list->items()) {
        if (parameter.TextOf("name") != name) continue;
        for (const fhir::Member& member : parameter.members()) {
            if (member.name == "valueReference") {
                values.emplace_back(member.value.TextOf("reference"));
            } else if (member.name.starts_with("value")) {
                values.push_back(member.value.text());
            }
        }
    }
    return values;
}

std::string ValueOf(const rest::OperationCall& call, std::string_view name) {
    const auto values = ValuesOf(call, name);
    return values.empty() ? std::string() : values.front();
}

std::optional<Complaint> CheckParameters(const rest::OperationCall& call,
                                         std::initializer_list<std::string_view> known) {
    std::vector<std::string> names;
    for (const auto& [key, value] : call.parameters) names.push_back(key);
    if (!call.body.IsNull() && call.body.TextOf("resourceType") != "Parameters") {
        return Complaint{"the body is a resource of type Parameters", "resourceType"};
    }
    if (const fhir::Node* list = call.body.Find("parameter")) {
        for (const fhir::Node& parameter : list->items()) {
            names.emplace_back(parameter.TextOf("name"));
        }
    }
    for (const std::string& name : names) {
        const auto count = std::count(names.begin(), names.end(), name);
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const std::vector<std::string_view> candidates(known);
            return Complaint{"the operation has no such parameter" + DidYouMean(name, candidates),
                             name};
        }
        if (count > 1) return Complaint{"the parameter stands there more than once", name};
    }
    return std::nullopt;
}

void Refuse(const ResponderPtr& responder, int status, std::string_view code, std::string text,
            std::string name) {
    responder->Send(rest::OutcomeResponse(status, code, std::move(text), std::move(name)));
}

rest::Operation Named(std::string name, bool on_instance) {
    rest::Operation operation;
    operation.definition = "urn:carestream:operation:appointment-" + name;
    operation.name = std::move(name);
    operation.types = {"Appointment"};
    operation.type = !on_instance;
    operation.instance = on_instance;
    operation.confines = true;
    return operation;
}

}  // namespace carestream::scheduling
