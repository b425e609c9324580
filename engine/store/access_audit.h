#pragma once
// Who saw or changed what through the API: insert-only rows with a group commit of their own. What
// a row says is sealed; who asked and whose data it was can be sought by keyed tokens. Source: FHIR
// R4 AuditEvent, IHE BALP (what a row has to tell); schemas/sql/README.md.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace carestream::store {

struct AccessRow {
    Tenant tenant = 1;
    Micros at = 0;
    // Who. All empty: nobody proved who he is.
    std::string issuer;
    std::string subject;
    std::string client;
    std::string claimed_patient;  // for whom the token acts: id of a Patient
    std::string address;          // of the client; "" = not known
    bool open = false;            // nobody was asked (auth.mode: open)
    // What.
    std::string interaction;  // FHIR's code: "read", "search-type", ...
    std::string operation;    // "$name" of an operation
    std::string type;         // as the path names it; may be empty
    std::string id;           // likewise
    int status = 0;           // of the HTTP answer
    int returned = 0;         // resources in the answer
    // Whose: StoredVersion::patient of all that was shown or changed ...
    std::vector<std::int64_t> patients;
    // ... and ids of patients who were asked for.
    std::vector<std::string> patient_ids;
};

struct AccessRecord {
    std::int64_t number = 0;
    AccessRow row;  // patient_ids holds the ids of `patients`, too
};

struct AccessQuery {
    Tenant tenant = 1;
    std::int64_t number = 0;      // this one alone; 0 = by the rest
    std::string patient_id = {};  // about him or those who are linked to him; "" = all
    std::string issuer = {};      // with `subject`: what this one did; "" = all
    std::string subject = {};
    Micros from = 0;   // at or after
    Micros until = 0;  // before; 0 = no end
    int count = 20;
    std::string position = {};  // "" = first page, else AccessPage::next of an earlier answer
};

struct AccessPage {
    std::vector<AccessRecord> records;  // newest first
    std::string next;                   // opaque, unsigned; "" = no more
};

// Thread-safe. Rows are written by a thread of its own; while the database is down they wait in
// memory, within a limit.
class AccessAudit {
public:
    virtual ~AccessAudit() = default;
    // Never blocks. The row is on disk within a second, while the database answers. False: no room,
    // or the store closes - then what it would tell of must not be shown.
    [[nodiscard]] virtual bool Append(AccessRow row) = 0;
    // Never blocks. `done` runs once the row is on disk, or with kLimit or kUnavailable when it
    // will not be (no room; the store closes), here or on the audit's thread. An outage is waited
    // for.
    virtual void AppendDurably(AccessRow row, Callback<void> done) = 0;
    // False after a commit failed, until one succeeds, and while there is no room: nothing should
    // be changed now.
    [[nodiscard]] virtual bool Available() const = 0;
    // Rows that wait for their commit.
    [[nodiscard]] virtual std::size_t waiting() const = 0;
};

}  // namespace carestream::store
