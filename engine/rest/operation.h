#pragma once
// How later modules add named operations ($book, $find, ...) to the REST service.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/access.h"
#include "fhir/node.h"
#include "fhir/validator.h"
#include "net/http.h"
#include "net/url.h"

namespace carestream::rest {

struct OperationCall {
    std::string type;             // "" at system level
    std::string id;               // "" at type level
    net::Parameters parameters;   // of the query string
    fhir::Node body;              // of a POST: parsed, not validated; null without a body
    std::string base_url;         // "https://host/fhir/r4"
    std::string idempotency_key;  // header Idempotency-Key, "" = none
    // Set when a patient's token asks: the answer is to be confined to that patient's compartment.
    std::string patient;
    std::shared_ptr<auth::Access> access;  // who asks, for operations that confine by more
    auth::Principal principal;             // who asks
    // Names a patient whom the answer is about, for the audit; to be called before the answer. The
    // one of `id` and the token's are named already. Empty in tests that call `run` themselves.
    std::function<void(std::string patient_id)> note_patient;
};

struct Operation {
    std::string name;                // without '$'
    std::string definition;          // canonical URL of its OperationDefinition
    std::vector<std::string> types;  // at type and instance level; empty = none
    bool system = false;             // at [base]/$name
    bool type = false;               // at [base]/[type]/$name
    bool instance = false;           // at [base]/[type]/[id]/$name
    bool changes_state = true;       // then by POST only
    bool confines = false;           // honours OperationCall::patient; else refused to patients
    // Answers through the responder, from any thread. Must not block.
    std::function<void(OperationCall call, std::shared_ptr<net::Responder> responder)> run;
    // What a token must be granted on the type. Absent: read and search, and with `changes_state`
    // create and update.
    std::optional<std::vector<auth::Action>> needs = {};
    bool any_login = false;  // every valid token may: it looks at OperationCall::principal itself
};

// What a later module wants to say about resources of its type before they are stored: checks that
// go beyond validity, elements that the server sets. Never blocks.
struct WriteRule {
    std::string type;
    // Errors are answered 422, kLimit and kUnavailable 503; `path` names the element.
    std::function<Result<void>(const auth::Principal& who, fhir::Node& resource)> check;
    // Asked before; all that it finds is answered, 422. Pure. May be empty.
    std::function<std::vector<fhir::Issue>(const fhir::Node& resource)> validate = {};
    // The same before one is deleted. Absent: no rule.
    std::function<Result<void>(const auth::Principal& who, const std::string& id)> check_delete =
        {};
    // Asked with what is there before it is changed (what `resource` is to be then may be edited) or
    // deleted (null). Absent: no rule, and what is there need not be read.
    std::function<Result<void>(const auth::Principal& who, const fhir::Node& before,
                               fhir::Node* resource)>
        check_change = {};
};

}  // namespace carestream::rest
