#include "rest/internal/client_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace carestream::rest {

std::string ClientAddress(const ServiceOptions& options, const net::Request& request) {
    if (options.trust_forwarded) {
        std::string_view forwarded;
        for (const auto& [name, value] : request.headers) {
            if (ToLowerAscii(name) == "x-forwarded-for") forwarded = value;
        }
        forwarded = Trim(forwarded.substr(forwarded.rfind(',') + 1));
        const bool address = !forwarded.empty() && forwarded.size() <= 45 &&
                             std::all_of(forwarded.begin(), forwarded.end(), [](char c) {
                                 return HexValue(c) >= 0 || c == '.' || c == ':';
                             });
        // Some proxies add the port, which would make each connection a client of its own.
        const std::size_t port = forwarded.rfind(':');
        if (forwarded.find('.') < port && forwarded.find(':') == port) {
            forwarded = forwarded.substr(0, port);
        }
        if (address) return std::string(forwarded);
    }
    const std::size_t port = request.client.rfind(':');
    std::string address = request.client.substr(0, port);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    return address;
}

std::string LimitKey(const std::string& address) {
    constexpr std::array<char, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1};
    std::array<char, 16> bytes{};
    if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return address;
    const bool mapped = std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
    return mapped ? std::string(bytes.begin() + 12, bytes.end())
                  : std::string(bytes.begin(), bytes.begin() + 8);
}

bool IsLoopback(const std::string& address) {
    return address.starts_with("127.") || address.starts_with("::ffff:127.") || address == "::1" ||
           address == "unix";
}

}  // namespace carestream::rest
