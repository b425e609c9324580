#pragma once
// Dates of HTTP headers. Source: RFC 9110 5.6.7, the form IMF-fixdate. Pure.
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carestream::net {

// "Sun, 06 Nov 1994 08:49:37 GMT"
[[nodiscard]] std::string FormatHttpDate(std::time_t time);
// The same back; nullopt for every other form: a date that cannot be read is to be ignored.
[[nodiscard]] std::optional<std::time_t> ParseHttpDate(std::string_view text);

// Retry-After (RFC 9110 10.2.3): "120" or a date, as microseconds to wait from `now`; 0 for what is
// neither. At most a day.
[[nodiscard]] Micros ParseRetryAfter(std::string_view text, Micros now);

}  // namespace carestream::net
