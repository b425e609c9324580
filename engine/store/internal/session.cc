#include "store/internal/session.h"

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
    Result<pg::Rows> rows = connection->Run(statement, params);
    if (rows || connection->Usable()) return rows;
    CARESTREAM_ASSIGN(fresh, Get());
    return fresh->Run(statement, params);
}

}  // namespace carestream::store
