#include "rest/internal/access_note.h"

#include <algorithm>
#include <utility>

#include "rest/internal/client_address.h"

namespace carestream::rest {
namespace {

constexpr std::size_t kOperationNameMax = 64;  // the path may hold anything

std::string_view InteractionCode(Interaction interaction) {
    switch (interaction) {
        case Interaction::kRead:
            return "read";
        case Interaction::kVread:
            return "vread";
        case Interaction::kHistory:
            return "history-instance";
        case Interaction::kCreate:
            return "create";
        case Interaction::kUpdate:
            return "update";
        case Interaction::kPatch:
            return "patch";
        case Interaction::kDelete:
            return "delete";
        case Interaction::kSearch:
            return "search-type";
        default:
            return "operation";
    }
}

store::AccessRow RowOf(const Exchange& exchange, int status) {
    const Route& route = exchange.route;
    store::AccessRow row;
    row.tenant = exchange.state->options.tenant;
    row.at = exchange.state->parts.clock.Now();
    row.address = ClientAddress(exchange.state->options, exchange.request);
    if (exchange.access) {
        const auth::Principal& principal = exchange.access->principal();
        row.issuer = principal.issuer;
        row.subject = principal.subject;
        row.client = principal.client;
        row.claimed_patient = principal.patient;
        row.open = principal.open;
    }
    row.interaction = InteractionCode(route.interaction);
    row.operation = route.operation.substr(0, kOperationNameMax);
    row.type = route.type;
    row.id = route.id;
    row.status = status;
    row.returned = exchange.returned;
    row.patients.assign(exchange.patients.begin(), exchange.patients.end());
    row.patient_ids.assign(exchange.patient_ids.begin(), exchange.patient_ids.end());
    const auto add = [&](const std::string& id) {
        auto& ids = row.patient_ids;
        if (!id.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    };
    // What was shown says whose it is; else it is whom the request was about.
    if (row.patients.empty() && row.patient_ids.empty()) {
        add(row.claimed_patient);
        add(route.compartment_id);
        for (const std::string& id : exchange.asked_patients) add(id);
        if (route.type == "Patient") add(route.id);
    }
    return row;
}

net::Response Unaudited() {
    return OutcomeResponse(503, "transient",
                           "the audit of accesses cannot be written now, and nothing is shown or "
                           "changed without it");
}

bool IsWorthARow(const Exchange& exchange, int status) {
    if (exchange.access && status != 429) return true;
    auto& limits = *exchange.state->limits;
    const std::string address = ClientAddress(exchange.state->options, exchange.request);
    return limits.refused_rows_of_address.Take(LimitKey(address)) == 0 &&
           limits.refused_rows.Take("") == 0;
}

}  // namespace

void SendNoted(const ExchangePtr& exchange, net::Response response) {
    if (!IsWorthARow(*exchange, response.status))
        return exchange->responder->Send(std::move(response));
    store::AccessAudit& audit = exchange->state->parts.audit;
    store::AccessRow row = RowOf(*exchange, response.status);
    if (!exchange->changes_state || response.status >= 400) {
        if (!audit.Append(std::move(row))) {
            response = Unaudited();
            exchange->Dress(response);
        }
        return exchange->responder->Send(std::move(response));
    }
    auto held = std::make_shared<net::Response>(std::move(response));
    audit.AppendDurably(std::move(row), [exchange, held](Result<void> noted) {
        if (!noted) {
            *held = Unaudited();
            exchange->Dress(*held);
        }
        exchange->responder->Send(std::move(*held));
    });
}

bool RefuseUnaudited(Exchange& exchange) {
    if (exchange.state->parts.audit.Available()) return false;
    exchange.Send(Unaudited());
    return true;
}

}  // namespace carestream::rest
