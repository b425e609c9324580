// Pratt parser of FHIRPath. Source: FHIRPath 2.0.0, section 6 (operators) and 6.8 (precedence).
#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "fhir/decimal.h"
#include "fhir/internal/path_eval.h"
#include "fhir/internal/path_lexer.h"
#include "fhir/internal/path_tree.h"
#include "fhir/temporal.h"

namespace carestream::fhir::path {
namespace {

constexpr int kDepthMax = 64;
constexpr std::size_t kTextMax = 16 << 10;

struct BinaryOperator {
    std::string_view text;
    Op op;
    int power;  // binds tighter when greater
};

constexpr BinaryOperator kOperators[] = {
    {"*", Op::kMultiply, 11},
    {"/", Op::kDivide, 11},
    {"div", Op::kIntegerDivide, 11},
    {"mod", Op::kModulo, 11},
    {"+", Op::kAdd, 10},
    {"-", Op::kSubtract, 10},
    {"&", Op::kConcatenate, 10},
    {"is", Op::kIs, 9},
    {"as", Op::kAs, 9},
    {"|", Op::kUnion, 8},
    {"<", Op::kLess, 7},
    {"<=", Op::kLessOrEqual, 7},
    {">", Op::kGreater, 7},
    {">=", Op::kGreaterOrEqual, 7},
    {"=", Op::kEqual, 6},
    {"~", Op::kEquivalent, 6},
    {"!=", Op::kNotEqual, 6},
    {"!~", Op::kNotEquivalent, 6},
    {"in", Op::kIn, 5},
    {"contains", Op::kContains, 5},
    {"and", Op::kAnd, 4},
    {"or", Op::kOr, 3},
    {"xor", Op::kXor, 3},
    {"implies", Op::kImplies, 2},
};
constexpr int kUnaryPower = 12;

constexpr std::string_view kCalendarUnits[] = {
    "year", "years", "month",  "months",  "week",   "weeks",   "day",         "days",
    "hour", "hours", "minute", "minutes", "second", "seconds", "millisecond", "milliseconds"};

class Parser {
public:
    explicit Parser(std::string_view text) : lexer_(text) {}

    Result<Expr> Parse() {
        CARESTREAM_TRY(Advance());
        CARESTREAM_ASSIGN(root, Expression(0));
        if (token_.kind != TokenKind::kEnd) {
            return SyntaxError("the expression should end here", token_.offset);
        }
        return std::move(root);
    }

private:
    Result<void> Advance() {
        CARESTREAM_ASSIGN(next, lexer_.Next());
        token_ = std::move(next);
        return {};
    }
    [[nodiscard]] bool At(std::string_view symbol) const {
        return token_.kind == TokenKind::kSymbol && token_.text == symbol;
    }
    Result<void> Expect(std::string_view symbol) {
        if (!At(symbol)) {
            return SyntaxError("expected '" + std::string(symbol) + "'", token_.offset);
        }
        return Advance();
    }

    // Sets the depth; error when the tree becomes too deep to evaluate.
    Result<Expr> Finish(Expr expr) {
        int depth = 0;
        for (const Expr& kid : expr.kids) depth = std::max<int>(depth, kid.depth);
        if (depth + 1 > kDepthMax) return Fail(Code::kLimit, "expression nested too deeply");
        expr.depth = static_cast<std::uint8_t>(depth + 1);
        return expr;
    }

    [[nodiscard]] const BinaryOperator* CurrentOperator() const {
        if (token_.kind != TokenKind::kSymbol && token_.kind != TokenKind::kIdentifier) {
            return nullptr;
        }
        for (const BinaryOperator& entry : kOperators) {
            if (entry.text == token_.text) return &entry;
        }
        return nullptr;
    }

    Result<Expr> Expression(int power_min) {
        if (++nesting_ > kDepthMax) return Fail(Code::kLimit, "expression nested too deeply");
        CARESTREAM_ASSIGN(left, Prefix());
        while (const BinaryOperator* entry = CurrentOperator()) {
            if (entry->power <= power_min) break;
            CARESTREAM_TRY(Advance());
            Expr joined;
            joined.op = entry->op;
            if (entry->op == Op::kIs || entry->op == Op::kAs) {
                CARESTREAM_TRY(TypeSpecifier(joined));
                joined.kids.push_back(std::move(left));
            } else {
                CARESTREAM_ASSIGN(right, Expression(entry->power));
                if (entry->op == Op::kUnion && left.op == Op::kUnion) {
                    joined.kids = std::move(left.kids);
                } else {
                    joined.kids.push_back(std::move(left));
                }
                joined.kids.push_back(std::move(right));
            }
            CARESTREAM_ASSIGN(finished, Finish(std::move(joined)));
            left = std::move(finished);
        }
        --nesting_;
        return std::move(left);
    }

