#pragma once
// The durable record of every frame that arrived. One connection, adaptive group commit: what has
// queued while a commit was under way goes out together with the next.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"
#include "store/writer.h"

namespace carestream::store {

struct JournalEntry {
    Tenant tenant = 1;
    std::string channel;     // name; not PHI
    std::string source;      // channel + MSH-3/4: whose MSH-10 it is
    std::string control_id;  // MSH-10; "" never matches as a duplicate
    std::string raw;         // the frame's payload; sealed before it is written
    Micros received = 0;
    // The answer that goes out when the commit succeeds: "AA", "CA", "AR", "CR", ... or "" (no ACK
    // possible). Only AA and CA make later copies duplicates.
    std::string answer;
    Micros duplicate_window = 7LL * 86400 * 1'000'000;
    // ack_after: processing. A first copy that the sender heard AE for makes no duplicate, the new
    // one is tried again. Here only for first copies of which no answer was kept: such a one that
    // is a dead letter counts as NACKed.
    bool answer_after_processing = false;
    // Set for frames that are refused at once: they become dead letters in the same transaction.
    std::string refused_stage;  // "receive"
    std::string refused_path;   // "MSH-11"
    std::string refused_reason;
};

struct JournalReceipt {
    std::int64_t seq = 0;  // of this message, or of the first copy when `duplicate`
    Micros received = 0;   // likewise: the ACK of a duplicate is built from the first's values
    std::string answer;    // likewise
    // Of a duplicate whose first copy was answered after processing: that answer, to be sent again.
    // Bytes empty = they cannot be opened.
    SentAck ack;
    bool duplicate = false;
    bool pending = false;            // of a duplicate: the first copy has no outcome yet
    bool control_id_reused = false;  // same MSH-10, other content, inside the window: new message
};

struct PendingMessage {
    std::int64_t seq = 0;
    Tenant tenant = 1;
    std::string channel;
    std::string raw;
    Micros received = 0;
    int attempts = 0;
    // The row is there and its text cannot be opened (damaged): `raw` is empty. It must get an
    // outcome like any other, or it would hold up all behind it.
    bool unreadable = false;
};

// Pending stops after the message with which the raw texts pass this, whatever `limit` says.
constexpr std::size_t kPendingBytesMax = 32u << 20;

class Journal {
public:
    virtual ~Journal() = default;
    // Never blocks. The callback runs after the commit; errors are retryable outages (nothing was
    // accepted) or kLimit (queue full: `queue_bytes_max`). Receipts come back in order of the
    // calls.
    virtual void Append(JournalEntry entry, Callback<JournalReceipt> done) = 0;
    // Messages without an outcome with seq > `after`, oldest first: read at start and after
    // outages.
    [[nodiscard]] virtual Result<std::vector<PendingMessage>> Pending(std::int64_t after,
                                                                      int limit) = 0;
    // One message by seq, whatever its outcome: for replay.
    [[nodiscard]] virtual Result<PendingMessage> Load(std::int64_t seq) = 0;
    // False while the server does not answer or free space is below `disk_free_min`: listeners then
    // stop reading and withhold ACKs.
    [[nodiscard]] virtual bool Available() const = 0;
    // True while free space is below `disk_free_min`: one of the reasons for not being available.
    [[nodiscard]] virtual bool DiskLow() const { return false; }
};

}  // namespace carestream::store
