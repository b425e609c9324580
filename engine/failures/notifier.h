#pragma once
// Keeps a Task for each cause for which messages fail, so that Subscriptions (topic message-failed)
// tell people of it.
//
// What failed was counted in the transaction that made it fail (store/failures.h); a thread writes
// what was not told yet. A Task shows the count as it stands in the store, so a repetition after
// kill -9 changes nothing, and it is written at most once in `pause_ms`: a flood is a few versions.
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "store/failures.h"
#include "store/reader.h"
#include "store/writer.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::failures {

struct NotifierOptions {
    store::Tenant tenant = 1;
    std::string tenant_name = "main";  // ids follow from it
    int pause_ms = 10'000;             // between two versions of one Task
    int poll_ms = 1'000;
};

struct NotifierParts {
    std::unique_ptr<store::Failures> failures;
    store::Reader& reader;
    store::Writer& writer;
    crypto::IdKey ids;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
};

// Thread-safe.
class Notifier {
public:
    Notifier(NotifierOptions options, NotifierParts parts);
    ~Notifier();  // Stop()
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    void Start();
    // What is not written yet is written after the next start. Idempotent.
    void Stop();

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace carestream::failures
