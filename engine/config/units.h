#pragma once
// Values as operators write them: "64MiB", "20s", "127.0.0.1:2575", "10.0.0.0/8".
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::config {

// "512", "64KiB", "64MiB", "2GiB"; kB, MB and GB are powers of ten. Errors: kInvalid.
[[nodiscard]] Result<std::int64_t> ParseBytes(std::string_view text);

// "250ms", "20s", "5m", "2h", "7d" in milliseconds; "0" and "none" are 0. Errors: kInvalid.
[[nodiscard]] Result<std::int64_t> ParseDurationMs(std::string_view text);

// Is it a TCP address, "host:port" with IPv6 in brackets? What it means is net's work. Error:
// kInvalid.
[[nodiscard]] Result<void> CheckAddress(std::string_view text);

// A block of IP addresses: "10.0.0.0/8", "::1/128", or one address.
class Network {
public:
    // Errors: kInvalid (not an address, prefix too long, bits set behind the prefix).
    [[nodiscard]] static Result<Network> Parse(std::string_view text);
    // `address` is numeric; an IPv4-mapped IPv6 address counts as IPv4. False if it is no address.
    [[nodiscard]] bool Contains(std::string_view address) const;

private:
    std::array<unsigned char, 16> bytes_{};  // IPv4 as ::ffff:a.b.c.d
    int prefix_ = 0;                         // 0 to 128
};

}  // namespace carestream::config
