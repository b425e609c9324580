#pragma once
// A Subscription resource understood: what it waits for, where it is told, who asked. Pure.
// Source: FHIR R4 Subscription; Subscriptions R5 Backport IG STU 1.1 (profile for R4).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/access.h"
#include "base/clock.h"
#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "net/address.h"
#include "search/query.h"
#include "store/types.h"
#include "topics/topics.h"

namespace carestream::subscriptions {

inline constexpr std::string_view kBackport =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";

enum class Content : std::uint8_t { kEmpty, kIdOnly, kFullResource };
enum class ChannelType : std::uint8_t { kRestHook, kWebSocket };

// "empty", "id-only", "full-resource".
[[nodiscard]] std::string_view NameOf(Content content);
[[nodiscard]] std::optional<Content> ParseContent(std::string_view code);

struct Definition {
    store::Tenant tenant = 1;
    std::string id;
    std::string status;  // requested, active, error, off
    // Canonical URL of the topic; "" = R4: any change of a resource that meets `criteria`.
    std::string topic;
    std::string type;                         // of the resources it is about
    std::vector<search::Criterion> criteria;  // all must hold
    ChannelType channel = ChannelType::kRestHook;
    std::string endpoint;                                      // rest-hook: http or https URL
    std::vector<std::pair<std::string, std::string>> headers;  // of each request
    // MIME type of notifications; "" (R4 only) = they have no content.
    std::string payload;
    Content content = Content::kEmpty;
    int heartbeat_s = 0;  // 0 = none
    int timeout_s = 0;    // of one attempt; 0 = the server's
    int count_max = 0;    // events in one notification; 0 = the server's
    Micros end = 0;       // 0 = none
    // Who asked. Nobody is asked who he is where auth.mode is open; then `open` is set.
    std::optional<auth::Principal> owner;
};

struct DefinitionRules {
    const fhir::Definitions& definitions;
    const topics::Topics& topics;
    // Hosts that may be told over http, names as in the URL; loopback names need to be listed too.
    std::vector<std::string> plain_hosts;
    int heartbeat_s_min = 10;
    int timeout_s_max = 60;
    int count_max = 100;
};

// Errors name the element: kInvalid, kUnsupported (what this server does not offer: another
// channel, topic, filter, payload).
[[nodiscard]] Result<Definition> ReadDefinition(const fhir::Node& subscription,
                                                const DefinitionRules& rules);

// The literal, "Patient/1", of every reference in the resource to a patient; ids without doubles.
[[nodiscard]] std::vector<std::string> PatientsNamed(const fhir::Node& resource);

}  // namespace carestream::subscriptions
