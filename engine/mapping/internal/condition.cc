#include "mapping/internal/condition.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace carestream::mapping::internal {

namespace {

using Op = Condition::Op;
using Compare = Condition::Compare;

bool IsUpperOrDigit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

tl::unexpected<Error> FailHere(std::size_t offset, std::string message) {
    Error error{Code::kInvalid, std::move(message), {}, {}, offset, false};
    return tl::make_unexpected(std::move(error));
}

// Reads a positive number at `at`; 0 if there is none.
int ReadNumber(std::string_view text, std::size_t& at) {
    int value = 0;
    const auto* begin = text.data() + at;
    const auto result = std::from_chars(begin, text.data() + text.size(), value);
    at += static_cast<std::size_t>(result.ptr - begin);
    return result.ec == std::errc() ? value : 0;
}

struct Token {
    enum class Kind { kWord, kQuoted, kSymbol, kEnd } kind = Kind::kEnd;
    std::string text;
    std::size_t offset = 0;
};

bool IsWordChar(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' ||
           c == '^' || c == '*' || c == ':' || c == '/' || c == '+' ||
           (static_cast<unsigned char>(c) & 0x80u) != 0;
}

// A word keeps "[2]" and "[*]" when they follow at once: PID-3[*].5.
std::size_t WordEnd(std::string_view text, std::size_t at) {
    while (at < text.size()) {
        if (IsWordChar(text[at])) {
            ++at;
            continue;
        }
        if (text[at] != '[') break;
        const std::size_t close = text.find(']', at);
        const std::string_view inside =
            close == std::string_view::npos ? "" : text.substr(at + 1, close - at - 1);
        if (inside != "*" && !IsDigits(inside)) break;
        at = close + 1;
    }
    return at;
}

Result<std::vector<Token>> Tokenize(std::string_view text) {
    std::vector<Token> tokens;
    std::size_t at = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == ' ' || c == '\t' || c == '\n') {
            ++at;
            continue;
        }
        if (c == '\'' || c == '"') {
            const std::size_t close = text.find(c, at + 1);
            if (close == std::string_view::npos) return FailHere(at, "the quote is not closed");
            tokens.push_back(
                {Token::Kind::kQuoted, std::string(text.substr(at + 1, close - at - 1)), at});
            at = close + 1;
            continue;
        }
        if (IsWordChar(c)) {
            const std::size_t end = WordEnd(text, at);
            tokens.push_back({Token::Kind::kWord, std::string(text.substr(at, end - at)), at});
            at = end;
            continue;
        }
        const std::string_view two = text.substr(at, 2);
        if (two == "==" || two == "!=" || two == ">=" || two == "<=") {
            tokens.push_back({Token::Kind::kSymbol, std::string(two), at});
            at += 2;
            continue;
        }
        if (c == '(' || c == ')' || c == '[' || c == ']' || c == ',' || c == '<' || c == '>') {
            tokens.push_back({Token::Kind::kSymbol, std::string(1, c), at});
            ++at;
            continue;
        }
        if (c == '=') return FailHere(at, "'=' is written '=='");
        return FailHere(at, "unexpected '" + std::string(1, c) + "' in a condition");
    }
    tokens.push_back({Token::Kind::kEnd, "", text.size()});
    return tokens;
}

class Parser {
public:
    Parser(std::vector<Token> tokens, const OperandResolver& resolve)
        : tokens_(std::move(tokens)), resolve_(resolve) {}

    Result<Condition> Parse() {
        CARESTREAM_ASSIGN(condition, Or());
        if (Peek().kind != Token::Kind::kEnd) {
            return FailHere(Peek().offset,
                            "expected 'and', 'or' or the end, found '" + Peek().text + "'");
        }
        return std::move(condition);
    }

private:
    const Token& Peek() const { return tokens_[next_]; }
    const Token& Take() {
        const Token& token = tokens_[next_];
        if (token.kind != Token::Kind::kEnd) ++next_;
        return token;
    }
    bool TakeIf(std::string_view text) {
        if (Peek().kind == Token::Kind::kQuoted || Peek().text != text ||
            Peek().kind == Token::Kind::kEnd) {
            return false;
        }
        ++next_;
        return true;
    }
    Result<void> Expect(std::string_view text) {
        if (TakeIf(text)) return {};
        return FailHere(Peek().offset,
                        "expected '" + std::string(text) + "'" +
                            (Peek().kind == Token::Kind::kEnd ? std::string(" at the end")
                                                              : ", found '" + Peek().text + "'"));
    }

