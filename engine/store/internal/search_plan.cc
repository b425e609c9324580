#include "store/internal/search_plan.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace carestream::store {
namespace {

using search::CriterionKind;
using search::SortKey;

std::optional<std::size_t> FindIndexed(const UsableQuery& query, CriterionKind kind) {
    for (std::size_t i = 0; i < query.usable.size(); ++i) {
        if (query.usable[i].indexed && query.usable[i].criterion->kind == kind) return i;
    }
    return std::nullopt;
}

// Of several the one that stands in the fewest places: it is read along the index alone.
std::optional<std::size_t> FindPatient(const UsableQuery& query) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < query.usable.size(); ++i) {
        const UsableCriterion& usable = query.usable[i];
        if (!usable.indexed || usable.criterion->kind != CriterionKind::kPatient) continue;
        if (!found || usable.hashes.size() < query.usable[*found].hashes.size()) found = i;
    }
    return found;
}

// The order that was asked for, as one of ours. `parameter` for kDate and kNumber.
struct Wish {
    bool any = true;  // nothing was asked for
    Order order = Order::kPk;
    bool descending = true;
    std::uint32_t parameter = 0;
};

Wish WishOf(const UsableQuery& query) {
    Wish wish;
    if (!query.query.sort) return wish;
    const SortKey& sort = *query.query.sort;
    wish.any = false;
    wish.descending = sort.descending;
    wish.parameter = sort.parameter_id;
    switch (sort.kind) {
        case SortKey::Kind::kLastUpdated:
            wish.order = Order::kUpdated;
            break;
        case SortKey::Kind::kMainDate:
            wish.order = Order::kMainDate;
            wish.parameter = query.main_date_id;
            break;
        case SortKey::Kind::kDate:
            wish.order = sort.parameter_id == query.main_date_id ? Order::kMainDate : Order::kDate;
            break;
        case SortKey::Kind::kNumber:
            wish.order = Order::kNumber;
            break;
        case SortKey::Kind::kId:
            wish.order = Order::kId;
            break;
    }
    return wish;
}

Plan Collect(const UsableQuery& query, Lead lead, std::size_t criterion) {
    const Wish wish = WishOf(query);
    Plan plan;
    plan.lead = lead;
    plan.lead_criterion = criterion;
    plan.descending = wish.descending;
    plan.parameter = wish.parameter;
    const bool in_row =
        wish.order == Order::kPk || wish.order == Order::kMainDate || wish.order == Order::kUpdated;
    plan.order = in_row ? wish.order : wish.order == Order::kId ? Order::kId : Order::kMemory;
    return plan;
}

Plan Scan(Lead lead, Order order, bool descending, std::uint32_t parameter = 0) {
    Plan plan;
    plan.scan = true;
    plan.lead = lead;
    plan.order = order;
    plan.descending = descending;
    plan.parameter = parameter;
    return plan;
}

// Along the index of the wanted order, every resource of the type.
std::optional<Plan> ScanAll(const UsableQuery& query, const Wish& wish) {
    switch (wish.order) {
        case Order::kPk:
        case Order::kUpdated:
            return Scan(Lead::kEvents, Order::kUpdated, wish.descending);
        case Order::kMainDate:
            if (query.main_date_id == 0) return std::nullopt;
            return Scan(Lead::kDate, Order::kDate, wish.descending, query.main_date_id);
        case Order::kDate:
            return Scan(Lead::kDate, Order::kDate, wish.descending, wish.parameter);
        case Order::kNumber:
            return Scan(Lead::kNumber, Order::kNumber, wish.descending, wish.parameter);
        case Order::kId:
            return Scan(Lead::kIdOrder, Order::kId, wish.descending);
        default:
            return std::nullopt;
    }
}

// Does SQL decide this criterion when `plan` runs?
bool DecidedBySql(const UsableQuery& query, const Plan& plan, const UsableCriterion& usable) {
    const search::Criterion& criterion = *usable.criterion;
    if (criterion.kind == CriterionKind::kDate) {
        const bool leads = plan.lead == Lead::kDate && plan.parameter == criterion.parameter_id;
        return leads || criterion.parameter_id == query.main_date_id;
    }
    if (criterion.kind == CriterionKind::kNumber) {
        return plan.lead == Lead::kNumber && plan.parameter == criterion.parameter_id;
    }
    return true;
}

Plan WithMatcher(const UsableQuery& query, Plan plan) {
    plan.matcher.clear();
    for (const UsableCriterion& usable : query.usable) {
        if (usable.recheck || !DecidedBySql(query, plan, usable)) {
            plan.matcher.push_back(usable.criterion);
        }
    }
    return plan;
}

Error TooCostly(const std::string& add) {
    Error error;
    error.code = Code::kLimit;
    error.message = "too costly: " + add;
    return error;
}

Error NothingLeads(const UsableQuery& query) {
    std::string names;
    for (const UsableCriterion& usable : query.usable) {
        if (usable.criterion->kind == CriterionKind::kLastUpdated) continue;
        if (!names.empty()) names += ", ";
        names += usable.criterion->parameter;
    }
    return TooCostly("no index answers " + names +
                     " alone; add a patient, an identifier, a code or a date");
}

bool OnlyLastUpdated(const UsableQuery& query) {
    return std::all_of(query.usable.begin(), query.usable.end(), [](const UsableCriterion& usable) {
        return usable.indexed && usable.criterion->kind == CriterionKind::kLastUpdated;
    });
}

