// The core of FHIRPath evaluation: navigation and operators.
#include <algorithm>
#include <array>
#include <utility>

#include "fhir/internal/path_eval.h"

namespace carestream::fhir::path {
namespace {

const Node kNull;
const Node kTrue = Node::Boolean(true);
const Node kFalse = Node::Boolean(false);

bool IsUpper(char c) {
    return c >= 'A' && c <= 'Z';
}

Item SystemItem(const Node& node, System type) {
    Item item;
    item.node = &node;
    item.system = type;
    return item;
}

}  // namespace

// Subtypes that the structure definitions of R4 do not all state. Source: FHIR R4 2.24.0.
std::string_view ImpliedBase(std::string_view type) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kBases = {{
        {"code", "string"},
        {"id", "string"},
        {"markdown", "string"},
        {"url", "uri"},
        {"canonical", "uri"},
        {"oid", "uri"},
        {"uuid", "uri"},
        {"positiveInt", "integer"},
        {"unsignedInt", "integer"},
        {"Age", "Quantity"},
        {"Count", "Quantity"},
        {"Distance", "Quantity"},
        {"Duration", "Quantity"},
    }};
    for (const auto& [sub, base] : kBases) {
        if (sub == type) return base;
    }
    return {};
}

bool TypeIsA(const Definitions& definitions, const TypeDefinition* definition,
             std::string_view name) {
    if (definition != nullptr && ImpliedBase(definition->name) == name && !name.empty())
        return true;
    for (int i = 0; definition != nullptr && i < 8; ++i) {
        if (definition->name == name) return true;
        if (definition->base.empty()) break;
        definition = definitions.FindType(definition->base);
    }
    return false;
}

Evaluator::Evaluator(const Definitions& definitions, const EvaluateLimits& limits, Item root)
    : definitions_(definitions), limits_(limits), root_(root) {}

bool Evaluator::Failed(Code code, std::string message) {
    error_ = Error{code, std::move(message), {}, {}, 0, false};
    return false;
}

bool Evaluator::Step(std::size_t count) {
    steps_ += count;
    return steps_ <= limits_.steps_max || Failed(Code::kLimit, "expression takes too many steps");
}

bool Evaluator::Put(Items& out, const Item& item) {
    if (out.size() >= limits_.items_max) {
        return Failed(Code::kLimit, "expression gives too many items");
    }
    out.push_back(item);
    return Step();
}

bool Evaluator::PutAll(Items& out, Span items) {
    return std::all_of(items.begin(), items.end(),
                       [&](const Item& item) { return Put(out, item); });
}

bool Evaluator::PutBoolean(Items& out, bool value) {
    return Put(out, SystemItem(value ? kTrue : kFalse, System::kBoolean));
}

bool Evaluator::PutInteger(Items& out, std::int64_t value) {
    if (value < kIntegerMin || value > kIntegerMax) return true;
    return PutOwned(out, Node::Number(std::to_string(value)), System::kInteger);
}

bool Evaluator::PutNumber(Items& out, const Decimal& value, System type) {
    if (type == System::kInteger) {
        const std::optional<std::int64_t> integer = value.ToInteger();
        return !integer || PutInteger(out, *integer);
    }
    return PutOwned(out, Node::Number(value.ToString()), System::kDecimal);
}

bool Evaluator::PutText(Items& out, std::string text, System type) {
    if (text.size() > kTextResultMax) {
        return Failed(Code::kLimit, "a computed string is too long");
    }
    // Long texts are charged by size, so that doubling them in a loop ends.
    return Step(text.size() / 16) && PutOwned(out, Node::String(std::move(text)), type);
}

bool Evaluator::PutOwned(Items& out, Node node, System type) {
    owned_.push_back(std::make_unique<Node>(std::move(node)));
    return Put(out, SystemItem(*owned_.back(), type));
}

