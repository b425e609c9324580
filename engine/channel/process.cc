// Process(): the pure part of the dispatcher.
#include <exception>

#include "channel/decision.h"
#include "channel/dispatcher.h"
#include "channel/internal/find_keys.h"

namespace carestream::channel {

namespace {

using store::FeedWrite;
using store::OutcomeStatus;

void DeadLetter(FeedWrite& write, std::string stage, std::string path, std::string reason) {
    write.status = OutcomeStatus::kDeadLetter;
    write.changes = {};
    write.stage = std::move(stage);
    write.path = std::move(path);
    write.reason = std::move(reason);
}

std::string EventOf(std::string_view code, std::string_view event) {
    std::string text(code);
    if (!event.empty()) (text += '^') += event;
    return text;
}

void Map(FeedWrite& write, const hl7::Message& message, const Channel& channel, Micros received) {
    mapping::MapContext context = channel.context;
    context.received = received;
    mapping::Mapped mapped = channel.program->Map(message, context);
    write.loss_report = mapping::ToJson(mapped.report);
    write.map_name = std::move(mapped.map_name);
    write.map_version = std::move(mapped.map_version);
    switch (mapped.status) {
        case mapping::MapStatus::kMapped:
            write.changes = std::move(mapped.changes);
            return;
        case mapping::MapStatus::kNoMap:
            write.status = OutcomeStatus::kKept;
            return;
        case mapping::MapStatus::kUnusable:
            DeadLetter(write, "map", std::move(mapped.path), std::move(mapped.reason));
    }
}

void ParseAndMap(FeedWrite& write, store::PendingMessage& pending, const Channel& channel) {
    hl7::ParseOptions options;
    options.fallback_charset = channel.settings.charset;
    auto message = hl7::Message::Parse(std::move(pending.raw), options);
    if (!message) {
        DeadLetter(write, "parse", message.error().path, message.error().message);
        return;
    }
    write.find_keys = FindKeysOf(*message);
    // Decided again, not only at receipt: a replayed frame may be one that was refused.
    Decision decision = Decide(channel, message->bytes());
    if (!decision.accepted) {
        if (decision.header) {
            write.event = EventOf(decision.header->message_code, decision.header->trigger_event);
        }
        DeadLetter(write, "receive", std::move(decision.path), std::move(decision.reason));
        return;
    }
    const auto& header = decision.header;
    write.event = EventOf(header->message_code, header->trigger_event);
    if (!channel.Covers(header->message_code, header->trigger_event)) {
        write.status = OutcomeStatus::kKept;
        write.reason = "no map for the event in this channel";
        return;
    }
    Map(write, *message, channel, pending.received);
}

}  // namespace

FeedWrite Process(store::PendingMessage message, const Channel* channel) {
    FeedWrite write;
    write.tenant = message.tenant;
    write.seq = message.seq;
    write.received = message.received;
    if (channel == nullptr) {
        DeadLetter(write, "channel", {},
                   "channel '" + message.channel +
                       "' is not configured any more; add it again and replay");
        return write;
    }
    write.generation = channel->generation;
    try {
        ParseAndMap(write, message, *channel);
    } catch (const std::exception& error) {
        // The library edge of this thread: memory ran out, or a bug in a map's code. The message is
        // kept as a dead letter and the next one goes on.
        DeadLetter(write, "map", {}, std::string("internal error: ") + error.what());
    }
    return write;
}

}  // namespace carestream::channel
