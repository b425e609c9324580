#include "store/internal/search_run.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "fhir/json.h"
#include "search/main_date.h"
#include "store/internal/tokens.h"
#include "store/internal/working_set.h"

namespace carestream::store {
namespace {

constexpr Micros kNoCeiling = 253'402'300'800'000'000;
constexpr int kFirstCandidates = 64;
constexpr int kCountedMax = 501;  // beyond this, how frequent a token is does not matter
constexpr int kTotalCandidates = 20'000;
constexpr int kIncludesMax = 1'000;
// Trees are several times as large as their texts: those of a usual page are kept for whoever shows
// it.
constexpr std::size_t kTreesMax = 100;

const pg::Statement kCountTokens{
    "r_count_tokens",
    "select count(*) from (select 1 from index_token t where t.hash = any($1::int8[]) "
    "limit $2::int8) s"};
const pg::Statement kByReference{
    "r_by_reference",
    "select r.type, r.id, r.version, r.updated, v.body, r.subject from unnest($2::int2[], "
    "$3::text[]) "
    "q(type, id) join resource r on r.tenant = $1::int2 and r.type = q.type and r.id = q.id "
    "collate \"C\" join version v on v.resource = r.pk and v.version = r.version "
    "where not r.deleted and r.version > 0"};

// Does the statement leave out some of the candidates?
bool HasFilters(const UsableQuery& query, const Plan& plan) {
    const auto filters = [&](const UsableCriterion& usable) {
        return usable.indexed && !IsLed(query, plan, usable);
    };
    const bool any = std::any_of(query.usable.begin(), query.usable.end(), filters);
    return any || plan.lead == Lead::kEvents || (plan.lead == Lead::kDate && !query.usable.empty());
}

// Of what is confined nearly everything that an index brings is taken: the bodies of one page are
// enough to begin with. Else many are refused.
bool TakesMost(const Plan& plan) {
    return std::all_of(
        plan.matcher.begin(), plan.matcher.end(), [](const search::Criterion* criterion) {
            return criterion->negated || criterion->kind == search::CriterionKind::kPatient;
        });
}

bool IsTimeKey(const Plan& plan) {
    return plan.order == Order::kMainDate || plan.order == Order::kUpdated ||
           plan.order == Order::kDate;
}

// Reads key and key2 of a candidate or a chosen row.
void TakeKeys(const pg::Rows& rows, int row, int column, const Plan& plan, Cursor& cursor) {
    cursor.scan = plan.scan;
    if (!rows.IsNull(row, column)) {
        if (IsTimeKey(plan)) {
            cursor.key = rows.Timestamp(row, column);
        } else if (plan.order == Order::kNumber) {
            cursor.key = std::bit_cast<std::int64_t>(rows.Float8(row, column));
        } else {
            cursor.key = rows.Int8(row, column);
        }
    }
    if (rows.IsNull(row, column + 1)) return;
    cursor.key2 =
        plan.order == Order::kDate ? rows.Timestamp(row, column + 1) : rows.Int8(row, column + 1);
}

std::string NameOf(const StoredVersion& version) {
    return version.type + "/" + version.id + "/_history/" + std::to_string(version.version);
}

// The tree that the matcher kept, or one that is put into `made`.
Result<const fhir::Node*> TreeOf(const StoredVersion& version, fhir::Node& made) {
    if (version.parsed) return &*version.parsed;
    CARESTREAM_ASSIGN(node, fhir::ParseJson(version.body));
    made = std::move(node);
    return &made;
}

void Append(std::vector<std::string> names, std::vector<std::string>& to) {
    to.insert(to.end(), std::make_move_iterator(names.begin()),
              std::make_move_iterator(names.end()));
}

}  // namespace

const crypto::TokenKey& Searcher::TokenKeyOf(Tenant tenant) {
    const auto found = token_keys_.find(tenant);
    if (found != token_keys_.end()) return found->second;
    return token_keys_.emplace(tenant, parts_.keys.token_key(TenantLabel(tenant))).first->second;
}

std::uint32_t Searcher::MainDateOf(std::string_view type) {
    const auto found = main_dates_.find(type);
    if (found != main_dates_.end()) return found->second;
    const std::uint32_t id = search::MainDateId(*parts_.definitions, type);
    main_dates_.emplace(type, id);
    return id;
}

Result<SearchPage> Searcher::Run(pg::Connection& connection, const SearchRequest& request) {
    UsableQuery query;
    CARESTREAM_TRY(Prepare(connection, request, query));
    SearchPage page;
    if (query.query.count > 0) {
        CARESTREAM_ASSIGN(fill, FillPage(connection, query, request.position, query.query.count));
        for (Match& match : fill.matches) page.matches.push_back(std::move(match.version));
        page.unreadable = std::move(fill.unreadable);
        if (fill.more) page.next = fill.next.ToText();
    }
    CARESTREAM_TRY(AddTotal(connection, query, request, page));
    CARESTREAM_TRY(AddIncludes(connection, request, page));
    std::sort(page.unreadable.begin(), page.unreadable.end());
    page.unreadable.erase(std::unique(page.unreadable.begin(), page.unreadable.end()),
                          page.unreadable.end());
    if (!request.leave_out_unreadable && !page.unreadable.empty()) {
        return Fail(Code::kInvalid, "a stored version cannot be opened", page.unreadable.front());
    }
    return page;
}

Result<void> Searcher::Prepare(pg::Connection& connection, const SearchRequest& request,
                               UsableQuery& query) {
    query.tenant = request.tenant;
    query.type_number =
        static_cast<std::int16_t>(parts_.definitions->ResourceTypeNumber(request.query.type));
    if (query.type_number == 0) {
        return Fail(Code::kInvalid, "not a resource type of FHIR R4", request.query.type);
    }
    query.main_date_id = MainDateOf(request.query.type);
    query.query = request.query;
    const auto patient =
        static_cast<std::int16_t>(parts_.definitions->ResourceTypeNumber("Patient"));
    return MakeUsable(connection, *parts_.links, TokenKeyOf(request.tenant), patient, query);
}

Result<std::int64_t> Searcher::CountHash(pg::Connection& connection,
                                         const std::vector<std::int64_t>& hashes) {
    pg::Array list(pg::Type::kInt8);
    for (const std::int64_t hash : hashes) list.AddInt8(hash);
    pg::Params params;
    params.List(list).Int8(kCountedMax);
    CARESTREAM_ASSIGN(rows, connection.Run(kCountTokens, params));
    return rows.Int8(0, 0);
}

Result<Plan> Searcher::FirstPlan(pg::Connection& connection, const UsableQuery& query) {
    const std::vector<std::size_t> leads = TokenLeads(query);
    const bool by_patient =
        std::any_of(query.usable.begin(), query.usable.end(), [](const UsableCriterion& usable) {
            return usable.indexed && usable.criterion->kind == search::CriterionKind::kPatient;
        });
    if (leads.size() < 2 || by_patient) return ChoosePlan(query, std::nullopt);
    std::size_t rarest = leads.front();
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const std::size_t lead : leads) {
        CARESTREAM_ASSIGN(count, CountHash(connection, query.usable[lead].hashes));
        if (count < least) {
            least = count;
            rarest = lead;
        }
    }
    return ChoosePlan(query, rarest);
}

