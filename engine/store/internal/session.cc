#include "store/internal/session.h"

#include <chrono>

namespace carestream::store {

Result<pg::Connection*> Session::Get() {
    if (!connection_ || !connection_->Usable()) {
        connection_.reset();
        CARESTREAM_ASSIGN(connection, pg::Connection::Connect(options_));
        connection_.emplace(std::move(connection));
    }
    return &*connection_;
}

Result<pg::Rows> Session::Run(const pg::Statement& statement, const pg::Params& params) {
    CARESTREAM_ASSIGN(connection, Get());
    const auto began = std::chrono::steady_clock::now();
    Result<pg::Rows> rows = connection->Run(statement, params);
    if (rows || connection->Usable()) return rows;
    // A server that let the wait run out hangs: asking again would only double the wait.
    const auto took = std::chrono::steady_clock::now() - began;
    if (took >= std::chrono::milliseconds(options_.wait_timeout_ms)) return rows;
    CARESTREAM_ASSIGN(fresh, Get());
    return fresh->Run(statement, params);
}

}  // namespace carestream::store
