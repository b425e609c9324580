#include "search/internal/values.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fhir/temporal.h"
#include "search/internal/fold.h"

namespace carestream::search {
namespace {

constexpr std::array<std::pair<std::string_view, Leaf>, 40> kLeaves = {{
    {"string", Leaf::kText},
    {"code", Leaf::kText},
    {"id", Leaf::kText},
    {"markdown", Leaf::kText},
    {"time", Leaf::kText},
    {"base64Binary", Leaf::kText},
    {"System.String", Leaf::kText},
    {"boolean", Leaf::kBoolean},
    {"System.Boolean", Leaf::kBoolean},
    {"decimal", Leaf::kNumber},
    {"integer", Leaf::kNumber},
    {"positiveInt", Leaf::kNumber},
    {"unsignedInt", Leaf::kNumber},
    {"System.Integer", Leaf::kNumber},
    {"System.Decimal", Leaf::kNumber},
    {"uri", Leaf::kUri},
    {"url", Leaf::kUri},
    {"oid", Leaf::kUri},
    {"uuid", Leaf::kUri},
    {"canonical", Leaf::kCanonical},
    {"Coding", Leaf::kCoding},
    {"CodeableConcept", Leaf::kCodeableConcept},
    {"Identifier", Leaf::kIdentifier},
    {"ContactPoint", Leaf::kContactPoint},
    {"HumanName", Leaf::kHumanName},
    {"Address", Leaf::kAddress},
    {"Reference", Leaf::kReference},
    {"date", Leaf::kDate},
    {"dateTime", Leaf::kDate},
    {"instant", Leaf::kDate},
    {"Period", Leaf::kPeriod},
    {"Timing", Leaf::kTiming},
    {"Quantity", Leaf::kQuantity},
    {"SimpleQuantity", Leaf::kQuantity},
    {"Money", Leaf::kQuantity},
    {"Age", Leaf::kQuantity},
    {"Duration", Leaf::kQuantity},
    {"Count", Leaf::kQuantity},
    {"Distance", Leaf::kQuantity},
    {"Range", Leaf::kRange},
}};

std::optional<Interval> OfText(const fhir::Node* node) {
    if (node == nullptr || !node->IsString()) return std::nullopt;
    const auto parsed = fhir::Temporal::ParseDateTime(node->text());
    if (!parsed) return std::nullopt;
    return Interval{parsed->Low(), parsed->High()};
}

std::optional<Interval> OfPeriod(const fhir::Node& period) {
    const fhir::Node* start = period.Find("start");
    const fhir::Node* end = period.Find("end");
    const std::optional<Interval> from = OfText(start);
    const std::optional<Interval> to = OfText(end);
    if ((start != nullptr && !from) || (end != nullptr && !to) || (!from && !to))
        return std::nullopt;
    const Interval interval{from ? from->low : kDateOpenLow, to ? to->high : kDateOpenHigh};
    // A period that ends before it starts means nothing.
    return interval.low <= interval.high ? std::optional(interval) : std::nullopt;
}

// The outer limits of its events. Source: FHIR R4 3.1.1.4.7.
std::optional<Interval> OfTiming(const fhir::Node& timing) {
    std::optional<Interval> outer;
    const auto extend = [&](const std::optional<Interval>& part) {
        if (!part) return;
        outer = outer ? Interval{std::min(outer->low, part->low), std::max(outer->high, part->high)}
                      : *part;
    };
    if (const fhir::Node* events = timing.Find("event")) {
        for (const fhir::Node& event : events->items()) extend(OfText(&event));
    }
    const fhir::Node* repeat = timing.Find("repeat");
    const fhir::Node* bounds = repeat == nullptr ? nullptr : repeat->Find("boundsPeriod");
    if (bounds != nullptr) extend(OfPeriod(*bounds));
    return outer;
}

}  // namespace

Leaf LeafOf(std::string_view fhir_type) {
    for (const auto& [type, leaf] : kLeaves) {
        if (type == fhir_type) return leaf;
    }
    return Leaf::kOther;
}

std::string ContactText(const fhir::Node& contact) {
    return NormalContact(contact.TextOf("value"));
}

std::optional<Interval> DateInterval(const fhir::Node& value, Leaf leaf) {
    switch (leaf) {
        case Leaf::kDate:
            return OfText(&value);
        case Leaf::kPeriod:
            return OfPeriod(value);
        case Leaf::kTiming:
            return OfTiming(value);
        default:
            return std::nullopt;
    }
}

std::string_view ReferenceOf(const fhir::Node& value, Leaf leaf) {
    if (leaf == Leaf::kCanonical || leaf == Leaf::kUri) {
        const std::string_view url = value.text();
        return url.substr(0, url.find('|'));
    }
    if (leaf != Leaf::kReference) return {};
    const std::string_view reference = value.TextOf("reference");
    if (reference.starts_with('#')) return {};
    return reference.substr(0, reference.find("/_history/"));
}

bool InRange(const RangeProbe& probe, const Interval& value) {
    const bool contained = value.low >= probe.low && value.high <= probe.high;
    switch (probe.relation) {
        case Relation::kContains:
            return contained;
        case Relation::kDisjoint:
            return !contained;
        case Relation::kAbove:
            return value.high > probe.high;
        case Relation::kBelow:
            return value.low < probe.low;
        case Relation::kAtOrAbove:
            return value.high > probe.high || contained;
        case Relation::kAtOrBelow:
            return value.low < probe.low || contained;
        case Relation::kAfter:
            return value.low > probe.high;
        case Relation::kBefore:
            return value.high < probe.low;
        case Relation::kOverlaps:
            return value.low <= probe.high && value.high >= probe.low;
    }
    return false;
}

bool InRange(const RangeProbe& probe, double value) {
    const bool contained = value >= probe.number_low && value <= probe.number_high;
    switch (probe.relation) {
        case Relation::kContains:
        case Relation::kOverlaps:
            return contained;
        case Relation::kDisjoint:
            return !contained;
        case Relation::kAbove:
        case Relation::kAfter:
            return value > probe.number_high;
        case Relation::kBelow:
        case Relation::kBefore:
            return value < probe.number_low;
        case Relation::kAtOrAbove:
            return value >= probe.number_low;
        case Relation::kAtOrBelow:
            return value <= probe.number_high;
    }
    return false;
}

}  // namespace carestream::search
