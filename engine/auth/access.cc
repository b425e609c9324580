#include "auth/access.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "auth/internal/others.h"
#include "auth/owner.h"
#include "base/text.h"
#include "clinics/visit.h"
#include "holds/holds.h"

namespace carestream::auth {
namespace {

using clinics::kClinicSystem;
using internal::IsAboutAnother;
using internal::IsId;
using internal::IsOwn;
using internal::NamesOthers;
using internal::PatientNamed;

// What is nobody's data and what patients' records refer to. Schedule and Device are of the list
// only as far as they name no patient: see NamesOthers.
constexpr std::array<std::string_view, 10> kShared = {
    "Practitioner", "PractitionerRole", "Organization",      "Location", "Medication",
    "Device",       "Schedule",         "HealthcareService", "Slot",     "Questionnaire"};

// What the clinic keeps about a patient: he reads it. Else he could take a warning back before
// anybody saw it.
constexpr std::array<std::string_view, 2> kKept = {"Flag", "Task"};

bool IsShared(std::string_view type) {
    return std::find(kShared.begin(), kShared.end(), type) != kShared.end();
}

bool InPatientCompartment(const fhir::Definitions& definitions, std::string_view type) {
    return type == "Patient" || !definitions.CompartmentParameters("Patient", type).empty();
}

bool ReadsOnly(Action action) {
    return action == Action::kRead || action == Action::kSearch;
}

bool PatientsMay(const fhir::Definitions& definitions, std::string_view type, Action action) {
    if (type == "Patient") return action != Action::kCreate;  // a new patient is another one
    if (std::find(kKept.begin(), kKept.end(), type) != kKept.end()) return ReadsOnly(action);
    if (InPatientCompartment(definitions, type)) return true;
    if (IsOwnedType(type)) return true;
    // As what it belongs to: by its id, and only when that is seen.
    if (type == "Binary") return action == Action::kRead;
    return IsShared(type) && ReadsOnly(action);
}

// A rule is a search of criteria alone: what steers a search, or is not known, is no rule.
bool ParseRule(const fhir::Definitions& definitions, std::string_view type,
               const net::Parameters& rule, search::Query& out) {
    auto query = search::ParseQuery(definitions, type, rule);
    if (!query || !query->unknown.empty() || !query->empty.empty() || !query->includes.empty() ||
        query->criteria.size() != rule.size()) {
        return false;
    }
    out = std::move(*query);
    return true;
}

bool HasLabelOf(const fhir::Node& resource, const std::vector<std::string>& codes) {
    const fhir::Node* meta = resource.Find("meta");
    const fhir::Node* labels = meta == nullptr ? nullptr : meta->Find("security");
    if (labels == nullptr) return false;
    return std::any_of(
        labels->items().begin(), labels->items().end(), [&](const fhir::Node& label) {
            return std::find(codes.begin(), codes.end(), label.TextOf("code")) != codes.end();
        });
}

std::vector<std::string_view> ClinicsOf(const fhir::Node& resource) {
    std::vector<std::string_view> clinics;
    const fhir::Node* meta = resource.Find("meta");
    const fhir::Node* tags = meta == nullptr ? nullptr : meta->Find("tag");
    if (tags == nullptr) return clinics;
    for (const fhir::Node& tag : tags->items()) {
        if (tag.TextOf("system") == kClinicSystem) clinics.push_back(tag.TextOf("code"));
    }
    return clinics;
}

// A value of a search parameter that is one. Source: FHIR R4 3.1.1.4.0.1.
std::string EscapeValue(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == ',' || c == '|' || c == '$' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

search::Criterion IdCriterion(const std::vector<std::string>& ids) {
    search::Criterion criterion;
    criterion.parameter = "_id";
    criterion.kind = search::CriterionKind::kId;
    criterion.ids = ids;
    return criterion;
}

Result<void> ReadText(const fhir::Node& claims, std::string_view name, std::string& out) {
    const fhir::Node* claim = claims.Find(name);
    if (claim == nullptr) return {};
    if (!claim->IsString()) return Fail(Code::kInvalid, "a claim of the token has a wrong type");
    out = claim->text();
    return {};
}

bool GrantsWhole(const std::vector<Scope>& scopes, std::string_view type, Action action) {
    return std::any_of(scopes.begin(), scopes.end(), [&](const Scope& scope) {
        return scope.Grants(action) && scope.query.empty() &&
               (scope.type == "*" || scope.type == type);
    });
}

// What the matcher asks of a match beside the compartment. What was asked for is to be found in
// what is shown of it: that another one of a group declined is his matter.
std::function<bool(const fhir::Node& resource)> ShownAndMet(const fhir::Definitions& definitions,
                                                            const std::vector<std::string>& linked,
                                                            const search::Query& query) {
    std::vector<search::Criterion> asked = query.criteria;
    for (search::Criterion& criterion : asked) {
        if (criterion.kind != search::CriterionKind::kPatient) continue;
        std::vector<search::TokenProbe> probes = criterion.tokens;
        for (const std::string& id : linked) {
            criterion.ids.push_back(id);
            for (search::TokenProbe probe : probes) {
                probe.value = "Patient/" + id;
                criterion.tokens.push_back(std::move(probe));
            }
        }
    }
    // Shared: the function is copied with its query.
    auto shared = std::make_shared<const std::vector<search::Criterion>>(std::move(asked));
    return [&definitions, type = query.type, linked,
            shared = std::move(shared)](const fhir::Node& resource) {
        if (IsAboutAnother(resource, linked)) return false;
        if (shared->empty() || !NamesOthers(resource, linked)) return true;
        fhir::Node shown = resource;
        internal::TakeOutOthers(shown, linked);
        return std::all_of(shared->begin(), shared->end(), [&](const search::Criterion& criterion) {
            return search::Matches(definitions, shown, type, criterion);
        });
    };
}

}  // namespace

bool Principal::IsPatient() const {
    return std::any_of(scopes.begin(), scopes.end(),
                       [](const Scope& scope) { return scope.level == Scope::Level::kPatient; });
}

Result<Principal> PrincipalOf(const fhir::Node& claims) {
    Principal principal;
    std::string scopes;
    CARESTREAM_TRY(ReadText(claims, "iss", principal.issuer));
    CARESTREAM_TRY(ReadText(claims, "sub", principal.subject));
    CARESTREAM_TRY(ReadText(claims, "client_id", principal.client));
    if (principal.client.empty()) CARESTREAM_TRY(ReadText(claims, "azp", principal.client));
    CARESTREAM_TRY(ReadText(claims, "patient", principal.patient));
    CARESTREAM_TRY(ReadText(claims, "scope", scopes));
    if (claims.Find("patient") != nullptr && !IsId(principal.patient)) {
        return Fail(Code::kInvalid, "the token's patient is no id of a resource");
    }
    principal.scopes = ParseScopes(scopes);
    if (const fhir::Node* expires = claims.Find("exp")) {
        principal.expires =
            static_cast<Micros>(std::strtod(expires->text().c_str(), nullptr)) * 1'000'000;
    }
    for (const std::string_view scope : Split(scopes, ' ')) {
        principal.openid = principal.openid || scope == "openid";
    }
    return principal;
}

Decision Decide(const fhir::Definitions& definitions, const Principal& principal,
                std::string_view type, Action action) {
    Decision decision;
    if (principal.open) {
        decision.verdict = Verdict::kAllowed;
        return decision;
    }
    const bool confined = principal.IsPatient();
    if (principal.limited && !GrantsWhole(principal.limits, type, action)) return decision;
    if (confined) {
        if (principal.patient.empty() || !PatientsMay(definitions, type, action)) return decision;
        decision.patient = principal.patient;
    }
    bool whole = false;
    for (const Scope& scope : principal.scopes) {
        if (!scope.Grants(action) || (scope.type != "*" && scope.type != type)) continue;
        whole = whole || scope.query.empty();
        search::Query rule;
        if (scope.query.empty() || !ParseRule(definitions, type, scope.query, rule)) continue;
        decision.rules.push_back(scope.query);
        decision.parsed_rules.push_back(std::move(rule));
    }
    if (!whole && decision.rules.empty()) return {};
    if (whole) {
        decision.rules.clear();
        decision.parsed_rules.clear();
    }
    decision.verdict = confined ? Verdict::kConfined : Verdict::kAllowed;
    return decision;
}

void Access::SetLinked(std::vector<std::string> ids) {
    linked_ = std::move(ids);
    if (!principal_.patient.empty() && !IsOwn(linked_, principal_.patient)) {
        linked_.push_back(principal_.patient);
    }
    compartments_.clear();
}

const Decision& Access::Of(std::string_view type, Action action) {
    const std::pair<std::string, Action> key(type, action);
    const auto found = decisions_.find(key);
    if (found != decisions_.end()) return found->second;
    return decisions_.emplace(key, Decide(definitions_, principal_, type, action)).first->second;
}

bool Access::IsFree(std::string_view type, Action action) {
    const Decision& decision = Of(type, action);
    return decision.verdict == Verdict::kAllowed && decision.rules.empty() && !GoesByClinics(type);
}

bool Access::GoesByClinics(std::string_view type) const {
    return IsOfClinics() && (type == "Encounter" || type == "Appointment");
}

bool Access::IsOfOwnClinic(const fhir::Node& resource) const {
    const auto clinics = ClinicsOf(resource);
    return std::any_of(clinics.begin(), clinics.end(), [&](std::string_view clinic) {
        return std::find(principal_.clinics->begin(), principal_.clinics->end(), clinic) !=
               principal_.clinics->end();
    });
}

// Results that are held, from everybody who is confined; what is confidential, from carers.
bool Access::Hides(const fhir::Node& resource) const {
    if (IsConfined() && holds::IsHeld(resource)) return true;
    return principal_.limited && HasLabelOf(resource, policy_.hidden_from_carers);
}

bool Access::InCompartment(std::string_view type, const fhir::Node& resource) {
    if (type == "Patient") return IsOwn(linked_, resource.TextOf("id"));
    if (type == "Binary") {
        const fhir::Node* context = resource.Find("securityContext");
        bool foreign = false;
        const std::string_view id =
            PatientNamed(context == nullptr ? "" : context->TextOf("reference"), foreign);
        return !foreign && IsOwn(linked_, id);
    }
    if (IsOwnedType(type)) {
        const auto owner = OwnerOf(resource);
        return owner && IsSameOwner(*owner, principal_);
    }
    auto found = compartments_.find(type);
    if (found == compartments_.end()) {
        auto criterion = search::PatientCompartment(definitions_, type, principal_.patient);
        if (!criterion) return false;
        criterion->ids = linked_;
        found = compartments_.emplace(std::string(type), std::move(*criterion)).first;
    }
    return search::Matches(definitions_, resource, type, found->second);
}

bool Access::FulfilsRule(std::string_view type, const Decision& decision,
                         const fhir::Node& resource) const {
    if (decision.rules.empty()) return true;
    const auto fulfils = [&](const search::Query& rule) {
        return std::all_of(rule.criteria.begin(), rule.criteria.end(),
                           [&](const search::Criterion& criterion) {
                               return search::Matches(definitions_, resource, type, criterion);
                           });
    };
    return std::any_of(decision.parsed_rules.begin(), decision.parsed_rules.end(), fulfils);
}

bool Access::Sees(std::string_view type, const fhir::Node& resource, Action action) {
    const Decision& decision = Of(type, action);
    if (decision.verdict == Verdict::kDenied) return false;
    if (resource.TextOf("resourceType") != type || !FulfilsRule(type, decision, resource)) {
        return false;
    }
    if (decision.verdict == Verdict::kAllowed) {
        return !GoesByClinics(type) || IsOfOwnClinic(resource);
    }
    if (Hides(resource)) return false;
    if (InCompartment(type, resource)) return !IsAboutAnother(resource, linked_);
    return IsShared(type) && ReadsOnly(action) && !NamesOthers(resource, linked_);
}

bool Access::Show(std::string_view type, fhir::Node& resource, Action action, bool* changed) {
    if (changed != nullptr) *changed = false;
    if (!Sees(type, resource, action)) return false;
    if (!IsConfined() || IsOwnedType(type) || !NamesOthers(resource, linked_)) return true;
    internal::TakeOutOthers(resource, linked_);
    if (changed != nullptr) *changed = true;
    return true;
}

bool Access::MayWrite(std::string_view type, const fhir::Node& resource, Action action) {
    const Decision& decision = Of(type, action);
    if (decision.verdict == Verdict::kDenied) return false;
    if (resource.TextOf("resourceType") != type || !FulfilsRule(type, decision, resource)) {
        return false;
    }
    if (decision.verdict == Verdict::kAllowed) {
        // What is new and says no clinic is given one where it is stored.
        return !GoesByClinics(type) || IsOfOwnClinic(resource) ||
               (action == Action::kCreate && ClinicsOf(resource).empty());
    }
    return !Hides(resource) && InCompartment(type, resource) && !NamesOthers(resource, linked_);
}

Result<void> Access::CheckParameters(std::string_view type, const net::Parameters& parameters) {
    if (IsFree(type, Action::kSearch)) return {};
    for (const auto& [name, value] : parameters) {
        if (name.find('.') != std::string::npos || name.starts_with("_has") ||
            name.starts_with("_filter") || name.starts_with("_query") ||
            name.starts_with("_list")) {
            return Fail(Code::kDenied,
                        "the token may not ask by what other resources hold: no chains, no _has",
                        name);
        }
    }
    return {};
}

Result<void> Access::AddRules(const Decision& decision, search::Query& query) const {
    if (decision.rules.empty()) return {};
    const net::Parameters& first = decision.rules.front();
    net::Parameters joined = first;
    for (std::size_t i = 1; i < decision.rules.size(); ++i) {
        const net::Parameters& rule = decision.rules[i];
        // a or b of one parameter is one criterion; anything else is no conjunction.
        if (first.size() != 1 || rule.size() != 1 || rule[0].first != first[0].first) {
            return Fail(Code::kDenied,
                        "the token's granular scopes for this type go by different parameters: "
                        "they cannot be joined into one search");
        }
        joined[0].second += "," + rule[0].second;
    }
    search::Query rules;
    if (!ParseRule(definitions_, query.type, joined, rules)) {
        return Fail(Code::kDenied, "the token's granular scopes are no search of this type");
    }
    for (search::Criterion& criterion : rules.criteria) {
        query.criteria.push_back(std::move(criterion));
    }
    return {};
}

// Nobody finds out who else is in what he sees: it is not found by other patients.
void Access::LeaveOutOthers(search::Query& query) const {
    const auto is_other = [&](std::string_view reference) {
        bool foreign = false;
        const std::string_view id = PatientNamed(reference, foreign);
        return foreign || (!id.empty() && !IsOwn(linked_, id));
    };
    for (search::Criterion& criterion : query.criteria) {
        if (criterion.kind != search::CriterionKind::kPatient &&
            criterion.kind != search::CriterionKind::kToken) {
            continue;
        }
        const bool by_patient = criterion.kind == search::CriterionKind::kPatient;
        const std::size_t removed =
            std::erase_if(criterion.tokens,
                          [&](const search::TokenProbe& probe) {
                              return probe.form == "r" && is_other(probe.value);
                          }) +
            (by_patient ? std::erase_if(criterion.ids,
                                        [&](const std::string& id) { return !IsOwn(linked_, id); })
                        : 0);
        if (removed == 0 || !criterion.ids.empty()) continue;
        if (criterion.tokens.empty()) {
            criterion = IdCriterion({});  // nothing
        } else {
            criterion.kind = search::CriterionKind::kToken;
        }
    }
}

Result<void> Access::Confine(search::Query& query) {
    if (query.type == "Patient") {
        LeaveOutOthers(query);
        query.criteria.insert(query.criteria.begin(), IdCriterion(linked_));
        return {};
    }
    auto own = search::PatientCompartment(definitions_, query.type, principal_.patient);
    if (!own) return ConfineShared(query);
    LeaveOutOthers(query);
    // As Hides: of what is hidden not even the number is told.
    auto hidden = principal_.limited ? policy_.hidden_from_carers : std::vector<std::string>();
    own->besides = [hidden = std::move(hidden), shown = ShownAndMet(definitions_, linked_, query)](
                       const fhir::Node& resource) {
        return !holds::IsHeld(resource) && !HasLabelOf(resource, hidden) && shown(resource);
    };
    own->lossy = true;
    if (Of(query.type, Action::kSearch).rules.empty()) {
        own->plainly = [linked = linked_](std::string_view json) {
            return internal::IsPlainlyOwn(json, linked);
        };
    }
    query.criteria.insert(query.criteria.begin(), std::move(*own));
    return {};
}

Result<void> Access::KeepToClinics(search::Query& query) const {
    std::string tags;
    for (const std::string& clinic : *principal_.clinics) {
        tags += (tags.empty() ? "" : ",") + std::string(kClinicSystem) + "|" + EscapeValue(clinic);
    }
    if (tags.empty()) {
        query.criteria.push_back(IdCriterion({}));  // nothing
        return {};
    }
    search::QueryLimits limits;
    limits.values_max = principal_.clinics->size();
    CARESTREAM_ASSIGN(own,
                      search::ParseQuery(definitions_, query.type, {{"_tag", tags}}, {}, limits));
    query.criteria.push_back(std::move(own.criteria.at(0)));
    return {};
}

// Nothing of a shared type is confined by a compartment: what names a patient is left out by the
// search itself, nothing may ask for a patient, and nothing is counted.
Result<void> Access::ConfineShared(search::Query& query) const {
    for (const fhir::SearchParameter* parameter : definitions_.SearchParameters(query.type)) {
        const auto& targets = parameter->targets;
        if (parameter->type != "reference" ||
            std::find(targets.begin(), targets.end(), "Patient") == targets.end()) {
            continue;
        }
        const std::string name(parameter->code);
        for (const search::Criterion& criterion : query.criteria) {
            if (criterion.parameter.substr(0, criterion.parameter.find(':')) != name) continue;
            return Fail(Code::kDenied, "the token may not search this type by patients", name);
        }
        CARESTREAM_ASSIGN(
            missing, search::ParseQuery(definitions_, query.type, {{name + ":missing", "true"}}));
        query.criteria.push_back(std::move(missing.criteria.at(0)));
    }
    query.total = search::Query::Total::kNone;
    if (query.count == 0) {
        return Fail(Code::kDenied, "the token may not count this type", "_count");
    }
    return {};
}

Result<void> Access::Narrow(search::Query& query) {
    const Decision& decision = Of(query.type, Action::kSearch);
    if (decision.verdict == Verdict::kDenied) {
        return Fail(Code::kDenied, "the token's scopes do not cover this search");
    }
    if (decision.verdict == Verdict::kConfined && IsOwnedType(query.type)) {
        return Fail(Code::kDenied, "the token reads resources of this type by their ids");
    }
    std::erase_if(query.includes, [&](const search::Include& include) {
        return include.reverse && Of(include.source, Action::kRead).verdict == Verdict::kDenied;
    });
    CARESTREAM_TRY(AddRules(decision, query));
    if (decision.verdict == Verdict::kConfined) return Confine(query);
    return GoesByClinics(query.type) ? KeepToClinics(query) : Result<void>();
}

std::string Access::View(std::string_view type) {
    const Decision& decision = Of(type, Action::kSearch);
    std::string view = decision.patient;
    for (const net::Parameters& rule : decision.rules) {
        view += '|';
        for (const auto& [name, value] : rule) {
            view += net::PercentEncode(name) + "=" + net::PercentEncode(value) + "&";
        }
    }
    if (GoesByClinics(type)) {
        for (const std::string& clinic : *principal_.clinics) {
            view += "|clinic=" + net::PercentEncode(clinic);
        }
    }
    return view;
}

}  // namespace carestream::auth