Result<Searcher::Fill> Searcher::FillPage(pg::Connection& connection, const UsableQuery& query,
                                          const std::string& position, int count) {
    std::optional<Cursor> after;
    if (!position.empty()) {
        CARESTREAM_ASSIGN(cursor, Cursor::Parse(position));
        after = std::move(cursor);
    }
    const Cursor* start = after ? &*after : nullptr;
    CARESTREAM_ASSIGN(first, FirstPlan(connection, query));
    Plan plan = first;
    if (!plan.scan && (start == nullptr || !start->scan)) {
        CARESTREAM_ASSIGN(collected, FillByCollect(connection, query, plan, start, count));
        if (collected) return std::move(*collected);
        if (start != nullptr) {
            return Fail(Code::kLimit,
                        "the result grew beyond what can be paged in this order; search again");
        }
    }
    if (!plan.scan) {
        CARESTREAM_ASSIGN(fallback, FallBack(query, plan));
        plan = fallback;
    }
    return FillByScan(connection, query, plan, start, count);
}

Result<Searcher::Step> Searcher::RunStep(pg::Connection& connection, const UsableQuery& query,
                                         const Plan& plan, const Cursor* after, Micros ceiling,
                                         int candidates, int rows_max) {
    SqlText sql;
    WriteStep(query, plan, after, ceiling, candidates, rows_max, sql);
    CARESTREAM_ASSIGN(rows, shapes_.Run(connection, sql));
    Step step;
    if (rows.empty()) return step;
    step.candidates = static_cast<int>(rows.Int8(0, 0));
    TakeKeys(rows, 0, 1, plan, step.last);
    step.last.pk = rows.Int8(0, 3);
    step.last.id = rows.Text(0, 4);
    step.last.ceiling = ceiling;
    for (int row = 0; row < rows.size(); ++row) {
        if (rows.IsNull(row, 5)) continue;
        Match match = TakeMatch(rows, row, query, plan);
        match.cursor.ceiling = ceiling;
        step.rows.push_back(std::move(match));
    }
    return step;
}

