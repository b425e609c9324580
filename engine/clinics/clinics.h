#pragma once
// Clinics: where outpatients wait until they are called, as YAML (mappings/clinics/<name>.yaml).
// Pure; files are read in Clinics::Load only.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/spec.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "search/query.h"

namespace carestream::clinics {

// By what those who wait are ordered: since when they are there, or when they were asked to come.
enum class Order : std::uint8_t { kArrival, kAppointment };

struct Clinic {
    std::string name;
    std::string title;
    // Searches of Location; a place of the clinic meets one of them.
    std::vector<std::vector<search::Criterion>> locations;
    // Searches of Appointment: those meeting one belong to it, whatever places they name.
    std::vector<std::vector<search::Criterion>> appointments;
    // Searches of Encounter; a visit of the clinic meets one of them.
    std::vector<std::vector<search::Criterion>> visits;
    Order order = Order::kArrival;
    Micros check_in_before = 0;  // the app may check in so long before the appointment's start
    Micros check_in_after = 0;   // and until so long after it
    Micros forget_after = 0;     // who came so long ago does not wait any more, whatever is stored
};

// The declaration of a clinic's file.
[[nodiscard]] config::Spec ClinicSpec();

// Immutable; thread-safe.
class Clinics {
public:
    struct Loaded;
    // As topics::Topics::Load.
    [[nodiscard]] static Loaded Load(const std::filesystem::path& folder,
                                     const std::string& display,
                                     std::shared_ptr<const fhir::Definitions> definitions);

    [[nodiscard]] const std::vector<Clinic>& all() const { return clinics_; }  // by name
    [[nodiscard]] const Clinic* Find(std::string_view name) const;
    // The clinic to which a place belongs, the first by name; nullptr: none.
    [[nodiscard]] const Clinic* OfLocation(const fhir::Node& location) const;
    // Likewise by Clinic::appointments.
    [[nodiscard]] const Clinic* OfAppointment(const fhir::Node& appointment) const;
    [[nodiscard]] bool IsVisit(const Clinic& clinic, const fhir::Node& encounter) const;

private:
    std::shared_ptr<const fhir::Definitions> definitions_;
    std::vector<Clinic> clinics_;
};

struct Clinics::Loaded {
    std::shared_ptr<const Clinics> clinics;  // null if there are errors
    std::vector<Error> errors;
};

}  // namespace carestream::clinics
