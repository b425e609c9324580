#pragma once
// What the parts of the scheduler share. All of it belongs to the scheduler's thread unless it says
// otherwise.
#include <memory>
#include <string>

#include "scheduling/internal/inbox.h"
#include "scheduling/scheduler.h"

namespace carestream::scheduling {

// An EHR whose clock is behind, or whose messages name whole seconds only, still answers later than
// it was asked: our writes count as so much older.
inline constexpr Micros kClockSlack = 120LL * 1'000'000;

// A resource as it is stored now.
struct Stored {
    fhir::Node node;  // null when it is not there
    std::int32_t version = 0;
    std::string body;
    [[nodiscard]] bool exists() const { return !node.IsNull(); }
};

struct Context {
    Context(SchedulerOptions scheduler_options, SchedulerParts scheduler_parts);

    const SchedulerOptions options;
    SchedulerParts parts;
    const std::shared_ptr<const Rules> rules;
    const crypto::TokenKey tokens;
    // Shared with callbacks that may come after the scheduler is gone.
    std::shared_ptr<Inbox> inbox;

    [[nodiscard]] Micros Now() const { return parts.clock.Now(); }  // from any thread
    // Blocks until the reader answers. What is absent or deleted does not exist; it is no error.
    [[nodiscard]] Result<Stored> Read(const std::string& type, const std::string& id);
    // All pages of it; blocks likewise.
    [[nodiscard]] Result<std::vector<store::StoredVersion>> Search(const std::string& type,
                                                                   const net::Parameters& search);
    // Of a resource that was read in that version; older than now by kClockSlack.
    [[nodiscard]] store::RestWrite Update(std::string_view type, const std::string& id,
                                          fhir::Node resource, std::int32_t version) const;
    // Blocks until it is committed.
    [[nodiscard]] Result<std::vector<store::RestResult>> Write(store::RestTransaction transaction);
    // Tells log and metrics. From any thread.
    void Changed(State before, State after, std::string_view input);
};

[[nodiscard]] Error SlotIsTaken();
// Somebody was faster: read and decide again.
[[nodiscard]] bool WasOvertaken(const Error& error);

}  // namespace carestream::scheduling