// What cannot be opened keeps its row: pages go on behind it, whatever stands there.
Searcher::Match Searcher::TakeMatch(const pg::Rows& rows, int row, const UsableQuery& query,
                                    const Plan& plan) const {
    Match match;
    match.cursor.pk = rows.Int8(row, 5);
    TakeKeys(rows, row, 6, plan, match.cursor);
    StoredVersion& version = match.version;
    version.type = query.query.type;
    version.id = rows.Text(row, 8);
    match.cursor.id = version.id;
    version.version = rows.Int4(row, 9);
    version.last_updated = rows.Timestamp(row, 10);
    version.patient = rows.Int8(row, 12);
    match.unreadable = !OpenBody(query.tenant, rows.Bytes(row, 11), version);
    return match;
}

bool Searcher::OpenBody(Tenant tenant, std::string_view sealed, StoredVersion& version) const {
    auto body = codec_->OpenBody({tenant, version.type, version.id, version.version}, sealed);
    if (body) version.body = std::move(*body);
    return body.has_value();
}

Result<bool> Searcher::Accepts(const UsableQuery& query, const Plan& plan, Match& match,
                               Fill& fill) const {
    if (match.unreadable) {
        fill.unreadable.push_back(NameOf(match.version));
        return false;
    }
    if (plan.matcher.empty()) return true;
    match.version.plain = std::all_of(
        plan.matcher.begin(), plan.matcher.end(), [&](const search::Criterion* criterion) {
            return criterion->plainly && criterion->plainly(match.version.body);
        });
    if (match.version.plain) return true;
    CARESTREAM_ASSIGN(node, fhir::ParseJson(match.version.body));
    const bool accepted = std::all_of(
        plan.matcher.begin(), plan.matcher.end(), [&](const search::Criterion* criterion) {
            return search::Matches(*parts_.definitions, node, query.query.type, *criterion);
        });
    if (accepted && fill.matches.size() < kTreesMax) match.version.parsed = std::move(node);
    return accepted;
}

Result<Searcher::Fill> Searcher::FillByScan(pg::Connection& connection, const UsableQuery& query,
                                            const Plan& plan, const Cursor* after, int count) {
    bool takes_most = TakesMost(plan);
    const bool filters = !takes_most || HasFilters(query, plan);
    Fill fill;
    Cursor at;
    Micros ceiling = after != nullptr ? after->ceiling : kNoCeiling;
    int candidates = filters ? std::max(kFirstCandidates, 2 * (count + 1)) : count + 1;
    std::set<std::string> seen;  // a resource with two dates stands in the index twice
    for (;;) {
        const int wanted = count + 1 - static_cast<int>(fill.matches.size());
        const int rows = takes_most ? wanted : candidates;
        CARESTREAM_ASSIGN(step, RunStep(connection, query, plan, after, ceiling, candidates, rows));
        fill.examined += step.candidates;
        const bool cut = static_cast<int>(step.rows.size()) == rows;
        at = cut ? step.rows.back().cursor : step.last;
        for (Match& match : step.rows) {
            CARESTREAM_ASSIGN(accepted, Accepts(query, plan, match, fill));
            if (!accepted || !seen.insert(match.version.id).second) continue;
            fill.matches.push_back(std::move(match));
            if (static_cast<int>(fill.matches.size()) > count) break;
        }
        if (plan.lead == Lead::kEvents && plan.descending && ceiling == kNoCeiling &&
            !fill.matches.empty()) {
            ceiling = fill.matches.front().cursor.key;
            for (Match& match : fill.matches) match.cursor.ceiling = ceiling;
        }
        if (static_cast<int>(fill.matches.size()) > count) {
            fill.matches.pop_back();
            fill.more = true;
            fill.next = fill.matches.back().cursor;
            return fill;
        }
        if (!cut && step.candidates < candidates) return fill;
        at.ceiling = ceiling;
        after = &at;
        takes_most = takes_most && plan.matcher.empty() && fill.unreadable.empty();
        if (fill.examined >= kExamineMax) break;
        candidates = std::min(candidates * 4, kExamineMax / 4);
    }
    // Many in a row that cannot be opened make an empty page with a next one, not the end.
    if (fill.matches.empty() && fill.unreadable.empty()) {
        return Fail(Code::kLimit,
                    "too costly: " + std::to_string(fill.examined) +
                        " resources were looked at and none matched; add a patient, an "
                        "identifier, a code or a narrower date");
    }
    fill.more = true;
    fill.next = at;
    return fill;
}

