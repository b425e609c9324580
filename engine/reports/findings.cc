#include "reports/findings.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fhir/temporal.h"
#include "reports/internal/build.h"

namespace carestream::reports {

namespace {

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

bool HasTag(const fhir::Node& resource, std::string_view code) {
    const fhir::Node* meta = resource.Find("meta");
    const fhir::Node* tags = meta == nullptr ? nullptr : meta->Find("tag");
    if (tags == nullptr) return false;
    return std::any_of(tags->items().begin(), tags->items().end(), [&](const fhir::Node& tag) {
        return tag.TextOf("system") == kEscalationSystem && tag.TextOf("code") == code;
    });
}

// Leaves the Flag with this tag of the escalation, or with none ("").
void SetTag(fhir::Node& flag, std::string_view code) {
    fhir::Node& meta = flag.At("meta");
    if (fhir::Node* tags = meta.Find("tag")) {
        std::erase_if(tags->items(), [](const fhir::Node& tag) {
            return tag.TextOf("system") == kEscalationSystem;
        });
        if (tags->items().empty()) meta.Remove("tag");
    }
    if (!code.empty()) meta.At("tag").Append(Coding(kEscalationSystem, code));
    if (meta.members().empty()) flag.Remove("meta");
}

void SetEscalateAt(fhir::Node& flag, const fhir::Node& instant) {
    fhir::Node& list = flag.At("extension");
    std::erase_if(list.items(), [](const fhir::Node& extension) {
        return extension.TextOf("url") == kEscalateAt;
    });
    list.Append(Extension(kEscalateAt, "valueInstant", instant));
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
        SetTag(made, kWaiting);
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
    if (flag.TextOf("status") != "active" || !HasTag(flag, kWaiting)) return std::nullopt;
    const fhir::Node* instant = ExtensionValue(flag, kEscalateAt, "valueInstant");
    const auto time =
        instant == nullptr ? std::nullopt : fhir::Temporal::ParseDateTime(instant->text());
    return time ? time->Low() : 0;  // one that does not say when does not wait
}

void Escalate(fhir::Node& flag) {
    SetTag(flag, kEscalated);
}

void KeepEscalation(const fhir::Node& before, fhir::Node& resource) {
    if (resource.TextOf("resourceType") != "Flag") return;
    const bool active = resource.TextOf("status") == "active";
    if (HasTag(resource, kEscalated) || HasTag(before, kEscalated)) {
        SetTag(resource, kEscalated);
    } else if (!active && HasTag(resource, kWaiting)) {
        SetTag(resource, {});
    } else if (active && HasTag(before, kWaiting)) {
        SetTag(resource, kWaiting);
        const fhir::Node* instant = ExtensionValue(before, kEscalateAt, "valueInstant");
        if (instant != nullptr) SetEscalateAt(resource, *instant);
    }
}

}  // namespace carestream::reports
