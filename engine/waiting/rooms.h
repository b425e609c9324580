#pragma once
// The waiting rooms of clinics: which visits are whose, who checked in, who is next.
//
// One thread reads events in the order of their commits and writes what follows into the
// Encounters themselves (clinics/visit.h), so after kill -9 it goes on at its cursor and finds what
// it did. A visit whose place is one of a clinic gets the clinic's tag; when somebody joins or
// leaves, those whose position is another are written, and that is news (topic waiting-room).
#include <functional>
#include <memory>
#include <string>

#include "auth/access.h"
#include "base/clock.h"
#include "base/result.h"
#include "clinics/clinics.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "store/events.h"
#include "store/reader.h"
#include "store/writer.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::waiting {

struct RoomsOptions {
    store::Tenant tenant = 1;
    std::string tenant_name = "main";  // ids follow from it
    int poll_ms = 1'000;               // in case a wake-up was lost
    int look_every_ms = 60'000;        // for those who are forgotten
    std::size_t requests_max = 1'000;  // check-ins that wait; more are refused
};

struct RoomsParts {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::function<std::shared_ptr<const clinics::Clinics>()> clinics;  // of the running generation
    std::unique_ptr<store::Events> events;
    store::Reader& reader;
    store::Writer& writer;
    crypto::IdKey ids;
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
};

struct CheckedIn {
    std::string encounter;  // id
    std::int32_t version = 0;
    bool created = false;
    std::string body;  // the Encounter, JSON, as the token may see it; "" = not at all
};

// Thread-safe.
class Rooms {
public:
    using Answer = std::function<void(Result<CheckedIn>)>;

    Rooms(RoomsOptions options, RoomsParts parts);
    ~Rooms();  // Stop()
    Rooms(const Rooms&) = delete;
    Rooms& operator=(const Rooms&) = delete;

    // Error: kUnavailable.
    [[nodiscard]] Result<void> Start();
    // What waits is answered with kUnavailable.
    void Stop();
    // There are new events, or the clinics changed.
    void Wake();
    // The patient of the appointment is there: its visit waits from now on. The same again answers
    // the same visit. Called back on the thread of the rooms. Errors: kNotFound (or not to be
    // seen), kInvalid (too early, too late, of no clinic, not booked), kDenied, kLimit.
    void CheckIn(std::string appointment, std::shared_ptr<auth::Access> access, Answer done);

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace carestream::waiting
