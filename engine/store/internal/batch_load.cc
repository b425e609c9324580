#include "store/internal/batch_load.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace carestream::store {
namespace {

constexpr std::int64_t kPkBlock = 512;  // the sequence's increment

const pg::Statement kByIdentity{
    "w_by_identity",
    "select q.n, r.tenant, r.type, r.id, r.pk, r.version, r.deleted, r.subject, "
    "coalesce(l.survivor, 0) "
    "from unnest($1::int2[], $2::int2[], $3::uuid[]) with ordinality q(tenant, type, token, n) "
    "join identity i on i.tenant = q.tenant and i.type = q.type and i.token = q.token "
    "join resource r on r.pk = i.resource "
    "left join link l on l.tenant = r.tenant and l.loser = r.pk"};
const pg::Statement kById{
    "w_by_id",
    "select q.n, r.tenant, r.type, r.id, r.pk, r.version, r.deleted, r.subject, "
    "coalesce(l.survivor, 0) "
    "from unnest($1::int2[], $2::int2[], $3::text[]) with ordinality q(tenant, type, id, n) "
    "join resource r on r.tenant = q.tenant and r.type = q.type and r.id = q.id collate \"C\" "
    "left join link l on l.tenant = r.tenant and l.loser = r.pk"};
const pg::Statement kByPk{
    "w_by_pk",
    "select q.n, r.tenant, r.type, r.id, r.pk, r.version, r.deleted, r.subject, "
    "coalesce(l.survivor, 0) "
    "from unnest($1::int8[]) with ordinality q(pk, n) join resource r on r.pk = q.pk "
    "left join link l on l.tenant = r.tenant and l.loser = r.pk"};
const pg::Statement kNumbers{"w_numbers",
                             "select nextval('resource_pk') from generate_series(1, $1::int4)"};
const pg::Statement kLock{
    "w_lock",
    "select r.pk from unnest($1::int8[]) q(pk) join resource r on r.pk = q.pk "
    "order by r.pk for update of r"};
const pg::Statement kLoad{
    "w_load",
    "select r.pk, r.version, r.deleted, r.subject, r.updated, r.main_date, r.merge, v.body "
    "from unnest($1::int8[]) q(pk) join resource r on r.pk = q.pk "
    "left join version v on v.resource = r.pk and v.version = r.version"};

// Reads what the three look-ups above have in common. Gives the entry of a row.
Entry& TakeRow(const pg::Rows& rows, int row, WorkingSet& set) {
    Entry& entry =
        set.AddRow(rows.Int2(row, 1), rows.Int2(row, 2), rows.Text(row, 3), rows.Int8(row, 4));
    if (!entry.loaded) {
        entry.version = rows.Int4(row, 5);
        entry.deleted = rows.Bool(row, 6);
        entry.subject = rows.Int8(row, 7);
        if (rows.Int8(row, 8) != 0) set.SetLink(entry.pk, rows.Int8(row, 8));
    }
    return entry;
}

void TakeRows(const pg::Rows& rows, WorkingSet& set, std::vector<std::int64_t>& survivors) {
    for (int row = 0; row < rows.size(); ++row) {
        TakeRow(rows, row, set);
        if (rows.Int8(row, 8) != 0) survivors.push_back(rows.Int8(row, 8));
    }
}

Result<void> FollowLinks(pg::Connection& connection, std::vector<std::int64_t> survivors,
                         WorkingSet& set) {
    while (!survivors.empty()) {
        pg::Array pks(pg::Type::kInt8);
        for (const std::int64_t pk : survivors) {
            if (set.FindPk(pk) == nullptr) pks.AddInt8(pk);
        }
        survivors.clear();
        if (pks.empty()) break;
        CARESTREAM_ASSIGN(rows, connection.Run(kByPk, pg::Params().List(pks)));
        TakeRows(rows, set, survivors);
    }
    return {};
}

struct IdArrays {
    pg::Array tenants{pg::Type::kInt2};
    pg::Array types{pg::Type::kInt2};
    pg::Array ids{pg::Type::kText};

    explicit IdArrays(const std::vector<Wanted::Id>& wanted) {
        for (const Wanted::Id& id : wanted) {
            tenants.AddInt2(id.tenant);
            types.AddInt2(id.type);
            ids.AddText(id.id);
        }
    }
    [[nodiscard]] pg::Params Params() const {
        pg::Params params;
        params.List(tenants).List(types).List(ids);
        return params;
    }
};

}  // namespace

