#include "net/url.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "net/address.h"

namespace carestream::net {
namespace {

bool IsUnreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

constexpr std::size_t kUrlBytesMax = 8u << 10;
constexpr std::size_t kHostBytesMax = 253;  // RFC 1035 2.3.4

bool IsHostName(std::string_view host) {
    if (host.empty() || host.size() > kHostBytesMax || host.front() == '.') return false;
    for (std::size_t i = 0; i < host.size(); ++i) {
        const char c = host[i];
        if (!IsUnreserved(c) || c == '~') return false;
        if (c == '.' && i > 0 && host[i - 1] == '.') return false;
    }
    return true;
}

bool LooksLikeIpv6(std::string_view host) {
    return host.find(':') != std::string_view::npos &&
           host.find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
}

// "host", "host:8080", "[::1]" or "[::1]:8080".
Result<void> ParseAuthority(std::string_view text, Url& url) {
    std::string_view host = text.substr(0, text.find(':'));
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) {
            return Fail(Code::kInvalid, "the IPv6 address of the URL has no closing bracket");
        }
        host = text.substr(0, end + 1);
    }
    const std::string_view rest = text.substr(host.size());
    url.host = ToLowerAscii(host);
    if (host.starts_with('[')) {
        url.host = url.host.substr(1, url.host.size() - 2);
        if (!LooksLikeIpv6(url.host)) {
            return Fail(Code::kInvalid, "what stands in the URL's brackets is no IPv6 address");
        }
    } else if (!IsHostName(url.host)) {
        return Fail(Code::kInvalid, "the host of the URL is missing or no ASCII host name");
    }
    url.port = url.tls ? 443 : 80;
    if (rest.empty()) return {};
    const std::string_view port = rest.substr(1);
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (rest[0] != ':' || !IsDigits(port) || parsed.ec != std::errc() || url.port == 0) {
        return Fail(Code::kInvalid, "the port of the URL is a number from 1 to 65535");
    }
    return {};
}

}  // namespace

std::string Url::Origin() const {
    return (tls ? "https://" : "http://") + Address{host, port, {}}.ToString();
}

Result<Url> ParseUrl(std::string_view text) {
    if (text.size() > kUrlBytesMax) return Fail(Code::kLimit, "the URL is longer than 8 KiB");
    for (const char c : text) {
        if (c <= 0x20 || c >= 0x7F || c == '\\') {
            return Fail(Code::kInvalid, "a URL has only visible ASCII characters and no backslash");
        }
    }
    const auto colon = text.find("://");
    const std::string scheme =
        colon == std::string_view::npos ? "" : ToLowerAscii(text.substr(0, colon));
    if (scheme != "http" && scheme != "https") {
        return Fail(Code::kInvalid, "the URL begins with neither https:// nor http://");
    }
    if (text.find('#') != std::string_view::npos) {
        return Fail(Code::kInvalid, "the URL has a fragment; leave out '#' and what follows");
    }
    text.remove_prefix(colon + 3);
    const auto path = std::min(text.find_first_of("/?"), text.size());
    const std::string_view authority = text.substr(0, path);
    if (authority.find('@') != std::string_view::npos) {
        return Fail(Code::kInvalid,
                    "the URL has user information; send credentials in a header instead");
    }
    Url url;
    url.tls = scheme == "https";
    CARESTREAM_TRY(ParseAuthority(authority, url));
    url.target = std::string(text.substr(path));
    if (!url.target.starts_with('/')) url.target.insert(0, "/");
    return url;
}

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
