#pragma once
// Websockets: who is bound to what, and until when. Belongs to the engine's thread.
// Source: FHIR R4 3.4.3 ("bind", "bound", "ping"); Subscriptions R5 Backport IG STU 1.1, websocket
// ("bind-with-token").
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "subscriptions/internal/context.h"

namespace carestream::subscriptions {

class Sockets {
public:
    explicit Sockets(Context& context);

    // A token for these subscriptions; works until `expires` and once.
    [[nodiscard]] std::string MakeToken(std::vector<ActivePtr> bound, const auth::Principal& who,
                                        Micros expires);
    void Opened(const PeerPtr& peer);
    void Heard(const PeerPtr& peer, store::Tenant tenant, std::string_view text);
    void Gone(const PeerPtr& peer);
    // Tells those who are bound what is released and was not told, or that there is nothing.
    // `fresh`: the events with the numbers after active->told, at hand; may be empty.
    void Kick(const ActivePtr& active, const std::vector<NotifiedEvent>& fresh = {});
    // A subscription was written anew: `now` takes over who is bound to `before`.
    void Replace(const ActivePtr& before, const ActivePtr& now);
    // It is gone or off: who is bound is told and let go.
    void Drop(const ActivePtr& active);
    // Closes sockets whose token has run out and forgets tokens that did. Gives when to look again.
    Micros Expire();
    [[nodiscard]] std::size_t bound() const { return peers_.size(); }

private:
    struct Token {
        std::vector<std::weak_ptr<Active>> bound;
        auth::Principal who;
        Micros expires = 0;
    };
    struct Bound {
        std::vector<ActivePtr> to;
        // While it is bound to nothing: until when it may be; then that of the token that bound it,
        // the earliest; 0 = never.
        Micros expires = 0;
    };

    void BindWithToken(const PeerPtr& peer, const std::string& token);
    void BindById(const PeerPtr& peer, store::Tenant tenant, const std::string& id);
    void KeepAlive(const ActivePtr& active);
    // Turns it off and closes sockets that are bound to nothing else.
    void Revoke(const ActivePtr& active);
    void CheckLinks();
    void TellWaiting(const ActivePtr& active);
    // False: not now, it is looked at again.
    [[nodiscard]] bool Tell(const ActivePtr& active, const std::vector<NotifiedEvent>& events);
    bool Bind(const PeerPtr& peer, const ActivePtr& active, Micros expires);

    Context& context_;
    std::unordered_map<std::string, Token> tokens_;
    std::unordered_map<PeerPtr, Bound> peers_;
    telemetry::Counter& told_;
};

}  // namespace carestream::subscriptions
