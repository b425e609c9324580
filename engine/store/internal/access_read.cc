#include "store/internal/access_read.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <utility>

#include "store/internal/access_seal.h"
#include "store/internal/linked_patients.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

// What follows a row: older ones, and of the same time those with smaller numbers.
struct Position {
    Micros at = 253'402'300'800'000'000;  // 10000-01-01
    std::int64_t number = 0;
};

// $1 tenant, $2 from, $3 until, $4 and $5 position, $6 limit.
#define CARESTREAM_ACCESS_RANGE(at, number)                                    \
    at " >= $2::timestamptz and " at " < $3::timestamptz and (" at ", " number \
       ") < ($4::timestamptz, $5::int8) order by " at " desc, " number " desc limit $6::int4"

const pg::Statement kByNumber{
    "access_by_number",
    "select number, at, sealed from access where number = $2::int8 and tenant = $1::int2"};
const pg::Statement kByTime{"access_by_time",
                            "select number, at, sealed from access where tenant = $1::int2 "
                            "and " CARESTREAM_ACCESS_RANGE("at", "number")};
const pg::Statement kByActor{
    "access_by_actor",
    "select number, at, sealed from access where actor = $7::int8 and tenant = $1::int2 "
    "and " CARESTREAM_ACCESS_RANGE("at", "number")};
// Each token's newest rows are walked in its key; a row that several lead to counts once.
const pg::Statement kByPatient{
    "access_by_patient",
    "select a.number, a.at, a.sealed from (select distinct p.at, p.access from "
    "unnest($7::int8[]) t(token) cross join lateral (select x.at, x.access from access_patient x "
    "where x.token = t.token and " CARESTREAM_ACCESS_RANGE(
        "x.at", "x.access") ") p order by p.at desc, p.access desc limit $6::int4) k "
                            "join access a on a.number = k.access and a.tenant = $1::int2 "
                            "order by k.at desc, k.access desc"};
const pg::Statement kIds{"access_ids",
                         "select r.pk, r.id from resource r where r.pk = any($1::int8[])"};

Result<Position> ParsePosition(const std::string& text) {
    Position position;
    if (text.empty()) return position;
    const char* const end = text.data() + text.size();
    const auto at = std::from_chars(text.data(), end, position.at);
    if (at.ec == std::errc() && at.ptr != end && *at.ptr == '.') {
        const auto number = std::from_chars(at.ptr + 1, end, position.number);
        if (number.ec == std::errc() && number.ptr == end) return position;
    }
    return Fail(Code::kInvalid, "this is no position in the audit");
}

Result<pg::Rows> Select(pg::Connection& connection, const crypto::TokenKey& key,
                        std::int16_t patient_type, const AccessQuery& query) {
    CARESTREAM_ASSIGN(position, ParsePosition(query.position));
    pg::Params params;
    params.Int2(query.tenant);
    if (query.number != 0) return connection.Run(kByNumber, params.Int8(query.number));
    const Micros until = query.until == 0 ? Position{}.at : query.until;
    params.Timestamp(query.from).Timestamp(until);
    params.Timestamp(position.at).Int8(position.number).Int4(query.count + 1);
    if (!query.patient_id.empty()) {
        CARESTREAM_ASSIGN(
            linked, ExpandPatients(connection, query.tenant, patient_type, {query.patient_id}));
        if (linked.ids.empty()) linked.ids.push_back(query.patient_id);
        pg::Array tokens(pg::Type::kInt8);
        for (const std::int64_t pk : linked.pks) tokens.AddInt8(PatientToken(key, pk));
        for (const std::string& id : linked.ids) tokens.AddInt8(PatientIdToken(key, id));
        params.List(tokens);
        return connection.Run(kByPatient, params);
    }
    if (!query.issuer.empty() || !query.subject.empty()) {
        return connection.Run(kByActor, params.Int8(ActorToken(key, query.issuer, query.subject)));
    }
    return connection.Run(kByTime, params);
}

// Gives the numbers of patients their ids.
Result<void> NamePatients(pg::Connection& connection, std::vector<AccessRecord>& records) {
    pg::Array pks(pg::Type::kInt8);
    for (const AccessRecord& record : records) {
        for (const std::int64_t pk : record.row.patients) pks.AddInt8(pk);
    }
    if (pks.empty()) return {};
    CARESTREAM_ASSIGN(rows, connection.Run(kIds, pg::Params().List(pks)));
    std::map<std::int64_t, std::string> ids;
    for (int i = 0; i < rows.size(); ++i) ids.emplace(rows.Int8(i, 0), rows.Text(i, 1));
    for (AccessRecord& record : records) {
        auto& named = record.row.patient_ids;
        for (const std::int64_t pk : record.row.patients) {
            const auto found = ids.find(pk);
            if (found == ids.end()) continue;
            if (std::find(named.begin(), named.end(), found->second) == named.end()) {
                named.push_back(found->second);
            }
        }
    }
    return {};
}

}  // namespace

Result<AccessPage> ReadAccesses(pg::Connection& connection, const crypto::KeyRing& keys,
                                std::int16_t patient_type, const AccessQuery& query) {
    const crypto::TokenKey key = keys.token_key(TenantLabel(query.tenant));
    CARESTREAM_ASSIGN(rows, Select(connection, key, patient_type, query));
    AccessPage page;
    for (int i = 0; i < rows.size(); ++i) {
        if (i == query.count && query.number == 0) {
            const AccessRecord& last = page.records.back();
            page.next = std::to_string(last.row.at) + "." + std::to_string(last.number);
            break;
        }
        AccessRecord record;
        record.number = rows.Int8(i, 0);
        CARESTREAM_ASSIGN(row, OpenAccess(keys, query.tenant, record.number, rows.Bytes(i, 2)));
        record.row = std::move(row);
        record.row.at = rows.Timestamp(i, 1);
        page.records.push_back(std::move(record));
    }
    CARESTREAM_TRY(NamePatients(connection, page.records));
    return page;
}

}  // namespace carestream::store
