#pragma once
// Messages on their way out: the durable queue of each outbound channel. A message is stored with
// its MSH-10 before it is sent and repeated with the same bytes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"
#include "store/writer.h"

namespace carestream::store {

enum class OutboundState : std::int16_t {
    kQueued = 1,
    kSending = 2,    // it may have left; after a crash nobody knows
    kAccepted = 3,   // CA came, the application's answer is awaited
    kAcked = 4,      // taken
    kNacked = 5,     // a dead letter: refused, given up, or it could not be made
    kAmbiguous = 6,  // sent and not answered
    kSkipped = 7,    // a person decided that it is not sent
};

// "queued", "sending", ...
[[nodiscard]] std::string_view ToString(OutboundState state);

enum class OutboundCause : std::int16_t {
    kEvent = 1,    // Event::seq
    kMessage = 2,  // seq of the journal: the message is forwarded
    kOutcome = 3,  // seq of the journal: its outcome is told to its sender
};

// To be queued. `reason` set: it could not be made and is a dead letter from the start.
struct OutboundMessage {
    std::int64_t number = 0;  // of Reserve; within a channel ascending
    Tenant tenant = 1;
    std::string channel;
    OutboundCause kind = OutboundCause::kEvent;
    std::int64_t cause = 0;
    std::int16_t part = 0;  // a cause makes one message for a channel with each part
    std::string event;      // "SIU^S12"
    std::string type;       // of the resource that it is about; "" = none
    std::string id;
    std::string control_id;  // MSH-10
    std::string bytes;
    std::string path;
    std::string reason;  // without patients' values
};

struct OutboundRow {
    std::int64_t number = 0;
    std::int64_t change = 0;  // tells versions of this row apart
    Tenant tenant = 1;
    std::string channel;
    OutboundCause kind = OutboundCause::kEvent;
    std::int64_t cause = 0;
    std::int16_t part = 0;
    bool made = false;  // false: there are no bytes to send
    std::string event;
    std::string type;
    std::string id;
    OutboundState state = OutboundState::kQueued;
    bool waiting = false;  // stands in its channel's line
    bool held = false;     // until a person decides
    int attempts = 0;
    Micros created = 0;
    Micros tried = 0;    // first attempt; 0 = none, like the next
    Micros next_at = 0;  // of the next attempt; accepted: when its answer is overdue
    Micros settled = 0;
    std::string code;  // of the last answer
    std::string path;
    std::string reason;
};

struct OutboundDetail {
    OutboundRow row;
    std::string control_id;
    std::string bytes;
    std::string ack;  // the last answer
};

// A new state of a row, taken only if the row is still the one with this `change`.
struct OutboundUpdate {
    std::int64_t number = 0;
    std::int64_t change = 0;
    Tenant tenant = 1;
    OutboundState state = OutboundState::kQueued;
    bool waiting = false;
    bool held = false;
    int attempts = 0;
    Micros tried = 0;
    Micros next_at = 0;
    std::string code;
    std::string path;
    std::string reason;
    std::string ack;  // "" = the one before stays
};

// Of the updates of one Save, those that were taken.
struct OutboundSaved {
    std::int64_t number = 0;
    std::int64_t change = 0;
};

struct OutboundCursor {
    std::string channel;
    OutboundCause kind = OutboundCause::kEvent;
    std::int64_t seq = 0;  // all causes up to it were decided
};

// A message that arrived and was accepted.
struct ArrivedMessage {
    std::int64_t seq = 0;
    Tenant tenant = 1;
    std::string channel;
    Micros received = 0;
    std::string raw;  // "" = it cannot be opened
};

// What became of a message that arrived.
struct Concluded {
    ArrivedMessage message;
    OutcomeStatus status = OutcomeStatus::kProcessed;
    std::string path;  // of a dead letter
    std::string reason;
};

struct ConcludedMessages {
    std::vector<Concluded> messages;
    std::int64_t read_to = 0;  // no further ones up to this number
};

struct ArrivedMessages {
    std::vector<ArrivedMessage> messages;
    std::int64_t read_to = 0;  // no further ones up to this number
};

struct OutboundDepth {
    std::string channel;
    std::int64_t waiting = 0;
    Micros oldest = 0;  // when the first of those was made
    std::int64_t held = 0;
    std::int64_t accepted = 0;
    std::int64_t nacked = 0;
    std::int64_t ambiguous = 0;
};

struct OutboundFilter {
    std::string channel;                // "" = all
    std::vector<OutboundState> states;  // empty = all that are not settled
    std::int64_t after = 0;             // number of the last one of the page before
    int limit = 100;
};

// What became of a message, for those who wait for it; of several changes of one the last.
struct OutboundChange {
    std::int64_t change = 0;
    std::int64_t number = 0;
    Tenant tenant = 1;
    std::string channel;
    OutboundCause kind = OutboundCause::kEvent;
    std::int64_t cause = 0;
    std::string type;
    std::string id;
    std::string event;
    OutboundState state = OutboundState::kQueued;
    std::string code;
    std::string path;
    std::string reason;
    std::string ack;
    Micros settled = 0;  // 0 = not yet
};

// Numbers that one Reserve gives.
constexpr std::int64_t kOutboundBlock = 64;
// Waiting stops after the message with which the bytes pass this, whatever its limit says; Arrived
// likewise.
constexpr std::size_t kOutboundBytesMax = 16u << 20;

// On sessions of its own, few of them. Blocking; thread-safe. Errors: kUnavailable, and what is
// said.
class Outbound {
public:
    virtual ~Outbound() = default;

