#pragma once
// What a method and a path ask for. Pure. Source: FHIR R4 3.1.0 (http.html), table of interactions.
#include <string>
#include <string_view>

#include "fhir/definitions.h"

namespace carestream::rest {

enum class Interaction {
    kIndexPage,
    kMetadata,
    kSmartConfiguration,  // .well-known/smart-configuration
    kRead,
    kVread,
    kUpdate,
    kPatch,
    kDelete,
    kCreate,
    kHistory,  // of an instance
    kSearch,   // GET, or POST .../_search; `compartment_id` set: within that patient
    kOperation,
    kOptions,  // any path
    kRefused,  // `status`, `code` and `text` say why
};

struct Route {
    Interaction interaction = Interaction::kRefused;
    std::string_view path_template = "unknown";  // static; for metrics and logs
    std::string_view allow;  // static; methods of this path, for 405 and OPTIONS
    std::string type;
    std::string id;
    std::string version;
    std::string compartment_id;  // of the patient
    std::string operation;       // name without '$'
    int status = 0;
    std::string_view code;  // OperationOutcome issue type
    std::string text;
};

// AuditEvents are made when they are asked for, from the audit of accesses: read and search alone.
constexpr std::string_view kAuditEvent = "AuditEvent";

// Documents as bytes (binary.h).
constexpr std::string_view kBinary = "Binary";

constexpr std::string_view kBasePath = "/fhir/r4";

// `path` is still percent-encoded. Types are checked against `definitions`, ids against their form.
[[nodiscard]] Route ParseRoute(const fhir::Definitions& definitions, std::string_view method,
                               std::string_view path);

// FHIR id: 1 to 64 of A-Z a-z 0-9 - .
[[nodiscard]] bool IsResourceId(std::string_view text);

}  // namespace carestream::rest
