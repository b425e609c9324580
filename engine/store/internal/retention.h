#pragma once
// store.journal_keep: drops the weeks of journal, outcome and message_key that are older, once
// nobody waits for anything in them.
#include <string>

#include "base/result.h"
#include "store/internal/partitions.h"
#include "store/internal/session.h"
#include "store/types.h"

namespace carestream::store {

// Confined to one thread at a time. `partitions` outlives it.
class Retention {
public:
    // `keep` 0 = forever.
    Retention(pg::ConnectOptions options, Partitions& partitions, Micros keep, LogLine log);

    // Drops what is due. True: nothing that could go is left. False: a lock was not to be had
    // within a moment, so ask again soon. A week that has to stay is looked at in the next call.
    [[nodiscard]] Result<bool> DropOld(Micros now);

private:
    // How a week stands.
    struct Week {
        std::int64_t first_seq = 0;  // 0 = it holds no message
        std::int64_t last_seq = 0;
        bool wanted = false;  // it waits for its outcome, a replay or a decision
    };
    [[nodiscard]] Result<Week> Look(pg::Connection& connection, Micros start) const;
    [[nodiscard]] Result<bool> Drop(pg::Connection& connection, Micros start, Micros now);
    [[nodiscard]] Result<bool> DropInTransaction(pg::Connection& connection, Micros start,
                                                 Micros now, Week& week);

    Session session_;
    Partitions& partitions_;
    const Micros keep_;
    const LogLine log_;
};

}  // namespace carestream::store
