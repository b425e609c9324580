#include "clinics/clinics.h"

#include <algorithm>
#include <utility>

#include "config/each_file.h"
#include "topics/topics.h"

namespace carestream::clinics {

namespace {

namespace fs = std::filesystem;
using config::Type;

constexpr std::size_t kClinicsMax = 256;
constexpr std::int64_t kDayMs = 86'400'000;

void Complain(std::vector<Error>& errors, const Position& position, std::string message) {
    errors.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
}

std::vector<std::vector<search::Criterion>> ReadSearches(const config::Values& values,
                                                         const std::string& key,
                                                         std::string_view type,
                                                         const fhir::Definitions& definitions,
                                                         std::vector<Error>& errors) {
    std::vector<std::vector<search::Criterion>> searches;
    const auto& texts = values.Strings(key);
    if (values.Has(key) && texts.empty()) {
        Complain(errors, values.PositionOf(key), "'" + key + "' names nothing");
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto criteria = topics::ParseCriteria(definitions, type, topics::SplitPlain(texts[i]));
        if (criteria) {
            searches.push_back(std::move(*criteria));
        } else {
            Complain(errors, values.ItemPosition(key, i),
                     criteria.error().path + ": " + criteria.error().message);
        }
    }
    return searches;
}

Clinic ReadClinic(const config::Values& values, const fhir::Definitions& definitions,
                  std::vector<Error>& errors) {
    Clinic clinic;
    clinic.name = values.String("clinic");
    clinic.title = values.String("title");
    clinic.locations = ReadSearches(values, "locations", "Location", definitions, errors);
    clinic.appointments = ReadSearches(values, "appointments", "Appointment", definitions, errors);
    clinic.visits = ReadSearches(values, "visits", "Encounter", definitions, errors);
    clinic.order = values.String("order") == "appointment" ? Order::kAppointment : Order::kArrival;
    clinic.check_in_before = values.Integer("check_in_before") * 1000;
    clinic.check_in_after = values.Integer("check_in_after") * 1000;
    clinic.forget_after = values.Integer("forget_after") * 1000;
    return clinic;
}

bool MeetsOne(const fhir::Definitions& definitions, std::string_view type,
              const fhir::Node& resource,
              const std::vector<std::vector<search::Criterion>>& searches) {
    return std::any_of(searches.begin(), searches.end(), [&](const auto& criteria) {
        return topics::Meets(definitions, type, resource, criteria);
    });
}

}  // namespace

config::Spec ClinicSpec() {
    return {
        .name = "clinic",
        .title = "A clinic (`mappings/clinics/<name>.yaml`)",
        .description =
            "Where outpatients wait until they are called. Its visits (Encounters) carry the tag "
            "`urn:carestream:clinic|<name>`, those who wait their position: engine/waiting.",
        .fields = {
            {.key = "clinic",
             .description = "Its name, as tags and tokens of staff name it.",
             .required = true,
             .example = "orthopaedics"},
            {.key = "title",
             .description = "What patients call it.",
             .required = true,
             .example = "Orthopaedic outpatients"},
            {.key = "locations",
             .description =
                 "Searches of Location, of which a place of the clinic meets one; "
                 "values are not encoded. The name of a place out of HL7 v2 is facility, "
                 "building, floor, point of care, room and bed (PL.4, 7, 8, 1, 2, 3).",
             .required = true,
             .list = true,
             .example = "name=MAIN CLIN1"},
            {.key = "appointments",
             .description = "Searches of Appointment: who checks in for one of these waits here, "
                            "though it names no place of the clinic.",
             .list = true,
             .example = "service-type=http://snomed.info/sct|183664005"},
            {.key = "visits",
             .description = "Searches of Encounter, of which its visits meet one.",
             .list = true,
             .default_text = "[class=AMB]"},
            {.key = "order",
             .type = Type::kChoice,
             .description = "Who is called first: who came first, or who was to come first "
                            "(without an appointment: when he came).",
             .default_text = "arrival",
             .choices = {"arrival", "appointment"}},
            {.key = "check_in_before",
             .type = Type::kDuration,
             .description = "How long before the appointment the app may check in.",
             .default_text = "60m",
             .max = 7 * kDayMs},
            {.key = "check_in_after",
             .type = Type::kDuration,
             .description = "And how long after its start.",
             .default_text = "30m",
             .max = 7 * kDayMs},
            {.key = "forget_after",
             .type = Type::kDuration,
             .description = "Who came so long ago waits no more, though nobody ended the visit.",
             .default_text = "12h",
             .min = 60'000,
             .max = 7 * kDayMs},
        }};
}

Clinics::Loaded Clinics::Load(const fs::path& folder, const std::string& display,
                              std::shared_ptr<const fhir::Definitions> definitions) {
    Loaded loaded;
    auto clinics = std::make_shared<Clinics>();
    config::UniqueNames names;
    config::ReadEach(topics::YamlFilesOf(folder, kClinicsMax, loaded.errors), display, ClinicSpec(),
                     loaded.errors, [&](const config::Values& values, const std::string& file) {
                         Clinic clinic = ReadClinic(values, *definitions, loaded.errors);
                         names.Add(clinic.name, file, values.PositionOf("clinic"), loaded.errors);
                         clinics->clinics_.push_back(std::move(clinic));
                     });
    std::sort(clinics->clinics_.begin(), clinics->clinics_.end(),
              [](const Clinic& a, const Clinic& b) { return a.name < b.name; });
    clinics->definitions_ = std::move(definitions);
    if (loaded.errors.empty()) loaded.clinics = std::move(clinics);
    return loaded;
}

const Clinic* Clinics::Find(std::string_view name) const {
    const auto found = std::find_if(clinics_.begin(), clinics_.end(),
                                    [&](const Clinic& clinic) { return clinic.name == name; });
    return found == clinics_.end() ? nullptr : &*found;
}

const Clinic* Clinics::OfLocation(const fhir::Node& location) const {
    const auto found = std::find_if(clinics_.begin(), clinics_.end(), [&](const Clinic& clinic) {
        return MeetsOne(*definitions_, "Location", location, clinic.locations);
    });
    return found == clinics_.end() ? nullptr : &*found;
}

const Clinic* Clinics::OfAppointment(const fhir::Node& appointment) const {
    const auto found = std::find_if(clinics_.begin(), clinics_.end(), [&](const Clinic& clinic) {
        return MeetsOne(*definitions_, "Appointment", appointment, clinic.appointments);
    });
    return found == clinics_.end() ? nullptr : &*found;
}

bool Clinics::IsVisit(const Clinic& clinic, const fhir::Node& encounter) const {
    return MeetsOne(*definitions_, "Encounter", encounter, clinic.visits);
}

}  // namespace carestream::clinics
