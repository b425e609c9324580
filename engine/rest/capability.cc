#include "rest/capability.h"

#include <algorithm>

#include "fhir/json.h"
#include "rest/internal/headers.h"
#include "rest/internal/route.h"

namespace carestream::rest {
namespace {

constexpr std::string_view kWebSocketExtension =
    "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket";

constexpr std::string_view kTopicExtension =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
    "capabilitystatement-subscriptiontopic-canonical";

using fhir::Node;

// A value that every parameter of the type must be able to read.
std::string_view SampleOf(std::string_view parameter_type) {
    if (parameter_type == "number" || parameter_type == "quantity") return "1";
    if (parameter_type == "date") return "2020-01-01";
    if (parameter_type == "reference") return "Patient/1";
    if (parameter_type == "uri") return "urn:x";
    if (parameter_type == "composite") return "1$1";
    return "x";
}

Node Coded(std::string_view name, std::string_view code) {
    Node node = Node::Object();
    node.Set(name, Node::String(std::string(code)));
    return node;
}

Node Interactions(std::string_view type) {
    Node list = Node::Array();
    for (const std::string_view code : {"read", "vread", "update", "patch", "delete",
                                        "history-instance", "create", "search-type"}) {
        if (code != "patch" || type != kBinary) list.Append(Coded("code", code));
    }
    return list;
}

// Source of the reference parameters that may name a type: "Observation:subject".
using References = std::vector<std::pair<std::string_view, const fhir::SearchParameter*>>;

References AllReferences(const fhir::Definitions& definitions) {
    References all;
    for (const std::string_view type : definitions.ResourceTypes()) {
        if (type == kAuditEvent) continue;
        for (const auto* parameter : definitions.SearchParameters(type)) {
            if (parameter->type == "reference" && IsOffered(definitions, type, *parameter)) {
                all.emplace_back(type, parameter);
            }
        }
    }
    return all;
}

Node SearchParameters(const fhir::Definitions& definitions, std::string_view type) {
    auto parameters = definitions.SearchParameters(type);
    std::sort(parameters.begin(), parameters.end(),
              [](const auto* a, const auto* b) { return a->code < b->code; });
    Node list = Node::Array();
    for (const auto* parameter : parameters) {
        if (!IsOffered(definitions, type, *parameter)) continue;
        Node node = Node::Object();
        node.Set("name", Node::String(std::string(parameter->code)));
        if (!parameter->url.empty()) {
            node.Set("definition", Node::String(std::string(parameter->url)));
        }
        node.Set("type", Node::String(std::string(parameter->type)));
        list.Append(std::move(node));
    }
    return list;
}

void AddIncludes(const References& references, std::string_view type, Node& resource) {
    Node forward = Node::Array();
    Node reverse = Node::Array();
    for (const auto& [source, parameter] : references) {
        std::string name(source);
        name += ':';
        name += parameter->code;
        const auto& targets = parameter->targets;
        if (std::find(targets.begin(), targets.end(), type) != targets.end()) {
            reverse.Append(Node::String(name));
        }
        if (source == type) forward.Append(Node::String(std::move(name)));
    }
    if (!forward.items().empty()) resource.Set("searchInclude", std::move(forward));
    if (!reverse.items().empty()) resource.Set("searchRevInclude", std::move(reverse));
}

Node OperationNode(const Operation& operation) {
    Node node = Node::Object();
    node.Set("name", Node::String(operation.name));
    node.Set("definition", Node::String(operation.definition));
    return node;
}

// Made from the audit of accesses when it is asked for: see engine/rest/internal/audit_event.h.
Node AuditEventNode(const fhir::Definitions& definitions) {
    Node node = Coded("type", kAuditEvent);
    node.Set("documentation",
             Node::String("Who saw or changed what through this API. Made by the server: read and "
                          "search only, newest first."));
    Node interactions = Node::Array();
    for (const std::string_view code : {"read", "search-type"}) {
        interactions.Append(Coded("code", code));
    }
    node.Set("interaction", std::move(interactions));
    node.Set("versioning", Node::String("no-version"));
    Node all = SearchParameters(definitions, kAuditEvent);
    Node list = Node::Array();
    for (Node& parameter : all.items()) {
        const std::string_view name = parameter.TextOf("name");
        if (name == "patient" || name == "date") list.Append(std::move(parameter));
    }
    node.Set("searchParam", std::move(list));
    return node;
}

Node ResourceNode(const fhir::Definitions& definitions, const References& references,
                  std::string_view type, const std::vector<Operation>& operations) {
    Node node = Coded("type", type);
    node.Set("interaction", Interactions(type));
    node.Set("versioning", Node::String("versioned"));
    node.Set("readHistory", Node::Boolean(true));
    node.Set("updateCreate", Node::Boolean(true));
    node.Set("conditionalCreate", Node::Boolean(true));
    node.Set("conditionalRead", Node::String("full-support"));
    node.Set("conditionalUpdate", Node::Boolean(false));
    node.Set("conditionalDelete", Node::String("not-supported"));
    AddIncludes(references, type, node);
    node.Set("searchParam", SearchParameters(definitions, type));
    Node list = Node::Array();
    for (const auto& operation : operations) {
        const auto& types = operation.types;
        if (std::find(types.begin(), types.end(), type) != types.end()) {
            list.Append(OperationNode(operation));
        }
    }
    if (!list.items().empty()) node.Set("operation", std::move(list));
    return node;
}

void AddSecurity(bool tokens, Node& security) {
    if (!tokens) {
        security.Set("description",
                     Node::String("This server asks nobody who he is and answers its own machine "
                                  "only (auth.mode: open)."));
        return;
    }
    Node coding = Coded("system", "http://terminology.hl7.org/CodeSystem/restful-security-service");
    coding.Set("code", Node::String("SMART-on-FHIR"));
    Node service;
    service.At("coding").Append(std::move(coding));
    security.At("service").Append(std::move(service));
    security.Set("description",
                 Node::String("Bearer tokens (JWT) of the configured issuers with SMART scopes, "
                              "versions 1 and 2; see .well-known/smart-configuration. A token with "
                              "a patient/ scope is confined to its patient."));
}

void AddTopics(const std::vector<std::string>& topics, Node& resource) {
    for (const std::string& url : topics) {
        Node topic = Coded("url", kTopicExtension);
        topic.Set("valueCanonical", Node::String(url));
        resource.At("extension").Append(std::move(topic));
    }
}

Node RestNode(const fhir::Definitions& definitions, const CapabilityOptions& options,
              const std::vector<Operation>& operations, const std::vector<std::string>& topics) {
    Node rest = Coded("mode", "server");
    rest.Set(
        "documentation",
        Node::String("JSON only. Search results: _count, _sort by _lastUpdated, dates and "
                     "numbers, _total=none|accurate, _include, _revinclude. Unknown parameters "
                     "follow Prefer: handling=lenient|strict."));
    if (!options.websocket_url.empty()) {
        Node websocket = Coded("url", kWebSocketExtension);
        websocket.Set("valueUri", Node::String(options.websocket_url));
        rest.At("extension").Append(std::move(websocket));
    }
    Node security = Node::Object();
    security.Set("cors", Node::Boolean(options.cors));
    AddSecurity(options.tokens, security);
    rest.Set("security", std::move(security));
    const References references = AllReferences(definitions);
    Node resources = Node::Array();
    for (const std::string_view type : definitions.ResourceTypes()) {
        Node resource = type == kAuditEvent
                            ? AuditEventNode(definitions)
                            : ResourceNode(definitions, references, type, operations);
        for (const auto& [of, profile] : options.supported_profiles) {
            if (of == type) resource.At("supportedProfile").Append(Node::String(profile));
        }
        if (type == "Subscription") AddTopics(topics, resource);
        resources.Append(std::move(resource));
    }
    rest.Set("resource", std::move(resources));
    Node system = Node::Array();
    for (const auto& operation : operations) {
        if (operation.system) system.Append(OperationNode(operation));
    }
    if (!system.items().empty()) rest.Set("operation", std::move(system));
    Node compartments = Node::Array();
    compartments.Append(Node::String("http://hl7.org/fhir/CompartmentDefinition/patient"));
    rest.Set("compartment", std::move(compartments));
    return rest;
}

}  // namespace

Capability::Capability(const fhir::Definitions& definitions, CapabilityOptions options,
                       std::vector<Operation> operations, TopicsNow topics)
    : definitions_(definitions),
      options_(std::move(options)),
      operations_(std::move(operations)),
      topics_now_(std::move(topics)) {}

std::string Capability::Get() {
    auto topics = topics_now_ ? topics_now_() : std::vector<std::string>();
    const std::lock_guard lock(mutex_);
    if (text_.empty() || topics != topics_) {
        text_ = CapabilityStatement(definitions_, options_, operations_, topics);
        topics_ = std::move(topics);
    }
    return text_;
}

bool IsOffered(const fhir::Definitions& definitions, std::string_view type,
               const fhir::SearchParameter& parameter) {
    const auto query = search::ParseQuery(
        definitions, type, {{std::string(parameter.code), std::string(SampleOf(parameter.type))}});
    if (!query) return query.error().code != Code::kUnsupported;
    return query->unknown.empty();
}

std::string CapabilityStatement(const fhir::Definitions& definitions,
                                const CapabilityOptions& options,
                                const std::vector<Operation>& operations,
                                const std::vector<std::string>& topics) {
    Node statement = Coded("resourceType", "CapabilityStatement");
    statement.Set("status", Node::String("active"));
    statement.Set("date", Node::String(FormatInstant(options.date)));
    statement.Set("kind", Node::String("instance"));
    for (const std::string& url : options.instantiates) {
        statement.At("instantiates").Append(Node::String(url));
    }
    Node software = Coded("name", "CareStream");
    software.Set("version", Node::String(options.version));
    statement.Set("software", std::move(software));
    Node implementation = Coded("description", "CareStream FHIR R4 API");
    if (!options.public_url.empty()) {
        implementation.Set("url", Node::String(options.public_url));
    }
    statement.Set("implementation", std::move(implementation));
    statement.Set("fhirVersion", Node::String("4.0.1"));
    Node formats = Node::Array();
    formats.Append(Node::String("application/fhir+json"));
    formats.Append(Node::String("json"));
    statement.Set("format", std::move(formats));
    statement.At("patchFormat").Append(Node::String(std::string(kJsonPatch)));
    Node rests = Node::Array();
    rests.Append(RestNode(definitions, options, operations, topics));
    statement.Set("rest", std::move(rests));
    return fhir::ToJson(statement);
}

}  // namespace carestream::rest
