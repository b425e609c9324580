// read and search of AuditEvent: rows of the audit, made into resources as they are asked for.
#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "fhir/json.h"
#include "rest/internal/audit_event.h"
#include "rest/internal/authorize.h"
#include "rest/internal/bundle.h"
#include "rest/internal/exchange.h"
#include "rest/internal/question.h"

namespace carestream::rest {
namespace {

// What is asked of the audit; `nothing`: of two patients at once, which no row is about.
struct Asked {
    store::AccessQuery query;
    bool nothing = false;
};

// Rows are asked for one patient at a time. Those whom a confined token is linked to are one.
Result<void> TakePatient(const std::vector<std::string>& ids,
                         const std::vector<std::string>& linked, Asked& asked) {
    if (ids.size() != 1) {
        return Fail(Code::kUnsupported, "AuditEvents are searched of one patient", "patient");
    }
    const auto own = [&](const std::string& id) {
        return std::find(linked.begin(), linked.end(), id) != linked.end();
    };
    std::string& patient = asked.query.patient_id;
    const bool same = patient.empty() || patient == ids[0] || (own(patient) && own(ids[0]));
    asked.nothing = asked.nothing || !same;
    patient = ids[0];
    return {};
}

// An instant has no width, so each relation is a border or two.
Result<void> TakeDate(const search::Criterion& criterion, store::AccessQuery& query) {
    if (criterion.ranges.size() != 1 || criterion.negated) {
        return Fail(Code::kUnsupported, "one date a parameter, here", "date");
    }
    const search::RangeProbe& probe = criterion.ranges[0];
    const auto from = [&](Micros time) { query.from = std::max(query.from, time); };
    const auto until = [&](Micros time) {
        query.until = query.until == 0 ? time : std::min(query.until, time);
    };
    switch (probe.relation) {
        case search::Relation::kContains:
            from(probe.low);
            until(probe.high + 1);
            return {};
        case search::Relation::kAbove:
        case search::Relation::kAfter:
            from(probe.high + 1);
            return {};
        case search::Relation::kBelow:
        case search::Relation::kBefore:
            until(probe.low);
            return {};
        case search::Relation::kAtOrAbove:
            from(probe.low);
            return {};
        case search::Relation::kAtOrBelow:
            until(probe.high + 1);
            return {};
        default:
            return Fail(Code::kUnsupported, "date takes eq, gt, ge, lt, le, sa and eb here",
                        "date");
    }
}

Result<Asked> AskedOf(const search::Query& asked, const std::vector<std::string>& linked) {
    Asked result;
    store::AccessQuery& query = result.query;
    query.count = asked.count;
    if (asked.count == 0 || asked.total == search::Query::Total::kExact) {
        return Fail(Code::kUnsupported, "AuditEvents are not counted",
                    asked.count == 0 ? "_count" : "_total");
    }
    if (asked.sort) {
        return Fail(Code::kUnsupported, "AuditEvents come newest first", "_sort");
    }
    for (const search::Criterion& criterion : asked.criteria) {
        if (criterion.kind == search::CriterionKind::kPatient) {
            CARESTREAM_TRY(TakePatient(criterion.ids, linked, result));
        } else if (criterion.kind == search::CriterionKind::kDate) {
            CARESTREAM_TRY(TakeDate(criterion, query));
        } else {
            return Fail(Code::kUnsupported, "AuditEvents are searched by patient and date",
                        criterion.parameter);
        }
    }
    return result;
}

// The event as far as the token may see it.
std::optional<fhir::Node> SeenEvent(Exchange& exchange, const store::AccessRecord& record,
                                    auth::Action action) {
    auth::Access& access = *exchange.access;
    fhir::Node event = AuditEventOf(record, access.IsConfined() ? &access.linked() : nullptr);
    if (!access.IsFree(kAuditEvent, action) && !access.Sees(kAuditEvent, event, action)) {
        return std::nullopt;
    }
    return event;
}

store::StoredVersion VersionOf(const store::AccessRecord& record, const fhir::Node& event) {
    store::StoredVersion version;
    version.type = kAuditEvent;
    version.id = std::to_string(record.number);
    version.version = 1;
    version.last_updated = record.row.at;
    version.body = fhir::ToJson(event);
    return version;
}

void SendEvents(Exchange& exchange, const Question& question, Result<store::AccessPage> page) {
    if (!page) return exchange.Refuse(page.error(), ErrorOrigin::kSearch);
    BundleWriter bundle("searchset", -1, exchange.base);
    AddLinks(exchange, question, page->next, bundle);
    for (const store::AccessRecord& record : page->records) {
        const auto event = SeenEvent(exchange, record, auth::Action::kSearch);
        if (!event) continue;
        ++exchange.returned;
        bundle.SearchEntry(VersionOf(record, *event), "match");
    }
    if (!question.ignored.empty()) bundle.OutcomeEntry(question.ignored);
    net::Response response;
    response.headers.emplace_back("Content-Type", kFhirJson);
    response.body = bundle.Finish();
    exchange.Send(std::move(response));
}

void Search(const ExchangePtr& exchange) {
    auto question = std::make_shared<Question>();
    const auto parsed = Ask(*exchange, *question);
    if (!parsed) return exchange->Refuse(parsed.error(), ErrorOrigin::kSearch);
    auto asked = AskedOf(parsed->query, exchange->access->linked());
    if (!asked) return exchange->Refuse(asked.error(), ErrorOrigin::kSearch);
    if (asked->nothing) return SendEvents(*exchange, *question, store::AccessPage{});
    asked->query.tenant = parsed->tenant;
    asked->query.position = parsed->position;
    exchange->asked_patients = {asked->query.patient_id};
    exchange->state->parts.reader.Accesses(std::move(asked->query),
                                           [exchange, question](Result<store::AccessPage> page) {
                                               SendEvents(*exchange, *question, std::move(page));
                                           });
}

void SendEvent(Exchange& exchange, Result<store::AccessPage> page) {
    if (!page) return exchange.Refuse(page.error(), ErrorOrigin::kStore);
    const auto event = page->records.empty()
                           ? std::nullopt
                           : SeenEvent(exchange, page->records[0], auth::Action::kRead);
    if (!event) return exchange.Refuse(NothingThere(exchange).value(), ErrorOrigin::kStore);
    ++exchange.returned;
    exchange.Send(net::Response::Text(200, kFhirJson, fhir::ToJson(*event)));
}

}  // namespace

void HandleAuditEvent(const ExchangePtr& exchange) {
    if (exchange->route.interaction == Interaction::kSearch) {
        if (RefuseSearchContent(*exchange)) return;
        return Search(exchange);
    }
    if (exchange->RefuseParameters()) return;
    store::AccessQuery query;
    query.tenant = exchange->state->options.tenant;
    const std::string& id = exchange->route.id;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), query.number);
    if (error != std::errc() || end != id.data() + id.size() || query.number <= 0) {
        return exchange->Refuse(NothingThere(*exchange).value(), ErrorOrigin::kStore);
    }
    exchange->state->parts.reader.Accesses(query, [exchange](Result<store::AccessPage> page) {
        SendEvent(*exchange, std::move(page));
    });
}

}  // namespace carestream::rest
