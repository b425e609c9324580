#pragma once
// MLLP out for people and for load: sends messages over several links, each strictly serial (the
// next message leaves when the ACK of the last has come), and measures.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/tls.h"

namespace carestream::adapters::mllp {

struct SendOptions {
    net::Address to;
    int connections = 1;
    double rate = 0;          // messages per second over all links; 0 = as fast as ACKs come
    std::int64_t repeat = 1;  // how often each message is sent
    double seconds_max = 0;   // stop then; 0 = when all is sent
    int connect_timeout_ms = 5'000;
    int ack_timeout_ms = 30'000;
    // Copies after the first get "-2", "-3", ... behind their MSH-10, so that they are no
    // duplicates.
    bool fresh_control_ids = true;
    // A message that was not answered (broken link, timeout) is sent again on a new link so often.
    int retries = 0;
    bool tls = false;
    net::TlsClientOptions tls_options;
    std::function<void(std::size_t index, const std::string& ack)> on_ack;  // one call at a time
    std::function<void(std::int64_t done)> on_progress;                     // a few times a second
};

struct SendReport {
    std::int64_t sent = 0;
    std::int64_t answered = 0;
    std::map<std::string, std::int64_t> codes;   // MSA-1 -> how many; "" = no readable MSA
    std::map<std::string, std::int64_t> errors;  // "connect: Connection refused" -> how many
    double seconds = 0;
    std::int64_t bytes = 0;
    // Milliseconds from the last byte written to the ACK, over all answered messages.
    double p50_ms = 0;
    double p99_ms = 0;
    double max_ms = 0;
};

// Blocks. Messages are given to the links in order; with one link they are sent in order. Errors:
// kInvalid (no message, TLS files); everything on the wire is in the report.
[[nodiscard]] Result<SendReport> SendMessages(const std::vector<std::string>& messages,
                                              const SendOptions& options);

// The message with `suffix` behind its MSH-10 (by its own field delimiter), or unchanged without
// MSH.
[[nodiscard]] std::string WithControlIdSuffix(const std::string& message,
                                              const std::string& suffix);

}  // namespace carestream::adapters::mllp
