#pragma once
// The compiled form of a FHIRPath expression: a small tree, immutable after Compile.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/fhirpath.h"

namespace carestream::fhir::path {

// The types of the System namespace; kNone: a FHIR element.
enum class System : std::uint8_t {
    kNone,
    kBoolean,
    kString,
    kInteger,
    kDecimal,
    kDate,
    kDateTime,
    kTime,
    kQuantity,
    kTypeInfo,
};
// "System.Boolean", ...
[[nodiscard]] std::string_view SystemTypeName(System type);

enum class Op : std::uint8_t {
    kLiteral,
    kEmpty,     // {}
    kThis,      // $this
    kIndex,     // $index
    kTotal,     // $total
    kVariable,  // %name: text
    kMember,    // a name at the start of an expression (may be a type) or after a dot
    kFunction,  // function(kids)
    kPath,      // kids[0] gives the focus of kids[1], ...
    kIndexer,   // kids[0] [ kids[1] ]
    kNegate,
    kPlus,
    kMultiply,
    kDivide,
    kIntegerDivide,
    kModulo,
    kAdd,
    kSubtract,
    kConcatenate,
    kIs,  // kids[0] is name_space.text
    kAs,
    kUnion,  // all kids
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kEqual,
    kEquivalent,
    kNotEqual,
    kNotEquivalent,
    kIn,
    kContains,
    kAnd,
    kOr,
    kXor,
    kImplies,
};

struct FunctionEntry;

struct Expr {
    Op op = Op::kEmpty;
    System literal_type = System::kNone;
    bool starts = false;  // kMember: not after a dot, so it may name the root's type
    std::uint8_t depth = 1;
    std::string text;        // name, variable; the type of kIs, kAs and functions that take one
    std::string name_space;  // of a type: "", "FHIR", "System"
    const FunctionEntry* function = nullptr;
    Node literal;
    std::vector<Expr> kids;
};

[[nodiscard]] Result<Expr> Parse(std::string_view expression);

}  // namespace carestream::fhir::path

namespace carestream::fhir {

struct FhirPath::Tree {
    path::Expr root;
};

}  // namespace carestream::fhir
