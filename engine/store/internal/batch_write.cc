#include "store/internal/batch_write.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "store/internal/failure_sql.h"
#include "store/internal/message_seal.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

using pg::Array;
using pg::Params;
using pg::Statement;
using pg::Type;

const Statement kDropIdentity{
    "w_drop_identity",
    "delete from identity i using unnest($1::int2[], $2::int2[], $3::uuid[], $4::int8[]) "
    "q(tenant, type, token, resource) where i.tenant = q.tenant and i.type = q.type and "
    "i.token = q.token and i.resource = q.resource"};
const Statement kAddIdentity{
    "w_add_identity",
    "insert into identity (tenant, type, token, resource) "
    "select * from unnest($1::int2[], $2::int2[], $3::uuid[], $4::int8[]) on conflict do nothing"};
const Statement kAddResource{
    "w_add_resource",
    "insert into resource (pk, tenant, type, id, version, deleted, subject, updated, main_date, "
    "merge) select * from unnest($1::int8[], $2::int2[], $3::int2[], $4::text[], $5::int4[], "
    "$6::bool[], $7::int8[], $8::timestamptz[], $9::timestamptz[], $10::bytea[]) "
    "on conflict do nothing"};
const Statement kSetResource{
    "w_set_resource",
    "update resource r set version = q.version, deleted = q.deleted, subject = q.subject, "
    "updated = q.updated, main_date = q.main_date, merge = q.merge "
    "from unnest($1::int8[], $2::int4[], $3::bool[], $4::int8[], $5::timestamptz[], "
    "$6::timestamptz[], $7::bytea[], $8::int4[]) "
    "q(pk, version, deleted, subject, updated, main_date, merge, version_before) "
    "where r.pk = q.pk and r.version = q.version_before"};
const Statement kAddVersion{
    "w_add_version",
    "insert into version (resource, version, updated, body) "
    "select * from unnest($1::int8[], $2::int4[], $3::timestamptz[], $4::bytea[])"};
const Statement kDropToken{
    "w_drop_token",
    "delete from index_token i using unnest($1::int8[], $2::int8[]) q(hash, resource) "
    "where i.hash = q.hash and i.resource = q.resource"};
const Statement kAddToken{"w_add_token",
                          "insert into index_token (hash, resource) "
                          "select * from unnest($1::int8[], $2::int8[])"};
const Statement kDropDate{
    "w_drop_date",
    "delete from index_date i using unnest($1::int2[], $2::int4[], $3::timestamptz[], "
    "$4::timestamptz[], $5::int8[]) q(tenant, parameter, low, high, resource) where "
    "i.tenant = q.tenant and i.parameter = q.parameter and i.low = q.low and i.high = q.high and "
    "i.resource = q.resource"};
const Statement kAddDate{
    "w_add_date",
    "insert into index_date (tenant, parameter, low, high, resource) select * from "
    "unnest($1::int2[], $2::int4[], $3::timestamptz[], $4::timestamptz[], $5::int8[])"};
const Statement kDropNumber{
    "w_drop_number",
    "delete from index_number i using unnest($1::int2[], $2::int4[], $3::float8[], $4::int8[]) "
    "q(tenant, parameter, value, resource) where i.tenant = q.tenant and "
    "i.parameter = q.parameter and i.value = q.value and i.resource = q.resource"};
const Statement kAddNumber{
    "w_add_number",
    "insert into index_number (tenant, parameter, value, resource) select * from "
    "unnest($1::int2[], $2::int4[], $3::float8[], $4::int8[])"};
const Statement kDropLink{
    "w_drop_link",
    "delete from link l using unnest($1::int2[], $2::int8[]) q(tenant, loser) "
    "where l.tenant = q.tenant and l.loser = q.loser"};
const Statement kAddLink{"w_add_link",
                         "insert into link (tenant, loser, survivor) select * from "
                         "unnest($1::int2[], $2::int8[], $3::int8[]) "
                         "on conflict (tenant, loser) do update set survivor = excluded.survivor"};
const Statement kAddConflict{
    "w_add_conflict",
    "insert into identity_conflict (tenant, type, kept, other, seq) select * from "
    "unnest($1::int2[], $2::int2[], $3::int8[], $4::int8[], $5::int8[]) on conflict do nothing"};
