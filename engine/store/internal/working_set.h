#pragma once
// What a batch of writes sees and changes, in memory, before the statements that write it. It may
// serve several batches in a row: the next one then sees what the ones before made of a resource,
// also while their statements are still under way. Nothing here talks to the database.
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "crypto/keys.h"
#include "fhir/apply.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "store/events.h"
#include "store/internal/body_codec.h"
#include "store/internal/index_rows.h"
#include "store/internal/pg_values.h"
#include "store/types.h"

namespace carestream::store {

struct NewVersion {
    std::int32_t version = 0;
    Micros updated = 0;
    std::int64_t message = 0;  // journal seq, 0 = REST
    EventKind kind = EventKind::kCreated;
    std::size_t ordinal = 0;  // among all of the batch
    std::string json;         // "" = deleted
};

// One resource of the batch. Members up to `main_date` follow the row, then what the batch makes of
// it.
struct Entry {
    Tenant tenant = 1;
    std::int16_t type_number = 0;
    std::string_view type;  // lives as long as the Definitions
    std::string id;
    std::int64_t pk = 0;
    bool row_stored = false;  // there is a row, perhaps of version 0
    bool loaded = false;      // locked and read, or made by this batch
    std::int32_t version = 0;
    bool deleted = false;
    Micros updated = 0;
    std::int64_t subject = 0;
    Micros main_date = kNoDate;

    std::string sealed_body;  // as read; opened when first needed
    std::string sealed_stamps;
    bool opened = false;
    std::string body;                // JSON of the current version, "" when there is none
    fhir::Stamp newest;              // of all changes so far; of a deleted one: of its deletion
    std::string stamps;              // of Apply
    std::optional<fhir::Node> node;  // `body` parsed, or what the running message made of it

    std::string stored_body;  // `body` before the first new version
    bool dirty = false;       // the running message changed it
    bool gone = false;        // the running message deletes it
    bool reserved = false;    // others name it: it gets a row even without a version
    bool stamps_changed = false;
    std::vector<NewVersion> versions;
    std::int64_t used = 0;  // number of the batch that last asked for it

    [[nodiscard]] bool Exists() const { return version > 0 && !deleted; }
};

struct IdentityName {
    Tenant tenant = 1;
    std::int16_t type = 0;
    pg::Uuid token{};
    bool operator==(const IdentityName&) const = default;
    auto operator<=>(const IdentityName&) const = default;
};
struct IdentityNameHash {
    std::size_t operator()(const IdentityName& name) const;
};

struct NewIdentity {
    IdentityName name;
    std::int64_t pk = 0;
    bool exclusive = true;  // false (REST): another resource may have it already
};

struct NewLink {
    Tenant tenant = 1;
    std::int64_t loser = 0;
    std::int64_t survivor = 0;  // 0: the link is removed
};

struct NewConflict {
    Tenant tenant = 1;
    std::int16_t type = 0;
    std::int64_t kept = 0;
    std::int64_t other = 0;
    std::int64_t seq = 0;
};

// Far beyond real chains of merges; guards against a circle that two writers made together.
inline constexpr int kLinkSteps = 64;

class WorkingSet {
public:
    WorkingSet(const fhir::Definitions& definitions, const BodyCodec& codec)
        : definitions_(definitions), codec_(codec) {}
    WorkingSet(const WorkingSet&) = delete;
    WorkingSet& operator=(const WorkingSet&) = delete;

    // The entry of this pk, made when absent; `row_stored` is set.
    Entry& AddRow(Tenant tenant, std::int16_t type, std::string_view id, std::int64_t pk);
    // A resource that has no row yet.
    Entry& AddNew(Tenant tenant, std::int16_t type, std::string_view id, std::int64_t pk);
    [[nodiscard]] Entry* FindPk(std::int64_t pk);
    [[nodiscard]] Entry* FindId(Tenant tenant, std::int16_t type, std::string_view id);
    [[nodiscard]] std::list<Entry>& entries() { return entries_; }
    [[nodiscard]] const std::list<Entry>& entries() const { return entries_; }
    // Whether a row of this number is stored, or will be with this batch.
    [[nodiscard]] bool HasRow(std::int64_t pk);

