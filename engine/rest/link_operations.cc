#include "rest/link_operations.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "auth/scope.h"
#include "fhir/json.h"
#include "fhir/temporal.h"
#include "rest/outcome.h"

namespace carestream::rest {
namespace {

using fhir::Node;
using SharedParts = std::shared_ptr<const LinkParts>;
using SharedResponder = std::shared_ptr<net::Responder>;

constexpr Micros kHour = 3'600'000'000;
constexpr const char* kCarerScopes = "patient/*.rs";
constexpr std::size_t kTextMax = 1024;

// The value of a parameter of the body, whatever its type; nullptr when it is absent.
const Node* ValueOf(const Node& body, std::string_view name) {
    const Node* parameters = body.Find("parameter");
    if (parameters == nullptr) return nullptr;
    for (const Node& parameter : parameters->items()) {
        if (parameter.TextOf("name") != name) continue;
        for (const fhir::Member& member : parameter.members()) {
            if (member.name.starts_with("value")) return &member.value;
        }
    }
    return nullptr;
}

std::string TextOf(const Node& body, std::string_view name) {
    const Node* value = ValueOf(body, name);
    return value == nullptr ? std::string() : value->text();
}

// A Parameters resource that names nothing else than `known`, each once.
Result<void> CheckBody(const Node& body, std::initializer_list<std::string_view> known) {
    if (body.IsNull()) return {};
    if (body.TextOf("resourceType") != "Parameters") {
        return Fail(Code::kInvalid, "the body is to be a Parameters resource", "resourceType");
    }
    const Node* parameters = body.Find("parameter");
    if (parameters == nullptr) return {};
    std::vector<std::string_view> seen;
    for (const Node& parameter : parameters->items()) {
        const std::string_view name = parameter.TextOf("name");
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return Fail(Code::kInvalid, "the operation has no such parameter", std::string(name));
        }
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
            return Fail(Code::kInvalid, "the parameter is there twice", std::string(name));
        }
        if (TextOf(body, name).size() > kTextMax) {
            return Fail(Code::kInvalid, "the parameter is too long", std::string(name));
        }
        seen.push_back(name);
    }
    return {};
}

Result<std::int64_t> NumberOf(const Node& body, std::string_view name, std::int64_t standard) {
    const std::string text = TextOf(body, name);
    if (ValueOf(body, name) == nullptr) return standard;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 1) {
        return Fail(Code::kInvalid, "a whole number from 1", std::string(name));
    }
    return number;
}

// "Patient/1" -> "1"
std::string IdOf(std::string_view reference, std::string_view type) {
    if (!reference.starts_with(type) || reference.size() <= type.size() + 1 ||
        reference[type.size()] != '/') {
        return {};
    }
    const std::string_view id = reference.substr(type.size() + 1);
    return id.find('/') == std::string_view::npos ? std::string(id) : std::string();
}

std::string WhoIs(const auth::Principal& principal) {
    if (principal.open) return "open";
    return principal.issuer + "|" + principal.subject;
}

Result<store::NewLinkCode> CodeOf(const OperationCall& call) {
    CARESTREAM_TRY(CheckBody(call.body, {"kind", "hours", "until", "relatedPerson", "scopes"}));
    store::NewLinkCode code;
    code.patient = call.id;
    code.made_by = WhoIs(call.principal);
    const std::string kind = TextOf(call.body, "kind");
    if (!kind.empty() && kind != "self" && kind != "carer") {
        return Fail(Code::kInvalid, "self or carer", "kind");
    }
    if (kind == "carer") code.kind = store::LinkKind::kCarer;
    CARESTREAM_ASSIGN(hours, NumberOf(call.body, "hours", store::kCodeLifetime / kHour));
    if (hours > store::kCodeLifetimeMax / kHour) {
        return Fail(Code::kInvalid,
                    "at most " + std::to_string(store::kCodeLifetimeMax / kHour) + " hours",
                    "hours");
    }
    code.lifetime = hours * kHour;
    if (ValueOf(call.body, "until") != nullptr) {
        const auto until = fhir::Temporal::ParseDateTime(TextOf(call.body, "until"));
        if (!until) return Fail(Code::kInvalid, "a date or an instant", "until");
        code.link_until = until->High();
    }
    code.scopes = TextOf(call.body, "scopes");
    if (const Node* reference = ValueOf(call.body, "relatedPerson")) {
        code.related_person = IdOf(reference->TextOf("reference"), "RelatedPerson");
        if (code.related_person.empty()) {
            return Fail(Code::kInvalid, "a reference to a RelatedPerson of this server",
                        "relatedPerson");
        }
    }
    return code;
}

