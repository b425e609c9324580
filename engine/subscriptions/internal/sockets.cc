#include "subscriptions/internal/sockets.h"

#include <algorithm>
#include <utility>

#include "auth/owner.h"
#include "base/text.h"
#include "crypto/keys.h"

namespace carestream::subscriptions {

namespace {

constexpr Micros kSecond = 1'000'000;
constexpr std::size_t kTokensMax = 100'000;
constexpr Micros kUnboundMax = 60 * kSecond;
constexpr std::size_t kBoundMax = 256;  // subscriptions of one socket
constexpr Micros kCheckLinkEvery = 60 * kSecond;
constexpr std::size_t kLinksARound = 64;

}  // namespace

Sockets::Sockets(Context& context)
    : context_(context),
      told_(context.parts.metrics.counter("carestream_notifications_total",
                                          "Notifications that receivers took.",
                                          {{"channel", "websocket"}})) {}

std::string Sockets::MakeToken(std::vector<ActivePtr> bound, const auth::Principal& who,
                               Micros expires) {
    if (tokens_.size() >= kTokensMax) return {};
    std::string token = crypto::RandomUuid() + crypto::RandomUuid();
    std::erase(token, '-');
    Token& made = tokens_[token];
    for (const ActivePtr& active : bound) made.bound.emplace_back(active);
    made.who = who;
    made.expires = expires;
    return token;
}

void Sockets::Opened(const PeerPtr& peer) {
    peers_[peer].expires = context_.Now() + kUnboundMax;
}

void Sockets::Heard(const PeerPtr& peer, store::Tenant tenant, std::string_view text) {
    text = Trim(text);
    const std::size_t blank = text.find(' ');
    const std::string_view verb = text.substr(0, blank);
    const std::string argument(blank == std::string_view::npos ? std::string_view()
                                                               : Trim(text.substr(blank)));
    if (verb == "bind-with-token" && !argument.empty()) {
        BindWithToken(peer, argument);
    } else if (verb == "bind" && !argument.empty()) {
        BindById(peer, tenant, argument);
    } else if (verb != "ping") {
        peer->Send("error 'bind-with-token <token>' or 'bind <id>' is expected");
    }
}

void Sockets::BindWithToken(const PeerPtr& peer, const std::string& token) {
    const auto found = tokens_.find(token);
    if (found == tokens_.end() || found->second.expires <= context_.Now()) {
        peer->Send("error the token is unknown, used or has run out");
        return;
    }
    const Token made = std::move(found->second);
    tokens_.erase(found);
    for (const auto& weak : made.bound) {
        const ActivePtr named = weak.lock();
        // It may have been written anew since.
        const ActivePtr active =
            named ? context_.registry.Find(named->definition.tenant, named->definition.id)
                  : nullptr;
        if (active != nullptr && !Bind(peer, active, made.who.expires)) return;
    }
}

// R4: the log-in is that of the connection. What may not be seen and what is not there are one
// answer.
void Sockets::BindById(const PeerPtr& peer, store::Tenant tenant, const std::string& id) {
    const ActivePtr active = context_.registry.Find(tenant, id);
    const auth::Principal* who = peer->principal();
    const auto may = [&] {
        if (who == nullptr || active == nullptr) return false;
        auth::Access access(*context_.parts.definitions, *who);
        return auth::MayHear(access, active->definition.type, active->definition.owner);
    };
    if (!may() || active->definition.channel != ChannelType::kWebSocket) {
        peer->Send(
            "error no websocket subscription of this id, or it needs a token: "
            "bind-with-token");
        return;
    }
    Bind(peer, active, who->expires);
}

bool Sockets::Bind(const PeerPtr& peer, const ActivePtr& active, Micros expires) {
    if (active->definition.status == "off" || !context_.IsInForce(*active).value_or(false)) {
        peer->Send("error the subscription is off");
        return true;
    }
    Bound& bound = peers_[peer];
    if (bound.to.size() >= kBoundMax) {
        peer->Send("error too many subscriptions on one connection");
        return false;
    }
    const bool first = bound.to.empty();
    if (first || (expires != 0 && (bound.expires == 0 || expires < bound.expires))) {
        bound.expires = expires;
    }
    if (std::find(bound.to.begin(), bound.to.end(), active) == bound.to.end()) {
        bound.to.push_back(active);
        active->peers.push_back(peer);
    }
    if (active->definition.topic.empty()) {
        peer->Send("bound " + active->definition.id);
    } else {
        // Tells the last number, so that whoever was away knows what he missed.
        peer->Send(NotificationBundle(active->definition, {"active", active->released},
                                      NotificationType::kHandshake, {}, active->definition.content,
                                      context_.options.base_url, context_.Now()));
    }
    active->last_sent = context_.Now();
    KeepAlive(active);
    return true;
}

void Sockets::Gone(const PeerPtr& peer) {
    const auto found = peers_.find(peer);
    if (found == peers_.end()) return;
    for (const ActivePtr& active : found->second.to) std::erase(active->peers, peer);
    peers_.erase(found);
}

void Sockets::Kick(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh) {
    if (active->told < active->released) {
        const Result<bool> in_force =
            active->peers.empty() ? Result<bool>(true) : context_.IsInForce(*active);
        if (!in_force) return context_.Later(context_.Now() + kSecond, *active);
        if (!*in_force) return Revoke(active);
        if (active->peers.empty()) {
            // The next number tells that there was something, and $events what.
            active->told = active->released;
        } else if (!fresh.empty() && fresh.front().number == active->told + 1) {
            (void)Tell(active, fresh);
        } else {
            TellWaiting(active);
        }
    }
    KeepAlive(active);
}

// What waited in a burst is read again: its owner may see less than when it came.
void Sockets::TellWaiting(const ActivePtr& active) {
    while (active->told < active->released) {
        std::vector<store::Event> loaded;
        const auto waiting = LoadNotified(context_, *active, active->told + 1, active->released,
                                          context_.LimitOf(active->definition), loaded);
        if (!waiting) return context_.Later(context_.Now() + kSecond, *active);
        if (waiting->empty()) {  // older than what is kept
            active->told = active->released;
            return;
        }
        if (!Tell(active, *waiting)) return;
    }
}

bool Sockets::Tell(const ActivePtr& active, const std::vector<NotifiedEvent>& events) {
    const Definition& definition = active->definition;
    // R4's own tell nothing over a websocket but that there is something.
    if (!definition.topic.empty() && !context_.Note(*active, events)) {
        context_.Later(context_.Now() + kSecond, *active);
        return false;
    }
    const auto tell = [&](const std::string& text) {
        for (const PeerPtr& peer : active->peers) peer->Send(text);
        told_.Add(static_cast<double>(active->peers.size()));
    };
    active->last_sent = context_.Now();
    active->told = events.back().number;
    if (definition.topic.empty()) {
        tell("ping " + definition.id);
        return true;
    }
    const auto limit = static_cast<std::size_t>(context_.LimitOf(definition));
    for (std::size_t first = 0; first < events.size(); first += limit) {
        const std::vector<NotifiedEvent> part(
            events.begin() + static_cast<std::ptrdiff_t>(first),
            events.begin() + static_cast<std::ptrdiff_t>(std::min(first + limit, events.size())));
        tell(NotificationBundle(definition, {"active", part.back().number},
                                NotificationType::kEvent, part, definition.content,
                                context_.options.base_url, context_.Now()));
    }
    return true;
}

void Sockets::KeepAlive(const ActivePtr& active) {
    const Definition& definition = active->definition;
    if (definition.heartbeat_s == 0 || definition.topic.empty() || active->peers.empty()) return;
    const Micros due = active->last_sent + definition.heartbeat_s * kSecond;
    if (due <= context_.Now()) {
        active->last_sent = context_.Now();
        const std::string text = NotificationBundle(
            definition, {"active", active->released}, NotificationType::kHeartbeat, {},
            definition.content, context_.options.base_url, context_.Now());
        for (const PeerPtr& peer : active->peers) peer->Send(text);
    }
    context_.Later(active->last_sent + definition.heartbeat_s * kSecond, *active);
}

void Sockets::Revoke(const ActivePtr& active) {
    context_.SetStatus(active, "off", kRevoked);
    const std::vector<PeerPtr> peers = active->peers;
    Drop(active);
    for (const PeerPtr& peer : peers) {
        const auto found = peers_.find(peer);
        if (found == peers_.end() || !found->second.to.empty()) continue;
        peers_.erase(found);
        peer->Close(kRevoked);
    }
}

// The links of those who listen, one after the other: who hears nothing for days is closed, too.
void Sockets::CheckLinks() {
    const Micros now = context_.Now();
    std::vector<ActivePtr> due;
    for (const auto& [peer, bound] : peers_) {
        for (const ActivePtr& active : bound.to) {
            const auto& owner = active->definition.owner;
            if (!owner || !owner->by_link || now - active->checked_at < kCheckLinkEvery) continue;
            active->checked_at = now;
            due.push_back(active);
        }
        if (due.size() >= kLinksARound) break;
    }
    for (const ActivePtr& active : due) {
        if (!context_.IsInForce(*active).value_or(true)) Revoke(active);
    }
}

void Sockets::Replace(const ActivePtr& before, const ActivePtr& now) {
    if (now->definition.channel != ChannelType::kWebSocket || now->definition.status == "off") {
        return Drop(before);
    }
    now->peers = std::exchange(before->peers, {});
    for (const PeerPtr& peer : now->peers) {
        auto& to = peers_[peer].to;
        std::replace(to.begin(), to.end(), before, now);
    }
}

void Sockets::Drop(const ActivePtr& active) {
    for (const PeerPtr& peer : std::exchange(active->peers, {})) {
        peer->Send("error the subscription " + active->definition.id + " is off");
        const auto found = peers_.find(peer);
        if (found != peers_.end()) std::erase(found->second.to, active);
    }
}

Micros Sockets::Expire() {
    CheckLinks();
    const Micros now = context_.Now();
    std::erase_if(tokens_, [&](const auto& token) { return token.second.expires <= now; });
    std::vector<PeerPtr> over;
    Micros next = now + 30 * kSecond;
    for (const auto& [peer, bound] : peers_) {
        if (bound.expires == 0) continue;
        if (bound.expires <= now) {
            over.push_back(peer);
        } else {
            next = std::min(next, bound.expires);
        }
    }
    for (const PeerPtr& peer : over) {
        const bool unbound = peers_[peer].to.empty();
        Gone(peer);
        peer->Close(unbound ? "nothing was bound" : "the token has run out");
    }
    return next;
}

}  // namespace carestream::subscriptions
