#pragma once
// The message that an outbound channel makes of a change or of a message that arrived. Pure but for
// `Lookup`.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "channel/generation.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "store/events.h"
#include "store/outbound.h"

namespace carestream::outbound {

// A resource as it is stored now, as JSON; kNotFound and kGone: absent. A retryable error ends the
// composing; any other (it cannot be opened) makes what refers to it a dead letter.
using Lookup = std::function<Result<std::string>(const std::string& type, const std::string& id)>;

// An event with its bodies read.
struct ReadEvent {
    explicit ReadEvent(const store::Event& event_);
    const store::Event& event;
    std::optional<fhir::Node> current;
    std::optional<fhir::Node> before;
};

// What a composed message is beside its content.
struct Label {
    std::int64_t number = 0;
    std::string own_control_id;
    Micros now = 0;
};

class Composer {
public:
    Composer(const fhir::Definitions& definitions, Lookup lookup)
        : definitions_(definitions), lookup_(std::move(lookup)) {}

    // Is this change news for the channel, and not one that came from its own receiver? The
    // message's event, or "".
    [[nodiscard]] std::string EventOf(const channel::OutboundChannel& channel,
                                      const ReadEvent& change) const;
    // What cannot be rendered comes back as a dead letter. Errors: retryable ones of `lookup`.
    [[nodiscard]] Result<store::OutboundMessage> Render(const channel::OutboundChannel& channel,
                                                        const ReadEvent& change,
                                                        const std::string& event,
                                                        const Label& label) const;
    // nullopt: the channel does not take it.
    [[nodiscard]] static std::optional<store::OutboundMessage> Forward(
        const channel::OutboundChannel& channel, const store::ArrivedMessage& arrived,
        const Label& label);

    // The application acknowledgment of a message; nullopt: its sender does not want it (MSH-16).
    [[nodiscard]] static std::optional<store::OutboundMessage> Acknowledge(
        const channel::OutboundChannel& channel, const store::Concluded& concluded,
        const Label& label);

private:
    const fhir::Definitions& definitions_;
    const Lookup lookup_;
};

// At most 20 characters: "CS", the 5 characters of `prefix`, and the number in base 36.
[[nodiscard]] std::string ControlId(std::string_view prefix, std::int64_t number);
// 5 random letters and digits, for one run: where a store is restored from a copy its numbers come
// again, and with other prefixes.
[[nodiscard]] std::string ControlPrefix();

}  // namespace carestream::outbound
