#pragma once
// MLLP out: a client that sends one message after the other and gives back all that the peer says.
// Source: HL7 v2 Transport Specification, MLLP Release 1.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "channel/spi.h"
#include "net/address.h"
#include "net/tls.h"

namespace carestream::adapters::mllp {

struct DestinationOptions {
    net::Address connect_to;
    bool keep = true;            // the link stays for the next message; else one link a message
    int connect_timeout_ms = 0;  // name, TCP and TLS together
    int ack_timeout_ms = 0;      // from the last byte to the answer
    int user_timeout_ms = 0;     // TCP_USER_TIMEOUT; keep-alive probes go out at half of it
    std::size_t answer_bytes_max = 0;
    net::TlsContext tls;      // null: plain
    std::string server_name;  // that the certificate must name
};

// `mllp:` below a channel's `destination:`.
[[nodiscard]] channel::DestinationType DestinationType();

// The options that the settings say; relative paths start at `folder`. Errors: the files of `tls`.
[[nodiscard]] Result<DestinationOptions> ReadDestinationOptions(
    const config::Values& values, const std::filesystem::path& folder);

// An answer that does not come in time leaves the link open once, so that it may come late; at the
// second time in a row the link is given up.
[[nodiscard]] std::unique_ptr<channel::Destination> MakeDestination(
    DestinationOptions options, channel::DestinationParts parts);

}  // namespace carestream::adapters::mllp
