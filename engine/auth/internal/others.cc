#include "auth/internal/others.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace carestream::auth::internal {
namespace {

bool ReferenceNamesOthers(const fhir::Node& node, const std::vector<std::string>& linked,
                          bool is_about) {
    bool foreign = false;
    const std::string_view text = node.TextOf("reference");
    const std::string_view id = PatientNamed(text, foreign);
    if (foreign || (!id.empty() && !IsOwn(linked, id))) return true;
    // By an identifier, or as something that the text does not tell.
    const bool patient = is_about || node.TextOf("type") == "Patient";
    return patient && id.empty() && !text.starts_with("Group/") && !text.starts_with("Device/") &&
           !text.starts_with("Location/");
}

bool NamesOthersIn(const fhir::Node& node, const std::vector<std::string>& linked, bool root) {
    if (node.IsArray()) {
        return std::any_of(node.items().begin(), node.items().end(), [&](const fhir::Node& item) {
            return NamesOthersIn(item, linked, false);
        });
    }
    if (!node.IsObject()) return false;
    if (!root && node.TextOf("resourceType") == "Patient") return true;  // contained
    const bool reference = node.Find("reference") != nullptr || node.TextOf("type") == "Patient";
    if (reference && ReferenceNamesOthers(node, linked, false)) return true;
    for (const fhir::Member& member : node.members()) {
        const bool is_about = member.name == "patient" || member.name == "subject";
        if (is_about && member.value.IsObject() && member.value.Find("coding") == nullptr &&
            ReferenceNamesOthers(member.value, linked, true)) {
            return true;
        }
        if (NamesOthersIn(member.value, linked, false)) return true;
    }
    return false;
}

// Takes the innermost entries of lists that name others out of `node`; what names them outside of
// a list stays.
void TakeOutEntries(fhir::Node& node, const std::vector<std::string>& linked) {
    for (fhir::Node& item : node.items()) TakeOutEntries(item, linked);
    for (fhir::Member& member : node.members()) TakeOutEntries(member.value, linked);
    if (node.IsArray()) {
        std::erase_if(node.items(),
                      [&](const fhir::Node& item) { return NamesOthersIn(item, linked, false); });
    }
}

}  // namespace

bool IsId(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '-' ||
               c == '.';
    });
}

std::string_view PatientNamed(std::string_view reference, bool& foreign) {
    constexpr std::string_view kType = "Patient/";
    foreign = foreign || reference.find("/Patient/") != std::string_view::npos;
    if (!reference.starts_with(kType)) return {};
    std::string_view id = reference.substr(kType.size());
    id = id.substr(0, id.find('/'));
    foreign = foreign || !IsId(id);
    return id;
}

bool IsOwn(const std::vector<std::string>& linked, std::string_view id) {
    return std::find(linked.begin(), linked.end(), id) != linked.end();
}

bool NamesOthers(const fhir::Node& resource, const std::vector<std::string>& linked) {
    return NamesOthersIn(resource, linked, true);
}

bool IsAboutAnother(const fhir::Node& resource, const std::vector<std::string>& linked) {
    constexpr std::array<std::string_view, 5> kOthers = {"beneficiary", "for", "individual",
                                                         "candidate", "actor"};
    return std::any_of(
        resource.members().begin(), resource.members().end(), [&](const fhir::Member& member) {
            const bool is_about = member.name == "patient" || member.name == "subject";
            const bool other =
                std::find(kOthers.begin(), kOthers.end(), member.name) != kOthers.end();
            return (is_about || other) && member.value.IsObject() &&
                   member.value.Find("coding") == nullptr &&
                   ReferenceNamesOthers(member.value, linked, is_about);
        });
}

void TakeOutOthers(fhir::Node& resource, const std::vector<std::string>& linked) {
    TakeOutEntries(resource, linked);
    std::erase_if(resource.members(), [&](const fhir::Member& member) {
        const bool empty = member.value.IsArray() && member.value.items().empty();
        return empty || member.name == "text" || NamesOthersIn(member.value, linked, false);
    });
    fhir::Node tag = fhir::Node::Object();
    tag.Set("system",
            fhir::Node::String("http://terminology.hl7.org/CodeSystem/v3-ObservationValue"));
    tag.Set("code", fhir::Node::String("SUBSETTED"));
    resource.At("meta").At("tag").Append(std::move(tag));
}

}  // namespace carestream::auth::internal