bool Evaluator::Eval(const Expr& expr, Span focus, const Scope& scope, Items& out) {
    if (!Step()) return false;
    switch (expr.op) {
        case Op::kEmpty:
            return true;
        case Op::kLiteral:
            return Put(out, SystemItem(expr.literal, expr.literal_type));
        case Op::kThis:
            return PutAll(out, scope.self);
        case Op::kIndex:
            return scope.index < 0 || PutInteger(out, scope.index);
        case Op::kTotal:
            return scope.total == nullptr || PutAll(out, *scope.total);
        case Op::kVariable:
            return Variable(expr, out);
        case Op::kMember:
            return Member(expr, focus, out);
        case Op::kFunction:
            return (this->*expr.function->run)(Call{expr, focus, scope}, out);
        case Op::kPath:
            return Path(expr, focus, scope, out);
        case Op::kIndexer:
            return Indexer(expr, focus, scope, out);
        case Op::kNegate:
        case Op::kPlus:
            return Sign(expr, focus, scope, out);
        case Op::kUnion:
            return UnionOf(expr, focus, scope, out);
        case Op::kAnd:
        case Op::kOr:
        case Op::kXor:
        case Op::kImplies:
            return Logic(expr, focus, scope, out);
        case Op::kIs:
        case Op::kAs: {
            Items value;
            if (!Eval(expr.kids[0], focus, scope, value)) return false;
            const Call call{expr, value, scope};
            return expr.op == Op::kIs ? Is(call, out) : As(call, out);
        }
        default:
            return Binary(expr, focus, scope, out);
    }
}

bool Evaluator::Path(const Expr& expr, Span focus, const Scope& scope, Items& out) {
    Items current;
    Items next;
    if (!Eval(expr.kids[0], focus, scope, current)) return false;
    const std::size_t last = expr.kids.size() - 1;
    for (std::size_t i = 1; i < last; ++i) {
        next.clear();
        if (!Eval(expr.kids[i], current, scope, next)) return false;
        current.swap(next);
    }
    return Eval(expr.kids[last], current, scope, out);
}

bool Evaluator::Member(const Expr& expr, Span focus, Items& out) {
    const bool may_be_type = expr.starts && !expr.text.empty() && IsUpper(expr.text[0]);
    for (const Item& item : focus) {
        if (may_be_type && TypeIsA(definitions_, item.definition, expr.text)) {
            if (!Put(out, item)) return false;
            continue;
        }
        if (!Navigate(item, expr.text, out)) return false;
    }
    return true;
}

// Members of one element, a choice by its base name. Source: FHIR R4 2.1.14.1.
bool Evaluator::Navigate(const Item& item, std::string_view name, Items& out) {
    if (item.system == System::kTypeInfo || item.system == System::kQuantity) {
        const Node* value = item.node->Find(name);
        if (value == nullptr) return true;
        const System type = value->kind() == Kind::kNumber ? System::kDecimal : System::kString;
        return Put(out, SystemItem(*value, type));
    }
    const Node* object = item.node;
    if (!object->IsObject()) object = item.sibling;  // id and extensions of a primitive
    if (item.definition == nullptr) {
        const Node* value = object == nullptr ? nullptr : object->Find(name);
        return value == nullptr || PutElement(value, nullptr, ResolvedElement{}, out);
    }
    const ResolvedElement plain = definitions_.Resolve(*item.definition, name);
    if (plain.element != nullptr && !plain.element->choice) {
        if (object == nullptr) return true;
        const Node* value = object->Find(name);
        const Node* sibling = nullptr;
        if (plain.definition != nullptr && plain.definition->primitive != Primitive::kNone) {
            for (const fhir::Member& member : object->members()) {
                const std::string_view key = member.name;
                if (key.size() == name.size() + 1 && key[0] == '_' && key.substr(1) == name) {
                    sibling = &member.value;
                }
            }
        }
        return PutElement(value, sibling, plain, out);
    }
    bool known = false;
    for (const ElementDefinition& element : item.definition->elements) {
        known = known || (element.choice && element.name == name);
    }
    if (!known) {
        return !limits_.strict ||
               Failed(Code::kInvalid, "no element '" + std::string(name) + "' in " +
                                          std::string(item.definition->name));
    }
    if (object == nullptr) return true;
    for (const fhir::Member& member : object->members()) {
        const std::string_view key = member.name;
        if (key.size() <= name.size() || !key.starts_with(name) || !IsUpper(key[name.size()])) {
            continue;
        }
        const ResolvedElement choice = definitions_.Resolve(*item.definition, key);
        if (choice.element == nullptr || choice.element->name != name) continue;
        const Node* sibling = object->Find("_" + std::string(key));
        return PutElement(&member.value, sibling, choice, out);
    }
    return true;
}

