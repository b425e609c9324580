#pragma once
// One connection to a server, as a client: found, checked, connected, asked. One thread.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/http_sender.h"

namespace carestream::net {

// The names and values of a request that would break its framing, or lie about it. Error: kInvalid.
[[nodiscard]] Result<void> CheckRequest(const OutboundRequest& request);

// Has no time-outs: whoever is tired of waiting calls Abort, which ends all steps with an error.
class OutboundConnection {
public:
    OutboundConnection(boost::asio::io_context& io, const Url& url);
    ~OutboundConnection();

    // Looks the host up, keeps the addresses that the policy allows and connects to the first of
    // these that answers: to the very address that was checked.
    [[nodiscard]] boost::asio::awaitable<Result<void>> Connect(const AddressPolicy& policy);
    // Does nothing for http.
    [[nodiscard]] boost::asio::awaitable<Result<void>> Handshake(
        boost::asio::ssl::context& context);
    [[nodiscard]] boost::asio::awaitable<Result<ClientResponse>> Exchange(
        const OutboundRequest& request, std::size_t body_bytes_max);
    void Abort();

    // Of the last Exchange.
    [[nodiscard]] bool reusable() const { return reusable_; }
    [[nodiscard]] bool answered() const { return answered_; }  // at least a byte came
    [[nodiscard]] bool written() const { return written_; }    // at least a byte went
    // False if the server closed an idle connection, or said something unasked.
    [[nodiscard]] bool StillOpen();

private:
    using Tcp = boost::asio::ip::tcp;
    using ErrorCode = boost::system::error_code;

    boost::asio::awaitable<Result<std::vector<Tcp::endpoint>>> Resolve();
    template <typename Stream>
    boost::asio::awaitable<Result<ClientResponse>> ExchangeOn(Stream& stream,
                                                              const OutboundRequest& request,
                                                              std::size_t body_bytes_max);
    template <typename Stream>
    boost::asio::awaitable<Result<ClientResponse>> ReadAnswer(Stream& stream, bool head,
                                                              std::size_t body_bytes_max);
    [[nodiscard]] Tcp::socket& socket() { return tls_ ? tls_->next_layer() : socket_; }
    [[nodiscard]] tl::unexpected<Error> Lost(std::string what, const ErrorCode& error) const;

    Url url_;  // its target is empty
    Tcp::resolver resolver_;
    Tcp::socket socket_;
    std::optional<boost::asio::ssl::stream<Tcp::socket>> tls_;
    boost::beast::flat_buffer buffer_;
    bool aborted_ = false;
    bool reusable_ = false;
    bool answered_ = false;
    bool written_ = false;
};

}  // namespace carestream::net
