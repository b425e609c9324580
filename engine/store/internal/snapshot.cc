#include "store/internal/snapshot.h"

#include <utility>

#include "store/internal/batch_load.h"

namespace carestream::store {
namespace {

const pg::Statement kBySubject{"w_by_subject",
                               "select r.pk from resource r where r.tenant = $1 and r.type = $2 "
                               "and r.subject = $3 and r.subject <> 0 and not r.deleted"};

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

Result<void> FindHeld(pg::Connection& connection, const FeedWrite& write, WriteContext& context,
                      WorkingSet& set) {
    for (const fhir::Snapshot& snapshot : write.changes.snapshots) {
        const Entry* owner = FindOwner(write, snapshot, context, set);
        if (owner == nullptr || !owner->row_stored) continue;
        const std::int16_t type = context.TypeNumber(snapshot.type);
        const auto [held, fresh] =
            set.held.try_emplace({owner->pk, type}, std::vector<std::int64_t>());
        // What this writer adds it knows; others add nothing that has a mark.
        if (fresh) {
            pg::Params params;
            params.Int2(write.tenant).Int2(type).Int8(owner->pk);
            CARESTREAM_ASSIGN(rows, connection.Run(kBySubject, params));
            for (int row = 0; row < rows.size(); ++row) held->second.push_back(rows.Int8(row, 0));
        }
        std::vector<std::int64_t> unknown;
        for (const std::int64_t pk : held->second) {
            if (set.FindPk(pk) == nullptr) unknown.push_back(pk);
        }
        CARESTREAM_TRY(FindPks(connection, unknown, set));
    }
    return {};
}

}  // namespace carestream::store
