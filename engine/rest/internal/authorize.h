#pragma once
// Who asks, and what of the answers he may see. Every interaction comes through here: the decision
// itself is auth's (auth/access.h).
#include <functional>
#include <optional>
#include <string>

#include "rest/internal/exchange.h"

namespace carestream::rest {

// Sets exchange->access and goes on with `next`, here or on a thread of the store; or answers 401,
// 403 or 503 itself. Without a gate (auth.mode: open) a Host or an Origin that is not this
// machine's, that of public_url or one that is allowed (CORS) is answered 403: a page of another
// site must not reach a loopback server through a browser. Source: RFC 6750 3, RFC 6797-like care
// against DNS rebinding.
void Authorize(const ExchangePtr& exchange, std::function<void(const ExchangePtr&)> next);

// Who opens a websocket, as Service::CheckUpgrade says.
[[nodiscard]] std::optional<net::Response> CheckUpgrade(const Service::State& state,
                                                        const net::Request& request,
                                                        std::optional<auth::Principal>& who);

// 403 insufficient_scope.
void SendInsufficientScope(Exchange& exchange);

// What was read, as far as the token may see it. What it may not see, what was deleted and what
// never was are one answer, for tokens that are confined in any way.
[[nodiscard]] Result<store::StoredVersion> Visible(Exchange& exchange,
                                                   Result<store::StoredVersion> found);
// Leaves of `version` what may be shown (auth::Access::Show).
[[nodiscard]] bool IsVisible(Exchange& exchange, store::StoredVersion& version,
                             auth::Action action);
[[nodiscard]] tl::unexpected<Error> NothingThere(const Exchange& exchange);

// Is the Host one of this machine or `public_url`'s; is the Origin absent, that Host's, or allowed?
// Pure.
[[nodiscard]] bool IsForeign(const ServiceOptions& options, const net::Request& request);

// The value of /.well-known/smart-configuration. Source: SMART App Launch 2.0, conformance.
[[nodiscard]] std::string SmartConfiguration(const auth::GateOptions& options);

}  // namespace carestream::rest
