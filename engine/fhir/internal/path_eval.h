#pragma once
// Evaluation of FHIRPath trees. One Evaluator serves one call of FhirPath::Evaluate.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/decimal.h"
#include "fhir/definitions.h"
#include "fhir/fhirpath.h"
#include "fhir/internal/path_tree.h"
#include "fhir/temporal.h"

namespace carestream::fhir::path {

constexpr std::int64_t kIntegerMax = 2'147'483'647;
constexpr std::int64_t kIntegerMin = -kIntegerMax - 1;
constexpr std::size_t kTextResultMax = 1 << 20;  // bytes of one computed string

struct Item {
    const Node* node = nullptr;
    const Node* sibling = nullptr;
    std::string_view type;  // FHIR type; "" when `system` is set
    const TypeDefinition* definition = nullptr;
    System system = System::kNone;
};
using Items = std::vector<Item>;
using Span = std::span<const Item>;

// What $this, $index and $total mean, and what arguments of functions are evaluated on.
struct Scope {
    Span self;
    std::int64_t index = -1;
    const Items* total = nullptr;
};

// An item as a value of the System namespace (kNone: it is none).
struct Value {
    System kind = System::kNone;
    bool boolean = false;
    std::string_view text;  // strings, units
    Decimal number;         // integers, decimals, quantities
    Temporal temporal;
    bool calendar = false;  // the unit is a calendar duration such as "week"
};

class Evaluator;

struct Call {
    const Expr& expr;
    Span input;
    const Scope& scope;
};

struct FunctionEntry {
    std::string_view name;
    int arguments_min;
    int arguments_max;
    bool takes_type;
    bool (Evaluator::*run)(const Call& call, Items& out);
};
[[nodiscard]] const FunctionEntry* FindFunction(std::string_view name);

// A Quantity of the System namespace as a node.
[[nodiscard]] Node QuantityNode(std::string value, std::string unit, bool calendar);
[[nodiscard]] Value ReadValue(const Item& item);
// Equality and order as in FHIRPath 6.1 and 6.2; nullopt: unknown (empty).
[[nodiscard]] std::optional<bool> ItemsEqual(const Item& a, const Item& b);
[[nodiscard]] bool ItemsEquivalent(const Item& a, const Item& b);
enum class Order { kLess, kEqual, kGreater, kUnknown, kMismatch };
[[nodiscard]] Order CompareItems(const Item& a, const Item& b);
// nullopt: units that do not compare.
[[nodiscard]] std::optional<int> CompareQuantities(const Value& a, const Value& b);
[[nodiscard]] std::string ValueText(const Value& value);
[[nodiscard]] bool IsCalendarUnit(std::string_view unit);

// Every step returns false after an error, which `error` then holds.
class Evaluator {
public:
    Evaluator(const Definitions& definitions, const EvaluateLimits& limits, Item root);

    bool Eval(const Expr& expr, Span focus, const Scope& scope, Items& out);
    [[nodiscard]] Error TakeError() { return std::move(error_); }
    [[nodiscard]] std::vector<std::unique_ptr<Node>> TakeOwned() { return std::move(owned_); }

    // Functions, see kFunctions in fhirpath_functions.cc.
    bool Empty(const Call& call, Items& out);
    bool Not(const Call& call, Items& out);
    bool Exists(const Call& call, Items& out);
    bool All(const Call& call, Items& out);
    bool AllTrue(const Call& call, Items& out);
    bool AnyTrue(const Call& call, Items& out);
    bool AllFalse(const Call& call, Items& out);
    bool AnyFalse(const Call& call, Items& out);
    bool SubsetOf(const Call& call, Items& out);
    bool SupersetOf(const Call& call, Items& out);
    bool Count(const Call& call, Items& out);
    bool Distinct(const Call& call, Items& out);
    bool IsDistinct(const Call& call, Items& out);
    bool Where(const Call& call, Items& out);
    bool Select(const Call& call, Items& out);
    bool Repeat(const Call& call, Items& out);
    bool OfType(const Call& call, Items& out);
    bool Is(const Call& call, Items& out);
    bool As(const Call& call, Items& out);
    bool Single(const Call& call, Items& out);
    bool First(const Call& call, Items& out);
    bool Last(const Call& call, Items& out);
    bool Tail(const Call& call, Items& out);
    bool Skip(const Call& call, Items& out);
    bool Take(const Call& call, Items& out);
    bool Intersect(const Call& call, Items& out);
    bool Exclude(const Call& call, Items& out);
    bool Union(const Call& call, Items& out);
    bool Combine(const Call& call, Items& out);
    bool Sort(const Call& call, Items& out);
    bool Iif(const Call& call, Items& out);
    bool Aggregate(const Call& call, Items& out);
    bool Children(const Call& call, Items& out);
    bool Descendants(const Call& call, Items& out);
    bool Trace(const Call& call, Items& out);
    bool Now(const Call& call, Items& out);
    bool Convert(const Call& call, Items& out);     // toX()
    bool ConvertsTo(const Call& call, Items& out);  // convertsToX()
    bool Text(const Call& call, Items& out);        // string functions without arguments
    bool TextWith(const Call& call, Items& out);    // string functions with string arguments
    bool Substring(const Call& call, Items& out);
    bool Join(const Call& call, Items& out);
    bool Matches(const Call& call, Items& out);
    bool Encoding(const Call& call, Items& out);  // encode, decode, escape, unescape
    bool Math(const Call& call, Items& out);
    bool Boundary(const Call& call, Items& out);
    bool Precision(const Call& call, Items& out);
    bool Comparable(const Call& call, Items& out);
    bool Type(const Call& call, Items& out);
    bool Extension(const Call& call, Items& out);
    bool HasValue(const Call& call, Items& out);
    bool GetValue(const Call& call, Items& out);
    bool Resolve(const Call& call, Items& out);
    bool ConformsTo(const Call& call, Items& out);
    bool MemberOf(const Call& call, Items& out);

private:
    bool Failed(Code code, std::string message);
    bool Step(std::size_t count = 1);
    bool Put(Items& out, const Item& item);
    bool PutAll(Items& out, Span items);
    bool PutBoolean(Items& out, bool value);
    bool PutInteger(Items& out, std::int64_t value);  // nothing when out of range
    bool PutNumber(Items& out, const Decimal& value, System type);
    bool PutText(Items& out, std::string text, System type = System::kString);
    bool PutOwned(Items& out, Node node, System type);

