#pragma once
// Makes of each report what the clinic and the patient need to know: a Flag for each red flag, an
// Observation for each score, a Task that tells what became of the delivery.
//
// One thread reads events in the order of their commits and writes resources whose ids follow from
// the response: after kill -9 it goes on at its cursor, and what was written before is not written
// again. Nothing here depends on the hospital's system: a red flag is told by its topic whatever
// becomes of the report.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "reports/delivery.h"
#include "reports/response_rule.h"
#include "store/events.h"
#include "store/reader.h"
#include "store/writer.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::reports {

// Changes of messages about reports with change > `after`, ascending, at most `limit`. May block.
using DeliveriesSince = std::function<Result<std::vector<Delivery>>(std::int64_t after, int limit)>;

struct ReporterOptions {
    store::Tenant tenant = 1;
    std::string tenant_name = "main";  // ids follow from it
    int look_every_ms = 15'000;        // for red flags that nobody acknowledged
    int poll_ms = 1'000;               // for deliveries, and in case a wake-up was lost
};

struct ReporterParts {
    std::shared_ptr<const fhir::Definitions> definitions;
    CurrentQuestionnaires questionnaires;  // of the running generation
    std::unique_ptr<store::Events> events;
    store::Reader& reader;
    store::Writer& writer;
    crypto::IdKey ids;
    // Does a channel pass reports on? Empty: none does.
    std::function<bool()> passed_on = {};
    DeliveriesSince deliveries = {};  // empty: none
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
};

// Thread-safe.
class Reporter {
public:
    Reporter(ReporterOptions options, ReporterParts parts);
    ~Reporter();  // Stop()
    Reporter(const Reporter&) = delete;
    Reporter& operator=(const Reporter&) = delete;

    // Reports that are written from now on are seen. Error: kUnavailable.
    [[nodiscard]] Result<void> Start();
    void Stop();
    // There are new events, deliveries or questionnaires. Cheap; from any thread.
    void Wake();

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace carestream::reports