const Statement kAddOutcome{
    "w_add_outcome",
    "insert into outcome (seq, received, tenant, status, event, stage, path, reason, generation, "
    "map_name, map_version, detail, ack, answered, sent) select * from unnest($1::int8[], "
    "$2::timestamptz[], "
    "$3::int2[], $4::int2[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int8[], "
    "$10::text[], $11::text[], $12::bytea[], $13::bytea[], $14::text[], "
    "$15::timestamptz[])"};
// $1 seqs, $2 received, $3 stages, $4 paths, $5 reasons of dead letters.
const Statement kCountFailed{
    "w_count_failed",
    "with failed as (select j.tenant, 1::int2 as direction, j.channel, q.stage as kind, q.path, "
    "q.reason, q.seq as message from unnest($1::int8[], $2::timestamptz[], $3::text[], "
    "$4::text[], $5::text[]) q(seq, received, stage, path, reason) join journal j on j.seq = q.seq "
    "and j.received = q.received), " CARESTREAM_COUNT_FAILED "select 1"};
const Statement kAddMessageKey{
    "w_add_message_key",
    "insert into message_key (tenant, token, seq, received) select * from "
    "unnest($1::int2[], $2::int8[], $3::int8[], $4::timestamptz[])"};
const Statement kAddEvents{
    "w_add_events",
    "with head as (update event_head set seq = seq + cardinality($1::int8[]) returning seq), "
    "made as (insert into event (seq, resource, message, updated, version, tenant, type, kind) "
    "select head.seq - cardinality($1::int8[]) + q.n, q.resource, q.message, q.updated, q.version, "
    "q.tenant, q.type, q.kind from head, unnest($1::int8[], $2::int8[], $3::timestamptz[], "
    "$4::int4[], $5::int2[], $6::int2[], $7::int2[]) with ordinality "
    "q(resource, message, updated, version, tenant, type, kind, n)) select seq from head"};
const Statement kCommit{"w_commit", "commit"};
const Statement kDone{"w_done",
                      "select seq from outcome where seq = any($1::int8[]) and "
                      "received = any($2::timestamptz[])"};
const Statement kEventHead{"w_event_head", "select seq from event_head"};
const Statement kHasVersion{"w_has_version",
                            "select 1 from version where resource = $1::int8 and "
                            "version = $2::int4 and updated = $3::timestamptz"};

const Statement kBegin{"w_begin", "begin"};

class Planner {
public:
    Planner(WriteContext& context, WorkingSet& set) : context_(context), set_(set) {}

    BatchPlan Run(const std::vector<IndexChange>& index, const std::vector<Outcome>& outcomes) {
        Tokens(index);
        Dates(index);
        Numbers(index);
        Identities();
        Resources();
        Versions();
        Links();
        Conflicts();
        Outcomes(outcomes);
        Failures(outcomes);
        MessageKeys(outcomes);
        Events();
        return std::move(plan_);
    }

private:
    static constexpr std::int64_t kAny = -1;

    template <typename... Arrays>
    static BatchPlan::Step MakeStep(const Statement& statement, std::int64_t rows_expected,
                                    Arrays&&... arrays) {
        BatchPlan::Step step{&statement, {}, rows_expected};
        step.arrays.reserve(sizeof...(arrays));
        (step.arrays.push_back(std::forward<Arrays>(arrays)), ...);
        return step;
    }

    template <typename... Arrays>
    void Add(const Statement& statement, std::int64_t rows_expected, Array&& first,
             Arrays&&... rest) {
        if (first.empty()) return;
        plan_.steps.push_back(
            MakeStep(statement, rows_expected, std::move(first), std::forward<Arrays>(rest)...));
    }

    void Identities() {
        // One order for all writers: their inserts wait for each other and never in a circle.
        const auto by_name = [](const NewIdentity& a, const NewIdentity& b) {
            return a.name < b.name;
        };
        std::sort(set_.gone_identities.begin(), set_.gone_identities.end(), by_name);
        std::sort(set_.new_identities.begin(), set_.new_identities.end(), by_name);
        IdentityRows(
            kDropIdentity, set_.gone_identities, [](const NewIdentity&) { return true; }, false);
        IdentityRows(
            kAddIdentity, set_.new_identities, [](const NewIdentity& row) { return row.exclusive; },
            true);
        IdentityRows(
            kAddIdentity, set_.new_identities,
            [](const NewIdentity& row) { return !row.exclusive; }, false);
    }

