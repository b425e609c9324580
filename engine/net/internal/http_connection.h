#pragma once
// One connection: reads a request, has it answered, writes the answer, again.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/internal/http_core.h"
#include "net/internal/http_transport.h"

namespace carestream::net {

// The other end; becomes members of each Request.
struct HttpPeer {
    std::string name;
    bool local_socket = false;
    std::optional<std::uint32_t> user;
};

// Lives on its lane's thread, owned by the coroutine that Start begins. CheckDeadline stands in for
// timers: the lane calls it a few times a second.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
public:
    HttpConnection(std::shared_ptr<HttpCore> core, HttpLane& lane,
                   std::unique_ptr<HttpTransport> transport, HttpPeer peer);
    ~HttpConnection();

    void Start();
    void CheckDeadline(SteadyTime now);
    void CloseIfIdle();
    void Close();
    // The answer to request `number`; stale ones are dropped. On the lane's thread.
    void Deliver(std::uint64_t number, Response response);
    void DeliverAccept(std::uint64_t number, WebSocketHandler handler);

private:
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    enum class Phase { kHandshake, kIdle, kHeader, kBody, kHandler, kWrite, kLinger, kClosed };
    // Why a request is not handed on: `status` 0 = it is, kGone = nobody is there to hear it.
    struct Refusal {
        int status = 0;
        std::string_view text;
        std::string_view reason;  // label of the metric
    };
    static constexpr int kGone = -1;

    static boost::asio::awaitable<void> Drive(std::shared_ptr<HttpConnection> self);
    boost::asio::awaitable<bool> ServeOne();
    boost::asio::awaitable<Refusal> ReadHeader(Parser& parser);
    boost::asio::awaitable<Refusal> ReadBody(Parser& parser);
    boost::asio::awaitable<bool> ReadMore();
    boost::asio::awaitable<void> AwaitResponse();
    boost::asio::awaitable<void> Answer(Parser& parser, Response& response);
    boost::asio::awaitable<bool> WriteAll();
    boost::asio::awaitable<void> Linger();

    void Enter(Phase phase, int timeout_ms);
    void NoteHeader(const Parser& parser);
    [[nodiscard]] Refusal CheckHeader(const Parser& parser) const;
    [[nodiscard]] Refusal CheckUpgrade() const;
    [[nodiscard]] static Refusal RefusalOf(const ErrorCode& error);
    [[nodiscard]] Refusal BuildRequest(Parser& parser, Request& request);
    [[nodiscard]] Response Refuse(const Refusal& refusal) const;
    void Ask(Request request);
    [[nodiscard]] Refusal EnterWebSocket();
    void BecomeWebSocket();
    void PrepareOutput(Response& response, bool keep);

    std::shared_ptr<HttpCore> core_;
    HttpLane& lane_;
    std::unique_ptr<HttpTransport> transport_;
    const HttpPeer peer_;

    Phase phase_ = Phase::kHandshake;
    SteadyTime deadline_ = SteadyTime::max();
    bool timed_out_ = false;
    boost::beast::flat_buffer buffer_;  // bytes read and not consumed

    // Of the request under way; its header is given to the handler before the answer is written.
    struct Facts {
        std::string method;
        bool keep_alive = false;
        bool http_1_0 = false;
        bool accepts_gzip = false;
        bool expects_continue = false;
    };
    Facts facts_;
    std::uint64_t number_ = 0;  // of the request under way
    bool answered_ = false;
    Response response_;
    std::shared_ptr<std::atomic<bool>> cancelled_;
    std::shared_ptr<const UpgradeRequest> upgrade_;  // set while it asks to upgrade
    std::unique_ptr<WebSocketHandler> accepted_;
    boost::asio::steady_timer answer_signal_;

    std::string head_;
    std::vector<boost::asio::const_buffer> out_;
};

}  // namespace carestream::net
