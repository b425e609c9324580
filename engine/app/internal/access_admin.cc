#include "app/internal/access_admin.h"

#include <algorithm>

#include "app/internal/admin_answer.h"
#include "app/internal/await.h"
#include "config/units.h"
#include "fhir/temporal.h"

namespace carestream::app {

namespace {

using fhir::Node;
using net::Request;
using net::Response;

// A date, an instant, or how long ago: "24h", "7d".
Result<Micros> SinceOf(const std::string& text, Micros now) {
    if (text.empty()) return 0;
    if (const auto date = fhir::Temporal::ParseDateTime(text)) return date->Low();
    if (const auto ago = config::ParseDurationMs(text)) return now - *ago * 1000;
    return Fail(Code::kInvalid, "'since' is a date (2026-03-01), an instant or a time like 24h");
}

Node AccessNode(const store::AccessRecord& record) {
    const store::AccessRow& row = record.row;
    Node node = Node::Object();
    node.Set("number", Number(record.number));
    node.Set("at", Instant(row.at));
    node.Set("issuer", Node::String(row.issuer));
    node.Set("subject", Node::String(row.open ? "open" : row.subject));
    node.Set("client", Node::String(row.client));
    node.Set("address", Node::String(row.address));
    node.Set("interaction", Node::String(row.interaction));
    node.Set("operation", Node::String(row.operation));
    node.Set("target", Node::String(row.id.empty() ? row.type : row.type + "/" + row.id));
    node.Set("status", Number(row.status));
    node.Set("returned", Number(row.returned));
    Node& patients = node.Set("patients", Node::Array());
    for (const std::string& id : row.patient_ids) patients.Append(Node::String(id));
    return node;
}

Result<store::AccessQuery> QueryOf(const AdminParts& parts, const Request& request) {
    CARESTREAM_ASSIGN(parameters, net::ParseForm(request.query));
    store::AccessQuery query;
    CARESTREAM_ASSIGN(tenant, TenantOf(parts.tenants, Parameter(parameters, "tenant")));
    query.tenant = tenant;
    query.patient_id = Parameter(parameters, "patient");
    if (query.patient_id.starts_with("Patient/")) query.patient_id.erase(0, 8);
    if (const std::string actor = Parameter(parameters, "actor"); !actor.empty()) {
        const std::size_t bar = actor.rfind('|');
        if (bar == std::string::npos) {
            return Fail(Code::kInvalid, "'actor' is ISSUER|SUBJECT, as the audit prints it");
        }
        if (!query.patient_id.empty()) {
            return Fail(Code::kInvalid, "by 'patient' or by 'actor', not both");
        }
        query.issuer = actor.substr(0, bar);
        query.subject = actor.substr(bar + 1);
    }
    CARESTREAM_ASSIGN(since, SinceOf(Parameter(parameters, "since"), parts.clock.Now()));
    query.from = since;
    CARESTREAM_ASSIGN(limit, LimitOf(Parameter(parameters, "limit")));
    query.count = std::max(limit, 1);
    return query;
}

}  // namespace

Result<void> NoteOperator(const AdminParts& parts, const Request& request, store::AccessRow row) {
    row.at = parts.clock.Now();
    row.issuer = "admin.sock";
    row.subject = ActorOf(request);
    if (row.status == 0) row.status = 200;
    return Await<void>([&](store::Callback<void> done) {
        parts.access_audit.AppendDurably(std::move(row), std::move(done));
    });
}

Response ListAccesses(const AdminParts& parts, const Request& request) {
    auto query = QueryOf(parts, request);
    if (!query) return Failure(query.error());
    store::AccessRow row;
    row.tenant = query->tenant;
    row.interaction = "search-type";
    row.type = "AuditEvent";
    if (!query->patient_id.empty()) row.patient_ids = {query->patient_id};
    if (const auto noted = NoteOperator(parts, request, std::move(row)); !noted) {
        return Failure(noted.error());
    }
    const auto page = Await<store::AccessPage>([&](store::Callback<store::AccessPage> done) {
        parts.reader.Accesses(std::move(*query), std::move(done));
    });
    if (!page) return Failure(page.error());
    Node node = Node::Object();
    Node& list = node.Set("accesses", Node::Array());
    for (const store::AccessRecord& record : page->records) list.Append(AccessNode(record));
    node.Set("more", Node::Boolean(!page->next.empty()));
    return Json(200, node);
}

}  // namespace carestream::app
