#pragma once
// The store as one thing that is opened and closed: embedded or external PostgreSQL, migrations,
// keys, journal, writers, readers. Source of the layout: schemas/sql/README.md.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "search/index.h"
#include "store/access_audit.h"
#include "store/bookings.h"
#include "store/events.h"
#include "store/failures.h"
#include "store/journal.h"
#include "store/login_link.h"
#include "store/messages.h"
#include "store/outbound.h"
#include "store/reader.h"
#include "store/subscriptions.h"
#include "store/writer.h"

namespace carestream::store {

struct StoreOptions {
    std::string postgres = "embedded";   // or a libpq URL
    std::filesystem::path state_folder;  // keys/, postgres/, everything the daemon writes
    std::filesystem::path schemas_sql;   // folder of migrations
    std::uint64_t disk_free_min_bytes = 1ull << 30;
    int reader_threads = 3;
    int feed_batch_max = 128;
    std::size_t queue_max = 4096;  // messages waiting for the feed writer
    std::size_t journal_queue_bytes_max = 256u << 20;
    std::size_t access_audit_queue_bytes_max = 16u << 20;
    // Weeks of messages that are wholly older are dropped once nobody waits for them; 0 = never.
    Micros journal_keep = 0;
    // Rows of the audit of accesses that are older are removed; 0 = never.
    Micros access_keep = 0;
    // Looks at each resource that a write changed, before it is written, and may label it (results
    // that are held). `before` is null for a new one. Pure, from any thread. Empty: none is.
    std::function<void(const fhir::Node& before, fhir::Node& resource, Micros now)> label = {};
    // Types of which it changes elements beside meta, also of what messages bring.
    std::vector<std::string> label_elements = {};
    int shared_buffers_mb = 0;  // 0 = a quarter of memory, at most 4096
};

// Counters and gauges by name, given to telemetry by whoever wires the store: keeps it testable.
struct StoreEvents {
    LogLine log;
    // After each writer commit: highest event seq.
    std::function<void(std::int64_t event_seq)> committed;
    // seconds per journal commit, messages in it
    std::function<void(double seconds, std::size_t messages)> journal_commit;
};

class Store {
public:
    // Starts or adopts the server, migrates forward, checks the key value, takes the advisory lock
    // (waits for it at most `lock_wait_ms`; then kConflict: another daemon is active).
    [[nodiscard]] static Result<std::unique_ptr<Store>> Open(
        const StoreOptions& options, std::shared_ptr<const fhir::Definitions> definitions,
        std::shared_ptr<const search::Indexer> indexer, const Clock& clock, StoreEvents events,
        int lock_wait_ms = 10'000);
    // Finishes what was submitted, closes sessions, stops an embedded server (fast shutdown).
    virtual ~Store() = default;

    [[nodiscard]] virtual Journal& journal() = 0;
    [[nodiscard]] virtual Writer& writer() = 0;
    [[nodiscard]] virtual Reader& reader() = 0;
    [[nodiscard]] virtual Messages& messages() = 0;
    // A consumer of events, on a session of its own; the store outlives it.
    [[nodiscard]] virtual std::unique_ptr<Events> MakeEvents() = 0;
    [[nodiscard]] virtual std::unique_ptr<Subscriptions> MakeSubscriptions() = 0;
    [[nodiscard]] virtual AccessAudit& access_audit() = 0;
    [[nodiscard]] virtual std::unique_ptr<Outbound> MakeOutbound() = 0;
    [[nodiscard]] virtual LoginLinks& login_links() = 0;
    [[nodiscard]] virtual std::unique_ptr<Bookings> MakeBookings() = 0;
    [[nodiscard]] virtual std::unique_ptr<Failures> MakeFailures() = 0;
    [[nodiscard]] virtual const crypto::KeyRing& keys() const = 0;
    [[nodiscard]] virtual std::string connection_url() const = 0;  // for tools and tests
    // True once the server answers and migrations are in.
    [[nodiscard]] virtual bool Ready() const = 0;
};

}  // namespace carestream::store
