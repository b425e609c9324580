// Process(): the pure part of the dispatcher.
#include <exception>

#include "channel/decision.h"
#include "channel/dispatcher.h"
#include "channel/internal/find_keys.h"
#include "channel/map_message.h"

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

void ParseAndMap(FeedWrite& write, store::PendingMessage& pending, const Channel& channel) {
    hl7::ParseOptions options;
    options.fallback_charset = channel.settings.charset;
    auto message = hl7::Message::Parse(std::move(pending.raw), options);
    if (!message) {
        DeadLetter(write, "parse", message.error().path, message.error().message);
        return;
    }
    write.find_keys = FindKeysOf(*message);
    mapping::MapContext context = channel.context;
    context.received = pending.received;
    // Decided again, not only at receipt: a replayed frame may be one that was refused.
    Judged judged = MapMessage(channel, *message, context);
    mapping::Mapped& mapped = judged.mapped;
    write.event = std::move(judged.event);
    write.loss_report = mapping::ToJson(mapped.report);
    write.map_name = std::move(mapped.map_name);
    write.map_version = std::move(mapped.map_version);
    switch (mapped.status) {
        case mapping::MapStatus::kMapped:
            write.changes = std::move(mapped.changes);
            write.sent = mapped.sent;
            return;
        case mapping::MapStatus::kNoMap:
            write.status = OutcomeStatus::kKept;
            write.reason = std::move(mapped.reason);
            return;
        case mapping::MapStatus::kUnusable:
            DeadLetter(write, std::move(judged.stage), std::move(mapped.path),
                       std::move(mapped.reason));
    }
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