    template <typename Wanted>
    void IdentityRows(const Statement& statement, const std::vector<NewIdentity>& list,
                      Wanted wanted, bool all) {
        Array tenants(Type::kInt2), types(Type::kInt2), tokens(Type::kUuid), resources(Type::kInt8);
        for (const NewIdentity& row : list) {
            // What a message names but does not make (a Provenance of a no-op) has none.
            if (row.pk == 0 || !set_.HasRow(row.pk) || !wanted(row)) continue;
            tenants.AddInt2(row.name.tenant);
            types.AddInt2(row.name.type);
            tokens.AddUuid(row.name.token);
            resources.AddInt8(row.pk);
        }
        const std::int64_t expected = all ? static_cast<std::int64_t>(tokens.size()) : kAny;
        Add(statement, expected, std::move(tenants), std::move(types), std::move(tokens),
            std::move(resources));
    }

    void AddMerge(const Entry& entry, Array& merges) {
        if (!entry.opened && entry.versions.empty()) {
            merges.AddNull();  // a reserved row
            return;
        }
        merges.AddBytes(
            context_.codec().SealStamps({entry.tenant, entry.type, entry.id, entry.version},
                                        entry.updated, PackStamps(entry.newest, entry.stamps)));
    }

    void Resources() {
        std::vector<const Entry*> fresh;
        std::vector<const Entry*> known;
        for (const Entry& entry : set_.entries()) {
            const bool changes = !entry.versions.empty() || entry.stamps_changed;
            if (!entry.versions.empty()) plan_.changed.push_back(entry.pk);
            if (entry.row_stored && changes) known.push_back(&entry);
            if (!entry.row_stored && (!entry.versions.empty() || entry.reserved)) {
                fresh.push_back(&entry);
            }
        }
        AddResources(std::move(fresh));
        SetResources(std::move(known));
    }

    void AddResources(std::vector<const Entry*> fresh) {
        std::sort(fresh.begin(), fresh.end(), [](const Entry* a, const Entry* b) {
            return std::tie(a->tenant, a->type_number, a->id) <
                   std::tie(b->tenant, b->type_number, b->id);
        });
        Array pks(Type::kInt8), tenants(Type::kInt2), types(Type::kInt2), ids(Type::kText),
            versions(Type::kInt4), deleted(Type::kBool), subjects(Type::kInt8),
            updated(Type::kTimestamptz), dates(Type::kTimestamptz), merges(Type::kBytea);
        for (const Entry* entry : fresh) {
            pks.AddInt8(entry->pk);
            tenants.AddInt2(entry->tenant);
            types.AddInt2(entry->type_number);
            ids.AddText(entry->id);
            versions.AddInt4(entry->version);
            deleted.AddBool(entry->deleted);
            subjects.AddInt8(entry->subject);
            updated.AddTimestamp(entry->updated);
            dates.AddTimestamp(entry->main_date);
            AddMerge(*entry, merges);
        }
        Add(kAddResource, static_cast<std::int64_t>(fresh.size()), std::move(pks),
            std::move(tenants), std::move(types), std::move(ids), std::move(versions),
            std::move(deleted), std::move(subjects), std::move(updated), std::move(dates),
            std::move(merges));
    }

    void SetResources(std::vector<const Entry*> known) {
        // The rows are locked in this order, by all writers.
        std::sort(known.begin(), known.end(),
                  [](const Entry* a, const Entry* b) { return a->pk < b->pk; });
        Array before(Type::kInt4);
        Array pks(Type::kInt8), versions(Type::kInt4), deleted(Type::kBool), subjects(Type::kInt8),
            updated(Type::kTimestamptz), dates(Type::kTimestamptz), merges(Type::kBytea);
        for (const Entry* entry : known) {
            CARESTREAM_ASSERT(entry->loaded && entry->opened);
            pks.AddInt8(entry->pk);
            versions.AddInt4(entry->version);
            deleted.AddBool(entry->deleted);
            subjects.AddInt8(entry->subject);
            updated.AddTimestamp(entry->updated);
            dates.AddTimestamp(entry->main_date);
            AddMerge(*entry, merges);
            before.AddInt4(entry->version - static_cast<std::int32_t>(entry->versions.size()));
        }
        Add(kSetResource, static_cast<std::int64_t>(known.size()), std::move(pks),
            std::move(versions), std::move(deleted), std::move(subjects), std::move(updated),
            std::move(dates), std::move(merges), std::move(before));
    }

