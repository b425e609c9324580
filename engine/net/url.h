#pragma once
// Request targets, percent-encoding and form parameters. Source: RFC 3986 2.1, RFC 9112 3.2,
// WHATWG URL 5.1 (application/x-www-form-urlencoded). Pure.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace carestream::net {

// Decoded names and values in the order in which they were written.
using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Target {
    std::string_view path;   // still encoded; starts with '/'
    std::string_view query;  // still encoded, without '?'
};

// Origin form ("/a?b") or absolute form ("http://host/a?b"). Error: kInvalid.
[[nodiscard]] Result<Target> SplitTarget(std::string_view target);

// Where an outbound request goes.
struct Url {
    bool tls = false;        // https
    std::string host;        // lower case; an IPv6 address without its brackets
    std::uint16_t port = 0;  // the scheme's if none was written
    std::string target;      // path and query as written; starts with '/'

    // "https://host:port": for errors, logs and pools. Paths and queries may hold secrets.
    [[nodiscard]] std::string Origin() const;
};

// http or https, ASCII only (names of other scripts come as Punycode); neither user information nor
// a fragment. Errors: kInvalid says which part is wrong and repeats none, kLimit above 8 KiB.
[[nodiscard]] Result<Url> ParseUrl(std::string_view text);

// %XX -> byte; '+' -> space only if asked (forms). Errors: kInvalid for a broken escape, a NUL and
// bytes that are no UTF-8.
[[nodiscard]] Result<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);

// Everything but RFC 3986 "unreserved" becomes %XX.
[[nodiscard]] std::string PercentEncode(std::string_view text);

// "a=1&b=&c" -> (a,1) (b,) (c,); empty pieces are skipped. Errors: kInvalid as PercentDecode,
// kLimit.
[[nodiscard]] Result<Parameters> ParseForm(std::string_view text, std::size_t pairs_max = 256);

}  // namespace carestream::net