Result<std::optional<Searcher::Fill>> Searcher::FillByCollect(pg::Connection& connection,
                                                              const UsableQuery& query,
                                                              const Plan& plan, const Cursor* after,
                                                              int count) {
    const bool memory = plan.order == Order::kMemory;
    // A page under way may grow a little while it is read.
    const int limit = after == nullptr ? kCollectMax : 2 * kCollectMax;
    int rows = memory ? limit : TakesMost(plan) ? count + 1 : 4 * (count + 1);
    Fill fill;
    Cursor at;
    for (;;) {
        CARESTREAM_ASSIGN(step,
                          RunStep(connection, query, plan, after, kNoCeiling, limit + 1, rows));
        if (step.candidates > limit) return std::optional<Fill>();
        fill.examined += static_cast<int>(step.rows.size());
        const bool exhausted = memory || static_cast<int>(step.rows.size()) < rows;
        for (Match& match : step.rows) {
            at = match.cursor;
            CARESTREAM_ASSIGN(accepted, Accepts(query, plan, match, fill));
            if (!accepted) continue;
            fill.matches.push_back(std::move(match));
            if (!memory && static_cast<int>(fill.matches.size()) > count) break;
        }
        if (memory) {
            CARESTREAM_TRY(SortInMemory(plan, after, count, fill));
            return std::optional<Fill>(std::move(fill));
        }
        if (static_cast<int>(fill.matches.size()) > count) {
            fill.matches.pop_back();
            fill.more = true;
            fill.next = fill.matches.back().cursor;
            return std::optional<Fill>(std::move(fill));
        }
        if (exhausted) return std::optional<Fill>(std::move(fill));
        after = &at;
        rows = 4 * (count + 1);
    }
}

Result<void> Searcher::SortInMemory(const Plan& plan, const Cursor* after, int count,
                                    Fill& fill) const {
    // Ascending by its least value, descending by its greatest, as FHIR R4 3.1.1.5.1 says; without
    // one it comes last.
    for (Match& match : fill.matches) {
        fhir::Node made;
        CARESTREAM_ASSIGN(tree, TreeOf(match.version, made));
        const search::IndexEntries entries = parts_.indexer->Extract(*tree);
        std::optional<double> best;
        const auto offer = [&](double value) {
            const bool better = !best || (plan.descending ? value > *best : value < *best);
            if (better) best = value;
        };
        for (const search::DateEntry& date : entries.dates) {
            if (date.parameter != plan.parameter) continue;
            offer(static_cast<double>(plan.descending ? date.high : date.low));
        }
        for (const search::NumberEntry& number : entries.numbers) {
            if (number.parameter == plan.parameter) offer(number.value);
        }
        const double none = std::numeric_limits<double>::infinity() * (plan.descending ? -1 : 1);
        match.cursor.key = std::bit_cast<std::int64_t>(best.value_or(none));
    }
    const auto before = [&](const Cursor& a, const Cursor& b) {
        const auto x = std::bit_cast<double>(a.key);
        const auto y = std::bit_cast<double>(b.key);
        if (x != y) return plan.descending ? x > y : x < y;
        return plan.descending ? a.pk > b.pk : a.pk < b.pk;
    };
    std::sort(fill.matches.begin(), fill.matches.end(),
              [&](const Match& a, const Match& b) { return before(a.cursor, b.cursor); });
    if (after != nullptr) {
        std::erase_if(fill.matches,
                      [&](const Match& match) { return !before(*after, match.cursor); });
    }
    if (static_cast<int>(fill.matches.size()) > count) {
        fill.matches.resize(static_cast<std::size_t>(count));
        fill.more = true;
        fill.next = fill.matches.back().cursor;
    }
    return {};
}

Result<void> Searcher::AddTotal(pg::Connection& connection, const UsableQuery& query,
                                const SearchRequest& request, SearchPage& page) {
    const bool asked = query.query.total == search::Query::Total::kExact || query.query.count == 0;
    if (!asked) return {};
    // What was left out is counted where the index alone decides, whatever the page's size.
    if (query.query.count > 0 && request.position.empty() && page.next.empty() &&
        page.unreadable.empty()) {
        page.total = static_cast<std::int64_t>(page.matches.size());
        return {};
    }
    CARESTREAM_ASSIGN(plan, FirstPlan(connection, query));
    if (!plan.matcher.empty()) {
        // A body decides: read on, within the same limit as a page.
        Result<Fill> fill = FillPage(connection, query, "", static_cast<int>(kTotalMax));
        if (!fill) return Fail(std::move(fill).error());
        page.total = static_cast<std::int64_t>(fill->matches.size());
        page.total_capped = fill->more;
        Append(std::move(fill->unreadable), page.unreadable);
        return {};
    }
    SqlText sql;
    WriteCount(query, plan, kTotalCandidates, sql);
    CARESTREAM_ASSIGN(rows, shapes_.Run(connection, sql));
    page.total = std::min(rows.Int8(0, 1), kTotalMax);
    page.total_capped = rows.Int8(0, 0) >= kTotalCandidates || rows.Int8(0, 1) > kTotalMax;
    return {};
}

