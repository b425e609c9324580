#pragma once
// A visit to a clinic, as its Encounter says it: which clinic, since when it waits, at which place
// of the queue. Pure.
//
// Visits of a clinic carry meta.tag `urn:carestream:clinic|<name>`, whose display is its title.
// While they wait, the extension `urn:carestream:queue` says `clinic` (title, valueString) and
// `position` (valuePositiveInt, 1 is called next). statusHistory is the server's: each status since
// the visit is one of a clinic, the one that holds now as its last entry, without an end. Source:
// FHIR R4 Encounter.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "clinics/clinics.h"
#include "fhir/node.h"

namespace carestream::clinics {

inline constexpr std::string_view kClinicSystem = "urn:carestream:clinic";
inline constexpr std::string_view kQueueExtension = "urn:carestream:queue";
// Tag of visits that a check-in made, until the hospital's own visit takes its place; code "app" or
// "appointment" (an appointment that a message says has arrived).
inline constexpr std::string_view kCheckInSystem = "urn:carestream:check-in";
// When the patient was asked to come (valueDateTime), as PV2-8 says it too.
inline constexpr std::string_view kPlannedExtension =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate";

// Name of the clinic that the Encounter, or an Appointment, is tagged with, "" = none.
[[nodiscard]] std::string_view ClinicOf(const fhir::Node& resource);
// Tags it with name and title, or takes the tag away (nullptr).
void SetClinic(fhir::Node& resource, const Clinic* clinic);

// arrived or triaged.
[[nodiscard]] bool Waits(const fhir::Node& encounter);
// arrived, triaged, in-progress or onleave.
[[nodiscard]] bool IsUnderWay(const fhir::Node& encounter);
// Since when it waits: when it arrived, else when it was triaged, else the start of its period;
// 0 = it does not say.
[[nodiscard]] Micros ArrivedAt(const fhir::Node& encounter);
// When the patient was asked to come; 0 = it does not say.
[[nodiscard]] Micros PlannedAt(const fhir::Node& encounter);

// Sets a status and notes it in the history. The same status again changes nothing.
void SetStatus(fhir::Node& encounter, std::string_view status, Micros at);
// Makes the history end with the status that the Encounter has, since `at`.
void NoteStatus(fhir::Node& encounter, Micros at);

// Of one that waits: it does so since `at`, if that is earlier.
void ArrivedEarlier(fhir::Node& encounter, Micros at);

[[nodiscard]] int PositionOf(const fhir::Node& encounter);  // 0 = none
// Sets it; 0 takes it away.
void SetPosition(fhir::Node& encounter, const Clinic& clinic, int position);

// One who waits.
struct Waiting {
    std::string id;
    Micros arrived = 0;
    Micros planned = 0;  // 0 = came without an appointment
};
// Next first. The same whatever order they come in.
void SortQueue(const Clinic& clinic, std::vector<Waiting>& waiting);

// What a write leaves out of what is the server's stays: the clinic, the history, the position. A
// new status is noted. Of Appointments the clinic stays. For store::StoreOptions::label; does
// nothing to other types.
void KeepVisit(const fhir::Node& before, fhir::Node& resource, Micros now);

}  // namespace carestream::clinics
