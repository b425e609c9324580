#include "outbound/policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace carestream::outbound {

namespace {

using channel::OnAmbiguous;
using channel::OnRefusal;
using channel::OutboundPolicy;
using store::OutboundRow;
using store::OutboundState;
using store::OutboundUpdate;

constexpr std::array<std::pair<std::string_view, Decision>, 4> kDecisions = {
    {{"resend", Decision::kResend},
     {"skip", Decision::kSkip},
     {"acked", Decision::kAcked},
     {"replay", Decision::kReplay}}};

OutboundUpdate From(const OutboundRow& row, OutboundState state) {
    OutboundUpdate update;
    update.number = row.number;
    update.change = row.change;
    update.tenant = row.tenant;
    update.state = state;
    update.attempts = row.attempts;
    update.tried = row.tried;
    update.code = row.code;
    update.path = row.path;
    update.reason = row.reason;
    return update;
}

Micros NextTry(const OutboundPolicy& policy, const OutboundRow& row, Micros now) {
    std::int64_t wait_ms = policy.retry_first_ms;
    for (int i = 1; i < row.attempts && wait_ms < policy.retry_max_ms; ++i) wait_ms *= 2;
    return now + std::min<std::int64_t>(wait_ms, policy.retry_max_ms) * 1000;
}

bool GivesUp(const OutboundPolicy& policy, const OutboundRow& row, Micros now) {
    return policy.give_up_after_ms > 0 && row.tried != 0 &&
           now - row.tried >= policy.give_up_after_ms * 1000;
}

// Sent, and nobody knows what became of it.
OutboundUpdate Ambiguous(const OutboundPolicy& policy, const OutboundRow& row,
                         const std::string& why, Micros now) {
    OutboundUpdate update = From(row, OutboundState::kAmbiguous);
    update.reason = why;
    switch (policy.on_ambiguous) {
        case OnAmbiguous::kHold:
            update.waiting = update.held = true;
            break;
        case OnAmbiguous::kResend:
            update.waiting = !GivesUp(policy, row, now);
            if (update.waiting) update.next_at = NextTry(policy, row, now);
            break;
        case OnAmbiguous::kFlag:
            break;
    }
    return update;
}

// Not taken for certain: again, or a dead letter when that took too long.
OutboundUpdate Again(const OutboundPolicy& policy, const OutboundRow& row, const std::string& why,
                     Micros now) {
    const bool over = GivesUp(policy, row, now);
    OutboundUpdate update = From(row, over ? OutboundState::kNacked : OutboundState::kQueued);
    update.reason =
        over ? "given up after " + std::to_string(row.attempts) + " attempts: " + why : why;
    update.waiting = !over;
    if (!over) update.next_at = NextTry(policy, row, now);
    return update;
}

OutboundUpdate AfterEnd(const OutboundPolicy& policy, const OutboundRow& row, End end,
                        const std::string& why, Micros now) {
    switch (end) {
        case End::kTaken: {
            OutboundUpdate update = From(row, OutboundState::kAcked);
            update.path.clear();
            update.reason.clear();
            return update;
        }
        case End::kRefused: {
            OutboundUpdate update = From(row, OutboundState::kNacked);
            update.path.clear();
            update.reason = why;
            return update;
        }
        case End::kInDoubt:
            return Ambiguous(policy, row, why, now);
        case End::kUnsent:
            break;
    }
    if (row.state != OutboundState::kAmbiguous) return Again(policy, row, why, now);
    // An attempt before it may have arrived, so it is still in doubt; a person who was asked once
    // is not asked again for an attempt that did not happen.
    OutboundUpdate update = From(row, OutboundState::kAmbiguous);
    update.reason = why;
    update.waiting = !GivesUp(policy, row, now);
    if (update.waiting) update.next_at = NextTry(policy, row, now);
    return update;
}

OnRefusal OnCode(const OutboundPolicy& policy, std::string_view code) {
    if (code == "AE") return policy.on_ae;
    if (code == "AR") return policy.on_ar;
    return code == "CE" ? policy.on_ce : policy.on_cr;
}

tl::unexpected<Error> Unfit(const OutboundRow& row, const std::string& what) {
    return Fail(Code::kConflict, "message " + std::to_string(row.number) + " is " +
                                     std::string(ToString(row.state)) + ": " + what);
}

}  // namespace

