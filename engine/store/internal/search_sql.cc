// The statements of search_plan.h.
#include <algorithm>
#include <bit>
#include <limits>

#include "base/assert.h"
#include "store/internal/search_plan.h"
#include "store/internal/working_set.h"

namespace carestream::store {
namespace {

using search::CriterionKind;

constexpr Micros kBeforeAll = kNoDate - 1;
constexpr Micros kAfterAll = 253'402'300'800'000'000;  // year 10000

class Sql {
public:
    Sql(const UsableQuery& query, const Plan& plan, SqlText& sql)
        : query_(query), plan_(plan), sql_(sql) {
        tenant_ = sql_.Int2(query.tenant);
        type_ = sql_.Int2(query.type_number);
    }

    // Candidates as (pk, key, key2, id): columns that the order does not use are null.
    std::string Candidates(const Cursor* after, int limit) {
        const std::string tail = " limit " + sql_.Int8(limit);
        switch (plan_.lead) {
            case Lead::kIds:
                // A seek for each, as in linked_patients.cc.
                return "select f.pk, null::int8 key, null::int8 key2, null::text id from "
                       "unnest(" +
                       sql_.Texts(Leading().criterion->ids) +
                       ") q(id) cross join lateral (select r.pk from resource r where r.tenant = " +
                       tenant_ + " and r.type = " + type_ +
                       " and r.id = q.id collate \"C\" limit 1) f" + tail;
            case Lead::kTokens:
                return plan_.scan ? TokenScan(after, tail) : TokenSet(tail);
            case Lead::kPatient:
                return plan_.scan ? PatientScan(after, tail) : PatientSet(tail);
            case Lead::kDate:
                return DateScan(after, tail);
            case Lead::kNumber:
                return NumberScan(after, tail);
            case Lead::kEvents:
                return EventScan(after, tail);
            case Lead::kIdOrder:
                return IdScan(after, tail);
        }
        CARESTREAM_ASSERT(false);
        return {};
    }

    // Conditions on `resource r` beside candidate `c`.
    std::string Filters(Micros ceiling) {
        std::string text =
            "r.version > 0 and not r.deleted and r.tenant = " + tenant_ + " and r.type = " + type_;
        for (const UsableCriterion& usable : query_.usable) {
            if (usable.indexed && !IsLed(query_, plan_, usable)) text += Filter(usable);
        }
        if (plan_.lead == Lead::kEvents) {
            // The newest version as of the first page: what changes meanwhile stays in its place.
            text +=
                " and not exists (select 1 from version n where n.resource = c.pk and "
                "n.version = c.key2::int4 + 1 and n.updated <= " +
                sql_.Time(ceiling) + ")";
        }
        return text;
    }

    // Of collected rows: after the cursor in the wanted order.
    std::string AfterCursor(const Cursor* after) {
        if (after == nullptr || plan_.scan || plan_.order == Order::kMemory) return {};
        const std::string less = plan_.descending ? " < " : " > ";
        switch (plan_.order) {
            case Order::kMainDate:
                return " and (r.main_date, r.pk)" + less + "(" + sql_.Time(after->key) + ", " +
                       sql_.Int8(after->pk) + ")";
            case Order::kUpdated:
                return " and (r.updated, r.pk)" + less + "(" + sql_.Time(after->key) + ", " +
                       sql_.Int8(after->pk) + ")";
            case Order::kId:
                return " and r.id" + less + sql_.Text(after->id) + " collate \"C\"";
            default:
                return " and r.pk" + less + sql_.Int8(after->pk);
        }
    }

    // How rows sort: over the columns key, key2, pk, id of `alias`.
    [[nodiscard]] std::string OrderText(const std::string& alias, bool reverse) const {
        const char* way = plan_.descending != reverse ? " desc" : " asc";
        std::vector<std::string> columns;
        switch (plan_.order) {
            case Order::kPk:
            case Order::kMemory:
                columns = {"pk"};
                break;
            case Order::kId:
                columns = {"id"};
                break;
            case Order::kDate:
                columns = {"key", "key2", "pk"};
                break;
            case Order::kUpdated:
                columns = {"key", "pk"};
                if (plan_.scan) columns.push_back("key2");
                break;
            default:
                columns = {"key", "pk"};
                break;
        }
        std::string text = " order by ";
        for (std::size_t i = 0; i < columns.size(); ++i) {
            text += (i == 0 ? "" : ", ") + alias + "." + columns[i] + way;
        }
        return text;
    }

