#include "app/internal/link_admin.h"

#include <algorithm>
#include <limits>

#include "app/internal/access_admin.h"
#include "app/internal/admin_answer.h"
#include "app/internal/await.h"
#include "fhir/json.h"
#include "fhir/temporal.h"
#include "rest/link_operations.h"

namespace carestream::app {

namespace {

using fhir::Node;
using net::Request;
using net::Response;

constexpr Micros kHour = 3'600'000'000;
constexpr std::int64_t kHoursMax = store::kCodeLifetimeMax / kHour;

// "Patient/1" and "1" are one.
std::string IdOf(std::string_view text, std::string_view type) {
    if (text.starts_with(type) && text.size() > type.size() && text[type.size()] == '/') {
        text.remove_prefix(type.size() + 1);
    }
    return std::string(text);
}

Result<Node> BodyOf(const Request& request, std::initializer_list<std::string_view> known) {
    auto body = fhir::ParseJson(request.body);
    if (!body || !body->IsObject()) return Fail(Code::kInvalid, "the body must be a JSON object");
    for (const fhir::Member& member : body->members()) {
        if (std::find(known.begin(), known.end(), member.name) == known.end()) {
            return Fail(Code::kInvalid, "unknown member '" + member.name + "'");
        }
    }
    return body;
}

Result<std::int64_t> NumberOf(const Node& body, std::string_view name, std::int64_t standard,
                              std::int64_t max) {
    const Node* value = body.Find(name);
    return value == nullptr ? Result<std::int64_t>(standard) : ParseNumber(value->text(), max);
}

rest::LinkParts LinkPartsOf(const AdminParts& parts, store::Tenant tenant) {
    return {parts.login_links, parts.reader, parts.clock, tenant};
}

store::AccessRow RowOf(store::Tenant tenant, const std::string& operation,
                       const std::string& patient) {
    store::AccessRow row;
    row.tenant = tenant;
    row.interaction = "operation";
    row.operation = operation;
    row.type = "Patient";
    row.id = patient;
    row.patient_ids = {patient};
    return row;
}

// The result of a change, told once it is noted.
Response Noted(const AdminParts& parts, const Request& request, store::AccessRow row,
               const Error* error, const Node& answer) {
    const Response response = error == nullptr ? Json(200, answer) : Failure(*error);
    row.status = response.status;
    if (const auto noted = NoteOperator(parts, request, std::move(row)); !noted) {
        return Failure(noted.error());
    }
    return response;
}

Node LinkNode(const store::LoginLink& link, Micros now) {
    const bool ended = link.until != 0 && link.until <= now;
    Node node = Node::Object();
    node.Set("link", Number(link.number));
    node.Set("patient", Node::String(link.patient));
    node.Set("issuer", Node::String(link.login.issuer));
    node.Set("subject", Node::String(link.login.subject));
    node.Set("kind", Node::String(link.kind == store::LinkKind::kSelf ? "self" : "carer"));
    node.Set("related_person", Node::String(link.related_person));
    node.Set("scopes", Node::String(link.scopes));
    node.Set("made", Instant(link.made));
    node.Set("made_by", Node::String(link.made_by));
    node.Set("until", Instant(link.until));
    node.Set("revoked", Instant(link.revoked));
    node.Set("state", Node::String(link.revoked != 0 ? "revoked" : ended ? "ended" : "in force"));
    return node;
}

Result<store::NewLinkCode> CodeOf(const AdminParts& parts, const Request& request) {
    CARESTREAM_ASSIGN(
        body, BodyOf(request, {"patient", "related_person", "scopes", "until", "hours", "tenant"}));
    store::NewLinkCode code;
    CARESTREAM_ASSIGN(tenant, TenantOf(parts.tenants, std::string(body.TextOf("tenant"))));
    code.tenant = tenant;
    code.patient = IdOf(body.TextOf("patient"), "Patient");
    if (code.patient.empty()) return Fail(Code::kInvalid, "'patient' is missing");
    code.related_person = IdOf(body.TextOf("related_person"), "RelatedPerson");
    if (!code.related_person.empty()) code.kind = store::LinkKind::kCarer;
    code.scopes = body.TextOf("scopes");
    if (const std::string_view text = body.TextOf("until"); !text.empty()) {
        const auto until = fhir::Temporal::ParseDateTime(text);
        if (!until) return Fail(Code::kInvalid, "'until' is a date or an instant");
        code.link_until = until->High();
    }
    CARESTREAM_ASSIGN(hours, NumberOf(body, "hours", store::kCodeLifetime / kHour, kHoursMax));
    if (hours == 0) return Fail(Code::kInvalid, "'hours' is a number from 1");
    code.lifetime = hours * kHour;
    code.made_by = "admin.sock|" + ActorOf(request);
    return code;
}

}  // namespace

Response ListLinks(const AdminParts& parts, const Request& request) {
    const auto parameters = net::ParseForm(request.query);
    if (!parameters) return Failure(parameters.error());
    const auto tenant = TenantOf(parts.tenants, Parameter(*parameters, "tenant"));
    if (!tenant) return Failure(tenant.error());
    const std::string patient = IdOf(Parameter(*parameters, "patient"), "Patient");
    if (patient.empty()) return Failure(400, "'patient' is missing");
    auto ids = Await<std::vector<std::string>>(
        [&](auto done) { parts.reader.LinkedIds(*tenant, patient, std::move(done)); });
    if (!ids) return Failure(ids.error());
    if (ids->empty()) return Failure(404, "no such patient");
    store::AccessRow row = RowOf(*tenant, "links", patient);
    if (const auto noted = NoteOperator(parts, request, std::move(row)); !noted) {
        return Failure(noted.error());
    }
    const auto links = Await<std::vector<store::LoginLink>>(
        [&](auto done) { parts.login_links.List(*tenant, std::move(*ids), std::move(done)); });
    if (!links) return Failure(links.error());
    Node node = Node::Object();
    Node& list = node.Set("links", Node::Array());
    for (const store::LoginLink& link : *links) list.Append(LinkNode(link, parts.clock.Now()));
    return Json(200, node);
}

Response MakeLinkCode(const AdminParts& parts, const Request& request) {
    auto code = CodeOf(parts, request);
    if (!code) return Failure(code.error());
    if (!parts.access_audit.Available()) return Failure(503, "the audit cannot be written now");
    store::AccessRow row = RowOf(code->tenant, "link-code", code->patient);
    const Micros expires = parts.clock.Now() + code->lifetime;
    const auto made = Await<std::string>([&](auto done) {
        rest::MakeLinkCode(LinkPartsOf(parts, code->tenant), std::move(*code), std::move(done));
    });
    Node node = Node::Object();
    if (made) node.Set("code", Node::String(*made));
    node.Set("expires", Instant(expires));
    return Noted(parts, request, std::move(row), made ? nullptr : &made.error(), node);
}

Response RevokeLinks(const AdminParts& parts, const Request& request) {
    const auto body = BodyOf(request, {"patient", "link", "tenant"});
    if (!body) return Failure(body.error());
    const auto tenant = TenantOf(parts.tenants, std::string(body->TextOf("tenant")));
    if (!tenant) return Failure(tenant.error());
    const std::string patient = IdOf(body->TextOf("patient"), "Patient");
    if (patient.empty()) return Failure(400, "'patient' is missing");
    const auto number = NumberOf(*body, "link", 0, std::numeric_limits<std::int64_t>::max());
    if (!number) return Failure(number.error());
    if (!parts.access_audit.Available()) return Failure(503, "the audit cannot be written now");
    const auto ended = Await<std::int64_t>([&](auto done) {
        rest::EndLinks(LinkPartsOf(parts, *tenant), patient, *number, std::move(done));
    });
    Node node = Node::Object();
    if (ended) node.Set("ended", Number(*ended));
    return Noted(parts, request, RowOf(*tenant, "unlink", patient),
                 ended ? nullptr : &ended.error(), node);
}

}  // namespace carestream::app
