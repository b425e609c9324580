#include "net/url.h"

#include "base/text.h"

namespace carestream::net {
namespace {

bool IsUnreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

}  // namespace

Result<Target> SplitTarget(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        target.remove_prefix(scheme.size());
        const auto path = target.find_first_of("/?");
        target = path == std::string_view::npos ? "/" : target.substr(path);
        break;
    }
    if (target.find('#') != std::string_view::npos) {
        return Fail(Code::kInvalid, "a request target has no fragment");
    }
    const auto question = target.find('?');
    Target result{target.substr(0, question), {}};
    if (question != std::string_view::npos) result.query = target.substr(question + 1);
    if (result.path.empty()) result.path = "/";
    if (result.path[0] != '/') return Fail(Code::kInvalid, "a request target starts with '/'");
    return result;
}

Result<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return Fail(Code::kInvalid, "'%' is not followed by two hexadecimal digits");
            }
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') return Fail(Code::kInvalid, "a NUL has no place in a URL");
        out += c;
    }
    if (!IsUtf8(out)) return Fail(Code::kInvalid, "the decoded bytes are no UTF-8");
    return out;
}

std::string PercentEncode(std::string_view text) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (IsUnreserved(c)) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    return out;
}

Result<Parameters> ParseForm(std::string_view text, std::size_t pairs_max) {
    Parameters parameters;
    while (!text.empty()) {
        const auto end = text.find('&');
        const std::string_view piece = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (piece.empty()) continue;
        if (parameters.size() == pairs_max) {
            return Fail(Code::kLimit, "more than " + std::to_string(pairs_max) + " parameters");
        }
        const auto equals = piece.find('=');
        CARESTREAM_ASSIGN(name, PercentDecode(piece.substr(0, equals), true));
        std::string value;
        if (equals != std::string_view::npos) {
            CARESTREAM_ASSIGN(decoded, PercentDecode(piece.substr(equals + 1), true));
            value = std::move(decoded);
        }
        parameters.emplace_back(std::move(name), std::move(value));
    }
    return parameters;
}

}  // namespace carestream::net
