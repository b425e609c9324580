#include "outbound/settle.h"

#include "outbound/policy.h"

namespace carestream::outbound {

Result<bool> SettleByAnswer(store::Outbound& queue, const channel::OutboundChannel& channel,
                            const Acknowledgment& answer, const std::string& raw, Micros now) {
    const channel::OutboundSettings& settings = channel.settings;
    CARESTREAM_ASSIGN(rows,
                      queue.Unanswered(settings.tenant_number, settings.name, answer.control_id));
    for (const store::OutboundRow& row : rows) {
        // It was accepted before; only the application's word is news.
        const bool known = row.state == store::OutboundState::kAccepted && answer.accept_level();
        if (known) return true;
        store::OutboundUpdate update = AfterAnswer(settings.policy, row, answer, now);
        update.ack = raw;
        CARESTREAM_ASSIGN(saved, queue.Save({update}));
        if (!saved.empty()) return true;
    }
    return false;
}

}  // namespace carestream::outbound