    void Versions() {
        Array resources(Type::kInt8), versions(Type::kInt4), updated(Type::kTimestamptz),
            bodies(Type::kBytea);
        for (const Entry& entry : set_.entries()) {
            for (const NewVersion& made : entry.versions) {
                resources.AddInt8(entry.pk);
                versions.AddInt4(made.version);
                updated.AddTimestamp(made.updated);
                if (made.json.empty()) {
                    bodies.AddNull();
                } else {
                    bodies.AddBytes(context_.codec().SealBody(
                        {entry.tenant, entry.type, entry.id, made.version}, made.updated,
                        made.json));
                }
            }
        }
        Add(kAddVersion, kAny, std::move(resources), std::move(versions), std::move(updated),
            std::move(bodies));
    }

    void Tokens(const std::vector<IndexChange>& index) {
        TokenRows(kDropToken, index, &IndexDifference::removed);
        TokenRows(kAddToken, index, &IndexDifference::added);
    }

    void TokenRows(const Statement& statement, const std::vector<IndexChange>& index,
                   IndexRows IndexDifference::*side) {
        // In the index's order: neighbours in the batch meet the same pages.
        std::vector<std::pair<std::int64_t, std::int64_t>> all;
        for (const IndexChange& change : index) {
            for (const std::int64_t hash : (change.difference.*side).tokens) {
                all.emplace_back(hash, change.entry->pk);
            }
        }
        std::sort(all.begin(), all.end());
        Array hashes(Type::kInt8), resources(Type::kInt8);
        for (const auto& [hash, resource] : all) {
            hashes.AddInt8(hash);
            resources.AddInt8(resource);
        }
        Add(statement, kAny, std::move(hashes), std::move(resources));
    }

    void Dates(const std::vector<IndexChange>& index) {
        DateRows(kDropDate, index, &IndexDifference::removed);
        DateRows(kAddDate, index, &IndexDifference::added);
    }

    void DateRows(const Statement& statement, const std::vector<IndexChange>& index,
                  IndexRows IndexDifference::*side) {
        Array tenants(Type::kInt2), parameters(Type::kInt4), lows(Type::kTimestamptz),
            highs(Type::kTimestamptz), resources(Type::kInt8);
        for (const IndexChange& change : index) {
            for (const DateRow& row : (change.difference.*side).dates) {
                tenants.AddInt2(change.entry->tenant);
                parameters.AddInt4(static_cast<std::int32_t>(row.parameter));
                lows.AddTimestamp(row.low);
                highs.AddTimestamp(row.high);
                resources.AddInt8(change.entry->pk);
            }
        }
        Add(statement, kAny, std::move(tenants), std::move(parameters), std::move(lows),
            std::move(highs), std::move(resources));
    }

    void Numbers(const std::vector<IndexChange>& index) {
        NumberRows(kDropNumber, index, &IndexDifference::removed);
        NumberRows(kAddNumber, index, &IndexDifference::added);
    }

    void NumberRows(const Statement& statement, const std::vector<IndexChange>& index,
                    IndexRows IndexDifference::*side) {
        Array tenants(Type::kInt2), parameters(Type::kInt4), values(Type::kFloat8),
            resources(Type::kInt8);
        for (const IndexChange& change : index) {
            for (const NumberRow& row : (change.difference.*side).numbers) {
                tenants.AddInt2(change.entry->tenant);
                parameters.AddInt4(static_cast<std::int32_t>(row.parameter));
                values.AddFloat8(row.value);
                resources.AddInt8(change.entry->pk);
            }
        }
        Add(statement, kAny, std::move(tenants), std::move(parameters), std::move(values),
            std::move(resources));
    }

    void Links() {
        plan_.links = !set_.new_links.empty();
        // Of several changes of one loser the last holds; the others would meet in one statement.
        std::map<std::pair<Tenant, std::int64_t>, std::int64_t> last;
        for (const NewLink& link : set_.new_links) last[{link.tenant, link.loser}] = link.survivor;
        Array gone_tenants(Type::kInt2), gone_losers(Type::kInt8), tenants(Type::kInt2),
            losers(Type::kInt8), survivors(Type::kInt8);
        for (const auto& [key, survivor] : last) {
            if (survivor == 0) {
                gone_tenants.AddInt2(key.first);
                gone_losers.AddInt8(key.second);
            } else {
                tenants.AddInt2(key.first);
                losers.AddInt8(key.second);
                survivors.AddInt8(survivor);
            }
        }
        Add(kDropLink, kAny, std::move(gone_tenants), std::move(gone_losers));
        Add(kAddLink, kAny, std::move(tenants), std::move(losers), std::move(survivors));
    }

