#include "channel/map_message.h"

#include <algorithm>
#include <utility>

#include "channel/decision.h"

namespace carestream::channel {

namespace {

using mapping::MapStatus;

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

Judged& Unread(Judged& judged, MapStatus status, const hl7::Message& message, std::string path,
               std::string reason) {
    judged.mapped.status = status;
    judged.mapped.report = mapping::ReportUnread(message, reason);
    judged.mapped.path = std::move(path);
    judged.mapped.reason = std::move(reason);
    return judged;
}

Judged Judge(const Channel& channel, const hl7::Message& message,
             const mapping::MapContext& context, mapping::Trace* trace) {
    Judged judged;
    Decision decision = Decide(channel, message.bytes());
    if (decision.header) judged.event = EventOf(*decision.header);
    if (!decision.accepted) {
        judged.stage = "receive";
        return Unread(judged, MapStatus::kUnusable, message, std::move(decision.path),
                      std::move(decision.reason));
    }
    if (judged.event.empty()) {
        judged.stage = "parse";
        return Unread(judged, MapStatus::kUnusable, message, "MSH-9",
                      "not a message code and an event of three letters or digits each (ADT^A01); "
                      "correct the sender's MSH, then have it send again or replay");
    }
    if (!channel.Covers(decision.header->message_code, decision.header->trigger_event)) {
        return Unread(judged, MapStatus::kNoMap, message, "MSH-9",
                      "no map for the event in this channel");
    }
    judged.mapped = channel.program->MapTraced(message, context, trace);
    if (judged.mapped.status == MapStatus::kUnusable) judged.stage = "map";
    return judged;
}

}  // namespace

Judged MapMessage(const Channel& channel, const hl7::Message& message,
                  const mapping::MapContext& context, mapping::Trace* trace) {
    Judged judged = Judge(channel, message, context, trace);
    if (trace != nullptr && trace->leaves.empty()) {
        *trace = mapping::TraceUnread(judged.mapped.report);
    }
    return judged;
}

}  // namespace carestream::channel