    // Identities as stored, and as this batch adds them.
    void SetIdentity(const IdentityName& name, Entry& entry) { identities_[name] = &entry; }
    [[nodiscard]] Entry* FindIdentity(const IdentityName& name);
    void AddIdentity(const IdentityName& name, Entry& entry, bool exclusive);
    void RemoveIdentity(const IdentityName& name, Entry& entry);

    // Links as stored, and as this batch changes them.
    void SetLink(std::int64_t loser, std::int64_t survivor) { links_[loser] = survivor; }
    void ChangeLink(Tenant tenant, Entry& loser, Entry* survivor);
    // The entry that the messages for `entry` belong to: the end of its chain of links.
    [[nodiscard]] Entry& Canonical(Entry& entry);
    // The next step of it, or nullptr.
    [[nodiscard]] Entry* LinkOf(const Entry& entry);

    // Opens and parses what is stored; afterwards body, stamps and newest hold. Error: kInvalid.
    [[nodiscard]] Result<void> Open(Entry& entry);
    // `entry.node` is the current resource; null when there is none.
    [[nodiscard]] Result<void> Parse(Entry& entry);

    // A message's changes: between Begin and Finish all Touch-ed entries can be taken back whole.
    void Begin();
    void Touch(Entry& entry);
    void Undo();
    // Makes one version of each dirty entry; gives them in the order of their first Touch.
    std::vector<Entry*> Finish(std::int64_t message, Micros now);

    // The batch is planned: what it wrote counts as stored for the next one. Forgets what it named
    // without making it, and what no batch has asked for lately.
    void NextBatch();

    std::vector<NewIdentity> new_identities;
    std::vector<NewIdentity> gone_identities;
    std::vector<NewLink> new_links;
    std::vector<NewConflict> new_conflicts;
    // Of visits that are moved: what refers to them.
    std::unordered_map<std::int64_t, std::vector<std::int64_t>> visit_resources;
    // (patient, type) -> resources of that type that the patient has, for snapshots.
    std::map<std::pair<std::int64_t, std::int16_t>, std::vector<std::int64_t>> held;

private:
    struct Saved {
        Entry* entry = nullptr;
        std::int32_t version = 0;
        bool deleted = false;
        bool stamps_changed = false;
        std::string body;
        std::string stamps;
        fhir::Stamp newest;
    };
    struct Marks {
        std::size_t identities = 0;
        std::size_t gone = 0;
        std::size_t links = 0;
        std::size_t conflicts = 0;
    };
    static std::string IdKeyOf(Tenant tenant, std::int16_t type, std::string_view id);
    void MakeVersion(Entry& entry, std::int64_t message, Micros now);
    void UseLinked();
    void Forget();

    const fhir::Definitions& definitions_;
    const BodyCodec& codec_;
    std::list<Entry> entries_;
    std::unordered_map<std::int64_t, Entry*> by_pk_;
    std::unordered_map<std::string, Entry*> by_id_;
    std::unordered_map<IdentityName, Entry*, IdentityNameHash> identities_;
    std::unordered_map<std::int64_t, std::int64_t> links_;
    std::vector<Saved> saved_;
    std::vector<std::pair<std::int64_t, std::int64_t>> saved_links_;  // loser, survivor before
    Marks marks_;
    std::size_t versions_made_ = 0;
    std::int64_t batch_ = 1;
};

// The body as it is served: resourceType, id, meta with version and time, then the rest of `node`.
void WriteBody(const fhir::Node& node, std::string_view type, std::string_view id,
               std::int32_t version, Micros updated, std::string& out);

// resource.merge before sealing: the newest stamp, then Apply's stamps.
[[nodiscard]] std::string PackStamps(const fhir::Stamp& newest, std::string_view stamps);

}  // namespace carestream::store
