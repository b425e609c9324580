#include "rest/internal/audit_event.h"

#include <algorithm>
#include <string_view>

#include "base/clock.h"

namespace carestream::rest {
namespace {

using fhir::Node;

constexpr const char* kObserver = "CareStream FHIR API";
constexpr const char* kEventType = "http://terminology.hl7.org/CodeSystem/audit-event-type";
constexpr const char* kObjectRole = "http://terminology.hl7.org/CodeSystem/object-role";
constexpr const char* kEntityType = "http://terminology.hl7.org/CodeSystem/audit-entity-type";

Node Coding(std::string_view system, std::string_view code, std::string_view display = {}) {
    Node coding = Node::Object();
    coding.Set("system", Node::String(std::string(system)));
    coding.Set("code", Node::String(std::string(code)));
    if (!display.empty()) coding.Set("display", Node::String(std::string(display)));
    return coding;
}

Node Concept(Node coding) {
    Node concept_node;
    concept_node.At("coding").Append(std::move(coding));
    return concept_node;
}

const char* ActionOf(std::string_view interaction) {
    if (interaction == "create") return "C";
    if (interaction == "update" || interaction == "patch") return "U";
    if (interaction == "delete") return "D";
    return interaction == "search-type" || interaction == "operation" ? "E" : "R";
}

const char* OutcomeCodeOf(int status) {
    if (status < 400) return "0";
    return status < 500 ? "4" : "8";
}

Node Who(const store::AccessRow& row) {
    Node who = Node::Object();
    if (row.open) {
        who.Set("display", Node::String("whoever uses this machine (auth.mode: open)"));
    } else if (row.subject.empty() && row.issuer.empty()) {
        who.Set("display", Node::String("nobody who proved who he is"));
    } else {
        Node& identifier = who.Set("identifier", Node::Object());
        if (!row.issuer.empty()) identifier.Set("system", Node::String(row.issuer));
        if (!row.subject.empty()) identifier.Set("value", Node::String(row.subject));
    }
    return who;
}

Node OtherPatient() {
    Node who = Node::Object();
    who.Set("display", Node::String("another patient, or who cares for him"));
    return who;
}

Node Agents(const store::AccessRow& row, bool named) {
    Node agents = Node::Array();
    Node person = Node::Object();
    person.Set("type", Concept(Coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                                      "IRCP", "information recipient")));
    person.Set("who", named ? Who(row) : OtherPatient());
    person.Set("requestor", Node::Boolean(true));
    if (named && !row.address.empty()) {
        Node& network = person.Set("network", Node::Object());
        network.Set("address", Node::String(row.address));
        network.Set("type", Node::String("2"));  // IP address
    }
    agents.Append(std::move(person));
    if (!named || row.client.empty()) return agents;
    Node application = Node::Object();
    application.Set("type", Concept(Coding("http://dicom.nema.org/resources/ontology/DCM", "110150",
                                           "Application")));
    application.At("who").At("identifier").Set("value", Node::String(row.client));
    application.Set("requestor", Node::Boolean(false));
    agents.Append(std::move(application));
    return agents;
}

Node Detail(std::string_view type, std::string value) {
    Node detail = Node::Object();
    detail.Set("type", Node::String(std::string(type)));
    detail.Set("valueString", Node::String(std::move(value)));
    return detail;
}

// What was asked for: a resource, or all of a type.
Node Asked(const store::AccessRow& row) {
    Node entity = Node::Object();
    if (!row.type.empty() && !row.id.empty()) {
        entity.At("what").Set("reference", Node::String(row.type + "/" + row.id));
    }
    entity.Set("type", Coding(kEntityType, "2", "System Object"));
    entity.Set("role", Coding(kObjectRole, row.id.empty() ? "24" : "4",
                              row.id.empty() ? "Query" : "Domain Resource"));
    Node& details = entity.Set("detail", Node::Array());
    if (!row.type.empty()) details.Append(Detail("resource type", row.type));
    if (!row.operation.empty()) details.Append(Detail("operation", "$" + row.operation));
    details.Append(Detail("resources in the answer", std::to_string(row.returned)));
    details.Append(Detail("HTTP status", std::to_string(row.status)));
    return entity;
}

Node PatientEntity(const std::string& id) {
    Node entity = Node::Object();
    entity.At("what").Set("reference", Node::String("Patient/" + id));
    entity.Set("type", Coding(kEntityType, "1", "Person"));
    entity.Set("role", Coding(kObjectRole, "1", "Patient"));
    return entity;
}

}  // namespace

Node AuditEventOf(const store::AccessRecord& record, const std::vector<std::string>* own) {
    const store::AccessRow& row = record.row;
    const auto is_own = [own](const std::string& id) {
        return own == nullptr || std::find(own->begin(), own->end(), id) != own->end();
    };
    Node event = Node::Object();
    event.Set("resourceType", Node::String("AuditEvent"));
    event.Set("id", Node::String(std::to_string(record.number)));
    event.At("meta").Set("lastUpdated", Node::String(FormatInstant(row.at)));
    event.Set("type", Coding(kEventType, "rest", "RESTful Operation"));
    event.At("subtype").Append(Coding("http://hl7.org/fhir/restful-interaction", row.interaction));
    event.Set("action", Node::String(ActionOf(row.interaction)));
    event.Set("recorded", Node::String(FormatInstant(row.at)));
    event.Set("outcome", Node::String(OutcomeCodeOf(row.status)));
    event.Set("agent", Agents(row, row.claimed_patient.empty() || is_own(row.claimed_patient)));
    Node& source = event.Set("source", Node::Object());
    source.At("observer").Set("display", Node::String(kObserver));
    source.At("type").Append(Coding("http://terminology.hl7.org/CodeSystem/security-source-type",
                                    "4", "Application Server"));
    Node& entities = event.Set("entity", Node::Array());
    entities.Append(Asked(row));
    for (const std::string& id : row.patient_ids) {
        if (is_own(id)) entities.Append(PatientEntity(id));
    }
    return event;
}

}  // namespace carestream::rest