    // key and key2 of a chosen row: of the candidate, or of the resource when it was collected.
    [[nodiscard]] std::string KeyColumns() const {
        if (plan_.scan) return "c.key, c.key2";
        if (plan_.order == Order::kMainDate) return "r.main_date as key, null::int8 as key2";
        if (plan_.order == Order::kUpdated) return "r.updated as key, null::int8 as key2";
        return "null::int8 as key, null::int8 as key2";
    }

private:
    [[nodiscard]] const UsableCriterion& Leading() const {
        return query_.usable[*plan_.lead_criterion];
    }
    [[nodiscard]] std::string Less() const { return plan_.descending ? " < " : " > "; }
    [[nodiscard]] std::string Way() const { return plan_.descending ? " desc" : " asc"; }

    std::string TokenSet(const std::string& tail) {
        std::string text =
            "select distinct t.resource pk, null::int8 key, null::int8 key2, null::text id from "
            "index_token t where t.hash = any(" +
            sql_.Int8s(Leading().hashes) + ")";
        return text + tail;
    }

    std::string TokenScan(const Cursor* after, const std::string& tail) {
        const std::string start =
            after == nullptr ? "" : " and t.resource" + Less() + sql_.Int8(after->pk);
        const std::string each =
            "select t.resource pk, null::int8 key, null::int8 key2, "
            "null::text id from index_token t where t.hash = ";
        const std::string order = " order by t.hash" + Way() + ", t.resource" + Way();
        if (Leading().hashes.size() == 1) {
            return each + sql_.Int8(Leading().hashes.front()) + start + order + tail;
        }
        return "select distinct x.pk, x.key, x.key2, x.id from unnest(" +
               sql_.Int8s(Leading().hashes) + ") h(hash) cross join lateral (" + each + "h.hash" +
               start + order + tail + ") x order by x.pk" + Way() + tail;
    }

    std::string PatientSet(const std::string& tail) {
        const UsableCriterion& patient = Leading();
        std::string text =
            "select r.pk, null::int8 key, null::int8 key2, null::text id from resource r where "
            "r.tenant = " +
            tenant_ + " and r.type = " + type_ + " and r.subject <> 0 and r.subject = any(" +
            sql_.Int8s(patient.subjects) + ")" + TokensOfList();
        if (!patient.hashes.empty()) {
            text +=
                " union select t.resource, null::int8, null::int8, null::text from "
                "index_token t where t.hash = any(" +
                sql_.Int8s(patient.hashes) + ")";
        }
        return text + tail;
    }

    std::string PatientScan(const Cursor* after, const std::string& tail) {
        const UsableCriterion& patient = Leading();
        const std::string start = after == nullptr ? ""
                                                   : " and (r.main_date, r.pk)" + Less() + "(" +
                                                         sql_.Time(after->key) + ", " +
                                                         sql_.Int8(after->pk) + ")";
        const std::string columns = "r.pk, r.main_date key, null::int8 key2, null::text id";
        const std::string each = "select " + columns +
                                 " from resource r where r.tenant = " + tenant_ +
                                 " and r.type = " + type_ + " and r.subject <> 0 and r.subject = ";
        const std::string order = " order by r.main_date" + Way() + ", r.pk" + Way();
        if (patient.subjects.size() == 1 && patient.hashes.empty()) {
            return each + sql_.Int8(patient.subjects.front()) + MainDateRange() + TokensOfList() +
                   start + order + tail;
        }
        std::string all = "select x.* from unnest(" + sql_.Int8s(patient.subjects) +
                          ") s(pk) cross join lateral (" + each + "s.pk" + MainDateRange() +
                          TokensOfList() + start + order + tail + ") x";
        if (!patient.hashes.empty()) {
            all += " union select " + columns +
                   " from index_token t join resource r on r.pk = t.resource where r.tenant = " +
                   tenant_ + " and r.type = " + type_ + " and t.hash = any(" +
                   sql_.Int8s(patient.hashes) + ")" + start;
        }
        return "select y.* from (" + all + ") y order by y.key" + Way() + ", y.pk" + Way() + tail;
    }

    // The part of a patient's list that dates of the main parameter may stand in.
    std::string MainDateRange() {
        std::string text;
        for (const UsableCriterion& usable : query_.usable) {
            if (!usable.indexed || usable.criterion->kind != CriterionKind::kDate ||
                usable.criterion->parameter_id != query_.main_date_id) {
                continue;
            }
            text += " and r.main_date between " + sql_.Time(LeastLow(usable)) + " and " +
                    sql_.Time(MostLow(usable));
        }
        return text;
    }

