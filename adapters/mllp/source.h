#pragma once
// MLLP in: a TCP (or TLS) listener that turns frames into exchanges of a channel.
// Source: HL7 v2 Transport Specification, MLLP Release 1.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "channel/spi.h"
#include "config/units.h"
#include "net/address.h"
#include "net/tls.h"

namespace carestream::adapters::mllp {

struct ListenerOptions {
    net::Address listen;
    std::string listen_variable;         // environment variable that moves it, or ""
    std::vector<config::Network> allow;  // empty = everyone
    int connections_max = 0;
    std::size_t frame_bytes_max = 0;
    int frame_timeout_ms = 0;       // from a frame's first byte to its last
    int idle_timeout_ms = 0;        // 0 = never: quiet nights are normal
    int handshake_timeout_ms = 0;   // TLS
    int write_timeout_ms = 0;       // a peer that does not read its ACKs
    int user_timeout_ms = 0;        // TCP_USER_TIMEOUT; keep-alive probes go out at half of it
    std::size_t in_flight_max = 0;  // of one connection: frames without an answer
    std::size_t in_flight_bytes_max = 0;   // of one connection
    std::size_t buffered_bytes_max = 0;    // of all connections together
    std::size_t ack_buffer_bytes_max = 0;  // of one connection: answers not yet taken by the peer
    int drain_ms = 5000;                   // Stop waits so long for answers of frames under way
    net::TlsContext tls;
};

// `mllp:` below a channel's `source:`.
[[nodiscard]] channel::SourceType SourceType();

// The options that the settings say; relative paths start at `folder`. Errors: the certificate
// files of `tls`.
[[nodiscard]] Result<ListenerOptions> ReadOptions(const config::Values& values,
                                                  const std::filesystem::path& folder);

[[nodiscard]] std::unique_ptr<channel::Source> MakeListener(ListenerOptions options,
                                                            channel::SourceParts parts);

}  // namespace carestream::adapters::mllp