    // The first of kOutboundBlock numbers that nobody else gets.
    [[nodiscard]] virtual Result<std::int64_t> Reserve() = 0;
    // How far these consumers came; `seq` is not looked at. One that is new begins at the end of
    // what there is, one that is not named is forgotten.
    [[nodiscard]] virtual Result<std::vector<OutboundCursor>> Follow(
        const std::vector<OutboundCursor>& consumers) = 0;
    // Messages and cursors in one transaction; repeated whole after an outage it changes nothing.
    // What a cause made before is left out. Error: kConflict, a cursor was moved by somebody else.
    [[nodiscard]] virtual Result<void> Enqueue(const std::vector<OutboundMessage>& messages,
                                               const std::vector<OutboundCursor>& cursors) = 0;
    // Accepted messages of these channels with seq > `after`, oldest first.
    [[nodiscard]] virtual Result<ArrivedMessages> Arrived(std::int64_t after,
                                                          const std::vector<std::string>& channels,
                                                          int limit) = 0;

    // Those that were answered CA, with their outcomes; up to the first that has none yet.
    [[nodiscard]] virtual Result<ConcludedMessages> Conclusions(
        std::int64_t after, const std::vector<std::string>& channels, int limit) = 0;

    // The beginning of a channel's line, by number.
    [[nodiscard]] virtual Result<std::vector<OutboundDetail>> Waiting(const std::string& channel,
                                                                      int limit) = 0;
    // In one transaction.
    [[nodiscard]] virtual Result<std::vector<OutboundSaved>> Save(
        const std::vector<OutboundUpdate>& updates) = 0;
    // Sent and not answered (sending, accepted, ambiguous), with this MSH-10; by number.
    [[nodiscard]] virtual Result<std::vector<OutboundRow>> Unanswered(
        Tenant tenant, const std::string& channel, const std::string& control_id) = 0;
    // Accepted ones of the channel whose answer is overdue.
    [[nodiscard]] virtual Result<std::vector<OutboundRow>> Overdue(const std::string& channel,
                                                                   Micros now, int limit) = 0;
    // All that a crash left as being sent.
    [[nodiscard]] virtual Result<std::vector<OutboundRow>> Sending() = 0;

    [[nodiscard]] virtual Result<std::vector<OutboundDepth>> Depths() = 0;
    [[nodiscard]] virtual Result<std::vector<OutboundRow>> List(const OutboundFilter& filter) = 0;
    // Error: kNotFound.
    [[nodiscard]] virtual Result<OutboundRow> Row(std::int64_t number) = 0;
    // Audited. Error: kNotFound.
    [[nodiscard]] virtual Result<OutboundDetail> Show(std::int64_t number,
                                                      const std::string& actor) = 0;
    // One update by a person, audited as "outbound <action>". Errors: kNotFound; kConflict, the row
    // has changed meanwhile.
    [[nodiscard]] virtual Result<void> Decide(const OutboundUpdate& update,
                                              const std::string& action,
                                              const std::string& actor) = 0;
    // Ascending by change.
    [[nodiscard]] virtual Result<std::vector<OutboundChange>> Changes(std::int64_t after,
                                                                      int limit) = 0;
    // Drops acked and skipped ones that were settled before; at most `limit`. Gives how many went.
    [[nodiscard]] virtual Result<std::int64_t> Prune(const std::string& channel, Micros before,
                                                     int limit) = 0;
};

}  // namespace carestream::store
