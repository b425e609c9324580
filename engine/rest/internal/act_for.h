#pragma once
// For whom a log-in acts whose issuer knows no patients: a link of the store names him.
#include <functional>

#include "rest/internal/exchange.h"

namespace carestream::rest {

// Header by which a log-in with several links says for whom it asks.
constexpr std::string_view kPatientHeader = "X-CareStream-Patient";

// Makes exchange->access that of the chosen link and goes on with `next`, here or on a thread of
// the store; or answers 403 or 503 itself. Without a link it goes on as it is: for nobody. A header
// that names somebody who is not linked and one that names nobody are one answer.
void ActFor(const ExchangePtr& exchange, std::function<void(const ExchangePtr&)> next);

// 403: the header names another one than the token's patient.
void SendNotLinked(Exchange& exchange);

}  // namespace carestream::rest
