// Whether two conditions exclude each other: each is brought into a disjunction of conjunctions of
// simple tests, and every pair of conjunctions must hold two tests that contradict.
#include <algorithm>
#include <climits>

#include "mapping/internal/condition.h"

namespace carestream::mapping::internal {

namespace {

using Op = Condition::Op;
using Compare = Condition::Compare;

struct Literal {
    const Condition* test = nullptr;
    bool negated = false;
};
using Conjunction = std::vector<Literal>;
constexpr std::size_t kTermsMax = 256;  // beyond it we do not know: they may both hold

bool Expand(const Condition& condition, bool negated, std::vector<Conjunction>& out) {
    if (condition.op == Op::kNot) return Expand(condition.children[0], !negated, out);
    if (condition.op != Op::kAnd && condition.op != Op::kOr) {
        out.push_back({{&condition, negated}});
        return true;
    }
    const bool all = (condition.op == Op::kAnd) != negated;
    if (!all) {
        for (const Condition& child : condition.children) {
            if (!Expand(child, negated, out) || out.size() > kTermsMax) return false;
        }
        return true;
    }
    std::vector<Conjunction> product{{}};
    for (const Condition& child : condition.children) {
        std::vector<Conjunction> terms;
        if (!Expand(child, negated, terms)) return false;
        if (product.size() * terms.size() > kTermsMax) return false;
        std::vector<Conjunction> next;
        for (const Conjunction& left : product) {
            for (const Conjunction& right : terms) {
                Conjunction both = left;
                both.insert(both.end(), right.begin(), right.end());
                next.push_back(std::move(both));
            }
        }
        product = std::move(next);
    }
    out.insert(out.end(), product.begin(), product.end());
    return out.size() <= kTermsMax;
}

bool SameOperand(const Operand& a, const Operand& b) {
    return a.kind == b.kind && a.segment == b.segment && a.from_parent == b.from_parent &&
           a.depth == b.depth && a.field == b.field && a.repetition == b.repetition &&
           std::max(a.component, 1) == std::max(b.component, 1) &&
           a.subcomponent == b.subcomponent &&
           (a.kind != Operand::Kind::kValue || a.data_type == b.data_type || a.component != 0);
}

// [low, high] of a count or length that satisfies the test.
std::pair<int, int> Range(const Literal& literal) {
    Compare compare = literal.test->compare;
    if (literal.negated) {
        constexpr Compare kOpposite[] = {Compare::kNe, Compare::kEq, Compare::kGe,
                                         Compare::kGt, Compare::kLe, Compare::kLt};
        compare = kOpposite[static_cast<int>(compare)];
    }
    const int n = literal.test->number;
    switch (compare) {
        case Compare::kEq:
            return {n, n};
        case Compare::kNe:
            return {INT_MIN, INT_MAX};
        case Compare::kLt:
            return {INT_MIN, n - 1};
        case Compare::kLe:
            return {INT_MIN, n};
        case Compare::kGt:
            return {n + 1, INT_MAX};
        case Compare::kGe:
            return {n, INT_MAX};
    }
    return {INT_MIN, INT_MAX};
}

bool Contains(const std::vector<std::string>& values, const std::string& value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

bool SetsContradict(const Literal& a, const Literal& b) {
    const auto& left = a.test->values;
    const auto& right = b.test->values;
    if (!a.negated && !b.negated) {
        return std::none_of(left.begin(), left.end(),
                            [&](const std::string& value) { return Contains(right, value); });
    }
    if (a.negated == b.negated) return false;
    const auto& held = a.negated ? right : left;
    const auto& refused = a.negated ? left : right;
    return std::all_of(held.begin(), held.end(),
                       [&](const std::string& value) { return Contains(refused, value); });
}

// `a` is positive in the sense that it needs a value.
bool NeedsValue(const Literal& a) {
    if (a.negated) return false;
    if (a.test->op == Op::kValued) return true;
    return a.test->op == Op::kIn && !Contains(a.test->values, "");
}

bool Contradict(const Literal& a, const Literal& b) {
    if (!SameOperand(a.test->operand, b.test->operand)) return false;
    const Op left = a.test->op;
    const Op right = b.test->op;
    if (a.test->operand.repetition == -1 && !(a.negated != b.negated && left == right)) {
        return false;  // "any repetition" leaves room for both
    }
    if (left == Op::kIn && right == Op::kIn) return SetsContradict(a, b);
    if (left == Op::kCount && right == Op::kCount) {
        const auto [low_a, high_a] = Range(a);
        const auto [low_b, high_b] = Range(b);
        return high_a < low_b || high_b < low_a;
    }
    if (left == Op::kLength && right == Op::kLength) {
        const auto [low_a, high_a] = Range(a);
        const auto [low_b, high_b] = Range(b);
        return high_a < low_b || high_b < low_a;
    }
    if (left == right && a.negated != b.negated && left != Op::kSame && left != Op::kBefore)
        return true;
    const auto without_value = [](const Literal& l) {
        return (l.test->op == Op::kValued && l.negated) || (l.test->op == Op::kNull && !l.negated);
    };
    return (NeedsValue(a) && without_value(b)) || (NeedsValue(b) && without_value(a));
}

}  // namespace

bool MayBothHold(const Condition& a, const Condition& b) {
    std::vector<Conjunction> left;
    std::vector<Conjunction> right;
    if (!Expand(a, false, left) || !Expand(b, false, right)) return true;
    for (const Conjunction& x : left) {
        for (const Conjunction& y : right) {
            Conjunction both = x;
            both.insert(both.end(), y.begin(), y.end());
            bool contradiction = false;
            for (std::size_t i = 0; i < both.size() && !contradiction; ++i) {
                for (std::size_t j = i + 1; j < both.size() && !contradiction; ++j) {
                    contradiction = Contradict(both[i], both[j]);
                }
            }
            if (!contradiction) return true;
        }
    }
    return false;
}

}  // namespace carestream::mapping::internal