    Result<Condition> Chain(std::string_view word, Op op, Result<Condition> (Parser::*part)()) {
        CARESTREAM_ASSIGN(first, (this->*part)());
        if (Peek().kind != Token::Kind::kWord || Peek().text != word) return std::move(first);
        Condition chain;
        chain.op = op;
        chain.children.push_back(std::move(first));
        while (TakeIf(word)) {
            CARESTREAM_ASSIGN(next, (this->*part)());
            chain.children.push_back(std::move(next));
        }
        return chain;
    }
    Result<Condition> Or() { return Chain("or", Op::kOr, &Parser::And); }
    Result<Condition> And() { return Chain("and", Op::kAnd, &Parser::Not); }

    static Condition Negate(Condition inner) {
        Condition negated;
        negated.op = Op::kNot;
        negated.children.push_back(std::move(inner));
        return negated;
    }

    Result<Condition> Not() {
        if (++depth_ > 64) return FailHere(Peek().offset, "the condition is nested too deeply");
        Result<Condition> result = NotInner();
        --depth_;
        return result;
    }
    Result<Condition> NotInner() {
        if (TakeIf("not")) {
            CARESTREAM_ASSIGN(inner, Not());
            return Negate(std::move(inner));
        }
        if (TakeIf("(")) {
            CARESTREAM_ASSIGN(inner, Or());
            CARESTREAM_TRY(Expect(")"));
            return std::move(inner);
        }
        return Test();
    }

    Result<Operand> TakeOperand() {
        const Token& token = Take();
        if (token.kind != Token::Kind::kWord || !LooksLikePath(token.text)) {
            return FailHere(token.offset,
                            "expected a path such as PID-7 or CX.4" +
                                (token.kind == Token::Kind::kEnd ? std::string(" at the end")
                                                                 : ", found '" + token.text + "'"));
        }
        Result<Operand> operand = resolve_(token.text);
        if (!operand) {
            Error error = std::move(operand).error();
            error.offset_bytes += token.offset;
            return tl::make_unexpected(std::move(error));
        }
        return operand;
    }

    Result<Condition> Test() {
        for (const auto& [word, op] : {std::pair{"count", Op::kCount}, {"len", Op::kLength}}) {
            if (Peek().text == word && tokens_[next_ + 1].text == "(") {
                next_ += 2;
                return Measure(op);
            }
        }
        Condition test;
        CARESTREAM_ASSIGN(operand, TakeOperand());
        test.operand = std::move(operand);
        if (TakeIf("valued")) return With(std::move(test), Op::kValued);
        if (TakeIf("empty")) return Negate(With(std::move(test), Op::kValued));
        if (TakeIf("null")) return With(std::move(test), Op::kNull);
        if (TakeIf("==")) return Equal(std::move(test));
        if (TakeIf("!=")) {
            CARESTREAM_ASSIGN(equal, Equal(std::move(test)));
            return Negate(std::move(equal));
        }
        if (TakeIf("before")) {
            CARESTREAM_ASSIGN(other, TakeOperand());
            test.other = std::move(other);
            return With(std::move(test), Op::kBefore);
        }
        if (TakeIf("in")) return In(std::move(test));
        if (TakeIf("not")) {
            CARESTREAM_TRY(Expect("in"));
            CARESTREAM_ASSIGN(in, In(std::move(test)));
            return Negate(std::move(in));
        }
        return FailHere(Peek().offset,
                        "expected valued, empty, null, ==, !=, in, not in or before" +
                            (Peek().kind == Token::Kind::kEnd ? std::string(" at the end")
                                                              : ", found '" + Peek().text + "'"));
    }
    static Condition With(Condition test, Op op) {
        test.op = op;
        return test;
    }
    Result<Condition> Equal(Condition test) {
        if (Peek().kind == Token::Kind::kWord && LooksLikePath(Peek().text)) {
            CARESTREAM_ASSIGN(other, TakeOperand());
            test.other = std::move(other);
            return With(std::move(test), Op::kSame);
        }
        CARESTREAM_ASSIGN(value, Literal());
        test.values.push_back(std::move(value));
        return With(std::move(test), Op::kIn);
    }
    Result<Condition> In(Condition test) {
        CARESTREAM_TRY(Expect("["));
        do {
            CARESTREAM_ASSIGN(value, Literal());
            test.values.push_back(std::move(value));
        } while (TakeIf(","));
        CARESTREAM_TRY(Expect("]"));
        return With(std::move(test), Op::kIn);
    }
    Result<std::string> Literal() {
        const Token& token = Take();
        if (token.kind == Token::Kind::kWord || token.kind == Token::Kind::kQuoted) {
            return token.text;
        }
        return FailHere(token.offset, "expected a word or a quoted text");
    }
    Result<Condition> Measure(Op op) {
        Condition test;
        test.op = op;
        const Token& token = Peek();
        CARESTREAM_ASSIGN(operand, op == Op::kCount && token.text.size() == 3
                                       ? (++next_, resolve_(token.text))
                                       : TakeOperand());
        test.operand = std::move(operand);
        CARESTREAM_TRY(Expect(")"));
        const std::pair<const char*, Compare> compares[] = {
            {"==", Compare::kEq}, {"!=", Compare::kNe}, {"<=", Compare::kLe},
            {">=", Compare::kGe}, {"<", Compare::kLt},  {">", Compare::kGt}};
        for (const auto& [symbol, compare] : compares) {
            if (!TakeIf(symbol)) continue;
            test.compare = compare;
            const Token& number = Take();
            if (!IsDigits(number.text) || number.text.size() > 8) {
                return FailHere(number.offset, "expected a number");
            }
            test.number = std::stoi(number.text);
            return test;
        }
        return FailHere(Peek().offset, "expected ==, !=, <, <=, > or >=");
    }

