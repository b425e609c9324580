#include "store/internal/patient_link.h"

#include <algorithm>
#include <string>
#include <utility>

namespace carestream::store {
namespace {

std::string PatientReference(const Entry& entry) {
    return "Patient/" + entry.id;
}

bool Names(const fhir::Node& link, const std::string& other, std::string_view type) {
    const fhir::Node* reference = link.Find("other");
    return reference != nullptr && reference->TextOf("reference") == other &&
           link.TextOf("type") == type;
}

void RemoveLink(fhir::Node& patient, const std::string& other, std::string_view type) {
    fhir::Node* links = patient.Find("link");
    if (links == nullptr) return;
    std::erase_if(links->items(), [&](const fhir::Node& link) { return Names(link, other, type); });
    if (links->items().empty()) patient.Remove("link");
}

void AddLink(fhir::Node& patient, const std::string& other, std::string_view type) {
    fhir::Node& links = patient.At("link");
    for (const fhir::Node& link : links.items()) {
        if (Names(link, other, type)) return;
    }
    fhir::Node link = fhir::Node::Object();
    link.At("other").Set("reference", fhir::Node::String(other));
    link.Set("type", fhir::Node::String(std::string(type)));
    links.Append(std::move(link));
}

}  // namespace

Result<bool> ReplaceResource(const fhir::Definitions& definitions, WorkingSet& set, Entry& entry,
                             fhir::Node edited, const fhir::Stamp& stamp) {
    set.Touch(entry);
    CARESTREAM_ASSIGN(
        applied, fhir::Replace(definitions, *entry.node, entry.stamps, std::move(edited), stamp));
    entry.node = std::move(applied.resource);
    entry.stamps = std::move(applied.stamps);
    entry.newest = std::max(entry.newest, stamp);
    entry.stamps_changed |= applied.stamps_changed;
    entry.dirty |= applied.changed;
    return applied.changed;
}

Result<bool> ChangePatientLink(const fhir::Definitions& definitions, WorkingSet& set, Tenant tenant,
                               Entry& loser, Entry& survivor, bool remove,
                               const fhir::Stamp& stamp) {
    CARESTREAM_TRY(set.Parse(loser));
    CARESTREAM_TRY(set.Parse(survivor));
    if (loser.node->IsNull() || survivor.node->IsNull()) return false;
    fhir::Node loser_body = *loser.node;
    fhir::Node survivor_body = *survivor.node;
    const std::string to_survivor = PatientReference(survivor);
    const std::string to_loser = PatientReference(loser);
    if (remove) {
        set.ChangeLink(tenant, loser, nullptr);
        RemoveLink(loser_body, to_survivor, "replaced-by");
        RemoveLink(survivor_body, to_loser, "replaces");
        loser_body.Set("active", fhir::Node::Boolean(true));
    } else {
        if (&set.Canonical(survivor) == &loser) {
            set.ChangeLink(tenant, survivor, nullptr);
            RemoveLink(survivor_body, to_loser, "replaced-by");
            RemoveLink(loser_body, to_survivor, "replaces");
            survivor_body.Remove("active");
        }
        set.ChangeLink(tenant, loser, &survivor);
        AddLink(loser_body, to_survivor, "replaced-by");
        AddLink(survivor_body, to_loser, "replaces");
        loser_body.Set("active", fhir::Node::Boolean(false));
    }
    CARESTREAM_ASSIGN(first,
                      ReplaceResource(definitions, set, loser, std::move(loser_body), stamp));
    CARESTREAM_ASSIGN(second,
                      ReplaceResource(definitions, set, survivor, std::move(survivor_body), stamp));
    return first || second;
}

}  // namespace carestream::store
