#pragma once
// What operators ask about messages: find, show, dead letters. Blocking; for the admin thread.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"
#include "store/writer.h"

namespace carestream::store {

struct MessageSummary {
    std::int64_t seq = 0;
    Micros received = 0;
    std::string channel;
    std::string event;
    std::string answer;  // that the sender heard last; while it is pending, that of the commit
    std::string status;  // pending, processed, kept, dead-letter, discarded
    std::string stage;
    std::string path;
    std::string reason;
    int attempts = 0;  // completed ones
};

struct MessageDetail {
    MessageSummary summary;
    std::string raw;          // each view is audited
    std::string loss_report;  // JSON
    std::vector<ChangedResource> resources;
    std::int64_t generation = 0;
    std::string map_name;
    std::string map_version;
};

struct DeadLetterGroup {
    std::string stage;
    std::string path;
    std::string reason;
    std::int64_t count = 0;
    std::int64_t oldest_seq = 0;
    std::int64_t newest_seq = 0;
};

struct DeadLetterFilter {
    std::vector<std::int64_t> seqs;  // empty = by the other members, of which "" means any
    std::string channel;
    std::string stage;
    std::string path;
    std::string reason;
    int limit = 100;  // the oldest; 0 = all
};

// Identifiers of one message that lead to two stored resources. Nothing was merged: a person
// decides, outside of CareStream or by a merge message, and notes it. What was resolved stays
// resolved when a later message shows the same two.
struct IdentityConflict {
    std::int64_t id = 0;
    Micros at = 0;
    Tenant tenant = 1;
    std::string kept;      // "Patient/<id>", of the strongest identifier
    std::string other;     // "Patient/<id>"
    std::int64_t seq = 0;  // of the first message that showed it
    Micros resolved = 0;   // 0 = open
    std::string resolved_by;
    std::string note;
};

struct ConflictFilter {
    std::int64_t after = 0;  // id of the last one of the page before
    int limit = 100;         // >= 1
    bool all = false;        // the resolved ones too
};

// Counts of the status stop here, so that what is asked every few seconds costs the same whatever
// waits.
constexpr std::int64_t kCountMax = 10'000;

struct StoreStatus {
    std::int64_t pending = 0;       // at most kCountMax
    bool more_pending = false;      // than kCountMax
    Micros oldest_pending = 0;      // receipt time of the first by number, 0 = none
    std::int64_t dead_letters = 0;  // at most kCountMax
    bool more_dead_letters = false;
    std::int64_t identity_conflicts = 0;  // open ones, at most kCountMax
    std::int64_t resources = 0;           // estimate
    std::int64_t bytes = 0;               // of the database
};

class Messages {
public:
    virtual ~Messages() = default;
    [[nodiscard]] virtual Result<std::vector<MessageSummary>> Find(Tenant tenant,
                                                                   const FindKey& key,
                                                                   int limit) = 0;
    // Errors: kNotFound; kGone (dropped with its week, store.journal_keep).
    [[nodiscard]] virtual Result<MessageDetail> Show(std::int64_t seq,
                                                     const std::string& actor) = 0;
    [[nodiscard]] virtual Result<std::vector<MessageSummary>> DeadLetters(
        const DeadLetterFilter& filter) = 0;
    // Those of `seqs` that the journal has, by number. Without what they say, so no view to audit.
    [[nodiscard]] virtual Result<std::vector<MessageSummary>> Summaries(
        const std::vector<std::int64_t>& seqs) = 0;
    // Of the filter, whatever its limit.
    [[nodiscard]] virtual Result<std::int64_t> CountDeadLetters(const DeadLetterFilter& filter) = 0;
    [[nodiscard]] virtual Result<std::vector<DeadLetterGroup>> DeadLetterGroups() = 0;
    // Removes the outcome so that the message is pending again; gives the seqs to process, in
    // order. With `seqs` also kept and discarded messages; else dead letters only. Audited.
    [[nodiscard]] virtual Result<std::vector<std::int64_t>> Reopen(const DeadLetterFilter& filter,
                                                                   const std::string& actor) = 0;
    [[nodiscard]] virtual Result<std::int64_t> Discard(const DeadLetterFilter& filter,
                                                       const std::string& actor) = 0;
    // By id, the oldest first.
    [[nodiscard]] virtual Result<std::vector<IdentityConflict>> Conflicts(
        const ConflictFilter& filter) = 0;
    // Audited. Errors: kNotFound, kConflict (resolved before), kInvalid (no note).
    [[nodiscard]] virtual Result<void> ResolveConflict(std::int64_t id, const std::string& note,
                                                       const std::string& actor) = 0;
    // On a session of its own: waits for no other question, and about 3 s for a server that hangs.
    // Error: kUnavailable.
    [[nodiscard]] virtual Result<StoreStatus> Status() = 0;
};

}  // namespace carestream::store
