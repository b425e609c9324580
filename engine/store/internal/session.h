#pragma once
// A connection that comes back: made on first use, and again when the server went away meanwhile.
#include <optional>
#include <utility>

#include "base/result.h"
#include "store/internal/pg.h"

namespace carestream::store {

// Confined to one thread at a time.
class Session {
public:
    explicit Session(pg::ConnectOptions options) : options_(std::move(options)) {}

    // A statement that may run twice: when the session turns out to be lost it is repeated once on
    // a new one. Not after a wait that ran out.
    [[nodiscard]] Result<pg::Rows> Run(const pg::Statement& statement,
                                       const pg::Params& params = {});
    // A usable connection. Error: kUnavailable.
    [[nodiscard]] Result<pg::Connection*> Get();

private:
    pg::ConnectOptions options_;
    std::optional<pg::Connection> connection_;
};

}  // namespace carestream::store
