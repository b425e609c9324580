#include <string>
#include <unordered_map>

#include "mapping/program.h"

namespace carestream::mapping {

namespace {

using Urns = std::unordered_map<std::string, std::string>;  // "Patient/<id>" -> "urn:uuid:<id>"

void Rewrite(fhir::Node& node, const Urns& urns) {
    for (fhir::Node& item : node.items()) Rewrite(item, urns);
    for (fhir::Member& member : node.members()) {
        const bool link =
            member.value.IsString() && (member.name == "reference" || member.name == "url");
        if (!link) {
            Rewrite(member.value, urns);
            continue;
        }
        const auto found = urns.find(member.value.text());
        if (found != urns.end()) member.value = fhir::Node::String(found->second);
    }
}

}  // namespace

fhir::Node ToBundle(const fhir::ChangeSet& changes) {
    Urns urns;
    for (const fhir::Change& change : changes.changes) {
        urns.emplace(change.type + "/" + change.provisional_id,
                     "urn:uuid:" + change.provisional_id);
    }
    fhir::Node bundle = fhir::Node::Object();
    bundle.Set("resourceType", fhir::Node::String("Bundle"));
    bundle.Set("type", fhir::Node::String("transaction"));
    for (const fhir::Change& change : changes.changes) {
        const std::string local = change.type + "/" + change.provisional_id;
        fhir::Node entry = fhir::Node::Object();
        entry.Set("fullUrl", fhir::Node::String(urns[local]));
        const bool remove = change.mode == fhir::ChangeMode::kDelete;
        if (!remove) {
            fhir::Node resource = change.resource;
            Rewrite(resource, urns);
            entry.Set("resource", std::move(resource));
        }
        fhir::Node request = fhir::Node::Object();
        request.Set("method", fhir::Node::String(remove ? "DELETE" : "PUT"));
        request.Set("url", fhir::Node::String(local));
        entry.Set("request", std::move(request));
        bundle.At("entry").Append(std::move(entry));
    }
    return bundle;
}

}  // namespace carestream::mapping
