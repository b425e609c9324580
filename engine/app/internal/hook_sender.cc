#include "app/internal/hook_sender.h"

#include <string>
#include <utility>

#include "net/url.h"

namespace carestream::app {

namespace {

subscriptions::HookAnswer AnswerOf(const Result<net::ClientResponse>& answer) {
    if (answer) return {answer->status, std::string(answer->Header("Retry-After")), "", false};
    // What the policy or the URL forbids will not get better by waiting.
    const bool refused =
        answer.error().code == Code::kDenied || answer.error().code == Code::kInvalid;
    return {0, "", answer.error().message, refused && !answer.error().retryable};
}

}  // namespace

subscriptions::HookSender SendThrough(net::HttpSender& sender) {
    return [&sender](subscriptions::HookRequest request,
                     std::function<void(subscriptions::HookAnswer)> done) {
        auto url = net::ParseUrl(request.url);
        if (!url) return done(AnswerOf(Fail(url.error())));
        net::OutboundRequest outbound;
        outbound.method = std::move(request.method);
        outbound.url = std::move(*url);
        outbound.headers = std::move(request.headers);
        outbound.body = std::move(request.body);
        outbound.timeout_ms = request.timeout_ms;
        // Notifications are numbered: a receiver that gets one twice can tell.
        outbound.idempotent = true;
        sender.Send(std::move(outbound),
                    [done = std::move(done)](const Result<net::ClientResponse>& answer, bool) {
                        done(AnswerOf(answer));
                    });
    };
}

}  // namespace carestream::app
