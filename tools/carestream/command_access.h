#pragma once
// Commands about who may see, and who saw, what: they ask the running daemon.
#include <string>

#include "command_admin.h"

namespace carestream::cli {

struct AuditOptions {
    std::string patient;
    std::string actor;  // "ISSUER|SUBJECT"
    std::string since;
    int limit = 50;
};

[[nodiscard]] int ShowAudit(const AdminOptions& admin, const AuditOptions& options);

}  // namespace carestream::cli