bool Evaluator::PutElement(const Node* value, const Node* sibling, const ResolvedElement& resolved,
                           Items& out) {
    Item item;
    item.type = resolved.type;
    item.definition = resolved.definition;
    const auto put = [&](const Node* node, const Node* beside) {
        if (beside != nullptr && !beside->IsObject()) beside = nullptr;
        if (node == nullptr || node->IsNull()) {
            if (beside == nullptr) return true;
            node = &kNull;
        }
        item.node = node;
        item.sibling = beside;
        const bool any_resource = resolved.definition != nullptr &&
                                  resolved.definition->kind == TypeKind::kResource &&
                                  resolved.definition->abstract;
        if (any_resource) {
            item.definition = definitions_.FindType(node->TextOf("resourceType"));
            if (item.definition == nullptr) item.definition = resolved.definition;
            item.type = item.definition->name;
        }
        return Put(out, item);
    };
    const bool many = (value != nullptr && value->IsArray()) ||
                      (value == nullptr && sibling != nullptr && sibling->IsArray());
    if (!many) return put(value, sibling);
    const auto count = [](const Node* node) { return node == nullptr ? 0 : node->items().size(); };
    for (std::size_t i = 0; i < std::max(count(value), count(sibling)); ++i) {
        if (!put(i < count(value) ? &value->items()[i] : nullptr,
                 i < count(sibling) ? &sibling->items()[i] : nullptr)) {
            return false;
        }
    }
    return true;
}

bool Evaluator::Variable(const Expr& expr, Items& out) {
    const std::string& name = expr.text;
    for (const auto& [known, node] : limits_.variables) {
        if (known != name) continue;
        Item item;
        item.node = node;
        item.definition = definitions_.FindType(node->IsObject() ? node->TextOf("resourceType")
                                                                 : std::string_view("string"));
        if (item.definition != nullptr) item.type = item.definition->name;
        return Put(out, item);
    }
    if (name == "context" || name == "resource" || name == "rootResource") return Put(out, root_);
    if (name == "ucum") return PutText(out, "http://unitsofmeasure.org");
    if (name == "sct") return PutText(out, "http://snomed.info/sct");
    if (name == "loinc") return PutText(out, "http://loinc.org");
    if (name.starts_with("vs-")) {
        return PutText(out, "http://hl7.org/fhir/ValueSet/" + name.substr(3));
    }
    if (name.starts_with("ext-")) {
        return PutText(out, "http://hl7.org/fhir/StructureDefinition/" + name.substr(4));
    }
    return Failed(Code::kInvalid, "no variable '%" + name + "'");
}

bool Evaluator::Indexer(const Expr& expr, Span focus, const Scope& scope, Items& out) {
    Items collection;
    Items index;
    if (!Eval(expr.kids[0], focus, scope, collection)) return false;
    if (!Eval(expr.kids[1], scope.self, scope, index)) return false;
    if (index.empty()) return true;
    const Value value = ReadValue(index[0]);
    if (index.size() > 1 || value.kind != System::kInteger) {
        return Failed(Code::kInvalid, "an index is one integer");
    }
    const std::int64_t at = value.number.ToInteger().value_or(-1);
    if (at < 0 || static_cast<std::size_t>(at) >= collection.size()) return true;
    return Put(out, collection[static_cast<std::size_t>(at)]);
}

bool Evaluator::Sign(const Expr& expr, Span focus, const Scope& scope, Items& out) {
    Items operand;
    if (!Eval(expr.kids[0], focus, scope, operand)) return false;
    if (operand.empty()) return true;
    const Value value = ReadValue(operand[0]);
    const bool number = value.kind == System::kInteger || value.kind == System::kDecimal;
    if (operand.size() > 1 || (!number && value.kind != System::kQuantity)) {
        return Failed(Code::kInvalid, "a sign needs one number");
    }
    if (expr.op == Op::kPlus) return Put(out, operand[0]);
    if (number) return PutNumber(out, value.number.Negated(), value.kind);
    return PutOwned(
        out,
        QuantityNode(value.number.Negated().ToString(), std::string(value.text), value.calendar),
        System::kQuantity);
}

bool Evaluator::UnionOf(const Expr& expr, Span focus, const Scope& scope, Items& out) {
    const std::size_t from = out.size();
    for (const Expr& kid : expr.kids) {
        Items part;
        if (!Eval(kid, focus, scope, part) || !PutDistinct(out, part, from)) return false;
    }
    return true;
}

bool Evaluator::Contains(Span items, const Item& item) {
    return std::any_of(items.begin(), items.end(), [&](const Item& other) {
        return (other.node == item.node && other.system == item.system) ||
               ItemsEqual(other, item).value_or(false);
    });
}

bool Evaluator::PutDistinct(Items& out, Span items, std::size_t from) {
    for (const Item& item : items) {
        if (!Step(1 + (out.size() - from) / 4)) return false;
        if (Contains(Span(out).subspan(from), item)) continue;
        if (!Put(out, item)) return false;
    }
    return true;
}

