#pragma once
// How rest-hooks leave: the engine of subscriptions knows no sockets.
#include <memory>

#include "base/result.h"
#include "net/http_sender.h"
#include "subscriptions/engine.h"

namespace carestream::app {

// Sends through `sender`, which outlives what it gives.
[[nodiscard]] subscriptions::HookSender SendThrough(net::HttpSender& sender);

}  // namespace carestream::app
