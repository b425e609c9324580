#include "rest/internal/act_for.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/login_link.h"

namespace carestream::rest {
namespace {

using Links = std::vector<store::LoginLink>;
using Next = std::function<void(const ExchangePtr&)>;

void Take(const ExchangePtr& exchange, const store::LoginLink& link, const Next& next) {
    auth::Principal principal = exchange->access->principal();
    principal.patient = link.patient;
    principal.limited = link.kind == store::LinkKind::kCarer;
    if (principal.limited) principal.limits = auth::ParseScopes(link.scopes);
    exchange->access = std::make_shared<auth::Access>(exchange->definitions(), std::move(principal),
                                                      exchange->state->options.policy);
    next(exchange);
}

// The log-in's own record; else the only one that it has a link to.
void TakeDefault(const ExchangePtr& exchange, const Links& links, const Next& next) {
    const auto self = std::find_if(links.begin(), links.end(), [](const store::LoginLink& link) {
        return link.kind == store::LinkKind::kSelf;
    });
    if (self != links.end()) return Take(exchange, *self, next);
    if (links.size() == 1) return Take(exchange, links[0], next);
    if (links.empty()) return next(exchange);
    exchange->Refuse(403, "forbidden",
                     "this log-in cares for several patients: name the one with the header " +
                         std::string(kPatientHeader));
}

// One whom the header names by an id that was merged with the link's, or nobody.
void TakeMerged(const ExchangePtr& exchange, Links links, std::string named, Next next) {
    exchange->state->parts.reader.LinkedIds(
        exchange->state->options.tenant, std::move(named),
        [exchange, links = std::move(links),
         next = std::move(next)](Result<std::vector<std::string>> ids) {
            if (!ids) return exchange->Refuse(ids.error(), ErrorOrigin::kStore);
            for (const store::LoginLink& link : links) {
                const bool same = std::find(ids->begin(), ids->end(), link.patient) != ids->end();
                if (same) return Take(exchange, link, next);
            }
            SendNotLinked(*exchange);
        });
}

}  // namespace

void SendNotLinked(Exchange& exchange) {
    exchange.Refuse(
        403, "forbidden",
        "the token is not linked to the patient whom " + std::string(kPatientHeader) + " names");
}

void ActFor(const ExchangePtr& exchange, Next next) {
    const auth::Principal& principal = exchange->access->principal();
    exchange->state->parts.links.Find(
        exchange->state->options.tenant, {principal.issuer, principal.subject},
        [exchange, next = std::move(next)](Result<Links> links) {
            if (!links) return exchange->Refuse(links.error(), ErrorOrigin::kStore);
            std::string named(exchange->request.Header(kPatientHeader));
            if (named.empty()) return TakeDefault(exchange, *links, next);
            for (const store::LoginLink& link : *links) {
                if (link.patient == named) return Take(exchange, link, next);
            }
            TakeMerged(exchange, std::move(*links), std::move(named), next);
        });
}

}  // namespace carestream::rest