bool Evaluator::ToBoolean(Span items, std::optional<bool>& out) {
    out.reset();
    if (items.empty()) return true;
    if (items.size() > 1) {
        return Failed(Code::kInvalid, "several items where one boolean is needed");
    }
    const Value value = ReadValue(items[0]);
    out = value.kind != System::kBoolean || value.boolean;
    return true;
}

// Three-valued logic, FHIRPath 6.5.
bool Evaluator::Logic(const Expr& expr, Span focus, const Scope& scope, Items& out) {
    Items items;
    std::optional<bool> left;
    std::optional<bool> right;
    if (!Eval(expr.kids[0], focus, scope, items) || !ToBoolean(items, left)) return false;
    if (expr.op == Op::kAnd && left == false) return PutBoolean(out, false);
    if (expr.op == Op::kOr && left == true) return PutBoolean(out, true);
    if (expr.op == Op::kImplies && left == false) return PutBoolean(out, true);
    items.clear();
    if (!Eval(expr.kids[1], focus, scope, items) || !ToBoolean(items, right)) return false;
    switch (expr.op) {
        case Op::kAnd:
            if (right == false) return PutBoolean(out, false);
            return !left || !right || PutBoolean(out, true);
        case Op::kOr:
            if (right == true) return PutBoolean(out, true);
            return !left || !right || PutBoolean(out, false);
        case Op::kXor:
            return !left || !right || PutBoolean(out, *left != *right);
        default:
            if (right == true) return PutBoolean(out, true);
            return !left || !right || PutBoolean(out, false);
    }
}

bool Evaluator::Binary(const Expr& expr, Span focus, const Scope& scope, Items& out) {
    Items left;
    Items right;
    if (!Eval(expr.kids[0], focus, scope, left) || !Eval(expr.kids[1], focus, scope, right)) {
        return false;
    }
    switch (expr.op) {
        case Op::kEqual:
        case Op::kNotEqual:
        case Op::kEquivalent:
        case Op::kNotEquivalent:
            return Equality(expr.op, left, right, out);
        case Op::kLess:
        case Op::kLessOrEqual:
        case Op::kGreater:
        case Op::kGreaterOrEqual:
            return Inequality(expr.op, left, right, out);
        case Op::kIn:
            return Membership(left, right, out);
        case Op::kContains:
            return Membership(right, left, out);
        default:
            return Arithmetic(expr.op, left, right, out);
    }
}

bool Evaluator::Equality(Op op, Span left, Span right, Items& out) {
    if (op == Op::kEqual || op == Op::kNotEqual) {
        if (left.empty() || right.empty()) return true;
        bool unknown = false;
        bool equal = left.size() == right.size();
        for (std::size_t i = 0; equal && i < left.size(); ++i) {
            const std::optional<bool> same = ItemsEqual(left[i], right[i]);
            unknown = unknown || !same;
            equal = same.value_or(true);
        }
        if (equal && unknown) return true;
        return PutBoolean(out, equal == (op == Op::kEqual));
    }
    // Order does not matter: each item finds a partner of its own.
    std::vector<bool> used(right.size());
    bool same = left.size() == right.size();
    for (std::size_t i = 0; same && i < left.size(); ++i) {
        if (!Step(1 + right.size() / 4)) return false;
        std::size_t at = 0;
        while (at < right.size() && (used[at] || !ItemsEquivalent(left[i], right[at]))) ++at;
        same = at < right.size();
        if (same) used[at] = true;
    }
    return PutBoolean(out, same == (op == Op::kEquivalent));
}

bool Evaluator::Inequality(Op op, Span left, Span right, Items& out) {
    if (left.empty() || right.empty()) return true;
    if (left.size() > 1 || right.size() > 1) {
        return Failed(Code::kInvalid, "a comparison needs one item on each side");
    }
    const Order order = CompareItems(left[0], right[0]);
    if (order == Order::kMismatch) {
        return Failed(Code::kInvalid, "these types have no order between them");
    }
    if (order == Order::kUnknown) return true;
    switch (op) {
        case Op::kLess:
            return PutBoolean(out, order == Order::kLess);
        case Op::kLessOrEqual:
            return PutBoolean(out, order != Order::kGreater);
        case Op::kGreater:
            return PutBoolean(out, order == Order::kGreater);
        default:
            return PutBoolean(out, order != Order::kLess);
    }
}

bool Evaluator::Membership(Span element, Span collection, Items& out) {
    if (element.empty()) return true;
    if (element.size() > 1) {
        return Failed(Code::kInvalid, "membership is asked of one item");
    }
    return Step(1 + collection.size() / 4) && PutBoolean(out, Contains(collection, element[0]));
}

}  // namespace carestream::fhir::path
