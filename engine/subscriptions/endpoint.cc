#include "subscriptions/endpoint.h"

#include <optional>
#include <utility>

#include "rest/outcome.h"

namespace carestream::subscriptions {

namespace {

constexpr std::uint16_t kPolicyViolation = 1008;  // RFC 6455 7.4.1

class SocketPeer final : public Peer {
public:
    SocketPeer(std::shared_ptr<net::WebSocket> socket, std::optional<auth::Principal> who)
        : socket_(std::move(socket)), who_(std::move(who)) {}
    void Send(std::string text) override { socket_->Send(std::move(text)); }
    void Close(std::string reason) override { socket_->Close(kPolicyViolation, reason); }
    [[nodiscard]] const auth::Principal* principal() const override {
        return who_ ? &*who_ : nullptr;
    }

private:
    const std::shared_ptr<net::WebSocket> socket_;
    const std::optional<auth::Principal> who_;
};

// The callbacks of one connection, which come on its thread.
net::WebSocketHandler HandlerOf(Engine& engine, store::Tenant tenant,
                                std::optional<auth::Principal> who) {
    auto peer = std::make_shared<PeerPtr>();
    net::WebSocketHandler handler;
    handler.opened = [&engine, peer,
                      who = std::move(who)](std::shared_ptr<net::WebSocket> socket) {
        *peer = std::make_shared<SocketPeer>(std::move(socket), who);
        engine.Opened(*peer);
    };
    handler.message = [&engine, peer, tenant](std::string text) {
        engine.Heard(*peer, tenant, std::move(text));
    };
    handler.closed = [&engine, peer] { engine.Gone(*peer); };
    return handler;
}

}  // namespace

net::UpgradeHandler Endpoint(Engine& engine, const rest::Service& service, store::Tenant tenant) {
    return [&engine, &service, tenant](net::Request request,
                                       std::shared_ptr<net::UpgradeResponder> responder) {
        if (request.path != kWebSocketPath) {
            return responder->Send(rest::OutcomeResponse(
                404, "not-found", std::string("websockets are at ") + kWebSocketPath));
        }
        std::optional<auth::Principal> who;
        if (auto refused = service.CheckUpgrade(request, who)) {
            return responder->Send(std::move(*refused));
        }
        responder->Accept(HandlerOf(engine, tenant, std::move(who)));
    };
}

}  // namespace carestream::subscriptions