Result<void> Searcher::AddIncludes(pg::Connection& connection, const SearchRequest& request,
                                   SearchPage& page) {
    if (request.query.includes.empty() || page.matches.empty()) return {};
    std::set<std::string> wanted;
    for (const StoredVersion& match : page.matches) {
        fhir::Node made;
        CARESTREAM_ASSIGN(tree, TreeOf(match, made));
        for (const search::Include& include : request.query.includes) {
            if (include.reverse || include.source != match.type) continue;
            for (std::string& reference :
                 search::IncludedReferences(*parts_.definitions, *tree, include)) {
                wanted.insert(std::move(reference));
            }
        }
    }
    for (const StoredVersion& match : page.matches) wanted.erase(match.type + "/" + match.id);
    pg::Array types(pg::Type::kInt2);
    pg::Array ids(pg::Type::kText);
    for (const std::string& reference : wanted) {
        const std::size_t slash = reference.find('/');
        const int type = parts_.definitions->ResourceTypeNumber(reference.substr(0, slash));
        if (slash == std::string::npos || type == 0) continue;
        if (static_cast<int>(ids.size()) >= kIncludesMax) break;
        types.AddInt2(static_cast<std::int16_t>(type));
        ids.AddText(std::string_view(reference).substr(slash + 1));
    }
    if (!ids.empty()) {
        pg::Params params;
        params.Int2(request.tenant).List(types).List(ids);
        CARESTREAM_ASSIGN(rows, connection.Run(kByReference, params));
        for (int row = 0; row < rows.size(); ++row) {
            StoredVersion version;
            version.type = parts_.definitions
                               ->ResourceTypes()[static_cast<std::size_t>(rows.Int2(row, 0) - 1)];
            version.id = rows.Text(row, 1);
            version.version = rows.Int4(row, 2);
            version.last_updated = rows.Timestamp(row, 3);
            version.patient = rows.Int8(row, 5);
            if (OpenBody(request.tenant, rows.Bytes(row, 4), version)) {
                page.included.push_back(std::move(version));
            } else {
                page.unreadable.push_back(NameOf(version));
            }
        }
    }
    for (const search::Include& include : request.query.includes) {
        if (include.reverse) CARESTREAM_TRY(AddReverse(connection, request, include, page));
    }
    return {};
}

Result<void> Searcher::AddReverse(pg::Connection& connection, const SearchRequest& request,
                                  const search::Include& include, SearchPage& page) {
    // "Which of them refer to the page" is a search of its own.
    std::string targets;
    for (const StoredVersion& match : page.matches) {
        if (!targets.empty()) targets += ",";
        targets += match.type + "/" + match.id;
    }
    search::QueryLimits limits;
    limits.values_max = page.matches.size() + 1;
    limits.count_max = kIncludesMax;
    const bool confined =
        !request.patient_id.empty() &&
        search::PatientCompartment(*parts_.definitions, include.source, request.patient_id);
    CARESTREAM_ASSIGN(
        parsed,
        search::ParseQuery(*parts_.definitions, include.source, {{include.parameter, targets}},
                           confined ? request.patient_id : std::string(), limits));
    parsed.count = kIncludesMax;
    UsableQuery query;
    CARESTREAM_TRY(Prepare(connection, {request.tenant, std::move(parsed), "", "", {}}, query));
    CARESTREAM_ASSIGN(fill, FillPage(connection, query, "", kIncludesMax));
    Append(std::move(fill.unreadable), page.unreadable);
    for (Match& match : fill.matches) {
        const auto same = [&](const StoredVersion& other) {
            return other.type == match.version.type && other.id == match.version.id;
        };
        if (std::any_of(page.included.begin(), page.included.end(), same)) continue;
        if (std::any_of(page.matches.begin(), page.matches.end(), same)) continue;
        page.included.push_back(std::move(match.version));
    }
    return {};
}

}  // namespace carestream::store
