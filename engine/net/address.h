#pragma once
// Where to listen or connect: "127.0.0.1:8080", "[::1]:8080", "host:8080" or "unix:/path".
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::net {

struct Address {
    std::string host;        // without brackets; empty for a Unix socket
    std::uint16_t port = 0;  // 0 when listening: any free port
    std::string unix_path;   // at most 107 bytes (sun_path)
    bool operator==(const Address&) const = default;

    [[nodiscard]] bool IsUnix() const { return !unix_path.empty(); }
    [[nodiscard]] std::string ToString() const;
    // True for loopback addresses, "localhost" and Unix sockets.
    [[nodiscard]] bool IsLocal() const;
};

// Error: kInvalid, says which part is wrong.
[[nodiscard]] Result<Address> ParseAddress(std::string_view text);

// "carestreamd (pid 4711)" for the process of this user that listens on a local TCP port, else "".
[[nodiscard]] std::string PortHolder(std::uint16_t port);

}  // namespace carestream::net
