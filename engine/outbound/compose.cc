#include "outbound/compose.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/assert.h"
#include "base/text.h"
#include "channel/decision.h"
#include "crypto/keys.h"
#include "fhir/json.h"
#include "hl7/encoder.h"
#include "hl7/header.h"

namespace carestream::outbound {

namespace {

using channel::OutboundChannel;
using store::OutboundMessage;

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::size_t kPrefixLength = 5;

OutboundMessage Labelled(const OutboundChannel& channel, const Label& label) {
    OutboundMessage message;
    message.number = label.number;
    message.tenant = channel.settings.tenant_number;
    message.channel = channel.settings.name;
    message.control_id = label.own_control_id;
    return message;
}

OutboundMessage DeadLetter(OutboundMessage message, const Error& error) {
    message.control_id.clear();
    message.bytes.clear();
    message.path = error.path;
    message.reason = error.message;
    return message;
}

// Enhanced mode is asked for where the channel waits for both acknowledgments.
Result<void> Edit(const OutboundChannel& channel, hl7::MessageEditor& editor) {
    if (channel.settings.policy.application_ack_ms > 0) {
        CARESTREAM_TRY(editor.Set(*hl7::ParsePath("MSH-15"), "AL"));
        CARESTREAM_TRY(editor.Set(*hl7::ParsePath("MSH-16"), "AL"));
    }
    return channel::ApplyEdits(channel.settings.edits, editor);
}

bool IsEdited(const OutboundChannel& channel) {
    return !channel.settings.edits.empty() || channel.settings.policy.application_ack_ms > 0;
}

Result<std::string> Edited(const OutboundChannel& channel, std::string bytes) {
    if (!IsEdited(channel)) return bytes;
    CARESTREAM_ASSIGN(message, hl7::Message::Parse(std::move(bytes)));
    hl7::MessageEditor editor(message);
    CARESTREAM_TRY(Edit(channel, editor));
    return editor.Encode();
}

// The resources that a rendering asked for; they live as long as it.
class Resolver {
public:
    explicit Resolver(const Lookup& lookup) : lookup_(lookup) {}

    const fhir::Node* Find(std::string_view reference) {
        const std::string key(reference);
        if (const auto known = found_.find(key); known != found_.end()) {
            return known->second ? &*known->second : nullptr;
        }
        std::optional<fhir::Node>& slot = found_[key];
        const std::size_t slash = key.find('/');
        if (slash == std::string::npos || key.find('/', slash + 1) != std::string::npos) {
            return nullptr;  // an absolute or versioned one: not of this store, or not as it is now
        }
        auto body = lookup_(key.substr(0, slash), key.substr(slash + 1));
        if (!body) {
            Note(key, body.error());
            return nullptr;
        }
        auto node = fhir::ParseJson(*body);
        if (!node) return nullptr;
        slot = std::move(*node);
        return &*slot;
    }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

private:
    // An outage counts more: after it everything is asked again. The type alone is the path, since
    // by paths failures are counted, and a lost key makes many.
    void Note(const std::string& reference, const Error& error) {
        if (error.code == Code::kNotFound || error.code == Code::kGone) return;
        if (error.retryable) {
            error_ = error;
        } else if (!error_) {
            error_ = error;
            error_->path = reference.substr(0, reference.find('/'));
            error_->message = reference + " cannot be read: " + error.message;
        }
    }