// What needs no look into the store. Fills in what is left to us.
Result<void> Complete(store::NewLinkCode& code, Micros now) {
    if (code.link_until != 0 && code.link_until <= now) {
        return Fail(Code::kInvalid, "the link would have ended already", "until");
    }
    if (code.kind == store::LinkKind::kSelf) {
        if (!code.scopes.empty() || !code.related_person.empty()) {
            return Fail(Code::kInvalid, "goes with kind carer only",
                        code.scopes.empty() ? "relatedPerson" : "scopes");
        }
        return {};
    }
    if (code.related_person.empty()) {
        return Fail(Code::kInvalid, "a carer is named by a RelatedPerson of the patient",
                    "relatedPerson");
    }
    if (code.scopes.empty()) code.scopes = kCarerScopes;
    const auto scopes = auth::ParseScopes(code.scopes);
    const auto words = std::count(code.scopes.begin(), code.scopes.end(), ' ') + 1;
    const bool good = static_cast<std::size_t>(words) == scopes.size() &&
                      std::all_of(scopes.begin(), scopes.end(), [](const auth::Scope& scope) {
                          return scope.level == auth::Scope::Level::kPatient && scope.query.empty();
                      });
    if (!good) {
        return Fail(Code::kInvalid,
                    "patient/ scopes without search parameters, parted by one blank: "
                    "\"patient/Observation.rs patient/Appointment.rs\"",
                    "scopes");
    }
    return {};
}

bool IsOf(const fhir::Node& related, const std::vector<std::string>& patients) {
    const Node* patient = related.Find("patient");
    if (patient == nullptr) return false;
    const std::string id = IdOf(patient->TextOf("reference"), "Patient");
    return std::find(patients.begin(), patients.end(), id) != patients.end();
}

Error NoPatient() {
    Error error;
    error.code = Code::kNotFound;
    error.message = "no such patient";
    error.path = "Patient";
    return error;
}

// The patient as he is now, and the ids of all that he was merged with.
using Patients = std::vector<std::string>;
void FindPatient(const SharedParts& parts, const std::string& id, store::Callback<Patients> done) {
    parts->reader.Read(parts->tenant, "Patient", id,
                       [parts, id, done = std::move(done)](Result<store::StoredVersion> found) {
                           if (!found && found.error().code != Code::kNotFound)
                               return done(Fail(found.error()));
                           if (!found || found->deleted) return done(Fail(NoPatient()));
                           parts->reader.LinkedIds(parts->tenant, id, done);
                       });
}

void CheckRelated(const SharedParts& parts, store::NewLinkCode code, const Patients& patients,
                  store::Callback<std::string> done) {
    const std::string id = code.related_person;
    parts->reader.Read(
        parts->tenant, "RelatedPerson", id,
        [parts, code = std::move(code), patients,
         done = std::move(done)](Result<store::StoredVersion> found) {
            if (!found && found.error().code != Code::kNotFound) return done(Fail(found.error()));
            const auto body =
                found && !found->deleted ? fhir::ParseJson(found->body) : Result<Node>(Node());
            if (!body || !IsOf(*body, patients)) {
                return done(Fail(Code::kInvalid, "there is no such RelatedPerson of this patient",
                                 "relatedPerson"));
            }
            parts->links.MakeCode(code, done);
        });
}

void Make(const SharedParts& parts, store::NewLinkCode code, store::Callback<std::string> done) {
    code.tenant = parts->tenant;
    if (const auto complete = Complete(code, parts->clock.Now()); !complete) {
        return done(Fail(complete.error()));
    }
    const std::string patient = code.patient;
    FindPatient(parts, patient,
                [parts, code = std::move(code), done = std::move(done)](Result<Patients> patients) {
                    if (!patients) return done(Fail(patients.error()));
                    if (code.kind == store::LinkKind::kCarer) {
                        return CheckRelated(parts, code, *patients, done);
                    }
                    parts->links.MakeCode(code, done);
                });
}

void End(const SharedParts& parts, const std::string& patient, std::int64_t number,
         store::Callback<std::int64_t> done) {
    // Links to what was deleted are to be ended, too.
    parts->reader.LinkedIds(
        parts->tenant, patient,
        [parts, patient, number, done = std::move(done)](Result<Patients> patients) {
            if (!patients) return done(Fail(patients.error()));
            if (patients->empty()) return done(Fail(NoPatient()));
            parts->links.Revoke({parts->tenant, std::move(*patients), number}, done);
        });
}

void SendParameters(net::Responder& responder, std::vector<Node> parameters) {
    Node body = Node::Object();
    body.Set("resourceType", Node::String("Parameters"));
    Node& list = body.Set("parameter", Node::Array());
    for (Node& parameter : parameters) list.Append(std::move(parameter));
    responder.Send(net::Response::Text(200, kFhirJson, fhir::ToJson(body)));
}

Node Parameter(std::string_view name, std::string_view value_name, Node value) {
    Node parameter = Node::Object();
    parameter.Set("name", Node::String(std::string(name)));
    parameter.Set(value_name, std::move(value));
    return parameter;
}