    void Conflicts() {
        Array tenants(Type::kInt2), types(Type::kInt2), kept(Type::kInt8), others(Type::kInt8),
            seqs(Type::kInt8);
        for (const NewConflict& conflict : set_.new_conflicts) {
            tenants.AddInt2(conflict.tenant);
            types.AddInt2(conflict.type);
            kept.AddInt8(conflict.kept);
            others.AddInt8(conflict.other);
            seqs.AddInt8(conflict.seq);
        }
        Add(kAddConflict, kAny, std::move(tenants), std::move(types), std::move(kept),
            std::move(others), std::move(seqs));
    }

    void Outcomes(const std::vector<Outcome>& outcomes) {
        Array seqs(Type::kInt8), received(Type::kTimestamptz), tenants(Type::kInt2),
            statuses(Type::kInt2), events(Type::kText), stages(Type::kText), paths(Type::kText),
            reasons(Type::kText), generations(Type::kInt8), maps(Type::kText),
            map_versions(Type::kText), details(Type::kBytea), acks(Type::kBytea),
            answered(Type::kText), sent(Type::kTimestamptz);
        static const std::vector<ChangedResource> kNone;
        for (const Outcome& outcome : outcomes) {
            const FeedWrite& write = *outcome.write;
            seqs.AddInt8(write.seq);
            received.AddTimestamp(write.received);
            tenants.AddInt2(write.tenant);
            statuses.AddInt2(static_cast<std::int16_t>(outcome.status));
            events.AddText(pg::Printable(write.event));
            stages.AddText(pg::Printable(outcome.stage));
            paths.AddText(pg::Printable(outcome.path));
            reasons.AddText(pg::Printable(outcome.reason));
            generations.AddInt8(write.generation);
            maps.AddText(write.map_name);
            map_versions.AddText(write.map_version);
            details.AddBytes(SealDetail(context_.keys(), write.tenant, write.seq, write.received,
                                        write.loss_report,
                                        outcome.resources ? *outcome.resources : kNone));
            answered.AddText(outcome.ack.code);
            if (write.sent == 0) {
                sent.AddNull();
            } else {
                sent.AddTimestamp(write.sent);
            }
            if (outcome.ack.bytes.empty()) {
                acks.AddNull();
            } else {
                acks.AddBytes(SealAck(context_.keys(), write.tenant, write.seq, write.received,
                                      outcome.ack.bytes));
            }
        }
        Add(kAddOutcome, static_cast<std::int64_t>(outcomes.size()), std::move(seqs),
            std::move(received), std::move(tenants), std::move(statuses), std::move(events),
            std::move(stages), std::move(paths), std::move(reasons), std::move(generations),
            std::move(maps), std::move(map_versions), std::move(details), std::move(acks),
            std::move(answered), std::move(sent));
    }

    void Failures(const std::vector<Outcome>& outcomes) {
        Array seqs(Type::kInt8), received(Type::kTimestamptz), stages(Type::kText),
            paths(Type::kText), reasons(Type::kText);
        for (const Outcome& outcome : outcomes) {
            if (outcome.status != OutcomeStatus::kDeadLetter) continue;
            seqs.AddInt8(outcome.write->seq);
            received.AddTimestamp(outcome.write->received);
            stages.AddText(pg::Printable(outcome.stage));
            paths.AddText(pg::Printable(outcome.path));
            reasons.AddText(pg::Printable(outcome.reason));
        }
        Add(kCountFailed, kAny, std::move(seqs), std::move(received), std::move(stages),
            std::move(paths), std::move(reasons));
    }

    void MessageKeys(const std::vector<Outcome>& outcomes) {
        Array tenants(Type::kInt2), tokens(Type::kInt8), seqs(Type::kInt8),
            received(Type::kTimestamptz);
        for (const Outcome& outcome : outcomes) {
            const FeedWrite& write = *outcome.write;
            std::vector<std::int64_t> own;
            for (const FindKey& key : write.find_keys) {
                if (key.kind == "control" || key.value.empty()) continue;  // the journal has it
                own.push_back(FindToken(context_.TokenKeyOf(write.tenant), key));
            }
            std::sort(own.begin(), own.end());
            own.erase(std::unique(own.begin(), own.end()), own.end());
            for (const std::int64_t token : own) {
                tenants.AddInt2(write.tenant);
                tokens.AddInt8(token);
                seqs.AddInt8(write.seq);
                received.AddTimestamp(write.received);
            }
        }
        Add(kAddMessageKey, kAny, std::move(tenants), std::move(tokens), std::move(seqs),
            std::move(received));
    }

