// create (also conditional), update (also as create, also with If-Match), delete.
#include "fhir/json.h"
#include "rest/internal/authorize.h"
#include "rest/internal/binary.h"
#include "rest/internal/exchange.h"
#include "rest/internal/write_steps.h"

namespace carestream::rest {
namespace {

// Absent and deleted already are as good as deleted: the interaction can be repeated.
void SendDeleted(Exchange& exchange, Result<store::RestResult> deleted) {
    const bool gone = !deleted && (deleted.error().code == Code::kNotFound ||
                                   deleted.error().code == Code::kGone);
    if (!deleted && !gone) {
        exchange.Refuse(deleted.error(), ErrorOrigin::kStore);
        return;
    }
    if (deleted) exchange.Show(deleted->version);
    net::Response response;
    response.status = 204;
    if (deleted) AddVersionHeaders(exchange, deleted->version, false, response);
    if (exchange.preferences.returning == ReturnPreference::kOutcome) {
        response.status = 200;
        response.headers.emplace_back("Content-Type", kFhirJson);
        response.body.push_back(OutcomeJson(
            {{"information", "informational", gone ? "there was nothing to delete" : "deleted"}}));
    }
    exchange.Send(std::move(response));
}

Result<void> ReadIfNoneExist(const Exchange& exchange, store::RestWrite& write) {
    std::string_view text = exchange.request.Header("If-None-Exist");
    if (text.empty()) return {};
    if (const auto question = text.find('?'); question != std::string_view::npos) {
        text.remove_prefix(question + 1);  // clients send the whole URL, too
    }
    CARESTREAM_ASSIGN(parameters, net::ParseForm(text));
    CARESTREAM_TRY(exchange.access->CheckParameters(exchange.route.type, parameters));
    CARESTREAM_ASSIGN(query, search::ParseQuery(exchange.definitions(), exchange.route.type,
                                                parameters, {}, exchange.query_limits()));
    if (!query.unknown.empty()) {
        return Fail(Code::kInvalid, "a condition may only hold parameters that are known",
                    query.unknown[0]);
    }
    if (!query.empty.empty()) {
        return Fail(Code::kInvalid, "a condition may only hold parameters with a value",
                    query.empty[0]);
    }
    if (query.criteria.empty()) {
        return Fail(Code::kInvalid, "a condition needs at least one search parameter",
                    "If-None-Exist");
    }
    CARESTREAM_TRY(exchange.access->Narrow(query));
    write.if_none_exist = std::move(query);
    return {};
}

// The body of a Binary that came as bytes; answers itself and gives false when it is refused.
bool TakeBytes(Exchange& exchange, fhir::Node& resource) {
    auto binary = BinaryOf(exchange.request);
    if (!binary) {
        exchange.Refuse(415, "not-supported", binary.error().message, binary.error().path);
        return false;
    }
    if (exchange.route.interaction == Interaction::kUpdate) {
        binary->Set("id", fhir::Node::String(exchange.route.id));
    }
    if (const auto issues = fhir::Validate(exchange.definitions(), *binary); !issues.empty()) {
        exchange.Send(OutcomeOf(issues));
        return false;
    }
    resource = std::move(*binary);
    MakeReferencesRelative(exchange.base, resource);
    return true;
}

// The body as a resource of the route's type; answers itself and gives false when it is none.
bool ReadResource(Exchange& exchange, fhir::Node& resource) {
    if (exchange.route.type == kBinary && !IsJsonContent(exchange.request.Header("Content-Type"))) {
        return TakeBytes(exchange, resource);
    }
    if (!IsJsonContent(exchange.request.Header("Content-Type"))) {
        exchange.Refuse(415, "not-supported",
                        "Content-Type is to be application/fhir+json, in UTF-8, FHIR 4.0");
        return false;
    }
    auto parsed = fhir::ParseJson(exchange.request.body);
    if (!parsed) {
        exchange.Refuse(parsed.error(), ErrorOrigin::kBody);
        return false;
    }
    const auto& route = exchange.route;
    if (!parsed->IsObject() || parsed->TextOf("resourceType").empty()) {
        exchange.Refuse(400, "structure", "the body is a JSON object with resourceType");
        return false;
    }
    if (parsed->TextOf("resourceType") != route.type) {
        exchange.Refuse(400, "invalid", "resourceType is to be " + route.type + ", as in the URL",
                        "resourceType");
        return false;
    }
    if (route.interaction == Interaction::kUpdate && parsed->TextOf("id") != route.id) {
        exchange.Refuse(400, "invalid", "the resource's id is to be the id in the URL",
                        route.type + ".id");
        return false;
    }
    if (route.interaction == Interaction::kCreate) parsed->Remove("id");  // the server names it
    if (const auto issues = fhir::Validate(exchange.definitions(), *parsed); !issues.empty()) {
        exchange.Send(OutcomeOf(issues));
        return false;
    }
    resource = std::move(*parsed);
    MakeReferencesRelative(exchange.base, resource);
    return true;
}

void SendResult(Exchange& exchange, Result<store::RestResult> result) {
    if (exchange.route.interaction == Interaction::kDelete) {
        SendDeleted(exchange, std::move(result));
    } else {
        SendWritten(exchange, std::move(result));
    }
}

auth::Action ActionOf(const Exchange& exchange) {
    switch (exchange.route.interaction) {
        case Interaction::kDelete:
            return auth::Action::kDelete;
        case Interaction::kUpdate:
            return auth::Action::kUpdate;
        default:
            return auth::Action::kCreate;
    }
}

// May the token do this to any resource of the type, be it there or not?
bool IsFreeWrite(Exchange& exchange) {
    const auto& type = exchange.route.type;
    const bool creates = exchange.route.interaction != Interaction::kUpdate ||
                         exchange.access->IsFree(type, auth::Action::kCreate);
    return creates && exchange.access->IsFree(type, ActionOf(exchange));
}

void WriteGuarded(const ExchangePtr& exchange, store::RestWrite write, int tries);

// `attempt` is `write` under the version that was looked at; when another writer is faster, what he
// left is looked at.
void SubmitGuarded(const ExchangePtr& exchange, store::RestWrite attempt, store::RestWrite write,
                   int tries) {
    exchange->state->parts.writer.SubmitRest(
        std::move(attempt),
        [exchange, write = std::move(write), tries](Result<store::RestResult> result) mutable {
            const bool overtaken = !result && result.error().code == Code::kPreconditionFailed;
            if (overtaken && !write.if_match && tries > 1) {
                WriteGuarded(exchange, std::move(write), tries - 1);
            } else {
                SendResult(*exchange, std::move(result));
            }
        });
}

// Nobody is asked about what is not there.
void WriteAbsent(const ExchangePtr& exchange, store::RestWrite write, int tries) {
    if (IsAnyTag(exchange->request.Header("If-Match"))) {
        return exchange->Refuse(412, "conflict", "If-Match: * asks for a resource that exists");
    }
    store::RestWrite attempt = write;
    const bool deletes = write.method == store::RestMethod::kDelete;
    if (!deletes && !attempt.if_match) attempt.if_match = store::kAbsent;
    SubmitGuarded(exchange, std::move(attempt), std::move(write), tries);
}

// Changes what is there in the very version that was looked at; If-Match: * holds for any. For a
// token that is confined, another's and what is not there are one answer: no resource is made by
// this way.
void WriteGuarded(const ExchangePtr& exchange, store::RestWrite write, int tries) {
    auto& parts = exchange->state->parts;
    const store::Tenant tenant = write.tenant;
    const std::string type = write.type;
    const std::string id = write.id;
    auto decide = [exchange, write = std::move(write),
                   tries](Result<store::StoredVersion> found) mutable {
        const bool absent = !found && found.error().code == Code::kNotFound;
        if (!found && !absent && (found.error().retryable || IsFreeWrite(*exchange))) {
            return exchange->Refuse(found.error(), ErrorOrigin::kStore);
        }
        const bool there = found && !found->deleted;
        if (!there && IsFreeWrite(*exchange)) {
            return WriteAbsent(exchange, std::move(write), tries);
        }
        const auto body = there ? fhir::ParseJson(found->body) : Result<fhir::Node>();
        if (!there || !body ||
            !exchange->access->MayWrite(write.type, *body, ActionOf(*exchange))) {
            return exchange->Refuse(NothingThere(*exchange).value(), ErrorOrigin::kStore);
        }
        if (write.if_match && *write.if_match != found->version) return SendOvertaken(*exchange);
        store::RestWrite attempt = write;
        const bool deletes = write.method == store::RestMethod::kDelete;
        if (!FollowsChangeRules(*exchange, *body, deletes ? nullptr : &attempt.resource)) return;
        attempt.if_match = found->version;
        SubmitGuarded(exchange, std::move(attempt), std::move(write), tries);
    };
    parts.reader.Read(tenant, type, id, std::move(decide));
}

void Write(const ExchangePtr& exchange, store::RestWrite write) {
    if (!IsFreeWrite(*exchange)) {
        const bool deletes = exchange->route.interaction == Interaction::kDelete;
        if (!deletes &&
            !exchange->access->MayWrite(write.type, write.resource, ActionOf(*exchange))) {
            SendNotOfToken(*exchange);
            return;
        }
        if (exchange->route.interaction != Interaction::kCreate) {
            return WriteGuarded(exchange, std::move(write), kAnyVersionTries);
        }
    } else if (IsAnyTag(exchange->request.Header("If-Match")) ||
               (exchange->route.interaction != Interaction::kCreate && HasChangeRule(*exchange))) {
        return WriteGuarded(exchange, std::move(write), kAnyVersionTries);
    }
    exchange->state->parts.writer.SubmitRest(
        std::move(write),
        [exchange](Result<store::RestResult> result) { SendResult(*exchange, std::move(result)); });
}

}  // namespace

void HandleWrite(const ExchangePtr& exchange) {
    if (RefuseWrite(*exchange)) return;
    store::RestWrite write;
    write.tenant = exchange->state->options.tenant;
    write.type = exchange->route.type;
    write.id = exchange->route.id;
    write.claims_identifiers = !exchange->access->IsConfined();
    Result<void> conditions = ReadIfMatch(*exchange, write.if_match);
    if (conditions) conditions = ReadIfNoneExist(*exchange, write);
    if (!conditions) {
        exchange->Refuse(conditions.error(), ErrorOrigin::kSearch);
        return;
    }
    if (exchange->route.interaction == Interaction::kDelete) {
        write.method = store::RestMethod::kDelete;
        if (!FollowsRules(*exchange, nullptr)) return;
    } else {
        write.method = exchange->route.interaction == Interaction::kCreate
                           ? store::RestMethod::kCreate
                           : store::RestMethod::kUpdate;
        if (!ReadResource(*exchange, write.resource)) return;
        if (!FollowsRules(*exchange, &write.resource)) return;
    }
    Write(exchange, std::move(write));
}

}  // namespace carestream::rest
