#pragma once
// How the answer to one request finds back to its connection.
#include <atomic>
#include <boost/asio/post.hpp>
#include <memory>

#include "net/internal/http_connection.h"

namespace carestream::net {

class ConnectionResponder final : public UpgradeResponder {
public:
    ConnectionResponder(std::shared_ptr<HttpCore> core, HttpLane& lane,
                        std::weak_ptr<HttpConnection> connection, std::uint64_t number,
                        std::shared_ptr<std::atomic<bool>> cancelled)
        : core_(std::move(core)),
          lane_(lane),
          connection_(std::move(connection)),
          number_(number),
          cancelled_(std::move(cancelled)) {
        core_->requests.fetch_add(1, std::memory_order_relaxed);
    }
    ConnectionResponder(const ConnectionResponder&) = delete;
    ConnectionResponder& operator=(const ConnectionResponder&) = delete;

    ~ConnectionResponder() override {
        if (!sent_) Post(core_->Error(500, "the request was dropped without an answer"));
        core_->requests.fetch_sub(1, std::memory_order_relaxed);
    }

    void Send(Response response) override {
        if (!sent_.exchange(true)) Post(std::move(response));
    }

    void Accept(WebSocketHandler handler) override {
        if (!sent_.exchange(true)) Post(std::move(handler));
    }

    const std::shared_ptr<std::atomic<bool>>& cancelled() const override { return cancelled_; }

private:
    static void Deliver(HttpConnection& connection, std::uint64_t number, Response&& response) {
        connection.Deliver(number, std::move(response));
    }
    static void Deliver(HttpConnection& connection, std::uint64_t number,
                        WebSocketHandler&& handler) {
        connection.DeliverAccept(number, std::move(handler));
    }

    // The connection is touched, and let go of, on its own thread only.
    template <typename Answer>
    void Post(Answer given) {
        if (lane_.io.get_executor().running_in_this_thread()) {
            if (const auto connection = connection_.lock()) {
                Deliver(*connection, number_, std::move(given));
            }
            return;
        }
        boost::asio::post(lane_.io, [connection = connection_, number = number_,
                                     answer = std::move(given)]() mutable {
            if (const auto alive = connection.lock()) Deliver(*alive, number, std::move(answer));
        });
    }

    std::shared_ptr<HttpCore> core_;
    HttpLane& lane_;  // owned by the core
    std::weak_ptr<HttpConnection> connection_;
    const std::uint64_t number_;
    std::shared_ptr<std::atomic<bool>> cancelled_;
    std::atomic<bool> sent_ = false;
};

}  // namespace carestream::net