OutboundUpdate AfterAttempt(const OutboundPolicy& policy, const OutboundRow& row, End end,
                            const std::string& why, Micros now, const Reply& reply) {
    OutboundUpdate update = AfterEnd(policy, row, end, why, now);
    if (!reply.code.empty()) update.code = reply.code;
    if (update.waiting && !update.held) {
        update.next_at = std::max(update.next_at, now + reply.retry_after);
    }
    return update;
}

OutboundUpdate AfterAnswer(const OutboundPolicy& policy, const OutboundRow& row,
                           const Acknowledgment& answer, Micros now) {
    OutboundUpdate update;
    if (answer.positive()) {
        const bool more = answer.accept_level() && policy.application_ack_ms > 0;
        update = From(row, more ? OutboundState::kAccepted : OutboundState::kAcked);
        update.path.clear();
        update.reason.clear();
        if (more) update.next_at = now + policy.application_ack_ms * 1000;
    } else {
        const std::string why =
            "answered " + answer.code + (answer.reason.empty() ? "" : ", " + answer.reason);
        if (OnCode(policy, answer.code) == OnRefusal::kRetry) {
            update = Again(policy, row, why, now);
        } else {
            update = From(row, OutboundState::kNacked);
            update.reason = why;
        }
        update.path = answer.path;
    }
    update.code = answer.code;
    return update;
}

OutboundUpdate AfterOverdue(const OutboundRow& row) {
    OutboundUpdate update = From(row, OutboundState::kAmbiguous);
    update.reason = "the application's answer did not come within application_ack";
    return update;
}

Result<Decision> ParseDecision(std::string_view text) {
    std::vector<std::string_view> names;
    for (const auto& [name, decision] : kDecisions) {
        if (name == text) return decision;
        names.push_back(name);
    }
    return Fail(Code::kInvalid, "'" + std::string(text) + "' is no decision" +
                                    DidYouMean(text, names) +
                                    "; there are resend, skip, acked and replay");
}

Result<OutboundUpdate> AfterDecision(const OutboundRow& row, Decision decision) {
    const OutboundState state = row.state;
    if (state == OutboundState::kSending) return Unfit(row, "wait for its answer");
    const bool settled = state == OutboundState::kAcked || state == OutboundState::kNacked ||
                         state == OutboundState::kSkipped;
    switch (decision) {
        case Decision::kResend:
            if (state != OutboundState::kAmbiguous) {
                return Unfit(row, settled ? "`replay` sends it again"
                                          : "only what is ambiguous can be sent again by this");
            }
            break;
        case Decision::kReplay:
            if (!settled) return Unfit(row, "only what is settled can be replayed");
            CARESTREAM_ASSERT(row.made);
            break;
        case Decision::kSkip:
            if (state == OutboundState::kAcked || state == OutboundState::kSkipped) {
                return Unfit(row, "there is nothing to skip");
            }
            return From(row, OutboundState::kSkipped);
        case Decision::kAcked:
            if (state != OutboundState::kAmbiguous && state != OutboundState::kAccepted &&
                state != OutboundState::kNacked) {
                return Unfit(row, "only what was sent can be said to be taken");
            }
            return From(row, OutboundState::kAcked);
    }
    // What may have arrived stays in doubt until its answer comes.
    OutboundUpdate update = From(
        row, decision == Decision::kResend ? OutboundState::kAmbiguous : OutboundState::kQueued);
    update.waiting = true;
    update.attempts = 0;
    update.tried = 0;
    return update;
}

}  // namespace carestream::outbound