Result<void> ResolveWanted(pg::Connection& connection, Wanted& wanted, WriteContext& context,
                           WorkingSet& set) {
    std::sort(wanted.identities.begin(), wanted.identities.end());
    wanted.identities.erase(std::unique(wanted.identities.begin(), wanted.identities.end()),
                            wanted.identities.end());
    std::erase_if(wanted.identities,
                  [&](const IdentityName& name) { return set.FindIdentity(name) != nullptr; });
    pg::Array tenants(pg::Type::kInt2);
    pg::Array types(pg::Type::kInt2);
    pg::Array tokens(pg::Type::kUuid);
    for (const IdentityName& name : wanted.identities) {
        tenants.AddInt2(name.tenant);
        types.AddInt2(name.type);
        tokens.AddUuid(name.token);
    }
    pg::Params by_identity;
    by_identity.List(tenants).List(types).List(tokens);
    CARESTREAM_TRY(connection.Queue(kByIdentity, by_identity));
    const bool numbers = context.pks_left() < wanted.resources_max;
    if (numbers) {
        const std::size_t missing = wanted.resources_max - context.pks_left();
        const auto blocks = static_cast<std::int32_t>(missing / kPkBlock + 1);
        CARESTREAM_TRY(connection.Queue(kNumbers, pg::Params().Int4(blocks)));
    }
    CARESTREAM_ASSIGN(results, connection.Sync());
    std::vector<std::int64_t> survivors;
    TakeRows(results[0], set, survivors);
    for (int row = 0; row < results[0].size(); ++row) {
        const auto index = static_cast<std::size_t>(results[0].Int8(row, 0) - 1);
        set.SetIdentity(wanted.identities[index], *set.FindPk(results[0].Int8(row, 4)));
    }
    if (numbers) {
        for (int row = 0; row < results[1].size(); ++row) {
            context.AddPkBlock(results[1].Int8(row, 0), kPkBlock);
        }
    }
    CARESTREAM_TRY(FollowLinks(connection, std::move(survivors), set));
    return FindIds(connection, std::move(wanted.ids), set);
}

Result<void> FindIds(pg::Connection& connection, std::vector<Wanted::Id> ids, WorkingSet& set) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::erase_if(ids, [&](const Wanted::Id& id) {
        return set.FindId(id.tenant, id.type, id.id) != nullptr;
    });
    if (ids.empty()) return {};
    const IdArrays arrays(ids);
    CARESTREAM_ASSIGN(rows, connection.Run(kById, arrays.Params()));
    std::vector<std::int64_t> survivors;
    TakeRows(rows, set, survivors);
    return FollowLinks(connection, std::move(survivors), set);
}

Result<void> FindPks(pg::Connection& connection, const std::vector<std::int64_t>& wanted,
                     WorkingSet& set) {
    if (wanted.empty()) return {};
    pg::Array pks(pg::Type::kInt8);
    for (const std::int64_t pk : wanted) pks.AddInt8(pk);
    CARESTREAM_ASSIGN(rows, connection.Run(kByPk, pg::Params().List(pks)));
    for (int row = 0; row < rows.size(); ++row) TakeRow(rows, row, set);
    return {};
}

Result<void> LoadRows(pg::Connection& connection, std::vector<Entry*> entries, WorkingSet& set,
                      bool lock) {
    if (entries.empty()) {
        if (lock) CARESTREAM_TRY(connection.Sync());  // what began the transaction
        return {};
    }
    pg::Array pks(pg::Type::kInt8);
    for (const Entry* entry : entries) pks.AddInt8(entry->pk);
    // The body is read by a statement of its own: it sees what the locks protect, not what was
    // there before the wait.
    if (lock) CARESTREAM_TRY(connection.Queue(kLock, pg::Params().List(pks)));
    CARESTREAM_TRY(connection.Queue(kLoad, pg::Params().List(pks)));
    CARESTREAM_ASSIGN(results, connection.Sync());
    const pg::Rows& rows = results.back();
    for (int row = 0; row < rows.size(); ++row) {
        Entry* entry = set.FindPk(rows.Int8(row, 0));
        CARESTREAM_ASSERT(entry != nullptr);
        entry->version = rows.Int4(row, 1);
        entry->deleted = rows.Bool(row, 2);
        entry->subject = rows.Int8(row, 3);
        entry->updated = rows.Timestamp(row, 4);
        entry->main_date = rows.Timestamp(row, 5);
        entry->sealed_stamps = rows.Bytes(row, 6);
        entry->sealed_body = rows.Bytes(row, 7);
        entry->loaded = true;
    }
    const bool all = std::all_of(entries.begin(), entries.end(),
                                 [](const Entry* entry) { return entry->loaded; });
    if (!all) return FailRetryable("a row to be locked is gone");
    return {};
}

}  // namespace carestream::store