    std::vector<Token> tokens_;
    const OperandResolver& resolve_;
    std::size_t next_ = 0;
    int depth_ = 0;
};

}  // namespace

bool LooksLikePath(std::string_view text) {
    if (text == "event" || text.starts_with("context.")) return true;
    if (!text.empty() && text.front() == '^') text.remove_prefix(1);
    std::size_t length = 0;
    while (length < text.size() && IsUpperOrDigit(text[length])) ++length;
    if (length < 2 || length > 3 || text[0] < 'A' || text[0] > 'Z') return false;
    if (length == text.size()) return false;
    if (text[length] != '-' && text[length] != '.') return false;
    return length + 1 < text.size() && text[length + 1] >= '0' && text[length + 1] <= '9';
}

Result<PathText> ParsePathText(std::string_view text) {
    PathText path;
    if (text == "event") {
        path.head = "event";
        return path;
    }
    if (text.starts_with("context.")) {
        path.head = "context";
        path.word = std::string(text.substr(8));
        return path;
    }
    std::size_t at = 0;
    if (!text.empty() && text[0] == '^') {
        path.from_parent = true;
        ++at;
    }
    const std::size_t begin = at;
    while (at < text.size() && IsUpperOrDigit(text[at])) ++at;
    path.head = std::string(text.substr(begin, at - begin));
    if (path.head.size() < 2 || path.head.size() > 3 || IsDigits(path.head.substr(0, 1))) {
        return FailHere(begin, "not a path: expected a segment (PID-3) or a data type (CX.4)");
    }
    if (at < text.size() && text[at] == '-') {
        ++at;
        path.is_field = true;
        path.field = ReadNumber(text, at);
        if (path.field <= 0) return FailHere(at, "expected a field number after '-'");
        if (at < text.size() && text[at] == '[') {
            const std::size_t close = text.find(']', at);
            if (close == std::string_view::npos) return FailHere(at, "the '[' is not closed");
            if (text.substr(at + 1, close - at - 1) == "*") {
                path.repetition = -1;
                at = close + 1;
            } else {
                ++at;
                path.repetition = ReadNumber(text, at);
                if (path.repetition <= 0 || at != close) {
                    return FailHere(at, "expected a repetition number or * in '[ ]'");
                }
                at = close + 1;
            }
        }
    }
    for (int* part : {&path.component, &path.subcomponent}) {
        if (at >= text.size() || text[at] != '.') break;
        ++at;
        *part = ReadNumber(text, at);
        if (*part <= 0) return FailHere(at, "expected a number after '.'");
        ++path.numbers;
    }
    if (at != text.size()) {
        return FailHere(at, "unexpected '" + std::string(text.substr(at)) + "' in the path");
    }
    return path;
}

Result<Condition> ParseCondition(std::string_view text, const OperandResolver& resolve) {
    CARESTREAM_ASSIGN(tokens, Tokenize(text));
    return Parser(std::move(tokens), resolve).Parse();
}

}  // namespace carestream::mapping::internal