    void Events() {
        // In the order in which they were made, not resource by resource.
        std::vector<std::pair<const NewVersion*, const Entry*>> all;
        for (const Entry& entry : set_.entries()) {
            for (const NewVersion& made : entry.versions) all.emplace_back(&made, &entry);
        }
        if (all.empty()) return;
        std::sort(all.begin(), all.end(),
                  [](const auto& a, const auto& b) { return a.first->ordinal < b.first->ordinal; });
        Array resources(Type::kInt8), messages(Type::kInt8), updated(Type::kTimestamptz),
            versions(Type::kInt4), tenants(Type::kInt2), types(Type::kInt2), kinds(Type::kInt2);
        for (const auto& [made, entry] : all) {
            resources.AddInt8(entry->pk);
            messages.AddInt8(made->message);
            updated.AddTimestamp(made->updated);
            versions.AddInt4(made->version);
            tenants.AddInt2(entry->tenant);
            types.AddInt2(entry->type_number);
            kinds.AddInt2(static_cast<std::int16_t>(made->kind));
        }
        const auto& [first, of] = all.front();
        plan_.sample = {of->pk, first->version, first->updated};
        plan_.events = MakeStep(kAddEvents, kAny, std::move(resources), std::move(messages),
                                std::move(updated), std::move(versions), std::move(tenants),
                                std::move(types), std::move(kinds));
    }

    WriteContext& context_;
    WorkingSet& set_;
    BatchPlan plan_;
};

Result<void> QueueStep(pg::Connection& connection, const BatchPlan::Step& step) {
    Params params;
    for (const Array& array : step.arrays) params.List(array);
    return connection.Queue(*step.statement, params);
}

}  // namespace

BatchPlan MakePlan(WriteContext& context, WorkingSet& set, const std::vector<IndexChange>& index,
                   const std::vector<Outcome>& outcomes) {
    return Planner(context, set).Run(index, outcomes);
}

Result<void> BeginBatch(pg::Connection& connection) {
    return connection.Queue(kBegin);
}

Result<void> RunPlan(pg::Connection& connection, const BatchPlan& plan) {
    for (const BatchPlan::Step& step : plan.steps) CARESTREAM_TRY(QueueStep(connection, step));
    CARESTREAM_ASSIGN(results, connection.Sync());
    // BeginBatch may have queued before the steps.
    const std::size_t first = results.size() - plan.steps.size();
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        const std::int64_t expected = plan.steps[i].rows_expected;
        if (expected >= 0 && results[first + i].affected() != expected) {
            return FailRetryable("another writer was first", Code::kConflict);
        }
    }
    return {};
}

Result<std::int64_t> CommitPlan(pg::Connection& connection, const BatchPlan& plan) {
    const bool any = plan.events.statement != nullptr;
    if (any) CARESTREAM_TRY(QueueStep(connection, plan.events));
    CARESTREAM_TRY(connection.Queue(kCommit));
    CARESTREAM_ASSIGN(results, connection.Sync());
    return any ? results[0].Int8(0, 0) : 0;
}

Result<std::vector<std::int64_t>> DoneMessages(pg::Connection& connection,
                                               const std::vector<const FeedWrite*>& writes) {
    Array seqs(Type::kInt8), received(Type::kTimestamptz);
    for (const FeedWrite* write : writes) {
        seqs.AddInt8(write->seq);
        received.AddTimestamp(write->received);
    }
    Params params;
    params.List(seqs).List(received);
    CARESTREAM_ASSIGN(rows, connection.Run(kDone, params));
    std::vector<std::int64_t> done;
    for (int row = 0; row < rows.size(); ++row) done.push_back(rows.Int8(row, 0));
    return done;
}

Result<std::int64_t> EventHead(pg::Connection& connection) {
    CARESTREAM_ASSIGN(rows, connection.Run(kEventHead));
    return rows.Int8(0, 0);
}

Result<bool> HasVersion(pg::Connection& connection, const BatchPlan::Sample& sample) {
    Params params;
    params.Int8(sample.pk).Int4(sample.version).Timestamp(sample.updated);
    CARESTREAM_ASSIGN(rows, connection.Run(kHasVersion, params));
    return !rows.empty();
}

}  // namespace carestream::store
