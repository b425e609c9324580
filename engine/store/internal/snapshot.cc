#include "store/internal/snapshot.h"

#include <algorithm>
#include <utility>

#include "store/internal/batch_load.h"

namespace carestream::store {
namespace {

// A row for each resource of the type that the patient has. Planned: resource_subject.
const pg::Statement kBySubject{
    "w_by_subject",
    "select w.subject, w.type, r.pk from unnest($1::int2[], $2::int2[], $3::int8[]) as w(tenant, "
    "type, subject) join resource r on r.tenant = w.tenant and r.subject = w.subject and r.type = "
    "w.type where r.subject <> 0 and not r.deleted"};

constexpr std::string_view kObservation = "Observation/";

}  // namespace

std::string SnapshotMark(const std::string& type, const std::string& source) {
    return "snapshot\n" + type + "\n" + source;
}

Entry* FindOwner(const FeedWrite& write, const fhir::Snapshot& snapshot, WriteContext& context,
                 WorkingSet& set) {
    if (snapshot.owner >= write.changes.changes.size()) return nullptr;  // ApplyFeed refuses it
    const fhir::Change& change = write.changes.changes[snapshot.owner];
    for (const fhir::IdentityKey& key : change.keys) {
        Entry* found = set.FindIdentity(context.NameOf(write.tenant, change.type, key));
        if (found != nullptr) return &set.Canonical(*found);
    }
    Entry* found = set.FindId(write.tenant, context.TypeNumber(change.type), change.provisional_id);
    return found == nullptr ? nullptr : &set.Canonical(*found);
}

namespace {

// What a report lists: its entries are found by its body, because those of its patient are many.
Result<void> FindListed(pg::Connection& connection, std::vector<Entry*> reports,
                        WriteContext& context, WorkingSet& set) {
    std::sort(reports.begin(), reports.end());
    reports.erase(std::unique(reports.begin(), reports.end()), reports.end());
    std::vector<Entry*> unread;
    for (Entry* report : reports) {
        if (!report->loaded) unread.push_back(report);
    }
    CARESTREAM_TRY(LoadRows(connection, std::move(unread), set, false));
    const std::int16_t type = context.TypeNumber("Observation");
    std::vector<std::pair<Entry*, std::string>> listed;
    std::vector<Wanted::Id> ids;
    for (Entry* report : reports) {
        CARESTREAM_TRY(set.Parse(*report));
        const fhir::Node* results = report->node->Find("result");
        if (results == nullptr) continue;
        for (const fhir::Node& result : results->items()) {
            const std::string_view reference = result.TextOf("reference");
            if (!reference.starts_with(kObservation)) continue;
            std::string id(reference.substr(kObservation.size()));
            if (set.FindId(report->tenant, type, id) == nullptr) {
                ids.push_back({report->tenant, type, id});
            }
            listed.emplace_back(report, std::move(id));
        }
    }
    if (!ids.empty()) CARESTREAM_TRY(FindIds(connection, std::move(ids), set));
    for (const auto& [report, id] : listed) {
        const Entry* entry = set.FindId(report->tenant, type, id);
        if (entry != nullptr) set.held[{report->pk, type}].push_back(entry->pk);
    }
    return {};
}

}  // namespace

Result<void> FindHeld(pg::Connection& connection, const std::vector<const FeedWrite*>& writes,
                      WriteContext& context, WorkingSet& set) {
    pg::Array tenants(pg::Type::kInt2);
    pg::Array types(pg::Type::kInt2);
    pg::Array subjects(pg::Type::kInt8);
    std::vector<const std::vector<std::int64_t>*> all;
    std::vector<Entry*> reports;
    bool any = false;
    for (const FeedWrite* write : writes) {
        for (const fhir::Snapshot& snapshot : write->changes.snapshots) {
            Entry* owner = FindOwner(*write, snapshot, context, set);
            if (owner == nullptr || !owner->row_stored) continue;
            const std::int16_t type = context.TypeNumber(snapshot.type);
            const auto [held, fresh] =
                set.held.try_emplace({owner->pk, type}, std::vector<std::int64_t>());
            all.push_back(&held->second);
            // What this writer adds it knows; others add nothing that has a mark.
            if (!fresh) continue;
            if (owner->type == "DiagnosticReport") {
                reports.push_back(owner);
                continue;
            }
            any = true;
            tenants.AddInt2(write->tenant);
            types.AddInt2(type);
            subjects.AddInt8(owner->pk);
        }
    }
    if (any) {
        pg::Params params;
        params.List(tenants).List(types).List(subjects);
        CARESTREAM_ASSIGN(rows, connection.Run(kBySubject, params));
        for (int row = 0; row < rows.size(); ++row) {
            set.held[{rows.Int8(row, 0), rows.Int2(row, 1)}].push_back(rows.Int8(row, 2));
        }
    }
    if (!reports.empty()) {
        CARESTREAM_TRY(FindListed(connection, std::move(reports), context, set));
    }
    std::vector<std::int64_t> unknown;
    for (const std::vector<std::int64_t>* held : all) {
        for (const std::int64_t pk : *held) {
            if (set.FindPk(pk) == nullptr) unknown.push_back(pk);
        }
    }
    std::sort(unknown.begin(), unknown.end());
    unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
    return unknown.empty() ? Result<void>() : FindPks(connection, unknown, set);
}

}  // namespace carestream::store
