#pragma once
// Commands about who may see, and who saw, what: they ask the running daemon.
#include <cstdint>
#include <string>

#include "command_admin.h"

namespace carestream::cli {

struct AuditOptions {
    std::string patient;
    std::string actor;  // "ISSUER|SUBJECT"
    std::string since;
    int limit = 50;
};

struct LinkOptions {
    std::string patient;
    std::string carer;  // id of the RelatedPerson; "" = the patient himself
    std::string scopes;
    std::string until;
    int hours = 24;
    std::int64_t link = 0;
};

[[nodiscard]] int MakeLinkCode(const AdminOptions& admin, const LinkOptions& options);
[[nodiscard]] int ListLinks(const AdminOptions& admin, const LinkOptions& options);
[[nodiscard]] int RevokeLinks(const AdminOptions& admin, const LinkOptions& options);
[[nodiscard]] int ShowAudit(const AdminOptions& admin, const AuditOptions& options);

}  // namespace carestream::cli
