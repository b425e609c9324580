// patch: a JSON Patch of what is there now, and then an update.
#include <memory>
#include <utility>

#include "fhir/json.h"
#include "rest/internal/authorize.h"
#include "rest/internal/exchange.h"
#include "rest/internal/json_patch.h"
#include "rest/internal/write_steps.h"

namespace carestream::rest {
namespace {

// What stays the same however often the resource is read again.
struct Patching {
    JsonPatch patch;
    std::optional<std::int32_t> if_match;
};
using PatchingPtr = std::shared_ptr<const Patching>;

// A test of a patch and its answer tell what is there: who patches must be allowed to read it.
bool MayPatch(Exchange& exchange, const fhir::Node& resource) {
    const std::string& type = exchange.route.type;
    auth::Access& access = *exchange.access;
    return (access.IsFree(type, auth::Action::kRead) ||
            access.Sees(type, resource, auth::Action::kRead)) &&
           (access.IsFree(type, auth::Action::kUpdate) ||
            access.MayWrite(type, resource, auth::Action::kUpdate));
}

bool IsConfined(Exchange& exchange) {
    return !exchange.access->IsFree(exchange.route.type, auth::Action::kRead) ||
           !exchange.access->IsFree(exchange.route.type, auth::Action::kUpdate);
}

// What may be patched; answers itself and gives false when it is none.
bool TakeCurrent(Exchange& exchange, const Result<store::StoredVersion>& found,
                 fhir::Node& resource) {
    const bool absent =
        found ? found->deleted
              : found.error().code == Code::kNotFound || found.error().code == Code::kGone;
    if (!found && !absent) {
        exchange.Refuse(found.error(), ErrorOrigin::kStore);
        return false;
    }
    if (absent && found && !IsConfined(exchange)) {
        exchange.Refuse(410, "deleted", "the resource was deleted");
        return false;
    }
    auto body = absent ? Result<fhir::Node>(fhir::Node()) : fhir::ParseJson(found->body);
    if (!body) {
        exchange.Refuse(body.error(), ErrorOrigin::kStore);
        return false;
    }
    if (absent || !MayPatch(exchange, *body)) {
        exchange.Refuse(NothingThere(exchange).value(), ErrorOrigin::kStore);
        return false;
    }
    exchange.NamePatients(*found);
    resource = std::move(*body);
    return true;
}

// The resource as it is to be; answers itself and gives false when it cannot be so.
bool Patch(Exchange& exchange, const JsonPatch& patch, fhir::Node& resource) {
    const Route& route = exchange.route;
    auto patched = ApplyJsonPatch(patch, resource);
    if (!patched) {
        const Error& error = patched.error();
        const std::string_view code = error.code == Code::kConflict ? "conflict"
                                      : error.code == Code::kLimit  ? "too-long"
                                                                    : "invalid";
        exchange.Refuse(422, code, error.message, error.path);
        return false;
    }
    if (patched->TextOf("resourceType") != route.type || patched->TextOf("id") != route.id) {
        exchange.Refuse(422, "invalid", "a patch changes neither the type nor the id",
                        route.type + ".id");
        return false;
    }
    // A narrative that says what the resource said before would be unsafe (3.1.0, patch).
    if (!Touches(patch, "text") && *patched != resource) patched->Remove("text");
    if (const auto issues = fhir::Validate(exchange.definitions(), *patched); !issues.empty()) {
        exchange.Send(OutcomeOf(issues));
        return false;
    }
    const fhir::Node before = std::exchange(resource, std::move(*patched));
    MakeReferencesRelative(exchange.base, resource);
    if (!FollowsRules(exchange, &resource) || !FollowsChangeRules(exchange, before, &resource)) {
        return false;
    }
    if (exchange.access->IsFree(route.type, auth::Action::kUpdate) ||
        exchange.access->MayWrite(route.type, resource, auth::Action::kUpdate)) {
        return true;
    }
    SendNotOfToken(exchange);
    return false;
}

// Under the version that was read; when another writer is faster, what he left is patched, unless
// the client wanted one version.
void Attempt(const ExchangePtr& exchange, const PatchingPtr& patching, int tries) {
    auto decide = [exchange, patching, tries](const Result<store::StoredVersion>& found) {
        store::RestWrite write;
        if (!TakeCurrent(*exchange, found, write.resource)) return;
        if (patching->if_match && *patching->if_match != found->version) {
            return SendOvertaken(*exchange);
        }
        if (!Patch(*exchange, patching->patch, write.resource)) return;
        write.tenant = exchange->state->options.tenant;
        write.method = store::RestMethod::kUpdate;
        write.type = exchange->route.type;
        write.id = exchange->route.id;
        write.claims_identifiers = !exchange->access->IsConfined();
        write.if_match = found->version;
        exchange->state->parts.writer.SubmitRest(
            std::move(write), [exchange, patching, tries](Result<store::RestResult> written) {
                const bool overtaken =
                    !written && written.error().code == Code::kPreconditionFailed;
                if (overtaken && !patching->if_match && tries > 1) {
                    Attempt(exchange, patching, tries - 1);
                } else {
                    SendWritten(*exchange, std::move(written));
                }
            });
    };
    exchange->state->parts.reader.Read(exchange->state->options.tenant, exchange->route.type,
                                       exchange->route.id, std::move(decide));
}

}  // namespace

void HandlePatch(const ExchangePtr& exchange) {
    if (RefuseWrite(*exchange)) return;
    if (!IsJsonPatchContent(exchange->request.Header("Content-Type"))) {
        auto response = OutcomeResponse(
            415, "not-supported",
            "Content-Type is to be application/json-patch+json: a JSON Patch (RFC 6902)");
        response.headers.emplace_back("Accept-Patch", kJsonPatch);
        return exchange->Send(std::move(response));
    }
    auto patching = std::make_shared<Patching>();
    if (const auto read = ReadIfMatch(*exchange, patching->if_match); !read) {
        return exchange->Refuse(read.error(), ErrorOrigin::kSearch);
    }
    auto patch = ParseJsonPatch(exchange->request.body);
    if (!patch) return exchange->Refuse(patch.error(), ErrorOrigin::kBody);
    patching->patch = std::move(*patch);
    Attempt(exchange, patching, kAnyVersionTries);
}

}  // namespace carestream::rest
