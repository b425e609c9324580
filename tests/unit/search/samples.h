#pragma once
// Synthetic resources as the mappings make them.
#include <filesystem>
#include <memory>
#include <string_view>

#include "fhir/definitions.h"

namespace carestream::search {

inline std::shared_ptr<const fhir::Definitions> LoadDefinitions() {
    auto loaded =
        fhir::Definitions::Load(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4");
    return loaded ? *loaded : nullptr;
}

constexpr std::string_view kObservation = R"({
  "resourceType": "Observation", "id": "o1", "status": "final",
  "category": [{"coding": [{
      "system": "http://terminology.hl7.org/CodeSystem/observation-category",
      "code": "laboratory"}]}],
  "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": "Glucose"}]},
  "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"},
  "effectiveDateTime": "2024-05-06T09:08:09+02:00", "issued": "2024-05-06T08:00:00Z",
  "performer": [{"reference": "Organization/lab"}],
  "valueQuantity": {"value": 5.4, "unit": "mmol/L", "system": "http://unitsofmeasure.org",
                    "code": "mmol/L"}})";

constexpr std::string_view kBloodPressure = R"({
  "resourceType": "Observation", "id": "o2", "status": "final",
  "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
  "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2024-05-06",
  "component": [
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
     "valueQuantity": {"value": 120, "code": "mm[Hg]", "system": "http://unitsofmeasure.org"}},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
     "valueQuantity": {"value": 80, "code": "mm[Hg]", "system": "http://unitsofmeasure.org"}}]})";

constexpr std::string_view kPatient = R"({
  "resourceType": "Patient", "id": "p1", "active": true,
  "identifier": [{"system": "urn:test:mrn", "value": "12345", "type": {"text": "MRN"}}],
  "name": [{"use": "official", "family": "Müller", "given": ["José", "Q"]}],
  "telecom": [{"system": "phone", "value": "(555) 123-4567", "use": "home"},
              {"system": "email", "value": "Jose@Example.test"}],
  "gender": "male", "birthDate": "1974-12-25", "deceasedBoolean": false,
  "address": [{"use": "home", "line": ["12 Main Street"], "city": "New York", "state": "NY",
               "postalCode": "10001", "country": "US"}],
  "generalPractitioner": [{"reference": "Practitioner/gp"}]})";

}  // namespace carestream::search
