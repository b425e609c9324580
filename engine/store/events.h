#pragma once
// What changed, in the order of the commits, for those who act on it: topics, outbound channels.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace carestream::store {

enum class EventKind : std::int16_t { kCreated = 1, kUpdated = 2, kDeleted = 3 };

struct Event {
    std::int64_t seq = 0;  // gapless, in commit order
    Tenant tenant = 1;
    std::string type;
    std::string id;
    std::int32_t version = 0;
    EventKind kind = EventKind::kCreated;
    std::int64_t message = 0;  // journal seq that caused it; 0 = REST
    // Origin: the channel on which that message came; "" = REST, or its week was dropped.
    std::string channel;
    Micros updated = 0;   // commit
    Micros received = 0;  // of the message; of REST: as `updated`
    Micros sent = 0;      // MSH-7 of the message; 0 = it does not say, or REST
    std::string patient;  // id of the patient whom it is about as of now, "" = none
    std::string body;     // JSON of this version, "" when deleted
    std::string before;   // JSON of the version before, "" = none or deleted
    // A body is there and cannot be opened (damaged): both are empty. It must hold up nobody.
    bool unreadable = false;
};

// Read stops after the event with which the bodies pass this, whatever its limit says.
constexpr std::size_t kEventBytesMax = 32u << 20;

struct EventsRead {
    std::vector<Event> events;
    std::int64_t read_to = 0;  // there are no others up to this number
};

// On a session of its own. Blocking; one caller at a time.
class Events {
public:
    virtual ~Events() = default;
    // The events with seq > `after`, oldest first. Error: kUnavailable.
    [[nodiscard]] virtual Result<std::vector<Event>> Read(std::int64_t after, int limit) = 0;
    // The same of these resource types only, without looking at the bodies of others: for those who
    // wait for something rare.
    [[nodiscard]] virtual Result<EventsRead> ReadTypes(std::int64_t after,
                                                       const std::vector<std::string>& types,
                                                       int limit) = 0;
    // Of those, the ones whose numbers are listed; for replays. Without those that are not there.
    [[nodiscard]] virtual Result<std::vector<Event>> Load(
        const std::vector<std::int64_t>& seqs) = 0;
    // Of the newest event, 0 = none yet.
    [[nodiscard]] virtual Result<std::int64_t> Head() = 0;
    // How far this consumer came. One that is new begins at the head: what was before it does not
    // concern it.
    [[nodiscard]] virtual Result<std::int64_t> Cursor(std::string_view consumer) = 0;
    // The same for one that is new and begins at the beginning, or counts something else.
    [[nodiscard]] virtual Result<std::int64_t> CursorFromZero(std::string_view consumer) = 0;
    // For consumers that keep nothing but how far they came; others do it in their own transaction.
    // Never backwards.
    [[nodiscard]] virtual Result<void> MoveCursor(std::string_view consumer, std::int64_t seq) = 0;
};

}  // namespace carestream::store
