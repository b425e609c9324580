#pragma once
// One open WebSocket: a coroutine that reads, and while something waits another that writes.
#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "net/internal/http_core.h"
#include "net/internal/websocket_transport.h"

namespace carestream::net {

// Lives on its lane's thread but for the three functions of WebSocket. Owned by its coroutines and
// by whoever holds it; the stream goes with the coroutines. It has its place among
// HttpCore::websockets already and gives it back.
class WebSocketConnection final : public WebSocket,
                                  public std::enable_shared_from_this<WebSocketConnection> {
public:
    WebSocketConnection(std::shared_ptr<HttpCore> core, HttpLane& lane,
                        std::unique_ptr<WebSocketTransport> transport, WebSocketHandler handler);
    ~WebSocketConnection() override;

    void Start(std::shared_ptr<const UpgradeRequest> request);
    void CheckDeadline(SteadyTime now);
    void GoAway();  // the server stops
    void Drop();

    void Send(std::string text) override;
    void Close(std::uint16_t code, std::string_view reason) override;
    [[nodiscard]] bool Open() const override;

private:
    using CloseReason = boost::beast::websocket::close_reason;
    using ErrorCode = WebSocketTransport::ErrorCode;
    enum class State { kOpening, kOpen, kClosing, kClosed };
    enum class Step { kWrite, kClose, kRest };

    static boost::asio::awaitable<void> ReadAll(std::shared_ptr<WebSocketConnection> self,
                                                std::shared_ptr<const UpgradeRequest> request);
    static boost::asio::awaitable<void> WriteAll(std::shared_ptr<WebSocketConnection> self);

    void NoteClosing(SteadyTime now);
    void Opened();
    void Received(boost::beast::flat_buffer& buffer);
    void Ended(const ErrorCode& error);
    [[nodiscard]] Step NextStep(std::string& text);
    void Written(std::size_t bytes);
    // From any thread. Closing also when a writer runs already: the deadline is set on the lane.
    void WakeWriter(bool closing);
    void StartWriter(bool closing);
    void Leave();
    void Finish();
    void Call(const std::function<void()>& callback);
    void BeginClose(std::uint16_t code, std::string_view reason);  // with mutex_

    std::shared_ptr<HttpCore> core_;
    HttpLane& lane_;
    std::unique_ptr<WebSocketTransport> transport_;  // until the last coroutine ends
    WebSocketHandler handler_;
    int coroutines_ = 0;
    bool opened_ = false;
    bool writer_runs_ = false;
    SteadyTime write_deadline_ = SteadyTime::max();
    SteadyTime close_deadline_ = SteadyTime::max();

    mutable std::mutex mutex_;  // what follows
    State state_ = State::kOpening;
    bool writing_ = false;  // WriteAll runs or was asked for: a Send need not wake it
    std::list<std::string> outbox_;
    std::size_t waiting_bytes_ = 0;  // of outbox_ and of the message being written
    std::unique_ptr<CloseReason> reason_;
};

}  // namespace carestream::net