    static Micros LeastLow(const UsableCriterion& usable) {
        Micros least = kAfterAll;
        for (const Rectangle& area : usable.rectangles) least = std::min(least, area.low_min);
        return least;
    }
    static Micros MostLow(const UsableCriterion& usable) {
        Micros most = kBeforeAll;
        for (const Rectangle& area : usable.rectangles) most = std::max(most, area.low_max);
        return most;
    }

    // (low, high) of `alias` stands in one of the rectangles.
    std::string InRectangles(const UsableCriterion& usable, const std::string& low,
                             const std::string& high) {
        std::vector<Micros> columns[4];
        for (const Rectangle& area : usable.rectangles) {
            columns[0].push_back(area.low_min);
            columns[1].push_back(area.low_max);
            columns[2].push_back(area.high_min);
            columns[3].push_back(area.high_max);
        }
        std::string text = "exists (select 1 from unnest(";
        for (int i = 0; i < 4; ++i) text += (i == 0 ? "" : ", ") + sql_.Times(columns[i]);
        return text + ") q(a, b, c, d) where " + low + " between q.a and q.b and " + high +
               " between q.c and q.d)";
    }

    std::string DateScan(const Cursor* after, const std::string& tail) {
        std::string text =
            "select d.resource pk, d.low key, d.high key2, null::text id from index_date d where "
            "d.tenant = " +
            tenant_ + " and d.parameter = " + sql_.Int4(static_cast<std::int32_t>(plan_.parameter));
        for (const UsableCriterion& usable : query_.usable) {
            if (!usable.indexed || usable.criterion->kind != CriterionKind::kDate ||
                usable.criterion->parameter_id != plan_.parameter) {
                continue;
            }
            text += " and d.low between " + sql_.Time(LeastLow(usable)) + " and " +
                    sql_.Time(MostLow(usable));
        }
        if (after != nullptr) {
            text += " and (d.low, d.high, d.resource)" + Less() + "(" + sql_.Time(after->key) +
                    ", " + sql_.Time(after->key2) + ", " + sql_.Int8(after->pk) + ")";
        }
        return text + " order by d.low" + Way() + ", d.high" + Way() + ", d.resource" + Way() +
               tail;
    }

    std::string NumberScan(const Cursor* after, const std::string& tail) {
        std::string text =
            "select n.resource pk, n.value key, null::int8 key2, null::text id from index_number "
            "n where n.tenant = " +
            tenant_ + " and n.parameter = " + sql_.Int4(static_cast<std::int32_t>(plan_.parameter));
        for (const UsableCriterion& usable : query_.usable) {
            if (!usable.indexed || usable.criterion->kind != CriterionKind::kNumber ||
                usable.criterion->parameter_id != plan_.parameter) {
                continue;
            }
            double least = std::numeric_limits<double>::infinity();
            double most = -least;
            for (const NumberBounds& bounds : usable.bounds) {
                least = std::min(least, bounds.min);
                most = std::max(most, bounds.max);
            }
            text += " and n.value between " + sql_.Float8(least) + " and " + sql_.Float8(most);
        }
        if (after != nullptr) {
            text += " and (n.value, n.resource)" + Less() + "(" +
                    sql_.Float8(std::bit_cast<double>(after->key)) + ", " + sql_.Int8(after->pk) +
                    ")";
        }
        return text + " order by n.value" + Way() + ", n.resource" + Way() + tail;
    }

    std::string EventScan(const Cursor* after, const std::string& tail) {
        std::string text =
            "select e.resource pk, e.updated key, e.version::int8 key2, null::text id from event "
            "e where e.tenant = " +
            tenant_ + " and e.type = " + type_;
        for (const UsableCriterion& usable : query_.usable) {
            if (!usable.indexed || usable.criterion->kind != CriterionKind::kLastUpdated) continue;
            text += " and e.updated between " + sql_.Time(LeastLow(usable)) + " and " +
                    sql_.Time(MostLow(usable));
        }
        if (after != nullptr) {
            text += " and (e.updated, e.resource, e.version)" + Less() + "(" +
                    sql_.Time(after->key) + ", " + sql_.Int8(after->pk) + ", " +
                    sql_.Int4(static_cast<std::int32_t>(after->key2)) + ")";
        }
        return text + " order by e.updated" + Way() + ", e.resource" + Way() + ", e.version" +
               Way() + tail;
    }

    std::string IdScan(const Cursor* after, const std::string& tail) {
        std::string text =
            "select r.pk, null::int8 key, null::int8 key2, r.id from resource r "
            "where r.tenant = " +
            tenant_ + " and r.type = " + type_;
        if (after != nullptr) text += " and r.id" + Less() + sql_.Text(after->id);
        return text + " order by r.id" + Way() + tail;
    }

