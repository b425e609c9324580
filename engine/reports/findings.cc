#include "reports/findings.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fhir/build.h"
#include "fhir/temporal.h"

namespace carestream::reports {

namespace {

using fhir::Coding;
using fhir::Concept;
using fhir::Copy;
using fhir::Extension;
using fhir::ExtensionValue;
using fhir::Reference;
using fhir::Resource;
using fhir::Text;

constexpr std::string_view kEscalateAt = "urn:carestream:escalate-at";
constexpr std::string_view kUcum = "http://unitsofmeasure.org";
constexpr std::string_view kPriority = "http://hl7.org/fhir/StructureDefinition/flag-priority";
constexpr std::string_view kPriorityCodes = "http://hl7.org/fhir/flag-priority-code";
constexpr std::string_view kDetail = "http://hl7.org/fhir/StructureDefinition/flag-detail";

constexpr std::array<std::string_view, 5> kFlagAuthors = {
    "Patient", "Practitioner", "PractitionerRole", "Organization", "Device"};
constexpr std::array<std::string_view, 6> kPerformers = {
    "Patient", "Practitioner", "PractitionerRole", "Organization", "RelatedPerson", "CareTeam"};

// R4 lets fewer types stand for an author elsewhere than in a response.
template <typename Types>
bool IsOneOf(const fhir::Node& reference, const Types& types) {
    const std::string_view text = reference.TextOf("reference");
    return std::find(types.begin(), types.end(), text.substr(0, text.find('/'))) != types.end();
}

bool IsMarked(const fhir::Node& resource, std::string_view code) {
    return fhir::HasTag(resource, kEscalationSystem, code);
}

// Leaves the Flag with this tag of the escalation, or with none ("").
void Mark(fhir::Node& flag, std::string_view code) {
    fhir::SetTag(flag, kEscalationSystem, code);
}

void SetEscalateAt(fhir::Node& flag, const fhir::Node& instant) {
    fhir::SetExtension(flag, kEscalateAt, Extension(kEscalateAt, "valueInstant", instant));
}

std::string_view PriorityOf(std::string_view severity) {
    if (severity == "low") return "PL";
    return severity == "medium" ? "PM" : "PH";
}

}  // namespace

fhir::Node ScoreObservation(const Report& report, std::string id,
                            const questionnaires::ScoreValue& score) {
    fhir::Node observation = Resource("Observation", std::move(id));
    observation.Set("status", Text(report.version == 1 ? "final" : "amended"));
    observation.At("category")
        .Append(Concept("http://terminology.hl7.org/CodeSystem/observation-category", "survey",
                        "Survey"));
    observation.Set("code", Concept(score.score->system, score.score->code, score.score->title));
    Copy(report.response, "subject", observation, "subject");
    Copy(report.response, "encounter", observation, "encounter");
    Copy(report.response, "authored", observation, "effectiveDateTime");
    const fhir::Node* author = report.response.Find("author");
    if (author != nullptr && IsOneOf(*author, kPerformers)) {
        observation.At("performer").Append(*author);
    }
    fhir::Node value = fhir::Node::Object();
    value.Set("value", fhir::Node::Number(score.value.ToString()));
    value.Set("unit", Text(score.score->unit));
    value.Set("system", Text(kUcum));
    value.Set("code", Text(score.score->unit));
    observation.Set("valueQuantity", std::move(value));
    if (score.band != nullptr) {
        fhir::Node band = fhir::Node::Object();
        band.Set("text", Text(score.band->text));
        observation.At("interpretation").Append(std::move(band));
    }
    observation.At("derivedFrom").Append(Reference(ReferenceTo(report)));
    return observation;
}

fhir::Node WithoutScore(const Report& report, const fhir::Node& observation) {
    fhir::Node next = observation;
    next.Set("status", Text("entered-in-error"));
    fhir::Node sources = fhir::Node::Array();
    sources.Append(Reference(ReferenceTo(report)));
    next.Set("derivedFrom", std::move(sources));
    return next;
}

std::int32_t ScoredVersion(const fhir::Node& observation) {
    const fhir::Node* sources = observation.Find("derivedFrom");
    if (sources == nullptr || sources->items().empty()) return 0;
    return VersionIn(sources->items().front());
}

fhir::Node FlagOf(const Report& report, std::string id, const questionnaires::RaisedFlag& flag,
                  Micros raised_at) {
    fhir::Node made = Resource("Flag", std::move(id));
    made.At("meta").At("tag").Append(Coding(kSeveritySystem, flag.severity));
    fhir::Node priority = Concept(kPriorityCodes, PriorityOf(flag.severity), {});
    made.At("extension").Append(Extension(kPriority, "valueCodeableConcept", std::move(priority)));
    made.At("extension")
        .Append(Extension(kDetail, "valueReference", Reference(ReferenceTo(report))));
    if (flag.escalate_after != 0) {
        Mark(made, kWaiting);
        SetEscalateAt(made, Text(FormatInstant(raised_at + flag.escalate_after)));
    }
    made.Set("status", Text("active"));
    made.At("category")
        .Append(
            Concept("http://terminology.hl7.org/CodeSystem/flag-category", "clinical", "Clinical"));
    made.Set("code", Concept(std::string(kSeveritySystem) + ":" + flag.questionnaire, flag.name,
                             flag.title));
    Copy(report.response, "subject", made, "subject");
    fhir::Node period = fhir::Node::Object();
    period.Set("start", Text(FormatInstant(raised_at)));
    made.Set("period", std::move(period));
    Copy(report.response, "encounter", made, "encounter");
    const fhir::Node* author = report.response.Find("author");
    if (author != nullptr && IsOneOf(*author, kFlagAuthors)) made.Set("author", *author);
    return made;
}

std::optional<Micros> EscalateAt(const fhir::Node& flag) {
    if (flag.TextOf("status") != "active" || !IsMarked(flag, kWaiting)) return std::nullopt;
    const fhir::Node* instant = ExtensionValue(flag, kEscalateAt, "valueInstant");
    const auto time =
        instant == nullptr ? std::nullopt : fhir::Temporal::ParseDateTime(instant->text());
    return time ? time->Low() : 0;  // one that does not say when does not wait
}

void Escalate(fhir::Node& flag) {
    Mark(flag, kEscalated);
}

void KeepEscalation(const fhir::Node& before, fhir::Node& resource) {
    if (resource.TextOf("resourceType") != "Flag") return;
    const bool active = resource.TextOf("status") == "active";
    if (IsMarked(resource, kEscalated) || IsMarked(before, kEscalated)) {
        Mark(resource, kEscalated);
    } else if (!active && IsMarked(resource, kWaiting)) {
        Mark(resource, {});
    } else if (active && IsMarked(before, kWaiting)) {
        Mark(resource, kWaiting);
        const fhir::Node* instant = ExtensionValue(before, kEscalateAt, "valueInstant");
        if (instant != nullptr) SetEscalateAt(resource, *instant);
    }
}

}  // namespace carestream::reports
