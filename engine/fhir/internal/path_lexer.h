#pragma once
// Tokens of FHIRPath. Source: FHIRPath 2.0.0, section 2 and its grammar.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::fhir::path {

enum class TokenKind {
    kEnd,
    kIdentifier,
    kDelimited,
    kString,
    kInteger,
    kDecimal,
    kTemporal,
    kSymbol
};

struct Token {
    TokenKind kind = TokenKind::kEnd;
    std::string
        text;  // unescaped; a symbol as written ("<=", "$this", "%"), a temporal without '@'
    std::size_t offset = 0;
};

class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) {}
    // Error: kInvalid with offset_bytes.
    [[nodiscard]] Result<Token> Next();

private:
    [[nodiscard]] Result<void> SkipBlanks();
    [[nodiscard]] Result<Token> Quoted(char quote, TokenKind kind);
    [[nodiscard]] bool Escape(std::string& out);
    [[nodiscard]] bool HexUnit(unsigned& unit);
    [[nodiscard]] Token NumberToken();
    [[nodiscard]] Token TemporalToken();
    [[nodiscard]] bool TakeDigits(std::size_t count);
    [[nodiscard]] char Peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

[[nodiscard]] tl::unexpected<Error> SyntaxError(std::string message, std::size_t offset);

}  // namespace carestream::fhir::path
