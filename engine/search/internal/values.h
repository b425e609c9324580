#pragma once
// What a FHIR value means to each type of search parameter. One place, so that index and matcher
// agree. Source: FHIR R4 3.1.1.4 (search parameter types), 3.1.1.4.5-14.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fhir/decimal.h"
#include "fhir/node.h"
#include "search/index.h"
#include "search/query.h"

namespace carestream::search {

// The shapes in which FHIR types carry searchable values.
enum class Leaf : std::uint8_t {
    kOther,
    kText,  // string, code, id, markdown, ...: the JSON string
    kBoolean,
    kNumber,
    kUri,
    kCanonical,
    kCoding,
    kCodeableConcept,
    kIdentifier,
    kContactPoint,
    kHumanName,
    kAddress,
    kReference,
    kDate,  // date, dateTime, instant
    kPeriod,
    kTiming,
    kQuantity,  // Quantity, Age, Money, ...
    kRange,
};
[[nodiscard]] Leaf LeafOf(std::string_view fhir_type);

// Calls `visit(system, code)`; contacts come normalised, systems may be empty, codes not.
template <typename Visit>
void VisitTokens(const fhir::Node& value, Leaf leaf, const Visit& visit);

// Calls `visit(text)` with each string of the value.
template <typename Visit>
void VisitStrings(const fhir::Node& value, Leaf leaf, const Visit& visit);

struct Interval {
    Micros low = 0;
    Micros high = 0;
};
[[nodiscard]] std::optional<Interval> DateInterval(const fhir::Node& value, Leaf leaf);

// Calls `visit(number_text, unit holder)`: the Quantity or Money, or nullptr for a plain number.
template <typename Visit>
void VisitNumbers(const fhir::Node& value, Leaf leaf, const Visit& visit);

// "Patient/1" without a version; the URL for other servers; "" for contained and logical
// references. A canonical comes without its version.
[[nodiscard]] std::string_view ReferenceOf(const fhir::Node& value, Leaf leaf);

[[nodiscard]] bool InRange(const RangeProbe& probe, const Interval& value);
[[nodiscard]] bool InRange(const RangeProbe& probe, double value);

// --- templates ---

[[nodiscard]] std::string ContactText(const fhir::Node& contact);

template <typename Visit>
void VisitTokens(const fhir::Node& value, Leaf leaf, const Visit& visit) {
    const auto put = [&](std::string_view system, std::string_view code) {
        if (!code.empty()) visit(system, code);
    };
    switch (leaf) {
        case Leaf::kCoding:
            put(value.TextOf("system"), value.TextOf("code"));
            break;
        case Leaf::kIdentifier:
            put(value.TextOf("system"), value.TextOf("value"));
            break;
        case Leaf::kCodeableConcept:
            if (const fhir::Node* codings = value.Find("coding")) {
                for (const fhir::Node& coding : codings->items()) {
                    put(coding.TextOf("system"), coding.TextOf("code"));
                }
            }
            break;
        case Leaf::kContactPoint:
            put({}, ContactText(value));
            break;
        case Leaf::kText:
        case Leaf::kUri:
        case Leaf::kCanonical:
        case Leaf::kNumber:
        case Leaf::kDate:
        case Leaf::kBoolean:
            put({}, value.text());
            break;
        default:
            break;
    }
}

template <typename Visit>
void VisitStrings(const fhir::Node& value, Leaf leaf, const Visit& visit) {
    if (leaf == Leaf::kText || leaf == Leaf::kUri) {
        if (!value.text().empty()) visit(std::string_view(value.text()));
        return;
    }
    if (leaf != Leaf::kHumanName && leaf != Leaf::kAddress) return;
    for (const fhir::Member& member : value.members()) {
        const std::string_view name = member.name;
        if (name == "use" || name == "type" || name == "id" || name.starts_with('_')) continue;
        if (member.value.IsString()) visit(std::string_view(member.value.text()));
        for (const fhir::Node& item : member.value.items()) {
            if (item.IsString()) visit(std::string_view(item.text()));
        }
    }
}

template <typename Visit>
void VisitNumbers(const fhir::Node& value, Leaf leaf, const Visit& visit) {
    const auto put = [&](const fhir::Node* number, const fhir::Node* holder) {
        if (number != nullptr && number->kind() == fhir::Kind::kNumber)
            visit(number->text(), holder);
    };
    if (leaf == Leaf::kNumber) put(&value, nullptr);
    if (leaf == Leaf::kQuantity) put(value.Find("value"), &value);
    if (leaf != Leaf::kRange) return;
    for (const std::string_view edge : {"low", "high"}) {
        if (const fhir::Node* quantity = value.Find(edge)) put(quantity->Find("value"), quantity);
    }
}

}  // namespace carestream::search