    // A seek for each row; the limit keeps the server from turning it into a join with all that
    // have the token.
    std::string HasToken(const std::vector<std::int64_t>& hashes) {
        return "coalesce((select true from index_token x where x.hash = any(" + sql_.Int8s(hashes) +
               ") and x.resource = r.pk limit 1), false)";
    }

    // The other criteria's tokens, asked of a patient's list before it is cut: a patient may have
    // many resources and few of them with the code.
    std::string TokensOfList() {
        std::string text;
        for (const UsableCriterion& usable : query_.usable) {
            if (!usable.indexed || usable.criterion->kind != CriterionKind::kToken) continue;
            text += " and " + HasToken(usable.hashes);
        }
        return text;
    }

    std::string Filter(const UsableCriterion& usable) {
        switch (usable.criterion->kind) {
            case CriterionKind::kToken:
                return " and " + HasToken(usable.hashes);
            case CriterionKind::kId:
                return " and r.id = any(" + sql_.Texts(usable.criterion->ids) + ")";
            case CriterionKind::kLastUpdated:
                return " and " + InRectangles(usable, "r.updated", "r.updated");
            case CriterionKind::kPatient: {
                std::string text =
                    " and (r.subject <> 0 and r.subject = any(" + sql_.Int8s(usable.subjects) + ")";
                if (!usable.hashes.empty()) text += " or " + HasToken(usable.hashes);
                return text + ")";
            }
            case CriterionKind::kDate:
                return DateFilter(usable);
            case CriterionKind::kNumber:
                break;
        }
        if (plan_.lead != Lead::kNumber || plan_.parameter != usable.criterion->parameter_id) {
            return {};  // the matcher's
        }
        std::vector<double> least;
        std::vector<double> most;
        for (const NumberBounds& bounds : usable.bounds) {
            least.push_back(bounds.min);
            most.push_back(bounds.max);
        }
        return " and exists (select 1 from unnest(" + sql_.Float8s(least) + ", " +
               sql_.Float8s(most) + ") q(a, b) where c.key between q.a and q.b)";
    }

    std::string DateFilter(const UsableCriterion& usable) {
        const std::uint32_t parameter = usable.criterion->parameter_id;
        if (plan_.lead == Lead::kDate && plan_.parameter == parameter) {
            return " and " + InRectangles(usable, "c.key", "c.key2");
        }
        if (parameter != query_.main_date_id) return {};  // the matcher's
        // The resource's row of this parameter begins at its main date: one seek.
        return " and exists (select 1 from index_date x where x.tenant = " + tenant_ +
               " and x.parameter = " + sql_.Int4(static_cast<std::int32_t>(parameter)) +
               " and x.low = r.main_date and x.resource = r.pk and " +
               InRectangles(usable, "x.low", "x.high") + ")";
    }

    const UsableQuery& query_;
    const Plan& plan_;
    SqlText& sql_;
    std::string tenant_;
    std::string type_;
};

}  // namespace

void WriteStep(const UsableQuery& query, const Plan& plan, const Cursor* after, Micros ceiling,
               int candidates, int rows, SqlText& text) {
    Sql sql(query, plan, text);
    const std::string set = sql.Candidates(after, candidates);
    const std::string filters = sql.Filters(ceiling) + sql.AfterCursor(after);
    text.text =
        "with c as materialized (" + set + ") select k.n, k.key, k.key2, k.pk, k.id, " +
        "p.pk, p.key, p.key2, p.id, p.version, p.updated, v.body, p.subject from (select count(*) "
        "over () n, c.key, c.key2, c.pk, c.id from c" +
        sql.OrderText("c", true) + " limit 1) k left join lateral (select s.* from (select r.pk, " +
        sql.KeyColumns() +
        ", r.id, r.version, r.updated, r.subject from c join resource r on "
        "r.pk = c.pk where " +
        filters + ") s" + sql.OrderText("s", false) + " limit " + text.Int8(rows) +
        ") p on true left join version v on v.resource = p.pk and v.version = p.version" +
        sql.OrderText("p", false);
}

void WriteCount(const UsableQuery& query, const Plan& plan, int candidates, SqlText& text) {
    Sql sql(query, plan, text);
    const std::string set = sql.Candidates(nullptr, candidates);
    text.text = "with c as materialized (" + set +
                ") select (select count(*) from c), (select count(distinct r.pk) from c join "
                "resource r on r.pk = c.pk where " +
                sql.Filters(kAfterAll) + ")";
}

}  // namespace carestream::store