    Result<Expr> Prefix() {
        if (At("+") || At("-")) {
            Expr expr;
            expr.op = At("-") ? Op::kNegate : Op::kPlus;
            CARESTREAM_TRY(Advance());
            CARESTREAM_ASSIGN(operand, Expression(kUnaryPower));
            expr.kids.push_back(std::move(operand));
            return Finish(std::move(expr));
        }
        return Postfix();
    }

    Result<Expr> Postfix() {
        CARESTREAM_ASSIGN(left, Term());
        while (true) {
            if (At("[")) {
                CARESTREAM_TRY(Advance());
                CARESTREAM_ASSIGN(index, Expression(0));
                CARESTREAM_TRY(Expect("]"));
                Expr expr;
                expr.op = Op::kIndexer;
                expr.kids.push_back(std::move(left));
                expr.kids.push_back(std::move(index));
                CARESTREAM_ASSIGN(finished, Finish(std::move(expr)));
                left = std::move(finished);
            } else if (At(".")) {
                CARESTREAM_TRY(Advance());
                CARESTREAM_ASSIGN(step, Invocation(false));
                Expr expr;
                if (left.op == Op::kPath) {
                    expr = std::move(left);
                } else {
                    expr.op = Op::kPath;
                    expr.kids.push_back(std::move(left));
                }
                expr.kids.push_back(std::move(step));
                CARESTREAM_ASSIGN(finished, Finish(std::move(expr)));
                left = std::move(finished);
            } else {
                return std::move(left);
            }
        }
    }

    Result<Expr> Term() {
        switch (token_.kind) {
            case TokenKind::kString:
                return Literal(System::kString, Node::String(token_.text));
            case TokenKind::kInteger:
            case TokenKind::kDecimal:
                return Number();
            case TokenKind::kTemporal:
                return TemporalLiteral();
            case TokenKind::kIdentifier:
            case TokenKind::kDelimited:
                return Invocation(true);
            case TokenKind::kSymbol:
                return Symbol();
            case TokenKind::kEnd:
                break;
        }
        return SyntaxError("the expression ends too early", token_.offset);
    }

    Result<Expr> Literal(System type, Node value) {
        Expr expr;
        expr.op = Op::kLiteral;
        expr.literal_type = type;
        expr.literal = std::move(value);
        CARESTREAM_TRY(Advance());
        return expr;
    }

    Result<Expr> Number() {
        const Token number = token_;
        CARESTREAM_TRY(Advance());
        const bool calendar = token_.kind == TokenKind::kIdentifier &&
                              std::find(std::begin(kCalendarUnits), std::end(kCalendarUnits),
                                        token_.text) != std::end(kCalendarUnits);
        if (!Decimal::Parse(number.text)) return SyntaxError("number too large", number.offset);
        if (calendar || token_.kind == TokenKind::kString) {
            return Literal(System::kQuantity, QuantityNode(number.text, token_.text, calendar));
        }
        Expr expr;
        expr.op = Op::kLiteral;
        expr.literal = Node::Number(number.text);
        expr.literal_type = System::kDecimal;
        if (number.kind == TokenKind::kInteger) {
            std::int64_t value = 0;
            const char* end = number.text.data() + number.text.size();
            const auto result = std::from_chars(number.text.data(), end, value);
            if (result.ec != std::errc() || value > std::int64_t{1} + kIntegerMax) {
                return SyntaxError("integer out of range", number.offset);
            }
            expr.literal_type = System::kInteger;
        }
        return expr;
    }

    Result<Expr> TemporalLiteral() {
        const std::string& text = token_.text;
        if (text.starts_with('T')) {
            if (!Temporal::ParseTime(std::string_view(text).substr(1))) {
                return SyntaxError("not a time", token_.offset);
            }
            return Literal(System::kTime, Node::String(text.substr(1)));
        }
        const bool timed = text.find('T') != std::string::npos;
        if (timed ? !Temporal::ParseDateTime(text) : !Temporal::ParseDate(text)) {
            return SyntaxError("not a date", token_.offset);
        }
        return Literal(timed ? System::kDateTime : System::kDate, Node::String(text));
    }

