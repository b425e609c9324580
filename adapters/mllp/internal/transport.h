#pragma once
// The byte stream below a connection, plain or TLS. Confined to its socket's thread.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "net/tls.h"

namespace carestream::adapters::mllp {

using ErrorCode = boost::system::error_code;
using Socket = boost::asio::ip::tcp::socket;

// At most one Read and one Write wait at a time. Handlers run on the socket's thread, never inside
// the call that starts the operation.
class Transport {
public:
    using Done = std::function<void(ErrorCode, std::size_t)>;
    virtual ~Transport() = default;
    virtual void Handshake(std::function<void(ErrorCode)> done) = 0;
    virtual void Read(boost::asio::mutable_buffer buffer, Done done) = 0;
    virtual void Write(boost::asio::const_buffer all, Done done) = 0;
    virtual void ShutdownSend() = 0;
    virtual void Close() = 0;  // what waits ends with operation_aborted
};

// Answers leave at once; a peer that has vanished is noticed within `user_timeout_ms`
// (TCP_USER_TIMEOUT), by keep-alive probes from half of it on also where nothing is sent.
void TuneSocket(Socket& socket, int user_timeout_ms);

// `tls` null: plain. `server` decides who starts the handshake.
[[nodiscard]] std::unique_ptr<Transport> MakeTransport(Socket socket, net::TlsContext tls,
                                                       bool server = true,
                                                       const std::string& server_name = {});

}  // namespace carestream::adapters::mllp
