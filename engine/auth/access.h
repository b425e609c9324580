#pragma once
// The one place that decides who may do what: a principal and an interaction -> a Decision; a
// resource -> seen or not; a search -> narrowed. Pure: no I/O, no clock.
// Source: SMART App Launch 2.0 (scopes), FHIR R4 CompartmentDefinition/patient.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/scope.h"
#include "base/clock.h"
#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "search/query.h"

namespace carestream::auth {

// Who asks.
struct Principal {
    std::string issuer;
    std::string subject;
    std::string client;
    std::string patient;  // claim `patient`: id of the Patient that patient/ scopes are about
    Micros expires = 0;   // claim `exp`; 0 = unknown
    std::vector<Scope> scopes;
    bool openid = false;   // scope `openid`: a person logged in
    bool by_link = false;  // the issuer knows no patients: a link names `patient`, not the claim
    // A carer's link: what `scopes` grant counts only as far as these grant it, too.
    bool limited = false;
    std::vector<Scope> limits;
    // Of a user/ token whose issuer says so: the clinics whose visits and appointments it may see.
    // Absent: all.
    std::optional<std::vector<std::string>> clinics;
    bool open = false;  // nobody was asked to prove anything (auth.mode: open): may do everything

    // Holds a patient/ scope: then all it may do is confined to that patient, whatever other scopes
    // the token has.
    [[nodiscard]] bool IsPatient() const;
};

// What a site decides beyond scopes.
struct Policy {
    // Codes of meta.security, of whatever system: carers do not see what carries one of them.
    std::vector<std::string> hidden_from_carers = {"R", "V"};
};

// `claims` were checked. Errors: kInvalid (a claim of a wrong type; `patient` is no resource id).
[[nodiscard]] Result<Principal> PrincipalOf(const fhir::Node& claims);

enum class Verdict { kDenied, kConfined, kAllowed };

struct Decision {
    Verdict verdict = Verdict::kDenied;
    std::string patient;  // kConfined: whose compartment
    // Granular scopes: a resource must fulfil all criteria of one of them; empty = no such rule.
    std::vector<net::Parameters> rules;
    std::vector<search::Query> parsed_rules;  // as `rules`
};

// `type` "*" asks for every type at once. A type that is neither in the Patient compartment nor of
// those that patients share (Practitioner, Organization, Location, ...) is denied to patients; what
// is shared can be read and searched only. A granular scope that is no search of the type grants
// nothing.
[[nodiscard]] Decision Decide(const fhir::Definitions& definitions, const Principal& principal,
                              std::string_view type, Action action);

// A principal during one request. Confined ones need the ids of the patients who are linked to
// theirs (merges) before anything is asked of resources. One thread at a time.
class Access {
public:
    Access(const fhir::Definitions& definitions, Principal principal, Policy policy = {})
        : definitions_(definitions), principal_(std::move(principal)), policy_(std::move(policy)) {}

    [[nodiscard]] const Principal& principal() const { return principal_; }
    [[nodiscard]] bool IsConfined() const { return principal_.IsPatient(); }
    // Staff that sees the visits and appointments of its clinics only.
    [[nodiscard]] bool IsOfClinics() const {
        return principal_.clinics.has_value() && !principal_.IsPatient();
    }
    // The patient and all that are linked to it; until it is set a confined token sees nothing.
    void SetLinked(std::vector<std::string> ids);
    [[nodiscard]] const std::vector<std::string>& linked() const { return linked_; }

    [[nodiscard]] const Decision& Of(std::string_view type, Action action);
    // Denied to nobody and without a rule for resources: no body needs to be looked at.
    [[nodiscard]] bool IsFree(std::string_view type, Action action);
    // May this resource be shown? False for another patient's, and for what is about another
    // patient though one's own is named in it (as its performer or author).
    [[nodiscard]] bool Sees(std::string_view type, const fhir::Node& resource, Action action);
    // As Sees, and leaves of `resource` what may be shown: of what is about several patients (a
    // group, an appointment) entries and elements that name others are taken out, with the
    // narrative; meta.tag says SUBSETTED then. `changed` (may be null): whether that was done.
    [[nodiscard]] bool Show(std::string_view type, fhir::Node& resource, Action action,
                            bool* changed = nullptr);
    // Does a label of the resource hide it from who asks, whoever's it is?
    [[nodiscard]] bool Hides(const fhir::Node& resource) const;
    // May a resource be as `resource` is, before or after a write? Stricter than Sees: it is in the
    // compartment and refers to no other patient anywhere.
    [[nodiscard]] bool MayWrite(std::string_view type, const fhir::Node& resource, Action action);

    // Parameters that would tell of other resources than those found (chains, _has) are refused for
    // confined and granular tokens: kDenied with the parameter as path.
    [[nodiscard]] Result<void> CheckParameters(std::string_view type,
                                               const net::Parameters& parameters);
    // Adds the criteria that keep a search to what may be seen, and leaves out what could only be
    // answered about others. Show leaves a match as it is of which Criterion::plainly is true.
    // Errors: kDenied.
    [[nodiscard]] Result<void> Narrow(search::Query& query);
    // What a paging link is bound to besides its search: a link of one token's view is no link of
    // another's.
    [[nodiscard]] std::string View(std::string_view type);

private:
    [[nodiscard]] bool InCompartment(std::string_view type, const fhir::Node& resource);
    [[nodiscard]] bool FulfilsRule(std::string_view type, const Decision& decision,
                                   const fhir::Node& resource) const;
    [[nodiscard]] Result<void> AddRules(const Decision& decision, search::Query& query) const;
    void LeaveOutOthers(search::Query& query) const;
    [[nodiscard]] Result<void> Confine(search::Query& query);
    [[nodiscard]] Result<void> KeepToClinics(search::Query& query) const;
    [[nodiscard]] bool GoesByClinics(std::string_view type) const;
    [[nodiscard]] bool IsOfOwnClinic(const fhir::Node& resource) const;
    [[nodiscard]] Result<void> ConfineShared(search::Query& query) const;

    const fhir::Definitions& definitions_;
    const Principal principal_;
    const Policy policy_;
    std::vector<std::string> linked_;
    std::map<std::pair<std::string, Action>, Decision> decisions_;
    std::map<std::string, search::Criterion, std::less<>> compartments_;
};

}  // namespace carestream::auth
