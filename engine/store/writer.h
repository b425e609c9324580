#pragma once
// The only code that changes resources: feeds and REST share it. Resolves identities, locks,
// applies, writes versions, index, outcomes and events in one transaction.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/change_set.h"
#include "search/query.h"
#include "store/bookings.h"
#include "store/types.h"

namespace carestream::store {

enum class OutcomeStatus : std::int16_t {
    kProcessed = 1,
    kKept = 2,  // accepted, no map for the event (on_unmapped_event: keep)
    kDeadLetter = 3,
    kDiscarded = 4,
};

// One way in which an operator may look for a message: kinds "control", "patient", "visit",
// "order".
struct FindKey {
    std::string kind;
    std::string value;
};

// ack_after: processing. What the sender hears of the outcome; code "" = nothing more than at the
// commit. The bytes are given back as they are to a copy that comes later.
struct SentAck {
    std::string code;  // "AA", "AE"
    std::string bytes;
};

// What the pipeline concluded about one journaled message. With kProcessed `changes` take effect.
struct FeedWrite {
    Tenant tenant = 1;
    std::int64_t seq = 0;
    Micros received = 0;
    OutcomeStatus status = OutcomeStatus::kProcessed;
    fhir::ChangeSet changes;
    std::vector<FindKey> find_keys;
    std::string event;        // "ADT^A01"
    std::string stage;        // of a dead letter: "parse", "map", "write"
    std::string path;         // "PID-3"
    std::string reason;       // for people, without patients' values
    std::string loss_report;  // JSON as `map --report json` prints it; sealed
    std::int64_t generation = 0;
    Micros sent = 0;       // MSH-7; 0 = it does not say
    std::string map_name;  // "ADT_A01" for Provenance
    std::string map_version;
    // ack_after: processing. Called by the writer, who alone knows the outcome, each time it comes
    // to one; what it gave for the one that committed is kept. Pure. Empty: nothing is kept.
    std::function<SentAck(OutcomeStatus status, const std::string& path, const std::string& reason)>
        answer;
};

struct ChangedResource {
    std::string type;
    std::string id;
    std::int32_t version = 0;
    bool created = false;
};

struct FeedResult {
    OutcomeStatus status = OutcomeStatus::kProcessed;
    std::string stage;   // of a dead letter that the writer itself made: "write"
    std::string path;    // likewise
    std::string reason;  // likewise; that identities conflict, what came too late
    std::vector<ChangedResource> resources;  // effective changes only
    std::vector<std::string> superseded;     // "Patient/<id>.birthDate", or "Patient/<id>" whole
    std::vector<std::string>
        skipped;                 // types of changes to what does not exist (kUpdateOnly, kDelete)
    SentAck ack;                 // of FeedWrite::answer
    int identity_conflicts = 0;  // identifiers that lead to different resources; kept for a person
};

enum class RestMethod : std::uint8_t { kCreate, kUpdate, kDelete };

struct RestWrite {
    Tenant tenant = 1;
    RestMethod method = RestMethod::kCreate;
    std::string type;
    std::string id;                        // kUpdate, kDelete
    fhir::Node resource;                   // validated; its id and meta are set by the writer
    std::optional<std::int32_t> if_match;  // version, or kAbsent; else kPreconditionFailed
    std::optional<search::Query>
        if_none_exist;  // kCreate: one match -> it, more -> kPreconditionFailed
    // Since when its values hold, against those of messages; 0 = now. Earlier: the answer of a
    // system whose clock is behind still counts as newer.
    Micros as_of = 0;
    // Written by who owns the labels of the resource: StoreOptions::label is not asked.
    bool labelled = false;
    // May messages that bring one of its identifiers lead to this resource from now on? Not when
    // the writer is confined: what the hospital sends about others would become his.
    bool claims_identifiers = true;
};

// RestWrite::if_match: no resource of this id may exist (one that was deleted does not).
constexpr std::int32_t kAbsent = 0;

struct RestResult {
    StoredVersion version;
    bool created = false;
    bool unchanged = false;  // a no-op, or the match of If-None-Exist
};

// Several writes as one. Of different resources, without if_none_exist.
struct RestTransaction {
    std::vector<RestWrite> writes;
    // Rows that change with them, each naming the revision that it replaces; else kConflict, with
    // the path "booking".
    std::vector<Booking> bookings = {};
};

class Writer {
public:
    virtual ~Writer() = default;
    // In order of the calls: message n+1 sees what message n wrote. Never blocks; kLimit when
    // `queue_max` messages wait. Outages are retried inside with back-off until they pass or the
    // store stops (then kUnavailable, and the journal still holds the message).
    virtual void SubmitFeed(FeedWrite write, Callback<FeedResult> done) = 0;
    // On a second connection. Errors: kNotFound, kGone, kConflict, kPreconditionFailed,
    // kUnavailable.
    virtual void SubmitRest(RestWrite write, Callback<RestResult> done) = 0;
    // All of it or nothing, in one commit: each write gets a version and an event, in this order.
    // All conditions are decided under the locks of all rows. Errors as SubmitRest; the path names
    // the write at fault: "Slot/<id>". kInvalid: not a transaction.
    virtual void SubmitTransaction(RestTransaction transaction,
                                   Callback<std::vector<RestResult>> done) = 0;
};

}  // namespace carestream::store