    bool Path(const Expr& expr, Span focus, const Scope& scope, Items& out);
    bool Member(const Expr& expr, Span focus, Items& out);
    bool Navigate(const Item& item, std::string_view name, Items& out);
    bool PutElement(const Node* value, const Node* sibling, const ResolvedElement& resolved,
                    Items& out);
    bool Variable(const Expr& expr, Items& out);
    bool Indexer(const Expr& expr, Span focus, const Scope& scope, Items& out);
    bool Sign(const Expr& expr, Span focus, const Scope& scope, Items& out);
    bool Binary(const Expr& expr, Span focus, const Scope& scope, Items& out);
    bool Logic(const Expr& expr, Span focus, const Scope& scope, Items& out);
    bool Arithmetic(Op op, Span left, Span right, Items& out);
    bool QuantityArithmetic(Op op, const Value& left, const Value& right, Items& out);
    bool TemporalArithmetic(Op op, const Value& left, const Value& right, Items& out);
    bool Equality(Op op, Span left, Span right, Items& out);
    bool Inequality(Op op, Span left, Span right, Items& out);
    bool Membership(Span element, Span collection, Items& out);
    bool UnionOf(const Expr& expr, Span focus, const Scope& scope, Items& out);
    bool PutDistinct(Items& out, Span items, std::size_t from = 0);
    bool Contains(Span items, const Item& item);

    // Singleton evaluation to a boolean (FHIRPath 4.5); nullopt for the empty collection.
    bool ToBoolean(Span items, std::optional<bool>& out);
    bool OnItem(const Expr& expr, const Item& item, std::size_t index, Items& out);
    bool Criterion(const Expr& expr, const Item& item, std::size_t index, bool& out);
    bool Argument(const Call& call, std::size_t index, Items& out);
    bool IntegerArgument(const Call& call, std::size_t index, std::optional<std::int64_t>& out);
    bool TextArgument(const Call& call, std::size_t index, std::optional<std::string>& out);
    bool TextInput(const Call& call, std::optional<std::string_view>& out);
    bool OneInput(const Call& call, const Item*& out);
    bool BooleanInputs(const Call& call, bool wanted, bool all, Items& out);
    bool AddChildren(const Item& item, Items& out);
    bool ConvertItem(std::string_view target, const Item& item, Items& out);
    bool ConvertText(std::string_view target, const Value& value, Items& out);
    bool IsType(const Item& item, const Expr& type, bool exact_primitives, bool& out);
    bool KnownType(const Expr& type);
    bool RoundOrPower(const Call& call, const Value& value, Items& out);
    bool NumberBoundary(const Value& value, std::optional<std::int64_t> digits, bool high,
                        Items& out);
    bool TemporalBoundary(const Value& value, std::optional<std::int64_t> digits, bool high,
                          Items& out);

    const Definitions& definitions_;
    const EvaluateLimits& limits_;
    Item root_;
    Error error_;
    std::size_t steps_ = 0;
    std::vector<std::unique_ptr<Node>> owned_;
};

// "string" for "code", "Quantity" for "Age", ...; "" for types without.
[[nodiscard]] std::string_view ImpliedBase(std::string_view type);
[[nodiscard]] bool TypeIsA(const Definitions& definitions, const TypeDefinition* definition,
                           std::string_view name);

}  // namespace carestream::fhir::path
