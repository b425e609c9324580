#include "subscriptions/internal/hooks.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "crypto/hmac.h"
#include "crypto/keys.h"
#include "net/http_date.h"

namespace carestream::subscriptions {

namespace {

constexpr Micros kSecond = 1'000'000;

std::string Hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

// "t=<seconds>,v1=<hex of HMAC-SHA256 over "<seconds>.<body>">": the time stands inside, so that an
// old request cannot be sent again unnoticed.
std::string Signature(const std::string& secret, const std::string& body, Micros now) {
    const std::string time = std::to_string(now / kSecond);
    const crypto::HmacKey key(secret);
    const auto digest = crypto::HmacMessage(key).Raw(time).Raw(".").Raw(body).Finish();
    return "t=" + time +
           ",v1=" + Hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

Hooks::Hooks(Context& context)
    : context_(context),
      delivered_(context.parts.metrics.counter("carestream_notifications_total",
                                               "Notifications that receivers took.",
                                               {{"channel", "rest-hook"}})),
      failed_(context.parts.metrics.counter("carestream_notification_failures_total",
                                            "Attempts that receivers did not take.",
                                            {{"channel", "rest-hook"}})),
      seconds_(context.parts.metrics.histogram("carestream_notification_seconds",
                                               "From the commit of an event to its receiver's "
                                               "answer; of the oldest in the notification.",
                                               {{"channel", "rest-hook"}})) {
    const std::string seed = crypto::RandomBytes(sizeof(random_));
    std::memcpy(&random_, seed.data(), sizeof(random_));
}

double Hooks::Jitter() {
    random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(random_ >> 11) / static_cast<double>(1ull << 53);
}

void Hooks::Kick(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh) {
    const Definition& definition = active->definition;
    if (definition.channel != ChannelType::kRestHook || active->under_way) return;
    if (definition.status == "off") return;
    const Result<bool> in_force = context_.IsInForce(*active);
    if (!in_force) return context_.Later(context_.Now() + kSecond, *active);
    if (!*in_force) {
        context_.SetStatus(active, "off", kRevoked);
        return;
    }
    if (definition.status == "requested") {
        // R4's own subscriptions know no handshake.
        if (!definition.topic.empty()) return Send(active, Kind::kHandshake, {});
        context_.SetStatus(active, "active", "");
    }
    // After a handshake that failed it waits until the client writes it again; what is left of an
    // earlier daemon begins with a handshake.
    if (definition.status == "error" && active->state.failing_since == 0) {
        if (active->handshake_failed) return;
        if (!definition.topic.empty()) return Send(active, Kind::kHandshake, {});
        context_.SetStatus(active, "active", "");
    }
    if (active->state.next_at > context_.Now()) return;  // its timer runs
    if (active->state.delivered < active->released) {
        SendEvents(active, fresh);
    } else {
        KeepAlive(active);
    }
}

void Hooks::KeepAlive(const ActivePtr& active) {
    const int heartbeat_s = active->definition.heartbeat_s;
    if (heartbeat_s == 0 || active->definition.topic.empty()) return;
    const Micros due = active->last_sent + heartbeat_s * kSecond;
    if (due <= context_.Now()) {
        Send(active, Kind::kHeartbeat, {});
    } else {
        context_.Later(due, *active);
    }
}

void Hooks::SendEvents(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh) {
    store::SubscriptionState& state = active->state;
    const Definition& definition = active->definition;
    // R4's own with a payload tell one resource at a time.
    const bool plain = definition.topic.empty() && !definition.payload.empty();
    const int limit = plain ? 1 : context_.LimitOf(definition);
    if (!fresh.empty() && fresh.front().number == state.delivered + 1) {
        const auto count = std::min(fresh.size(), static_cast<std::size_t>(limit));
        return Send(active, Kind::kEvents, {fresh.begin(), fresh.begin() + count});
    }
    std::vector<store::Event> loaded;
    const auto waiting =
        LoadNotified(context_, *active, state.delivered + 1, active->released, limit, loaded);
    if (!waiting) {
        context_.Later(context_.Now() + kSecond, *active);
        return;
    }
    if (waiting->empty()) {
        // Older than what is kept. The numbers tell the receiver.
        context_.parts.log.Warn("subscription.gap",
                                "what waited is older than subscriptions.keep and is not sent any "
                                "more",
                                {{"subscription", definition.id}});
        state.delivered = active->released;
        changed_.insert(active);
        return;
    }
    Send(active, Kind::kEvents, *waiting);
}

HookRequest Hooks::RequestFor(const Definition& definition) const {
    HookRequest request;
    request.url = definition.endpoint;
    request.timeout_ms =
        definition.timeout_s != 0 ? definition.timeout_s * 1000 : context_.options.timeout_ms;
    request.headers = definition.headers;
    return request;
}

void Hooks::Send(const ActivePtr& active, Kind kind, const std::vector<NotifiedEvent>& events) {
    const Definition& definition = active->definition;
    if (kind == Kind::kEvents && !context_.Note(*active, events)) {
        return context_.Later(context_.Now() + kSecond, *active);
    }
    if (definition.topic.empty()) return SendPlain(active, events);
    HookRequest request = RequestFor(definition);
    const NotificationType type = kind == Kind::kHandshake   ? NotificationType::kHandshake
                                  : kind == Kind::kHeartbeat ? NotificationType::kHeartbeat
                                                             : NotificationType::kEvent;
    // What waits in a burst was not told yet: whoever heard of it would think that it was lost.
    StatusView view{definition.status, active->released};
    if (kind == Kind::kEvents) {
        view.status = "active";
        view.number = events.back().number;
    }
    request.headers.emplace_back("Content-Type", definition.payload);
    request.body = NotificationBundle(definition, view, type, events, definition.content,
                                      context_.options.base_url, context_.Now());
    Post(active, kind, kind == Kind::kEvents ? events.back().number : 0, std::move(request));
}

void Hooks::SendPlain(const ActivePtr& active, const std::vector<NotifiedEvent>& events) {
    const Definition& definition = active->definition;
    HookRequest request = RequestFor(definition);
    if (definition.payload.empty()) {
        return Post(active, Kind::kEvents, events.back().number, std::move(request));
    }
    const NotifiedEvent& first = events.front();
    if (first.event == nullptr) {  // nothing to tell any more
        active->state.delivered = first.number;
        changed_.insert(active);
        context_.Later(context_.Now(), *active);
        return;
    }
    request.method = "PUT";
    if (request.url.ends_with('/')) request.url.pop_back();
    request.url += "/" + first.event->type + "/" + first.event->id;
    request.headers.emplace_back("Content-Type", definition.payload);
    request.body = first.body();
    Post(active, Kind::kEvents, first.number, std::move(request));
}

void Hooks::Post(const ActivePtr& active, Kind kind, std::int64_t up_to, HookRequest request) {
    const Micros now = context_.Now();
    if (!context_.options.signature_secret.empty()) {
        request.headers.emplace_back(
            "X-CareStream-Signature",
            Signature(context_.options.signature_secret, request.body, now));
    }
    active->under_way = true;
    active->serial = ++serials_;
    active->last_sent = now;
    const std::weak_ptr<Active> weak = active;
    const std::weak_ptr<Inbox> inbox = context_.inbox;
    context_.parts.send_hook(std::move(request), [this, weak, inbox, kind, up_to,
                                                  serial = active->serial](HookAnswer answer) {
        const auto alive = inbox.lock();
        if (alive == nullptr) return;
        // The inbox is closed before this object goes: a command that runs finds it.
        alive->Post([this, weak, kind, up_to, serial, answer = std::move(answer)] {
            if (const ActivePtr still = weak.lock()) {
                Answered(still, kind, up_to, serial, answer);
            }
        });
    });
}

void Hooks::HandshakeAnswered(const ActivePtr& active, const HookAnswer& answer) {
    if (answer.status >= 200 && answer.status < 300) {
        context_.SetStatus(active, "active", "");
        return Kick(active);
    }
    const std::string reason = answer.status != 0 ? "the handshake was answered with status " +
                                                        std::to_string(answer.status)
                                                  : "the handshake failed: " + answer.error;
    active->handshake_failed = true;
    context_.SetStatus(active, "error", reason);
    context_.parts.log.Warn("subscription.handshake", reason,
                            {{"subscription", active->definition.id}});
}

void Hooks::Answered(const ActivePtr& active, Kind kind, std::int64_t up_to, std::int64_t serial,
                     const HookAnswer& answer) {
    if (serial != active->serial) return;
    active->under_way = false;
    const Micros now = context_.Now();
    if (answer.status < 200 || answer.status >= 300) failed_.Add();
    if (kind == Kind::kHandshake) return HandshakeAnswered(active, answer);
    Attempt attempt{answer.status, net::ParseRetryAfter(answer.retry_after, now)};
    if (answer.refused) attempt.status = 410;
    const Verdict verdict = Judge(attempt, policy_, now, Jitter(), active->state);
    changed_.insert(active);
    switch (verdict) {
        case Verdict::kDelivered:
            delivered_.Add();
            active->state.delivered = std::max(active->state.delivered, up_to);
            seconds_.Observe(static_cast<double>(now - active->last_sent) / 1e6);
            if (active->definition.status == "error") context_.SetStatus(active, "active", "");
            return Kick(active);
        case Verdict::kOff: {
            const std::string reason =
                answer.refused         ? "the endpoint may not be asked: " + answer.error
                : answer.status == 410 ? "the endpoint said that it is gone (410)"
                                       : "the endpoint took nothing for too long";
            context_.parts.log.Warn("subscription.off", reason,
                                    {{"subscription", active->definition.id}});
            context_.SetStatus(active, "off", reason);
            return;
        }
        case Verdict::kError:
            if (active->definition.status != "error") {
                const std::string reason =
                    answer.status != 0
                        ? "the endpoint answers with status " + std::to_string(answer.status)
                        : "the endpoint does not answer: " + answer.error;
                context_.parts.log.Warn("subscription.error", reason,
                                        {{"subscription", active->definition.id}});
                context_.SetStatus(active, "error", reason);
            }
            [[fallthrough]];
        case Verdict::kRetry:
            context_.Later(active->state.next_at, *active);
    }
}

std::vector<store::SubscriptionState> Hooks::TakeChanged() {
    std::vector<store::SubscriptionState> states;
    std::unordered_set<ActivePtr> current;  // it may have been written anew, or be gone
    for (const ActivePtr& active : changed_) {
        const Definition& definition = active->definition;
        const ActivePtr now = context_.registry.Find(definition.tenant, definition.id);
        if (now != nullptr && current.insert(now).second) states.push_back(now->state);
    }
    changed_.clear();
    return states;
}

}  // namespace carestream::subscriptions
