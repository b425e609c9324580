#pragma once
// Releases held results: when their time has come, or when somebody says so ($release).
//
// The hold stands in the resource itself (holds/holds.h), so there is nothing to lose: every minute
// the held resources are looked through, and those whose time has come get a version without the
// label. That version is news: topics fire, patients are told.
#include <memory>
#include <string>

#include "base/clock.h"
#include "rest/operation.h"
#include "store/reader.h"
#include "store/writer.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::results {

struct ReleasesParts {
    const fhir::Definitions& definitions;
    store::Reader& reader;
    store::Writer& writer;
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
};

struct ReleasesOptions {
    store::Tenant tenant = 1;
    int look_every_ms = 60'000;
};

// Thread-safe.
class Releases {
public:
    Releases(ReleasesOptions options, ReleasesParts parts);
    ~Releases();  // Stop()
    Releases(const Releases&) = delete;
    Releases& operator=(const Releases&) = delete;

    void Start();
    void Stop();

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

// POST [type]/[id]/$release: for staff. A DiagnosticReport takes its held observations along.
// Answers the resource as it is then; one that is not held stays as it is.
[[nodiscard]] rest::Operation ReleaseOperation(store::Reader& reader, store::Writer& writer,
                                               store::Tenant tenant);

}  // namespace carestream::results