Result<Plan> ChooseScan(const UsableQuery& query, const Wish& wish) {
    const auto date = FindIndexed(query, CriterionKind::kDate);
    if (date) {
        const std::uint32_t parameter = query.usable[*date].criterion->parameter_id;
        const bool same = wish.any || wish.parameter == parameter;
        if (same) {
            return Scan(Lead::kDate, Order::kDate, wish.any || wish.descending, parameter);
        }
    }
    const auto number = FindIndexed(query, CriterionKind::kNumber);
    if (number) {
        const std::uint32_t parameter = query.usable[*number].criterion->parameter_id;
        const bool same = wish.any || wish.parameter == parameter;
        if (same) {
            return Scan(Lead::kNumber, Order::kNumber, !wish.any && wish.descending, parameter);
        }
    }
    if (!date && !number && !OnlyLastUpdated(query)) return Fail(NothingLeads(query));
    const auto all = ScanAll(query, wish);
    if (!all) return Fail(TooCostly("this order needs a patient, an identifier or a code"));
    return *all;
}

}  // namespace

bool IsLed(const UsableQuery& query, const Plan& plan, const UsableCriterion& usable) {
    if (!plan.lead_criterion) return false;
    const UsableCriterion& lead = query.usable[*plan.lead_criterion];
    if (&usable == &lead) return true;
    if (plan.lead != Lead::kPatient || usable.criterion->kind != CriterionKind::kPatient ||
        usable.criterion->negated || !lead.hashes.empty()) {
        return false;
    }
    const auto& among = usable.subjects;
    return std::all_of(lead.subjects.begin(), lead.subjects.end(), [&](std::int64_t patient) {
        return std::find(among.begin(), among.end(), patient) != among.end();
    });
}

std::vector<std::size_t> TokenLeads(const UsableQuery& query) {
    std::vector<std::size_t> leads;
    for (std::size_t i = 0; i < query.usable.size(); ++i) {
        const UsableCriterion& usable = query.usable[i];
        if (usable.indexed && usable.criterion->kind == CriterionKind::kToken) leads.push_back(i);
    }
    return leads;
}

Result<Plan> ChoosePlan(const UsableQuery& query, std::optional<std::size_t> rarest_token) {
    const Wish wish = WishOf(query);
    if (const auto ids = FindIndexed(query, CriterionKind::kId)) {
        return WithMatcher(query, Collect(query, Lead::kIds, *ids));
    }
    const auto patient = FindPatient(query);
    const std::vector<std::size_t> tokens = TokenLeads(query);
    if (patient) {
        if (wish.any || wish.order == Order::kMainDate) {
            Plan plan = Scan(Lead::kPatient, Order::kMainDate, wish.any || wish.descending);
            plan.lead_criterion = patient;
            return WithMatcher(query, plan);
        }
        return WithMatcher(query, Collect(query, Lead::kPatient, *patient));
    }
    if (!tokens.empty()) {
        return WithMatcher(query,
                           Collect(query, Lead::kTokens, rarest_token.value_or(tokens.front())));
    }
    CARESTREAM_ASSIGN(plan, ChooseScan(query, wish));
    return WithMatcher(query, plan);
}

Result<Plan> FallBack(const UsableQuery& query, const Plan& collect) {
    const Wish wish = WishOf(query);
    const auto patient = FindPatient(query);
    if (patient) {
        if (!wish.any && wish.order != Order::kMainDate) {
            return Fail(TooCostly("this patient has more than " + std::to_string(kCollectMax) +
                                  " of these; sort by date, or add a code or a date"));
        }
        Plan plan = Scan(Lead::kPatient, Order::kMainDate, wish.any || wish.descending);
        plan.lead_criterion = patient;
        return WithMatcher(query, plan);
    }
    if (collect.lead == Lead::kTokens && wish.any) {
        Plan plan = Scan(Lead::kTokens, Order::kPk, true);
        plan.lead_criterion = collect.lead_criterion;
        return WithMatcher(query, plan);
    }
    const auto all = ScanAll(query, wish);
    if (!all || collect.lead == Lead::kIds) {
        return Fail(TooCostly("more than " + std::to_string(kCollectMax) +
                              " match; add a patient, a code or a date"));
    }
    return WithMatcher(query, *all);
}

std::string Cursor::ToText() const {
    std::string text = scan ? "s" : "c";
    for (const std::int64_t part : {key, key2, pk, ceiling}) text += ":" + std::to_string(part);
    return text + ":" + id;
}

Result<Cursor> Cursor::Parse(std::string_view text) {
    const std::vector<std::string_view> parts = Split(text, ':');
    Cursor cursor;
    bool good = parts.size() == 6 && (parts[0] == "s" || parts[0] == "c");
    std::int64_t* numbers[] = {&cursor.key, &cursor.key2, &cursor.pk, &cursor.ceiling};
    for (std::size_t i = 0; good && i < 4; ++i) {
        const char* end = parts[i + 1].data() + parts[i + 1].size();
        const auto read = std::from_chars(parts[i + 1].data(), end, *numbers[i]);
        good = read.ec == std::errc() && read.ptr == end;
    }
    if (!good) return Fail(Code::kInvalid, "not a position of a search");
    cursor.scan = parts[0] == "s";
    cursor.id = parts[5];
    return cursor;
}

}  // namespace carestream::store