void SendError(net::Responder& responder, const Error& error) {
    if (error.code == Code::kLimit) {
        auto response = OutcomeResponse(429, "throttled", error.message);
        response.headers.emplace_back("Retry-After", "3600");
        return responder.Send(std::move(response));
    }
    responder.Send(OutcomeOf(error, ErrorOrigin::kStore));
}

void RunLinkCode(const SharedParts& parts, const OperationCall& call,
                 const SharedResponder& responder) {
    auto code = CodeOf(call);
    if (!code) return SendError(*responder, code.error());
    const Micros expires = parts->clock.Now() + code->lifetime;
    Make(parts, std::move(*code), [responder, expires](Result<std::string> made) {
        if (!made) return SendError(*responder, made.error());
        SendParameters(
            *responder,
            {Parameter("code", "valueString", Node::String(std::move(*made))),
             Parameter("expires", "valueInstant", Node::String(FormatInstant(expires)))});
    });
}

void RunLink(const SharedParts& parts, const OperationCall& call,
             const SharedResponder& responder) {
    const auth::Principal& who = call.principal;
    const auto refuse = [&](std::string text) {
        responder->Send(OutcomeResponse(403, "forbidden", std::move(text)));
    };
    if (!who.by_link || who.subject.empty()) {
        return refuse("only log-ins of an issuer with `patient_claim: link` are linked by codes");
    }
    if (!who.IsPatient() && !who.openid) {
        return refuse("the token needs a patient/ scope or openid");
    }
    if (const auto checked = CheckBody(call.body, {"code"}); !checked) {
        return SendError(*responder, checked.error());
    }
    const std::string code = TextOf(call.body, "code");
    if (code.empty()) {
        return responder->Send(OutcomeResponse(400, "required", "the code is missing", "code"));
    }
    parts->links.Redeem(
        parts->tenant, {who.issuer, who.subject}, code,
        [responder, note = call.note_patient](Result<store::LoginLink> link) {
            if (!link && link.error().code == Code::kNotFound) {
                return responder->Send(
                    OutcomeResponse(400, "invalid", link.error().message, "code"));
            }
            if (!link) return SendError(*responder, link.error());
            if (note) note(link->patient);
            Node reference;
            reference.Set("reference", Node::String("Patient/" + link->patient));
            const bool self = link->kind == store::LinkKind::kSelf;
            SendParameters(*responder,
                           {Parameter("patient", "valueReference", reference),
                            Parameter("kind", "valueCode", Node::String(self ? "self" : "carer"))});
        });
}

void RunUnlink(const SharedParts& parts, const OperationCall& call,
               const SharedResponder& responder) {
    const auto checked = CheckBody(call.body, {"link"});
    const auto number =
        checked ? NumberOf(call.body, "link", 0) : Result<std::int64_t>(Fail(checked.error()));
    if (!number) return SendError(*responder, number.error());
    End(parts, call.id, *number, [responder](Result<std::int64_t> ended) {
        if (!ended) return SendError(*responder, ended.error());
        SendParameters(*responder,
                       {Parameter("ended", "valueInteger", Node::Number(std::to_string(*ended)))});
    });
}

using Run = void (*)(const SharedParts&, const OperationCall&, const SharedResponder&);

Operation Named(const SharedParts& parts, std::string name, Run run) {
    Operation operation;
    operation.definition = "urn:carestream:operation:" + name;
    operation.name = std::move(name);
    operation.types = {"Patient"};
    operation.run = [parts, run](const OperationCall& call, const SharedResponder& responder) {
        run(parts, call, responder);
    };
    return operation;
}

}  // namespace

std::vector<Operation> LinkOperations(LinkParts given) {
    const auto parts = std::make_shared<const LinkParts>(std::move(given));
    Operation code = Named(parts, "link-code", RunLinkCode);
    code.instance = true;
    code.needs = std::vector<auth::Action>{auth::Action::kUpdate};
    Operation link = Named(parts, "link", RunLink);
    link.type = true;
    link.any_login = true;
    Operation unlink = Named(parts, "unlink", RunUnlink);
    unlink.instance = true;
    unlink.needs = std::vector<auth::Action>{auth::Action::kUpdate};
    return {std::move(code), std::move(link), std::move(unlink)};
}

void MakeLinkCode(const LinkParts& parts, store::NewLinkCode code,
                  store::Callback<std::string> done) {
    Make(std::make_shared<const LinkParts>(parts), std::move(code), std::move(done));
}

void EndLinks(const LinkParts& parts, std::string patient, std::int64_t number,
              store::Callback<std::int64_t> done) {
    End(std::make_shared<const LinkParts>(parts), patient, number, std::move(done));
}

}  // namespace carestream::rest
