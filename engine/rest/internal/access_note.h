#pragma once
// Each access leaves a row of the audit (store/access_audit.h): nobody sees or changes anything
// without one.
#include "rest/internal/exchange.h"
#include "store/access_audit.h"

namespace carestream::rest {

// Notes the access and sends: an answer that tells of a change when its row is on disk, another one
// when the row has a place in the queue. Without a row the answer becomes a 503. Where nobody
// proved who he is (401 and the like) one row a minute and address is kept, and not more than one a
// second of all. `response` is dressed.
void SendNoted(const ExchangePtr& exchange, net::Response response);

// Before a change: 503 while the audit cannot be written. True = refused.
[[nodiscard]] bool RefuseUnaudited(Exchange& exchange);

}  // namespace carestream::rest
