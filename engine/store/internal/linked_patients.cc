#include "store/internal/linked_patients.h"

namespace carestream::store {
namespace {

constexpr std::chrono::seconds kRememberFor{1};
constexpr std::size_t kEntriesMax = 10'000;

// A seek for each row, whatever the server thinks of how many there are: for a join it would read
// the whole index of a store that is not large.
const pg::Statement kExpand{
    "r_expand",
    "with recursive s(pk) as ("
    "select f.pk from unnest($3::text[]) q(id) cross join lateral (select r.pk from resource r "
    "where r.tenant = $1::int2 and r.type = $2::int2 and r.id = q.id collate \"C\" limit 1) f "
    "union select n.pk from s cross join lateral ("
    "select l.survivor from link l where l.tenant = $1::int2 and l.loser = s.pk union all "
    "select l.loser from link l where l.tenant = $1::int2 and l.survivor = s.pk) n(pk)) "
    "select f.pk, f.id from s cross join lateral (select r.pk, r.id from resource r "
    "where r.pk = s.pk limit 1) f"};

}  // namespace

Result<LinkedPatients> ExpandPatients(pg::Connection& connection, Tenant tenant,
                                      std::int16_t patient_type,
                                      const std::vector<std::string>& ids) {
    pg::Array list(pg::Type::kText);
    for (const std::string& id : ids) list.AddText(id);
    pg::Params params;
    params.Int2(tenant).Int2(patient_type).List(list);
    CARESTREAM_ASSIGN(rows, connection.Run(kExpand, params));
    LinkedPatients patients;
    for (int row = 0; row < rows.size(); ++row) {
        patients.pks.push_back(rows.Int8(row, 0));
        patients.ids.emplace_back(rows.Text(row, 1));
    }
    return patients;
}

Result<LinkedPatients> PatientLinks::Expand(pg::Connection& connection, Tenant tenant,
                                            std::int16_t patient_type,
                                            const std::vector<std::string>& ids) {
    if (ids.size() != 1) return ExpandPatients(connection, tenant, patient_type, ids);
    if (auto known = Known(tenant, ids.front())) return std::move(*known);
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        generation = generation_;
    }
    CARESTREAM_ASSIGN(patients, ExpandPatients(connection, tenant, patient_type, ids));
    // Who is not there may come at any time.
    if (!patients.ids.empty()) Remember(tenant, ids.front(), patients, generation);
    return patients;
}

std::optional<LinkedPatients> PatientLinks::Known(Tenant tenant, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find({tenant, id});
    if (found == entries_.end()) return std::nullopt;
    if (found->second.until < Clock::now()) {
        entries_.erase(found);
        return std::nullopt;
    }
    return found->second.patients;
}

// What was read before links changed is not remembered after.
void PatientLinks::Remember(Tenant tenant, const std::string& id, const LinkedPatients& patients,
                            std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_) return;
    if (entries_.size() >= kEntriesMax) entries_.clear();
    entries_[{tenant, id}] = {patients, Clock::now() + kRememberFor};
}

void PatientLinks::Forget() {
    const std::lock_guard lock(mutex_);
    ++generation_;
    entries_.clear();
}

}  // namespace carestream::store
