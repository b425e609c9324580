#include "channel/decision.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "hl7/path.h"

namespace carestream::channel {

namespace {

using hl7::AckCode;
using hl7::AckError;
using hl7::Header;

constexpr std::array kCodes = {AckCode::kAA, AckCode::kAE, AckCode::kAR,
                               AckCode::kCA, AckCode::kCE, AckCode::kCR};

void Refuse(Decision& decision, int error, std::string path, std::string reason,
            std::string_view why) {
    decision.accepted = false;
    decision.answerable = IsLegible(decision.header->control_id);
    decision.why = why;
    decision.code = InMode(*decision.header, AckCode::kAR);
    decision.errors.push_back({ErrorLocation(path), error, 'E', reason});
    decision.path = std::move(path);
    decision.reason = std::move(reason);
}

bool KnowsCode(const mapping::Program& program, const Settings& settings, std::string_view code) {
    for (const std::string& event : program.Events()) {
        const auto parts = Split(event, '^');
        if (parts[0] == code && parts.size() == 2 && settings.Takes(code, parts[1])) return true;
    }
    return false;
}

void DecideEvent(const Channel& channel, Decision& decision) {
    const Header& header = *decision.header;
    if (channel.Covers(header.message_code, header.trigger_event)) return;
    if (channel.settings.keep_unmapped) {
        decision.unmapped = true;
        return;
    }
    const bool known = KnowsCode(*channel.program, channel.settings, header.message_code);
    Refuse(decision, known ? 201 : 200, known ? "MSH-9.2" : "MSH-9.1",
           known ? "this channel has no map for the event"
                 : "this channel has no map for the message type",
           "unmapped");
}

// AL always, NE never, ER only on error, SU only on success.
bool ByCondition(std::string_view condition, bool success) {
    if (condition == "NE") return false;
    if (condition == "ER") return !success;
    if (condition == "SU") return success;
    return true;
}

}  // namespace

bool IsLegible(std::string_view control_id) {
    return !Trim(control_id).empty() &&
           std::none_of(control_id.begin(), control_id.end(), [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte < ' ' || byte == 0x7F;
           });
}

bool UsesAcceptAck(const Header& header) {
    return !header.accept_ack.empty() &&
           !(header.accept_ack == "NE" && !header.application_ack.empty());
}

AckCode InMode(const Header& header, AckCode code) {
    if (!UsesAcceptAck(header)) return code;
    switch (code) {
        case AckCode::kAA:
            return AckCode::kCA;
        case AckCode::kAE:
            return AckCode::kCE;
        case AckCode::kAR:
            return AckCode::kCR;
        default:
            return code;
    }
}

bool Wanted(const Header& header, AckCode code) {
    const bool success = code == AckCode::kAA || code == AckCode::kCA;
    if (UsesAcceptAck(header)) return hl7::WantsAcceptAck(header, success);
    return ByCondition(header.application_ack, success);
}

AckCode ParseAckCode(std::string_view text) {
    for (const AckCode code : kCodes) {
        if (hl7::ToString(code) == text) return code;
    }
    return AckCode::kAA;
}

store::SentAck AckOfOutcome(const Header& header, std::int64_t seq, Micros received,
                            store::OutcomeStatus status, const std::string& path,
                            const std::string& reason) {
    const bool failed = status == store::OutcomeStatus::kDeadLetter;
    const AckCode code = failed ? AckCode::kAE : AckCode::kAA;
    const bool accept_mode = UsesAcceptAck(header);
    if (accept_mode &&
        (header.application_ack.empty() || !ByCondition(header.application_ack, !failed))) {
        return {};
    }
    std::vector<AckError> errors;
    if (failed) errors.push_back({ErrorLocation(path), 207, 'E', reason});
    // The application acknowledgment of accept mode needs an MSH-10 of its own.
    const std::string id = std::to_string(seq) + (accept_mode ? "A" : "");
    return {std::string(hl7::ToString(code)), hl7::BuildAck(header, code, id, received, errors)};
}

std::string ErrorLocation(std::string_view text) {
    const auto path = hl7::ParsePath(text);
    if (!path) return {};
    std::string location =
        path->segment + "^" + std::to_string(std::max(1, path->segment_occurrence));
    if (path->field > 0) {
        location +=
            "^" + std::to_string(path->field) + "^" + std::to_string(std::max(1, path->repetition));
    }
    if (path->component > 0) location += "^" + std::to_string(path->component);
    if (path->subcomponent > 0) location += "^" + std::to_string(path->subcomponent);
    return location;
}

Decision Decide(const Channel& channel, std::string_view payload) {
    Decision decision;
    auto header = hl7::ScanHeader(payload);
    if (!header) {
        decision.path = "MSH";
        decision.reason = "no usable MSH: " + header.error().message;
        decision.why = "no_header";
        return decision;
    }
    decision.header = std::move(*header);
    const Header& seen = *decision.header;
    decision.accepted = true;
    decision.answerable = true;
    decision.code = InMode(seen, AckCode::kAA);
    if (Trim(seen.message_code).empty()) {
        Refuse(decision, 101, "MSH-9.1", "the message type is missing", "no_type");
        return decision;
    }
    const std::string_view processing = Trim(seen.processing_id);
    const auto& allowed = channel.settings.processing_ids;
    if (std::find(allowed.begin(), allowed.end(), processing.empty() ? "P" : processing) ==
        allowed.end()) {
        Refuse(decision, 202, "MSH-11.1", "this channel does not take this processing id",
               "processing_id");
        return decision;
    }
    DecideEvent(channel, decision);
    return decision;
}

}  // namespace carestream::channel
