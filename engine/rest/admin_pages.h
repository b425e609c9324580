#pragma once
// What the admin TCP port serves: liveness, readiness and metrics; nothing that shows a message.
#include <functional>
#include <string>

#include "net/http.h"

namespace carestream::rest {

struct AdminPages {
    // "" = ready; else why not, for people.
    std::function<std::string()> not_ready;
    // Prometheus text format 0.0.4.
    std::function<std::string()> metrics;
};

// GET /health (200 while the process answers), /ready (200 or 503), /metrics. The functions are
// called on the connection's thread: they must not block.
[[nodiscard]] net::HttpHandler MakeAdminHandler(AdminPages pages);

}  // namespace carestream::rest
