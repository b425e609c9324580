// The table of functions, and those on collections. Source: FHIRPath 2.0.0, section 5.
#include <algorithm>
#include <utility>

#include "fhir/internal/path_eval.h"

namespace carestream::fhir::path {
namespace {

using E = Evaluator;

constexpr FunctionEntry kFunctions[] = {
    {"abs", 0, 0, false, &E::Math},
    {"aggregate", 1, 2, false, &E::Aggregate},
    {"all", 1, 1, false, &E::All},
    {"allFalse", 0, 0, false, &E::AllFalse},
    {"allTrue", 0, 0, false, &E::AllTrue},
    {"anyFalse", 0, 0, false, &E::AnyFalse},
    {"anyTrue", 0, 0, false, &E::AnyTrue},
    {"as", 1, 1, true, &E::As},
    {"ceiling", 0, 0, false, &E::Math},
    {"children", 0, 0, false, &E::Children},
    {"combine", 1, 1, false, &E::Combine},
    {"comparable", 1, 1, false, &E::Comparable},
    {"conformsTo", 1, 1, false, &E::ConformsTo},
    {"contains", 1, 1, false, &E::TextWith},
    {"convertsToBoolean", 0, 0, false, &E::ConvertsTo},
    {"convertsToDate", 0, 0, false, &E::ConvertsTo},
    {"convertsToDateTime", 0, 0, false, &E::ConvertsTo},
    {"convertsToDecimal", 0, 0, false, &E::ConvertsTo},
    {"convertsToInteger", 0, 0, false, &E::ConvertsTo},
    {"convertsToQuantity", 0, 1, false, &E::ConvertsTo},
    {"convertsToString", 0, 0, false, &E::ConvertsTo},
    {"convertsToTime", 0, 0, false, &E::ConvertsTo},
    {"count", 0, 0, false, &E::Count},
    {"decode", 1, 1, false, &E::Encoding},
    {"descendants", 0, 0, false, &E::Descendants},
    {"distinct", 0, 0, false, &E::Distinct},
    {"empty", 0, 0, false, &E::Empty},
    {"encode", 1, 1, false, &E::Encoding},
    {"endsWith", 1, 1, false, &E::TextWith},
    {"escape", 1, 1, false, &E::Encoding},
    {"exclude", 1, 1, false, &E::Exclude},
    {"exists", 0, 1, false, &E::Exists},
    {"exp", 0, 0, false, &E::Math},
    {"extension", 1, 1, false, &E::Extension},
    {"first", 0, 0, false, &E::First},
    {"floor", 0, 0, false, &E::Math},
    {"getValue", 0, 0, false, &E::GetValue},
    {"hasValue", 0, 0, false, &E::HasValue},
    {"highBoundary", 0, 1, false, &E::Boundary},
    {"iif", 2, 3, false, &E::Iif},
    {"indexOf", 1, 1, false, &E::TextWith},
    {"intersect", 1, 1, false, &E::Intersect},
    {"is", 1, 1, true, &E::Is},
    {"isDistinct", 0, 0, false, &E::IsDistinct},
    {"join", 0, 1, false, &E::Join},
    {"last", 0, 0, false, &E::Last},
    {"lastIndexOf", 1, 1, false, &E::TextWith},
    {"length", 0, 0, false, &E::Text},
    {"ln", 0, 0, false, &E::Math},
    {"log", 1, 1, false, &E::Math},
    {"lowBoundary", 0, 1, false, &E::Boundary},
    {"lower", 0, 0, false, &E::Text},
    {"matches", 1, 2, false, &E::Matches},
    {"matchesFull", 1, 2, false, &E::Matches},
    {"memberOf", 1, 1, false, &E::MemberOf},
    {"not", 0, 0, false, &E::Not},
    {"now", 0, 0, false, &E::Now},
    {"ofType", 1, 1, true, &E::OfType},
    {"power", 1, 1, false, &E::Math},
    {"precision", 0, 0, false, &E::Precision},
    {"repeat", 1, 1, false, &E::Repeat},
    {"replace", 2, 2, false, &E::TextWith},
    {"replaceMatches", 2, 3, false, &E::Matches},
    {"resolve", 0, 0, false, &E::Resolve},
    {"round", 0, 1, false, &E::Math},
    {"select", 1, 1, false, &E::Select},
    {"single", 0, 0, false, &E::Single},
    {"skip", 1, 1, false, &E::Skip},
    {"sort", 0, 8, false, &E::Sort},
    {"split", 1, 1, false, &E::TextWith},
    {"sqrt", 0, 0, false, &E::Math},
    {"startsWith", 1, 1, false, &E::TextWith},
    {"subsetOf", 1, 1, false, &E::SubsetOf},
    {"substring", 1, 2, false, &E::Substring},
    {"supersetOf", 1, 1, false, &E::SupersetOf},
    {"tail", 0, 0, false, &E::Tail},
    {"take", 1, 1, false, &E::Take},
    {"timeOfDay", 0, 0, false, &E::Now},
    {"toBoolean", 0, 0, false, &E::Convert},
    {"toChars", 0, 0, false, &E::Text},
    {"toDate", 0, 0, false, &E::Convert},
    {"toDateTime", 0, 0, false, &E::Convert},
    {"toDecimal", 0, 0, false, &E::Convert},
    {"toInteger", 0, 0, false, &E::Convert},
    {"toQuantity", 0, 1, false, &E::Convert},
    {"toString", 0, 0, false, &E::Convert},
    {"toTime", 0, 0, false, &E::Convert},
    {"today", 0, 0, false, &E::Now},
    {"trace", 1, 2, false, &E::Trace},
    {"trim", 0, 0, false, &E::Text},
    {"truncate", 0, 0, false, &E::Math},
    {"type", 0, 0, false, &E::Type},
    {"unescape", 1, 1, false, &E::Encoding},
    {"union", 1, 1, false, &E::Union},
    {"upper", 0, 0, false, &E::Text},
    {"where", 1, 1, false, &E::Where},
};

constexpr bool Sorted() {
    for (std::size_t i = 1; i < std::size(kFunctions); ++i) {
        if (!(kFunctions[i - 1].name < kFunctions[i].name)) return false;
    }
    return true;
}
static_assert(Sorted());

}  // namespace

const FunctionEntry* FindFunction(std::string_view name) {
    const auto* end = std::end(kFunctions);
    const auto* found = std::lower_bound(
        std::begin(kFunctions), end, name,
        [](const FunctionEntry& entry, std::string_view key) { return entry.name < key; });
    return found != end && found->name == name ? found : nullptr;
}

bool Evaluator::OnItem(const Expr& expr, const Item& item, std::size_t index, Items& out) {
    Scope scope;
    scope.self = Span(&item, 1);
    scope.index = static_cast<std::int64_t>(index);
    return Eval(expr, scope.self, scope, out);
}

bool Evaluator::Criterion(const Expr& expr, const Item& item, std::size_t index, bool& out) {
    Items result;
    std::optional<bool> value;
    if (!OnItem(expr, item, index, result) || !ToBoolean(result, value)) return false;
    out = value.value_or(false);
    return true;
}

bool Evaluator::Argument(const Call& call, std::size_t index, Items& out) {
    return Eval(call.expr.kids[index], call.scope.self, call.scope, out);
}

bool Evaluator::IntegerArgument(const Call& call, std::size_t index,
                                std::optional<std::int64_t>& out) {
    Items items;
    out.reset();
    if (!Argument(call, index, items)) return false;
    if (items.empty()) return true;
    const Value value = ReadValue(items[0]);
    if (items.size() > 1 || value.kind != System::kInteger) {
        return Failed(Code::kInvalid, call.expr.text + "() needs an integer");
    }
    out = value.number.ToInteger();
    return true;
}

bool Evaluator::OneInput(const Call& call, const Item*& out) {
    out = call.input.empty() ? nullptr : &call.input[0];
    return call.input.size() <= 1 || Failed(Code::kInvalid, call.expr.text + "() needs one item");
}

bool Evaluator::Empty(const Call& call, Items& out) {
    return PutBoolean(out, call.input.empty());
}

bool Evaluator::Not(const Call& call, Items& out) {
    std::optional<bool> value;
    if (!ToBoolean(call.input, value)) return false;
    return !value || PutBoolean(out, !*value);
}

bool Evaluator::Exists(const Call& call, Items& out) {
    if (call.expr.kids.empty()) return PutBoolean(out, !call.input.empty());
    for (std::size_t i = 0; i < call.input.size(); ++i) {
        bool holds = false;
        if (!Criterion(call.expr.kids[0], call.input[i], i, holds)) return false;
        if (holds) return PutBoolean(out, true);
    }
    return PutBoolean(out, false);
}

bool Evaluator::All(const Call& call, Items& out) {
    for (std::size_t i = 0; i < call.input.size(); ++i) {
        bool holds = false;
        if (!Criterion(call.expr.kids[0], call.input[i], i, holds)) return false;
        if (!holds) return PutBoolean(out, false);
    }
    return PutBoolean(out, true);
}

bool Evaluator::BooleanInputs(const Call& call, bool wanted, bool all, Items& out) {
    bool found = false;
    bool other = false;
    for (const Item& item : call.input) {
        const Value value = ReadValue(item);
        if (value.kind != System::kBoolean) {
            return Failed(Code::kInvalid, call.expr.text + "() needs booleans");
        }
        (value.boolean == wanted ? found : other) = true;
    }
    return PutBoolean(out, all ? !other : found);
}

bool Evaluator::AllTrue(const Call& call, Items& out) {
    return BooleanInputs(call, true, true, out);
}
bool Evaluator::AnyTrue(const Call& call, Items& out) {
    return BooleanInputs(call, true, false, out);
}
bool Evaluator::AllFalse(const Call& call, Items& out) {
    return BooleanInputs(call, false, true, out);
}
bool Evaluator::AnyFalse(const Call& call, Items& out) {
    return BooleanInputs(call, false, false, out);
}

bool Evaluator::SubsetOf(const Call& call, Items& out) {
    Items other;
    if (!Argument(call, 0, other)) return false;
    if (!Step(call.input.size() * (1 + other.size() / 4))) return false;
    return PutBoolean(out, std::all_of(call.input.begin(), call.input.end(),
                                       [&](const Item& item) { return Contains(other, item); }));
}

bool Evaluator::SupersetOf(const Call& call, Items& out) {
    Items other;
    if (!Argument(call, 0, other)) return false;
    if (!Step(other.size() * (1 + call.input.size() / 4))) return false;
    return PutBoolean(out, std::all_of(other.begin(), other.end(), [&](const Item& item) {
                          return Contains(call.input, item);
                      }));
}

bool Evaluator::Count(const Call& call, Items& out) {
    return PutInteger(out, static_cast<std::int64_t>(call.input.size()));
}

bool Evaluator::Distinct(const Call& call, Items& out) {
    return PutDistinct(out, call.input, out.size());
}

bool Evaluator::IsDistinct(const Call& call, Items& out) {
    Items distinct;
    if (!PutDistinct(distinct, call.input)) return false;
    return PutBoolean(out, distinct.size() == call.input.size());
}

bool Evaluator::Where(const Call& call, Items& out) {
    for (std::size_t i = 0; i < call.input.size(); ++i) {
        bool holds = false;
        if (!Criterion(call.expr.kids[0], call.input[i], i, holds)) return false;
        if (holds && !Put(out, call.input[i])) return false;
    }
    return true;
}

bool Evaluator::Select(const Call& call, Items& out) {
    for (std::size_t i = 0; i < call.input.size(); ++i) {
        if (!OnItem(call.expr.kids[0], call.input[i], i, out)) return false;
    }
    return true;
}

bool Evaluator::Repeat(const Call& call, Items& out) {
    const std::size_t from = out.size();
    Items wave(call.input.begin(), call.input.end());
    while (!wave.empty()) {
        Items next;
        for (std::size_t i = 0; i < wave.size(); ++i) {
            Items found;
            if (!OnItem(call.expr.kids[0], wave[i], i, found)) return false;
            const std::size_t before = out.size();
            if (!PutDistinct(out, found, from)) return false;
            next.insert(next.end(), out.begin() + static_cast<std::ptrdiff_t>(before), out.end());
        }
        wave = std::move(next);
    }
    return true;
}

bool Evaluator::Single(const Call& call, Items& out) {
    const Item* item = nullptr;
    return OneInput(call, item) && (item == nullptr || Put(out, *item));
}

bool Evaluator::First(const Call& call, Items& out) {
    return call.input.empty() || Put(out, call.input.front());
}

bool Evaluator::Last(const Call& call, Items& out) {
    return call.input.empty() || Put(out, call.input.back());
}

bool Evaluator::Tail(const Call& call, Items& out) {
    return call.input.empty() || PutAll(out, call.input.subspan(1));
}

bool Evaluator::Skip(const Call& call, Items& out) {
    std::optional<std::int64_t> count;
    if (!IntegerArgument(call, 0, count)) return false;
    const auto skip = static_cast<std::size_t>(std::max<std::int64_t>(count.value_or(0), 0));
    return skip >= call.input.size() || PutAll(out, call.input.subspan(skip));
}

bool Evaluator::Take(const Call& call, Items& out) {
    std::optional<std::int64_t> count;
    if (!IntegerArgument(call, 0, count)) return false;
    const auto take = static_cast<std::size_t>(std::max<std::int64_t>(count.value_or(0), 0));
    return PutAll(out, call.input.first(std::min(take, call.input.size())));
}

bool Evaluator::Intersect(const Call& call, Items& out) {
    Items other;
    if (!Argument(call, 0, other)) return false;
    Items common;
    for (const Item& item : call.input) {
        if (!Step(1 + other.size() / 4)) return false;
        if (Contains(other, item)) common.push_back(item);
    }
    return PutDistinct(out, common, out.size());
}

bool Evaluator::Exclude(const Call& call, Items& out) {
    Items other;
    if (!Argument(call, 0, other)) return false;
    for (const Item& item : call.input) {
        if (!Step(1 + other.size() / 4)) return false;
        if (!Contains(other, item) && !Put(out, item)) return false;
    }
    return true;
}

bool Evaluator::Union(const Call& call, Items& out) {
    Items other;
    const std::size_t from = out.size();
    return Argument(call, 0, other) && PutDistinct(out, call.input, from) &&
           PutDistinct(out, other, from);
}

bool Evaluator::Combine(const Call& call, Items& out) {
    Items other;
    return Argument(call, 0, other) && PutAll(out, call.input) && PutAll(out, other);
}

// sort(key, -key, ...): a leading minus means descending, for strings as well; items without come
// first.
bool Evaluator::Sort(const Call& call, Items& out) {
    struct Row {
        Item item;
        std::vector<Items> keys;
    };
    std::vector<Row> rows;
    for (std::size_t i = 0; i < call.input.size(); ++i) {
        Row row{call.input[i], {}};
        for (const Expr& kid : call.expr.kids) {
            Items key;
            const Expr& value = kid.op == Op::kNegate ? kid.kids[0] : kid;
            if (!OnItem(value, call.input[i], i, key)) return false;
            row.keys.push_back(std::move(key));
        }
        if (call.expr.kids.empty()) row.keys.push_back({call.input[i]});
        rows.push_back(std::move(row));
    }
    if (!Step(rows.size() * 8)) return false;
    const auto less = [&](const Row& a, const Row& b) {
        for (std::size_t k = 0; k < a.keys.size(); ++k) {
            const bool descending =
                k < call.expr.kids.size() && call.expr.kids[k].op == Op::kNegate;
            if (a.keys[k].empty() != b.keys[k].empty()) return a.keys[k].empty();
            if (a.keys[k].empty()) continue;
            const Order order = CompareItems(a.keys[k][0], b.keys[k][0]);
            if (order == Order::kLess) return !descending;
            if (order == Order::kGreater) return descending;
        }
        return false;
    };
    // Values of mixed types have no strict order: a merge by insertion stays defined, std::sort
    // not.
    for (std::size_t i = 1; i < rows.size(); ++i) {
        for (std::size_t k = i; k > 0 && less(rows[k], rows[k - 1]); --k) {
            if (!Step()) return false;
            std::swap(rows[k], rows[k - 1]);
        }
    }
    return std::all_of(rows.begin(), rows.end(),
                       [&](const Row& row) { return Put(out, row.item); });
}

bool Evaluator::Iif(const Call& call, Items& out) {
    const Item* item = nullptr;
    if (!OneInput(call, item)) return false;
    Scope scope = call.scope;
    scope.self = call.input;
    Items condition;
    if (!Eval(call.expr.kids[0], call.input, scope, condition)) return false;
    bool holds = false;
    if (!condition.empty()) {
        const Value value = ReadValue(condition[0]);
        if (condition.size() > 1 || value.kind != System::kBoolean) {
            return Failed(Code::kInvalid, "iif() needs a boolean");
        }
        holds = value.boolean;
    }
    if (holds) return Eval(call.expr.kids[1], call.input, scope, out);
    return call.expr.kids.size() < 3 || Eval(call.expr.kids[2], call.input, scope, out);
}

bool Evaluator::Aggregate(const Call& call, Items& out) {
    Items total;
    if (call.expr.kids.size() > 1 && !Argument(call, 1, total)) return false;
    for (std::size_t i = 0; i < call.input.size(); ++i) {
        Scope scope;
        scope.self = call.input.subspan(i, 1);
        scope.index = static_cast<std::int64_t>(i);
        scope.total = &total;
        Items next;
        if (!Eval(call.expr.kids[0], scope.self, scope, next)) return false;
        total = std::move(next);
    }
    return PutAll(out, total);
}

}  // namespace carestream::fhir::path
