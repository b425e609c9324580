#include "store/internal/visit_move.h"

#include <string>
#include <utility>

#include "search/query.h"
#include "store/internal/batch_load.h"
#include "store/internal/index_rows.h"
#include "store/internal/patient_link.h"

namespace carestream::store {
namespace {

const pg::Statement kByToken{"w_by_token",
                             "select distinct t.resource from index_token t where "
                             "t.hash = any($1::int8[])"};

// Tokens under which the index holds references to this visit.
Result<std::vector<std::int64_t>> HashesOfVisit(WriteContext& context, const Entry& visit) {
    std::vector<std::int64_t> hashes;
    const fhir::Definitions& definitions = context.definitions();
    const std::string value = "Encounter/" + visit.id;
    for (const std::string_view type : definitions.ResourceTypes()) {
        for (const std::string_view code : definitions.CompartmentParameters("Encounter", type)) {
            if (code == "{def}") continue;
            CARESTREAM_ASSIGN(query,
                              search::ParseQuery(definitions, type, {{std::string(code), value}}));
            for (const search::Criterion& criterion : query.criteria) {
                for (const search::TokenProbe& probe : criterion.tokens) {
                    hashes.push_back(HashOf(context.TokenKeyOf(visit.tenant), probe.space,
                                            probe.form, probe.value));
                }
            }
        }
    }
    return hashes;
}

// The visit's entry, if it is stored.
Entry* FindVisit(const FeedWrite& write, const fhir::Change& change, WriteContext& context,
                 WorkingSet& set) {
    for (const fhir::IdentityKey& key : change.keys) {
        Entry* found = set.FindIdentity(context.NameOf(write.tenant, change.type, key));
        if (found != nullptr) return found;
    }
    return set.FindId(write.tenant, context.TypeNumber(change.type), change.provisional_id);
}

// Sets subject or patient where it names another patient.
bool PointTo(fhir::Node& resource, const std::string& patient) {
    bool changed = false;
    for (const std::string_view name : {"subject", "patient"}) {
        fhir::Node* reference = resource.Find(name);
        if (reference == nullptr) continue;
        const std::string_view now = reference->TextOf("reference");
        if (!now.starts_with("Patient/") || now == patient) continue;
        fhir::Node renewed = fhir::Node::Object();
        renewed.Set("reference", fhir::Node::String(patient));
        *reference = std::move(renewed);
        changed = true;
    }
    return changed;
}

}  // namespace

Result<void> FindVisitResources(pg::Connection& connection, const FeedWrite& write,
                                WriteContext& context, WorkingSet& set) {
    for (const fhir::Move& move : write.changes.moves) {
        if (move.visit >= write.changes.changes.size()) continue;  // ApplyFeed refuses it
        Entry* visit = FindVisit(write, write.changes.changes[move.visit], context, set);
        if (visit == nullptr || !visit->row_stored) continue;
        CARESTREAM_ASSIGN(hashes, HashesOfVisit(context, *visit));
        pg::Array list(pg::Type::kInt8);
        for (const std::int64_t hash : hashes) list.AddInt8(hash);
        pg::Params params;
        params.List(list);
        CARESTREAM_ASSIGN(rows, connection.Run(kByToken, params));
        std::vector<std::int64_t> pks;
        for (int row = 0; row < rows.size(); ++row) pks.push_back(rows.Int8(row, 0));
        CARESTREAM_TRY(FindPks(connection, pks, set));
        set.visit_resources[visit->pk] = std::move(pks);
    }
    return {};
}

Result<bool> MoveVisit(const fhir::Definitions& definitions, WorkingSet& set, Entry& visit,
                       const Entry& patient, const fhir::Stamp& stamp) {
    std::vector<Entry*> all = {&visit};
    for (const std::int64_t pk : set.visit_resources[visit.pk]) {
        if (Entry* entry = set.FindPk(pk)) all.push_back(entry);
    }
    bool changed = false;
    for (Entry* entry : all) {
        CARESTREAM_TRY(set.Parse(*entry));
        if (entry->node->IsNull()) continue;
        fhir::Node edited = *entry->node;
        if (!PointTo(edited, "Patient/" + patient.id)) continue;
        CARESTREAM_ASSIGN(one, ReplaceResource(definitions, set, *entry, std::move(edited), stamp));
        changed = changed || one;
    }
    return changed;
}

}  // namespace carestream::store