    const Lookup& lookup_;
    std::map<std::string, std::optional<fhir::Node>> found_;
    std::optional<Error> error_;
};

topics::Change ChangeOf(store::EventKind kind) {
    switch (kind) {
        case store::EventKind::kCreated:
            return topics::Change::kCreated;
        case store::EventKind::kUpdated:
            return topics::Change::kUpdated;
        case store::EventKind::kDeleted:
            return topics::Change::kDeleted;
    }
    return topics::Change::kUpdated;
}

const fhir::Node* Pointer(const std::optional<fhir::Node>& node) {
    return node ? &*node : nullptr;
}

std::optional<fhir::Node> ReadBody(const std::string& body) {
    if (body.empty()) return std::nullopt;
    auto node = fhir::ParseJson(body);
    if (!node) return std::nullopt;
    return std::move(*node);
}

// "ADT^A01", or "" if MSH-9 is no event: it is stored as readable text.
std::string LegibleEvent(const hl7::Header& header) {
    const auto legible = [](const std::string& part) {
        return part.size() == 3 && std::all_of(part.begin(), part.end(), [](unsigned char c) {
                   return std::isalnum(c) != 0 && c < 0x80;
               });
    };
    if (!legible(header.message_code)) return {};
    if (header.trigger_event.empty()) return header.message_code;
    return legible(header.trigger_event) ? header.message_code + "^" + header.trigger_event : "";
}

// The message that leaves: as it came, or with its changes. `message` is what was parsed of it.
Result<OutboundMessage> Forwarded(const OutboundChannel& channel, OutboundMessage made,
                                  const hl7::Message& message) {
    const auto control = hl7::Resolve(message, *hl7::ParsePath("MSH-10"));
    const std::string theirs(Trim(control.empty() ? "" : message.Decode(control.front())));
    const bool own = channel.settings.own_control_id || theirs.empty();
    if (!own) made.control_id = theirs;
    if (!own && !IsEdited(channel)) {
        made.bytes = std::string(message.bytes());
        return made;
    }
    hl7::MessageEditor editor(message);
    if (own) CARESTREAM_TRY(editor.Set(*hl7::ParsePath("MSH-10"), made.control_id));
    CARESTREAM_TRY(Edit(channel, editor));
    made.bytes = editor.Encode();
    return made;
}

}  // namespace

ReadEvent::ReadEvent(const store::Event& event_)
    : event(event_), current(ReadBody(event_.body)), before(ReadBody(event_.before)) {}

std::string Composer::EventOf(const OutboundChannel& channel, const ReadEvent& change) const {
    const store::Event& event = change.event;
    const channel::OutboundSettings& settings = channel.settings;
    if (event.tenant != settings.tenant_number) return {};
    if (channel.origins.contains(event.channel)) return {};
    const topics::ResourceChange news{ChangeOf(event.kind), event.type, Pointer(change.current),
                                      Pointer(change.before)};
    const bool fired =
        std::any_of(channel.topics.begin(), channel.topics.end(), [&](const auto* topic) {
            return topic->resource == event.type && channel.all_topics->Fires(*topic, news);
        });
    if (!fired) return {};
    if (event.kind == store::EventKind::kDeleted) {
        return change.before ? settings.event_on_delete : std::string();
    }
    if (!change.current) return {};
    for (const channel::EventChoice& choice : channel.event_choices) {
        if (topics::Meets(definitions_, event.type, *change.current, choice.when)) {
            return choice.event;
        }
    }
    return settings.event;
}

Result<OutboundMessage> Composer::Render(const OutboundChannel& channel, const ReadEvent& change,
                                         const std::string& event, const Label& label) const {
    OutboundMessage made = Labelled(channel, label);
    made.kind = store::OutboundCause::kEvent;
    made.cause = change.event.seq;
    made.event = event;
    made.type = change.event.type;
    made.id = change.event.id;
    if (event == channel::kResourceEvent) {
        made.bytes = change.event.body;
        return made;
    }
    Resolver resolver(lookup_);
    mapping::RenderRequest request;
    request.event = made.event;
    request.focus = change.current ? &*change.current : Pointer(change.before);
    CARESTREAM_ASSERT(request.focus != nullptr);
    request.resolve = [&](std::string_view reference) { return resolver.Find(reference); };
    request.control_id = made.control_id;
    request.now = label.now;
    auto rendered = channel.program->Render(request, channel.settings.receiver);
    if (resolver.error()) {
        if (resolver.error()->retryable) return Fail(*resolver.error());
        return DeadLetter(std::move(made), *resolver.error());
    }
    if (!rendered) return DeadLetter(std::move(made), rendered.error());
    auto bytes = Edited(channel, std::move(rendered->bytes));
    if (!bytes) return DeadLetter(std::move(made), bytes.error());
    made.bytes = std::move(*bytes);
    return made;
}

std::optional<OutboundMessage> Composer::Forward(const OutboundChannel& channel,
                                                 const store::ArrivedMessage& arrived,
                                                 const Label& label) {
    const channel::OutboundSettings& settings = channel.settings;
    if (arrived.channel != settings.from_channel || arrived.tenant != settings.tenant_number) {
        return std::nullopt;
    }
    OutboundMessage made = Labelled(channel, label);
    made.kind = store::OutboundCause::kMessage;
    made.cause = arrived.seq;
    if (arrived.raw.empty()) {
        return DeadLetter(
            std::move(made),
            Error{Code::kInvalid, "the message in the journal cannot be opened", {}, {}, 0, false});
    }
    const auto header = hl7::ScanHeader(arrived.raw, channel.charset);
    if (!header) return DeadLetter(std::move(made), header.error());
    if (!settings.Takes(header->message_code, header->trigger_event)) return std::nullopt;
    made.event = LegibleEvent(*header);
    hl7::ParseOptions options;
    options.fallback_charset = channel.charset;
    const auto message = hl7::Message::Parse(arrived.raw, options);
    if (!message) return DeadLetter(std::move(made), message.error());
    const bool meets =
        std::all_of(settings.filter.begin(), settings.filter.end(),
                    [&](const auto& condition) { return condition.Holds(*message); });
    if (!meets) return std::nullopt;
    auto forwarded = Forwarded(channel, made, *message);
    if (!forwarded) return DeadLetter(std::move(made), forwarded.error());
    return std::move(*forwarded);
}

std::optional<OutboundMessage> Composer::Acknowledge(const OutboundChannel& channel,
                                                     const store::Concluded& concluded,
                                                     const Label& label) {
    const store::ArrivedMessage& arrived = concluded.message;
    if (arrived.channel != channel.settings.acknowledges ||
        arrived.tenant != channel.settings.tenant_number) {
        return std::nullopt;
    }
    const auto header = hl7::ScanHeader(arrived.raw, channel.charset);
    if (!header) return std::nullopt;  // who sent it cannot be told
    const store::SentAck ack = channel::AckOfOutcome(
        *header, arrived.seq, arrived.received, concluded.status, concluded.path, concluded.reason);
    if (ack.code.empty()) return std::nullopt;
    OutboundMessage made = Labelled(channel, label);
    made.kind = store::OutboundCause::kOutcome;
    made.cause = arrived.seq;
    made.event = "ACK";
    auto message = hl7::Message::Parse(ack.bytes);
    if (!message) return DeadLetter(std::move(made), message.error());
    hl7::MessageEditor editor(*message);
    auto edited = editor.Set(*hl7::ParsePath("MSH-10"), made.control_id);
    if (edited) edited = channel::ApplyEdits(channel.settings.edits, editor);
    if (!edited) return DeadLetter(std::move(made), edited.error());
    made.bytes = editor.Encode();
    return made;
}

std::string ControlId(std::string_view prefix, std::int64_t number) {
    CARESTREAM_ASSERT(number > 0 && prefix.size() == kPrefixLength);
    std::string digits;
    for (std::int64_t rest = number; rest > 0; rest /= 36) {
        digits += kDigits[static_cast<std::size_t>(rest % 36)];
    }
    return "CS" + std::string(prefix) + std::string(digits.rbegin(), digits.rend());
}

std::string ControlPrefix() {
    std::string prefix;
    for (const char byte : crypto::RandomBytes(kPrefixLength)) {
        prefix += kDigits[static_cast<unsigned char>(byte) % kDigits.size()];
    }
    return prefix;
}

}  // namespace carestream::outbound
