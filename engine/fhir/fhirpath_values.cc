// What FHIRPath values mean: reading nodes as values, equality, equivalence, order.
// Source: FHIRPath 2.0.0, sections 6.1 and 6.2; FHIR R4 2.1.14 (mapping of FHIR types).
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "fhir/internal/path_eval.h"
#include "fhir/internal/units.h"

namespace carestream::fhir::path {
namespace {

struct CalendarUnit {
    std::string_view name;
    std::string_view ucum;  // the UCUM unit it equals; "" for those that vary (FHIRPath 4.1.8)
    double seconds;
};
constexpr CalendarUnit kCalendar[] = {{"year", "", 31'536'000}, {"month", "", 2'592'000},
                                      {"week", "wk", 604'800},  {"day", "d", 86'400},
                                      {"hour", "h", 3'600},     {"minute", "min", 60},
                                      {"second", "s", 1},       {"millisecond", "ms", 0.001}};

const CalendarUnit* FindCalendar(std::string_view unit) {
    if (unit.size() > 1 && unit.back() == 's') unit.remove_suffix(1);
    for (const CalendarUnit& entry : kCalendar) {
        if (entry.name == unit) return &entry;
    }
    return nullptr;
}

std::optional<Unit> UnitOf(const Value& value) {
    if (!value.calendar) return ParseUnit(value.text.empty() ? "1" : value.text);
    const CalendarUnit* entry = FindCalendar(value.text);
    if (entry == nullptr) return std::nullopt;
    Unit unit;
    unit.factor = entry->seconds;
    unit.dimensions[1] = 1;
    return unit;
}

// Calendar years and months equal no UCUM unit, only each other.
bool Mixed(const Value& a, const Value& b) {
    const auto varies = [](const Value& value) {
        const CalendarUnit* entry = value.calendar ? FindCalendar(value.text) : nullptr;
        return entry != nullptr && entry->ucum.empty();
    };
    const auto definite = [](const Value& value) { return !value.calendar; };
    return (varies(a) && definite(b)) || (varies(b) && definite(a));
}

bool IsQuantityType(const Item& item) {
    if (item.definition == nullptr) return false;
    return item.definition->name == "Quantity" || ImpliedBase(item.definition->name) == "Quantity";
}

Value ReadQuantity(const Item& item) {
    Value value;
    const Node* number = item.node->Find("value");
    if (number == nullptr) return value;
    const std::optional<Decimal> parsed = Decimal::Parse(number->text());
    if (!parsed) return value;
    value.kind = System::kQuantity;
    value.number = *parsed;
    value.text = item.node->TextOf("code");
    if (item.system == System::kQuantity) {
        value.calendar = value.text.empty();
        if (value.calendar) value.text = item.node->TextOf("unit");
    } else if (value.text.empty()) {
        value.text = item.node->TextOf("unit");
    }
    return value;
}

System KindOf(const Item& item) {
    if (item.system != System::kNone) return item.system;
    if (item.definition == nullptr) {
        switch (item.node->kind()) {
            case Kind::kBoolean:
                return System::kBoolean;
            case Kind::kNumber:
                return System::kDecimal;
            case Kind::kString:
                return System::kString;
            default:
                return System::kNone;
        }
    }
    switch (item.definition->primitive) {
        case Primitive::kNone:
            return IsQuantityType(item) ? System::kQuantity : System::kNone;
        case Primitive::kBoolean:
            return System::kBoolean;
        case Primitive::kInteger:
        case Primitive::kPositiveInt:
        case Primitive::kUnsignedInt:
            return System::kInteger;
        case Primitive::kDecimal:
            return System::kDecimal;
        case Primitive::kDate:
            return System::kDate;
        case Primitive::kDateTime:
        case Primitive::kInstant:
            return System::kDateTime;
        case Primitive::kTime:
            return System::kTime;
        default:
            return System::kString;
    }
}

std::string Folded(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (!blank)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

bool NodesEqual(const Node& a, const Node& b) {
    if (a.kind() != b.kind()) return false;
    if (a.kind() == Kind::kNumber && a.text() != b.text()) {
        const auto left = Decimal::Parse(a.text());
        const auto right = Decimal::Parse(b.text());
        return left && right && Decimal::Compare(*left, *right) == 0;
    }
    if (a.text() != b.text() || a.items().size() != b.items().size() ||
        a.members().size() != b.members().size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.items().size(); ++i) {
        if (!NodesEqual(a.items()[i], b.items()[i])) return false;
    }
    return std::all_of(a.members().begin(), a.members().end(), [&](const Member& member) {
        const Node* other = b.Find(member.name);
        return other != nullptr && NodesEqual(member.value, *other);
    });
}

bool NodesEquivalent(const Node& a, const Node& b) {
    if (a.kind() != b.kind()) return false;
    switch (a.kind()) {
        case Kind::kString:
            return Folded(a.text()) == Folded(b.text());
        case Kind::kArray:
            return a.items().size() == b.items().size() &&
                   std::all_of(a.items().begin(), a.items().end(), [&](const Node& item) {
                       return std::any_of(
                           b.items().begin(), b.items().end(),
                           [&](const Node& other) { return NodesEquivalent(item, other); });
                   });
        case Kind::kObject:
            return a.members().size() == b.members().size() &&
                   std::all_of(a.members().begin(), a.members().end(), [&](const Member& member) {
                       const Node* other = b.Find(member.name);
                       return other != nullptr && NodesEquivalent(member.value, *other);
                   });
        default:
            return NodesEqual(a, b);
    }
}

bool NumbersEquivalent(const Decimal& a, const Decimal& b) {
    const int scale = std::min(a.scale(), b.scale());
    return Decimal::Compare(a.Rounded(scale, Decimal::Rounding::kHalfAway),
                            b.Rounded(scale, Decimal::Rounding::kHalfAway)) == 0;
}

bool QuantitiesEquivalent(const Value& a, const Value& b) {
    const std::optional<Unit> left = UnitOf(a);
    const std::optional<Unit> right = UnitOf(b);
    if (a.text == b.text && a.calendar == b.calendar) return NumbersEquivalent(a.number, b.number);
    if (!left || !right || !left->Comparable(*right)) return false;
    const double grain = std::max(std::pow(10.0, -a.number.scale()) * left->factor,
                                  std::pow(10.0, -b.number.scale()) * right->factor);
    const double difference =
        a.number.ToDouble() * left->factor - b.number.ToDouble() * right->factor;
    return std::fabs(difference) <= grain / 2;
}

bool IsNumber(System kind) {
    return kind == System::kInteger || kind == System::kDecimal;
}
bool IsTemporal(System kind) {
    return kind == System::kDate || kind == System::kDateTime || kind == System::kTime;
}
bool IsDateLike(System kind) {
    return kind == System::kDate || kind == System::kDateTime;
}

// A number stands for a quantity of unit 1 when it meets one.
Value AsQuantity(Value value) {
    if (IsNumber(value.kind)) {
        value.kind = System::kQuantity;
        value.text = "1";
    }
    return value;
}

}  // namespace

std::string_view SystemTypeName(System type) {
    constexpr std::array<std::string_view, 10> kNames = {"",
                                                         "System.Boolean",
                                                         "System.String",
                                                         "System.Integer",
                                                         "System.Decimal",
                                                         "System.Date",
                                                         "System.DateTime",
                                                         "System.Time",
                                                         "System.Quantity",
                                                         "System.TypeInfo"};
    return kNames[static_cast<std::size_t>(type)];
}

bool IsCalendarUnit(std::string_view unit) {
    return FindCalendar(unit) != nullptr;
}

Node QuantityNode(std::string value, std::string unit, bool calendar) {
    Node node = Node::Object();
    node.Set("value", Node::Number(std::move(value)));
    if (calendar) {
        node.Set("unit", Node::String(std::move(unit)));
    } else {
        node.Set("system", Node::String("http://unitsofmeasure.org"));
        node.Set("code", Node::String(std::move(unit)));
    }
    return node;
}

Value ReadValue(const Item& item) {
    Value value;
    const System kind = KindOf(item);
    if (kind == System::kQuantity) return ReadQuantity(item);
    if (kind == System::kNone || kind == System::kTypeInfo || item.node->IsNull()) return value;
    const std::string& text = item.node->text();
    value.text = text;
    if (kind == System::kBoolean) {
        if (item.node->kind() != Kind::kBoolean) return value;
        value.boolean = item.node->boolean();
    } else if (IsNumber(kind)) {
        const std::optional<Decimal> number = Decimal::Parse(text);
        if (!number) return value;
        value.number = *number;
    } else if (IsTemporal(kind)) {
        const std::optional<Temporal> temporal = kind == System::kDate ? Temporal::ParseDate(text)
                                                 : kind == System::kTime
                                                     ? Temporal::ParseTime(text)
                                                     : Temporal::ParseDateTime(text);
        if (!temporal) return value;
        value.temporal = *temporal;
    } else if (!item.node->IsString()) {
        return value;
    }
    value.kind = kind;
    return value;
}

std::optional<int> CompareQuantities(const Value& a, const Value& b) {
    if (a.text == b.text && a.calendar == b.calendar) return Decimal::Compare(a.number, b.number);
    if (Mixed(a, b)) return std::nullopt;
    const std::optional<Unit> left = UnitOf(a);
    const std::optional<Unit> right = UnitOf(b);
    if (!left || !right || !left->Comparable(*right)) return std::nullopt;
    const double x = a.number.ToDouble() * left->factor;
    const double y = b.number.ToDouble() * right->factor;
    if (std::fabs(x - y) <= 1e-10 * std::max(std::fabs(x), std::fabs(y))) return 0;
    return x < y ? -1 : 1;
}

std::optional<bool> ItemsEqual(const Item& a, const Item& b) {
    const Value left = ReadValue(a);
    const Value right = ReadValue(b);
    if (left.kind == System::kNone || right.kind == System::kNone) {
        if (left.kind != right.kind) return false;
        return NodesEqual(*a.node, *b.node);
    }
    if (IsNumber(left.kind) && IsNumber(right.kind)) {
        return Decimal::Compare(left.number, right.number) == 0;
    }
    if (left.kind == System::kQuantity || right.kind == System::kQuantity) {
        const Value x = AsQuantity(left);
        const Value y = AsQuantity(right);
        if (x.kind != y.kind) return false;
        const std::optional<int> order = CompareQuantities(x, y);
        if (!order && Mixed(x, y)) return std::nullopt;
        return order == 0;
    }
    if (IsTemporal(left.kind) && IsTemporal(right.kind)) {
        if (IsDateLike(left.kind) != IsDateLike(right.kind)) return false;
        const std::optional<int> order = Temporal::Compare(left.temporal, right.temporal);
        if (!order) return std::nullopt;
        return *order == 0;
    }
    if (left.kind != right.kind) return false;
    return left.kind == System::kBoolean ? left.boolean == right.boolean : left.text == right.text;
}

bool ItemsEquivalent(const Item& a, const Item& b) {
    const Value left = ReadValue(a);
    const Value right = ReadValue(b);
    if (left.kind == System::kNone || right.kind == System::kNone) {
        return left.kind == right.kind && NodesEquivalent(*a.node, *b.node);
    }
    if (IsNumber(left.kind) && IsNumber(right.kind)) {
        return NumbersEquivalent(left.number, right.number);
    }
    if (left.kind == System::kQuantity && right.kind == System::kQuantity) {
        return QuantitiesEquivalent(left, right);
    }
    if (left.kind == System::kString && right.kind == System::kString) {
        return Folded(left.text) == Folded(right.text);
    }
    return ItemsEqual(a, b).value_or(false);
}

Order CompareItems(const Item& a, const Item& b) {
    const Value left = ReadValue(a);
    const Value right = ReadValue(b);
    const auto order = [](std::optional<int> sign) {
        if (!sign) return Order::kUnknown;
        return *sign < 0 ? Order::kLess : *sign > 0 ? Order::kGreater : Order::kEqual;
    };
    if (IsNumber(left.kind) && IsNumber(right.kind)) {
        return order(Decimal::Compare(left.number, right.number));
    }
    if (left.kind == System::kQuantity || right.kind == System::kQuantity) {
        const Value x = AsQuantity(left);
        const Value y = AsQuantity(right);
        return x.kind == y.kind ? order(CompareQuantities(x, y)) : Order::kMismatch;
    }
    if ((IsDateLike(left.kind) && IsDateLike(right.kind)) ||
        (left.kind == System::kTime && right.kind == System::kTime)) {
        return order(Temporal::Compare(left.temporal, right.temporal));
    }
    if (left.kind == System::kString && right.kind == System::kString) {
        return order(left.text.compare(right.text));
    }
    return Order::kMismatch;
}

std::string ValueText(const Value& value) {
    switch (value.kind) {
        case System::kQuantity: {
            std::string out = value.number.ToString() + " ";
            if (value.calendar) return out.append(value.text);
            return out.append("'").append(value.text).append("'");
        }
        case System::kBoolean:
            return value.boolean ? "true" : "false";
        default:
            return std::string(value.text);
    }
}

}  // namespace carestream::fhir::path
