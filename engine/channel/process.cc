// Process(): the pure part of the dispatcher.
#include <algorithm>
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

// Tables 0076 and 0003: three letters or digits.
bool IsCode(std::string_view text) {
    return text.size() == 3 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
           });
}

// "ADT^A01", or "" if MSH-9 is none. The event is stored as readable text, and with shifted
// delimiters MSH-9 may hold anything, a patient's name too.
std::string EventOf(const hl7::Header& header) {
    if (!IsCode(header.message_code)) return {};
    if (header.trigger_event.empty()) return header.message_code;
    if (!IsCode(header.trigger_event)) return {};
    return header.message_code + '^' + header.trigger_event;
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
        if (decision.header) write.event = EventOf(*decision.header);
        DeadLetter(write, "receive", std::move(decision.path), std::move(decision.reason));
        return;
    }
    const auto& header = decision.header;
    write.event = EventOf(*header);
    if (write.event.empty()) {
        DeadLetter(write, "parse", "MSH-9",
                   "not a message code and an event of three letters or digits each (ADT^A01); "
                   "correct the sender's MSH, then have it send again or replay");
        return;
    }
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
    if (message.unreadable) {
        DeadLetter(write, "journal", {},
                   "the stored message cannot be opened: its row in the database is damaged; have "
                   "the sender send it again, or restore the row and replay");
        return write;
    }
    if (channel == nullptr) {
        DeadLetter(write, "channel", {},
                   "channel '" + message.channel +
                       "' is not configured any more; add it again and replay");
        return write;
    }
    write.generation = channel->generation;
    // One that is sent round again was answered the first time.
    if (channel->settings.ack_after == AckAfter::kProcessing && message.attempts == 0) {
        if (auto header = hl7::ScanHeader(message.raw)) {
            write.answer =
                [header = std::move(*header), seq = write.seq, received = write.received](
                    OutcomeStatus status, const std::string& path, const std::string& reason) {
                    return AckOfOutcome(header, seq, received, status, path, reason);
                };
        }
    }
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
