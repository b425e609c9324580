#pragma once
// Which visits are of a clinic, and how a check-in becomes one.
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "auth/access.h"
#include "crypto/keys.h"
#include "store/events.h"
#include "waiting/internal/context.h"
#include "waiting/rooms.h"

namespace carestream::waiting {

// One thread.
class Visits {
public:
    // Names of clinics whose queue has to be looked at.
    using Touched = std::set<std::string>;

    Visits(Context& context, const RoomsOptions& options, const crypto::IdKey& ids,
           const Clock& clock)
        : context_(context), options_(options), ids_(ids), clock_(clock) {}

    // What an event of an Encounter or an Appointment means. Errors: retryable ones; others would
    // come again.
    [[nodiscard]] Result<void> Look(const store::Event& event, Touched& touched);
    [[nodiscard]] Result<CheckedIn> CheckIn(const std::string& appointment, auth::Access& access,
                                            Touched& touched);

private:
    [[nodiscard]] Result<void> LookAtVisit(const store::Event& event, const fhir::Node& encounter,
                                           Touched& touched);
    [[nodiscard]] Result<void> LookAtAppointment(const store::Event& event,
                                                 const fhir::Node& appointment, Touched& touched);
    [[nodiscard]] Result<void> TagAppointment(const std::string& id, const fhir::Node& appointment,
                                              const clinics::Clinic* clinic);
    [[nodiscard]] Result<const clinics::Clinic*> ClinicOfVisit(const fhir::Node& encounter);
    [[nodiscard]] Result<const clinics::Clinic*> ClinicOfAppointment(const fhir::Node& appointment);
    // The hospital's own visit takes the place of what a check-in made.
    [[nodiscard]] Result<void> TakePlaces(const std::string& id, const fhir::Node& encounter,
                                          const clinics::Clinic& clinic, Touched& touched);
    // The patient is there for the appointment.
    struct Arrival {
        const Found& appointment;
        const clinics::Clinic& clinic;
        std::string patient;
        Micros at = 0;
        std::string_view by;  // code of kCheckInSystem
    };
    [[nodiscard]] Result<CheckedIn> Arrive(const Arrival& arrival, Touched& touched);
    // The visit that there is for it, if any.
    [[nodiscard]] Result<std::optional<Found>> VisitFor(const Arrival& arrival);
    [[nodiscard]] Result<CheckedIn> Write(const Arrival& arrival, std::optional<Found> visit);

    Context& context_;
    const RoomsOptions& options_;
    const crypto::IdKey& ids_;
    const Clock& clock_;
};

}  // namespace carestream::waiting
