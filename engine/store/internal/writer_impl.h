#pragma once
// The writer's two threads, each with its own session: one for feed batches, one for REST, so that
// an app never queues behind a batch. Both run the same code: write_batch.h.
#include <cstddef>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "search/index.h"
#include "store/internal/crowd.h"
#include "store/internal/linked_patients.h"
#include "store/internal/pg.h"
#include "store/store.h"
#include "store/writer.h"

namespace carestream::store {

// What writers and readers are made of. References outlive them.
struct ResourceParts {
    pg::ConnectOptions connect;
    const crypto::KeyRing& keys;
    std::shared_ptr<const fhir::Definitions> definitions;
    std::shared_ptr<const search::Indexer> indexer;
    const Clock& clock;
    StoreEvents events;
    // Folder of zstd dictionaries (schemas/fhir/dictionaries); empty or absent: compress without.
    std::filesystem::path dictionaries;
    // StoreOptions::label, label_elements
    std::function<void(const fhir::Node& before, fhir::Node& resource, Micros now)> label = {};
    std::vector<std::string> label_elements = {};
    // The same for writer and reader.
    std::shared_ptr<PatientLinks> links = {};
};

struct WriterOptions {
    int feed_batch_max = 128;
    std::size_t queue_max = 4096;  // waiting feed messages; waiting REST writes
    int lock_wait_ms = 10'000;
    bool own_server = false;       // embedded: its feed session gives way as the feed's thread does
    const Crowd* crowd = nullptr;  // for whom the feed rests
};

// Connects both sessions and takes their advisory locks. Errors: kUnavailable, kConflict (another
// daemon is active). The destructor finishes what was submitted; during an outage what waits is
// answered kUnavailable.
[[nodiscard]] Result<std::unique_ptr<Writer>> MakeWriter(const ResourceParts& parts,
                                                         const WriterOptions& options);

}  // namespace carestream::store
