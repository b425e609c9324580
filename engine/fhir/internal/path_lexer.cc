#include "fhir/internal/path_lexer.h"

#include <utility>

#include "base/text.h"

namespace carestream::fhir::path {
namespace {

bool IsNameStart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

tl::unexpected<Error> SyntaxError(std::string message, std::size_t offset) {
    Error error{Code::kInvalid, std::move(message), {}, {}, offset, false};
    return tl::make_unexpected(std::move(error));
}

Result<void> Lexer::SkipBlanks() {
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            ++at_;
        } else if (c == '/' && Peek(1) == '/') {
            while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
        } else if (c == '/' && Peek(1) == '*') {
            const std::size_t end = text_.find("*/", at_ + 2);
            if (end == std::string_view::npos) return SyntaxError("comment without end", at_);
            at_ = end + 2;
        } else {
            break;
        }
    }
    return {};
}

bool Lexer::HexUnit(unsigned& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i) {
        const int digit = HexValue(Peek());
        if (digit < 0) return false;
        unit = unit * 16 + static_cast<unsigned>(digit);
        ++at_;
    }
    return true;
}

bool Lexer::Escape(std::string& out) {
    const char c = Peek();
    ++at_;
    switch (c) {
        case '\'':
        case '"':
        case '`':
        case '\\':
        case '/':
            out += c;
            return true;
        case 'f':
            out += '\f';
            return true;
        case 'n':
            out += '\n';
            return true;
        case 'r':
            out += '\r';
            return true;
        case 't':
            out += '\t';
            return true;
        case 'u':
            break;
        default:
            return false;
    }
    unsigned point = 0;
    if (!HexUnit(point) || (point >= 0xDC00 && point < 0xE000)) return false;
    if (point >= 0xD800 && point < 0xDC00) {
        unsigned low = 0;
        if (Peek() != '\\' || Peek(1) != 'u') return false;
        at_ += 2;
        if (!HexUnit(low) || low < 0xDC00 || low >= 0xE000) return false;
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(point, out);
    return true;
}

Result<Token> Lexer::Quoted(char quote, TokenKind kind) {
    Token token{kind, {}, at_};
    ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
        if (text_[at_] != '\\') {
            token.text += text_[at_++];
            continue;
        }
        ++at_;
        if (!Escape(token.text)) return SyntaxError("unknown escape", at_);
    }
    if (at_ >= text_.size()) return SyntaxError("quote without end", token.offset);
    ++at_;
    return token;
}

Token Lexer::NumberToken() {
    const std::size_t start = at_;
    TokenKind kind = TokenKind::kInteger;
    while (IsDigit(Peek())) ++at_;
    if (Peek() == '.' && IsDigit(Peek(1))) {
        kind = TokenKind::kDecimal;
        ++at_;
        while (IsDigit(Peek())) ++at_;
    }
    return {kind, std::string(text_.substr(start, at_ - start)), start};
}

bool Lexer::TakeDigits(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!IsDigit(Peek(i))) return false;
    }
    at_ += count;
    return true;
}

// As much as can belong to a date, dateTime or time literal.
Token Lexer::TemporalToken() {
    const std::size_t start = ++at_;
    bool timed = Peek() == 'T';
    const bool time_only = timed;
    if (!timed && TakeDigits(4)) {
        for (int i = 0; i < 2 && Peek() == '-' && IsDigit(Peek(1)); ++i) {
            ++at_;
            if (!TakeDigits(2)) break;
        }
        timed = Peek() == 'T';
    }
    if (timed) {
        ++at_;
        if (TakeDigits(2)) {
            for (int i = 0; i < 2 && Peek() == ':' && IsDigit(Peek(1)); ++i) {
                ++at_;
                if (!TakeDigits(2)) break;
            }
            if (Peek() == '.' && IsDigit(Peek(1))) {
                ++at_;
                while (IsDigit(Peek())) ++at_;
            }
            if (!time_only && Peek() == 'Z') {
                ++at_;
            } else if (!time_only && (Peek() == '+' || Peek() == '-') && IsDigit(Peek(1)) &&
                       IsDigit(Peek(2)) && Peek(3) == ':') {
                at_ += 4;
                (void)TakeDigits(2);
            }
        }
    }
    return {TokenKind::kTemporal, std::string(text_.substr(start, at_ - start)), start - 1};
}

Result<Token> Lexer::Next() {
    CARESTREAM_TRY(SkipBlanks());
    const std::size_t start = at_;
    if (at_ >= text_.size()) return Token{TokenKind::kEnd, {}, start};
    const char c = text_[at_];
    if (c == '\'') return Quoted('\'', TokenKind::kString);
    if (c == '`') return Quoted('`', TokenKind::kDelimited);
    if (c == '@') return TemporalToken();
    if (IsDigit(c)) return NumberToken();
    if (IsNameStart(c) || (c == '$' && IsNameStart(Peek(1)))) {
        const TokenKind kind = c == '$' ? TokenKind::kSymbol : TokenKind::kIdentifier;
        ++at_;
        while (IsNameStart(Peek()) || IsDigit(Peek())) ++at_;
        return Token{kind, std::string(text_.substr(start, at_ - start)), start};
    }
    for (const std::string_view symbol : {"<=", ">=", "!=", "!~"}) {
        if (text_.substr(at_).starts_with(symbol)) {
            at_ += 2;
            return Token{TokenKind::kSymbol, std::string(symbol), start};
        }
    }
    if (std::string_view("+-*/&|<>=~.,()[]{}%").find(c) == std::string_view::npos) {
        return SyntaxError("unexpected character", start);
    }
    ++at_;
    return Token{TokenKind::kSymbol, std::string(1, c), start};
}

}  // namespace carestream::fhir::path
