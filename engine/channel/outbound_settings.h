#pragma once
// An outbound channel as operators write it: a file below channels/ with a `destination`. The
// reference is generated: conf/README.md.
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channel/message_filter.h"
#include "channel/spi.h"
#include "config/spec.h"
#include "mapping/render.h"
#include "store/types.h"

namespace carestream::channel {

// What an answer that refuses leads to.
enum class OnRefusal { kDeadLetter, kRetry };
// What becomes of a message that was sent and not answered.
enum class OnAmbiguous {
    kHold,    // the channel waits until a person decides
    kResend,  // the same bytes again: the receiver knows duplicates by MSH-10
    kFlag,    // it stays flagged, the next one goes
};

struct OutboundPolicy {
    int retry_first_ms = 0;
    int retry_max_ms = 0;
    std::int64_t give_up_after_ms = 0;  // from the first attempt; 0 = never
    OnRefusal on_ae = OnRefusal::kDeadLetter;
    OnRefusal on_ar = OnRefusal::kDeadLetter;
    OnRefusal on_ce = OnRefusal::kRetry;
    OnRefusal on_cr = OnRefusal::kDeadLetter;
    std::int64_t application_ack_ms = 0;  // 0 = CA is the last word
    OnAmbiguous on_ambiguous = OnAmbiguous::kHold;
};

// In place of an event: the resource itself is sent, as JSON.
inline constexpr std::string_view kResourceEvent = "FHIR";

struct OutboundSettings {
    std::filesystem::path file;
    std::string name;
    std::string tenant;
    store::Tenant tenant_number = 0;
    std::string system;
    std::vector<std::string> topics;  // source: news of resources
    std::string from_channel;         // source: another channel's messages
    std::vector<std::string> events;  // of those; empty = all
    std::string acknowledges;         // source: what becomes of another channel's messages
    std::vector<std::string> not_from;
    std::string destination_type;  // "mllp"
    config::Values destination;    // its settings
    mapping::Destination receiver;
    std::string event;                                               // "SIU^S12"
    std::vector<std::pair<std::string, std::string>> event_choices;  // search, event
    std::string event_on_delete;
    std::vector<std::string> overlays;
    std::vector<MessageCondition> filter;
    std::vector<MessageEdit> edits;
    bool own_control_id = false;
    OutboundPolicy policy;
    std::vector<std::string> application_ack_from;
    std::int64_t queue_max = 0;
    Micros keep = 0;
    config::Values values;  // all of the above with places

    [[nodiscard]] bool forwards() const { return !from_channel.empty(); }
    [[nodiscard]] bool renders() const { return !topics.empty(); }
    // True if `events` names this event or its message code, or nothing.
    [[nodiscard]] bool Takes(std::string_view code, std::string_view trigger) const;
};

[[nodiscard]] config::Spec OutboundSpec(const std::vector<DestinationType>& destinations);

// True for a file of this kind.
[[nodiscard]] bool IsOutbound(const config::Yaml& yaml);

// Checks what can be seen without other files. `errors` gets all mistakes; with any, the settings
// must not be used.
[[nodiscard]] OutboundSettings ReadOutbound(const config::Yaml& yaml,
                                            const std::vector<DestinationType>& destinations,
                                            const std::map<std::string, store::Tenant>& tenants,
                                            const config::References& references,
                                            std::vector<Error>& errors);

}  // namespace carestream::channel