    Result<Expr> Symbol() {
        Expr expr;
        if (At("(")) {
            CARESTREAM_TRY(Advance());
            CARESTREAM_ASSIGN(inner, Expression(0));
            CARESTREAM_TRY(Expect(")"));
            return std::move(inner);
        }
        if (At("{")) {
            CARESTREAM_TRY(Advance());
            CARESTREAM_TRY(Expect("}"));
            return expr;
        }
        if (At("%")) {
            CARESTREAM_TRY(Advance());
            if (token_.kind != TokenKind::kIdentifier && token_.kind != TokenKind::kDelimited &&
                token_.kind != TokenKind::kString) {
                return SyntaxError("expected the name of a variable", token_.offset);
            }
            expr.op = Op::kVariable;
            expr.text = token_.text;
            CARESTREAM_TRY(Advance());
            return expr;
        }
        if (token_.text.starts_with('$')) return Dollar();
        return SyntaxError("unexpected '" + token_.text + "'", token_.offset);
    }

    Result<Expr> Dollar() {
        Expr expr;
        if (At("$this"))
            expr.op = Op::kThis;
        else if (At("$index"))
            expr.op = Op::kIndex;
        else if (At("$total"))
            expr.op = Op::kTotal;
        else
            return SyntaxError("expected $this, $index or $total", token_.offset);
        CARESTREAM_TRY(Advance());
        return expr;
    }

    Result<Expr> Invocation(bool starts) {
        if (token_.kind == TokenKind::kSymbol && token_.text.starts_with('$')) return Dollar();
        if (token_.kind != TokenKind::kIdentifier && token_.kind != TokenKind::kDelimited) {
            return SyntaxError("expected a name", token_.offset);
        }
        Expr expr;
        expr.text = token_.text;
        const Token name = token_;
        CARESTREAM_TRY(Advance());
        if (At("(")) return FunctionCall(name);
        if (starts && name.kind == TokenKind::kIdentifier &&
            (name.text == "true" || name.text == "false")) {
            expr.op = Op::kLiteral;
            expr.literal_type = System::kBoolean;
            expr.literal = Node::Boolean(name.text == "true");
            return expr;
        }
        expr.op = Op::kMember;
        expr.starts = starts;
        return expr;
    }

    Result<Expr> FunctionCall(const Token& name) {
        const FunctionEntry* function = FindFunction(name.text);
        if (function == nullptr) {
            return SyntaxError("no function '" + name.text + "'", name.offset);
        }
        CARESTREAM_TRY(Advance());
        Expr expr;
        expr.op = Op::kFunction;
        expr.function = function;
        expr.text = name.text;
        if (function->takes_type) {
            CARESTREAM_TRY(TypeSpecifier(expr));
            CARESTREAM_TRY(Expect(")"));
            return expr;
        }
        while (!At(")")) {
            if (!expr.kids.empty()) CARESTREAM_TRY(Expect(","));
            CARESTREAM_ASSIGN(argument, Expression(0));
            expr.kids.push_back(std::move(argument));
        }
        CARESTREAM_TRY(Advance());
        const int count = static_cast<int>(expr.kids.size());
        if (count < function->arguments_min || count > function->arguments_max) {
            return SyntaxError("wrong number of arguments of " + name.text + "()", name.offset);
        }
        return Finish(std::move(expr));
    }

    // "Patient", "FHIR.Patient", "System.String".
    Result<void> TypeSpecifier(Expr& expr) {
        const auto take = [&](std::string& out) -> Result<void> {
            if (token_.kind != TokenKind::kIdentifier && token_.kind != TokenKind::kDelimited) {
                return SyntaxError("expected a type", token_.offset);
            }
            out = token_.text;
            return Advance();
        };
        CARESTREAM_TRY(take(expr.text));
        if ((expr.text != "FHIR" && expr.text != "System") || !At(".")) return {};
        expr.name_space = std::move(expr.text);
        CARESTREAM_TRY(Advance());
        return take(expr.text);
    }

    Lexer lexer_;
    Token token_;
    int nesting_ = 0;
};

}  // namespace

Result<Expr> Parse(std::string_view expression) {
    if (expression.size() > kTextMax) return Fail(Code::kLimit, "expression longer than 16 KiB");
    return Parser(expression).Parse();
}

}  // namespace carestream::fhir::path
