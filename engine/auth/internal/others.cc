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

// A name or a reference could be spelled in another way there.
bool HasRareEscapes(std::string_view json) {
    for (std::size_t at = json.find('\\'); at != std::string_view::npos;
         at = json.find('\\', at + 2)) {
        if (at + 1 >= json.size() || json[at + 1] == 'u' || json[at + 1] == '/') return true;
    }
    return false;
}

// `rest` begins behind "Patient/".
bool BeginsWithOwnId(std::string_view rest, const std::vector<std::string>& linked) {
    const std::size_t end = rest.find_first_of("/\"");
    return end != std::string_view::npos && IsOwn(linked, rest.substr(0, end));
}

// No "Patient/" stands anywhere but at the beginning of a string: no reference to another server's.
bool PatientsBeginStrings(std::string_view json) {
    for (std::size_t at = json.find("Patient/"); at != std::string_view::npos;
         at = json.find("Patient/", at + 1)) {
        if (at == 0 || json[at - 1] != '"') return false;
    }
    return true;
}

// `rest` begins behind a quote, of a name or a value or behind them. `about` is set when somebody is
// said to be whom it is about.
bool IsPlain(std::string_view rest, const std::vector<std::string>& linked, bool& about) {
    if (rest.starts_with("Patient/")) return BeginsWithOwnId(rest.substr(8), linked);
    if (rest.starts_with(R"(patient")") || rest.starts_with(R"(subject")")) {
        about = true;
        return rest.substr(7).starts_with(R"(":{"reference":"Patient/)");
    }
    return !rest.starts_with(R"(Patient")") && !rest.starts_with(R"(security")");
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

// One look at each byte: of a page of 20 this is what confining costs most.
bool IsPlainlyOwn(std::string_view json, const std::vector<std::string>& linked) {
    bool about = false;
    for (std::size_t at = 0; at + 1 < json.size(); ++at) {
        const char first = json[at + 1];
        if (json[at] != '"' || (first != 'P' && first != 'p' && first != 's')) continue;
        if (!IsPlain(json.substr(at + 1), linked, about)) return false;
    }
    return about && PatientsBeginStrings(json) && !HasRareEscapes(json);
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
