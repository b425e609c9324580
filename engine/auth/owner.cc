#include "auth/owner.h"

#include <algorithm>
#include <string>
#include <utility>

namespace carestream::auth {
namespace {

constexpr std::string_view kOwner = "urn:carestream:owner";

const fhir::Node* ExtensionOf(const fhir::Node& element, std::string_view url) {
    const fhir::Node* list = element.Find("extension");
    if (list == nullptr) return nullptr;
    const auto found =
        std::find_if(list->items().begin(), list->items().end(),
                     [&](const fhir::Node& extension) { return extension.TextOf("url") == url; });
    return found == list->items().end() ? nullptr : &*found;
}

fhir::Node TextExtension(std::string_view url, const std::string& value) {
    fhir::Node extension = fhir::Node::Object();
    extension.Set("url", fhir::Node::String(std::string(url)));
    extension.Set("valueString", fhir::Node::String(value));
    return extension;
}

// A text of FHIR is not empty; no scope is called so.
std::string LimitText(const std::vector<Scope>& limits) {
    return limits.empty() ? "none" : FormatScopes(limits);
}

}  // namespace

bool IsOwnedType(std::string_view type) {
    return type == "Subscription";
}

void SetOwner(fhir::Node& resource, const Principal& principal) {
    fhir::Node& list = resource.At("extension");
    std::erase_if(list.items(),
                  [](const fhir::Node& extension) { return extension.TextOf("url") == kOwner; });
    fhir::Node owner = fhir::Node::Object();
    fhir::Node& parts = owner.At("extension");
    if (principal.open) {
        parts.Append(TextExtension("mode", "open"));
    } else {
        parts.Append(TextExtension("issuer", principal.issuer));
        parts.Append(TextExtension("subject", principal.subject));
        if (!principal.client.empty()) parts.Append(TextExtension("client", principal.client));
        if (!principal.patient.empty()) parts.Append(TextExtension("patient", principal.patient));
        parts.Append(TextExtension("scope", FormatScopes(principal.scopes)));
        if (principal.by_link) parts.Append(TextExtension("mode", "link"));
        if (principal.limited) parts.Append(TextExtension("limit", LimitText(principal.limits)));
        if (principal.clinics) {
            parts.Append(TextExtension("mode", "clinics"));
            for (const std::string& clinic : *principal.clinics) {
                if (!clinic.empty()) parts.Append(TextExtension("clinic", clinic));
            }
        }
    }
    owner.Set("url", fhir::Node::String(std::string(kOwner)));
    list.Append(std::move(owner));
}

std::optional<Principal> OwnerOf(const fhir::Node& resource) {
    const fhir::Node* owner = ExtensionOf(resource, kOwner);
    if (owner == nullptr) return std::nullopt;
    const auto text = [&](std::string_view name) {
        const fhir::Node* part = ExtensionOf(*owner, name);
        return part == nullptr ? std::string() : std::string(part->TextOf("valueString"));
    };
    Principal principal;
    principal.open = text("mode") == "open";
    if (principal.open) return principal;
    principal.issuer = text("issuer");
    principal.subject = text("subject");
    principal.client = text("client");
    principal.patient = text("patient");
    principal.scopes = ParseScopes(text("scope"));
    principal.by_link = text("mode") == "link";
    // An empty list is a limit, too: then nothing is granted.
    principal.limited = ExtensionOf(*owner, "limit") != nullptr;
    principal.limits = ParseScopes(text("limit"));
    for (const fhir::Node& part : owner->Find("extension")->items()) {
        const bool clinics =
            part.TextOf("url") == "mode" && part.TextOf("valueString") == "clinics";
        const bool clinic = part.TextOf("url") == "clinic";
        if ((clinics || clinic) && !principal.clinics) principal.clinics.emplace();
        if (clinic) principal.clinics->emplace_back(part.TextOf("valueString"));
    }
    return principal;
}

bool MayHear(Access& access, std::string_view type, const std::optional<Principal>& owner) {
    const Decision& decision = access.Of("Subscription", Action::kRead);
    if (decision.verdict == Verdict::kDenied || !decision.rules.empty()) return false;
    const Decision& of_type = access.Of(type, Action::kRead);
    if (of_type.verdict == Verdict::kDenied) return false;
    const bool free = access.IsFree(type, Action::kRead) && !access.IsOfClinics();
    if (decision.verdict == Verdict::kAllowed && free) return true;
    const Principal& who = access.principal();
    // He may have changed the clinic since, or ask with less than he had.
    return owner && IsSameOwner(*owner, who) && owner->clinics == who.clinics &&
           (of_type.rules.empty() || FormatScopes(owner->scopes) == FormatScopes(who.scopes));
}

bool IsSameOwner(const Principal& a, const Principal& b) {
    return a.open == b.open && a.issuer == b.issuer && a.subject == b.subject &&
           a.patient == b.patient;
}

}  // namespace carestream::auth
