// create (also conditional), update (also as create, also with If-Match), delete.
#include "fhir/json.h"
#include "rest/internal/access_note.h"
#include "rest/internal/authorize.h"
#include "rest/internal/binary.h"
#include "rest/internal/exchange.h"

namespace carestream::rest {
namespace {

// Each failure means that another write went through.
constexpr int kAnyVersionTries = 64;
// Somebody has to make space first.
constexpr const char* kDiskRetryAfter = "30";

void SendWritten(Exchange& exchange, Result<store::RestResult> written) {
    if (!written) {
        exchange.Refuse(written.error(), ErrorOrigin::kStore);
        return;
    }
    // The match of a condition was not written by this client.
    const bool own = exchange.route.interaction != Interaction::kCreate || written->created ||
                     IsVisible(exchange, written->version, auth::Action::kRead);
    if (own) exchange.Show(written->version);
    if (!own) exchange.preferences.returning = ReturnPreference::kMinimal;
    net::Response response;
    response.status = written->created ? 201 : 200;
    AddVersionHeaders(exchange, written->version, true, response);
    switch (exchange.preferences.returning) {
        case ReturnPreference::kMinimal:
            break;
        case ReturnPreference::kRepresentation:
            response.headers.emplace_back("Content-Type", kFhirJson);
            response.body.push_back(std::move(written->version.body));
            break;
        case ReturnPreference::kOutcome: {
            const std::string_view text =
                written->created ? "created"
                                 : (written->unchanged ? "nothing had to be changed" : "updated");
            response.headers.emplace_back("Content-Type", kFhirJson);
            response.body.push_back(
                OutcomeJson({{"information", "informational", std::string(text)}}));
        }
    }
    exchange.Send(std::move(response));
}

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

Result<void> ReadIfMatch(const Exchange& exchange, store::RestWrite& write) {
    const std::string_view text = exchange.request.Header("If-Match");
    if (text.empty() || IsAnyTag(text)) return {};
    CARESTREAM_ASSIGN(version, ParseETag(text));
    write.if_match = version;
    return {};
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

// Conditions that FHIR knows and this server does not evaluate are refused, never ignored.
std::string_view UnknownCondition(const Exchange& exchange) {
    const auto& request = exchange.request;
    const bool create = exchange.route.interaction == Interaction::kCreate;
    if (!request.Header("If-None-Match").empty()) return "If-None-Match";
    if (!request.Header("If-Unmodified-Since").empty()) return "If-Unmodified-Since";
    if (create && !request.Header("If-Match").empty()) return "If-Match";
    if (!create && !request.Header("If-None-Exist").empty()) return "If-None-Exist";
    return {};
}

// "http://this.server/fhir/r4/Patient/1" as "Patient/1": a reference to a resource of this server
// is stored one way, so that it is found however a search writes it.
void MakeReferencesRelative(std::string_view base, fhir::Node& node) {
    for (fhir::Node& item : node.items()) MakeReferencesRelative(base, item);
    for (fhir::Member& member : node.members()) {
        const std::string& text = member.value.text();
        const bool own = member.name == "reference" && member.value.IsString() &&
                         text.size() > base.size() && text.starts_with(base) &&
                         text[base.size()] == '/';
        if (own) {
            member.value = fhir::Node::String(text.substr(base.size() + 1));
        } else {
            MakeReferencesRelative(base, member.value);
        }
    }
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

void SendRuleError(Exchange& exchange, const Error& error) {
    const bool busy = error.code == Code::kLimit || error.code == Code::kUnavailable;
    exchange.Refuse(busy ? 503 : 422,
                    busy                               ? "throttled"
                    : error.code == Code::kUnsupported ? "not-supported"
                                                       : "invalid",
                    error.message, error.path);
}

// What other modules say about resources of the type; answers itself and gives false when one of
// them refuses. `resource` null: it is to be deleted.
bool FollowsRules(Exchange& exchange, fhir::Node* resource) {
    for (const WriteRule& rule : exchange.state->parts.write_rules) {
        if (rule.type != exchange.route.type) continue;
        if (resource == nullptr && !rule.check_delete) continue;
        if (resource != nullptr && rule.validate) {
            if (const auto issues = rule.validate(*resource); !issues.empty()) {
                exchange.Send(OutcomeOf(issues));
                return false;
            }
        }
        const auth::Principal& who = exchange.access->principal();
        const Result<void> checked = resource == nullptr ? rule.check_delete(who, exchange.route.id)
                                                         : rule.check(who, *resource);
        if (checked) continue;
        SendRuleError(exchange, checked.error());
        return false;
    }
    return true;
}

// The same mark at which messages are no longer acknowledged: PostgreSQL must not run full.
void SendDiskLow(Exchange& exchange) {
    auto response =
        OutcomeResponse(503, "no-store",
                        "the server's disk has less free space than its configuration asks for "
                        "(store.disk_free_min); writes are possible again once there is space");
    for (auto& [name, value] : response.headers) {
        if (name == "Retry-After") value = kDiskRetryAfter;
    }
    exchange.Send(std::move(response));
}

void SendResult(Exchange& exchange, Result<store::RestResult> result) {
    if (exchange.route.interaction == Interaction::kDelete) {
        SendDeleted(exchange, std::move(result));
    } else {
        SendWritten(exchange, std::move(result));
    }
}

// If-Match: * holds for any current version, so the version that is read becomes the condition of
// the write; when another writer is faster, the next one does.
void WriteAnyVersion(const ExchangePtr& exchange, store::RestWrite write, int tries) {
    auto& parts = exchange->state->parts;
    const store::Tenant tenant = write.tenant;
    const std::string type = write.type;
    const std::string id = write.id;
    parts.reader.Read(
        tenant, type, id,
        [exchange, write = std::move(write), tries](Result<store::StoredVersion> found) mutable {
            const bool absent =
                found ? found->deleted
                      : found.error().code == Code::kNotFound || found.error().code == Code::kGone;
            if (absent) {
                exchange->Refuse(412, "conflict", "If-Match: * asks for a resource that exists");
                return;
            }
            if (!found) {
                exchange->Refuse(found.error(), ErrorOrigin::kStore);
                return;
            }
            write.if_match = found->version;
            auto& writer = exchange->state->parts.writer;
            store::RestWrite attempt = write;
            writer.SubmitRest(std::move(attempt), [exchange, write = std::move(write), tries](
                                                      Result<store::RestResult> result) mutable {
                const bool overtaken = !result && result.error().code == Code::kPreconditionFailed;
                if (overtaken && tries > 1) {
                    WriteAnyVersion(exchange, std::move(write), tries - 1);
                } else {
                    SendResult(*exchange, std::move(result));
                }
            });
        });
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

// Changes only what is there and may be changed, in the very version that was looked at. What is
// another's and what is not there are one answer: no resource is made by this way.
void WriteGuarded(const ExchangePtr& exchange, store::RestWrite write, int tries) {
    auto& parts = exchange->state->parts;
    const store::Tenant tenant = write.tenant;
    const std::string type = write.type;
    const std::string id = write.id;
    auto decide = [exchange, write = std::move(write),
                   tries](Result<store::StoredVersion> found) mutable {
        if (!found && found.error().code != Code::kNotFound) {
            return exchange->Refuse(found.error(), ErrorOrigin::kStore);
        }
        const bool there = found && !found->deleted;
        const auto body = there ? fhir::ParseJson(found->body) : Result<fhir::Node>();
        if (!there || !body ||
            !exchange->access->MayWrite(write.type, *body, ActionOf(*exchange))) {
            return exchange->Refuse(NothingThere(*exchange).value(), ErrorOrigin::kStore);
        }
        if (write.if_match && *write.if_match != found->version) {
            return exchange->Refuse(412, "conflict",
                                    "the current version is not the one that If-Match names",
                                    write.type);
        }
        store::RestWrite attempt = write;
        attempt.if_match = found->version;
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
    };
    parts.reader.Read(tenant, type, id, std::move(decide));
}

void Write(const ExchangePtr& exchange, store::RestWrite write) {
    if (!IsFreeWrite(*exchange)) {
        const bool deletes = exchange->route.interaction == Interaction::kDelete;
        if (!deletes &&
            !exchange->access->MayWrite(write.type, write.resource, ActionOf(*exchange))) {
            exchange->Refuse(403, "forbidden",
                             "the resource is not one that the token may write: it is to be of the "
                             "token's patient alone, or of its clinics, and within its scopes");
            return;
        }
        if (exchange->route.interaction != Interaction::kCreate) {
            return WriteGuarded(exchange, std::move(write), kAnyVersionTries);
        }
    }
    if (IsAnyTag(exchange->request.Header("If-Match"))) {
        WriteAnyVersion(exchange, std::move(write), kAnyVersionTries);
        return;
    }
    exchange->state->parts.writer.SubmitRest(
        std::move(write),
        [exchange](Result<store::RestResult> result) { SendResult(*exchange, std::move(result)); });
}

}  // namespace

void HandleWrite(const ExchangePtr& exchange) {
    const auto& disk_low = exchange->state->parts.disk_low;
    if (disk_low && disk_low()) {
        SendDiskLow(*exchange);
        return;
    }
    if (RefuseUnaudited(*exchange)) return;
    if (exchange->RefuseParameters()) return;
    if (const auto name = UnknownCondition(*exchange); !name.empty()) {
        exchange->Refuse(501, "not-supported", "this condition is not offered here",
                         std::string(name));
        return;
    }
    store::RestWrite write;
    write.tenant = exchange->state->options.tenant;
    write.type = exchange->route.type;
    write.id = exchange->route.id;
    write.claims_identifiers = !exchange->access->IsConfined();
    Result<void> conditions = ReadIfMatch(*exchange, write);
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
