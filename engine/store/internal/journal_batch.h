#pragma once
// One group commit: entries become rows, duplicates are found among the rows and inside the batch.
#include <cstdint>
#include <map>
#include <vector>

#include "base/result.h"
#include "crypto/keys.h"
#include "store/internal/partitions.h"
#include "store/internal/pg.h"
#include "store/journal.h"

namespace carestream::store {

// Reused from commit to commit, so that buffers keep their size. Used by one thread.
class JournalBatch {
public:
    explicit JournalBatch(const crypto::KeyRing& keys);

    // Commits `entries`, numbering them from `first_seq`; numbers of duplicates stay unused. One
    // receipt per entry, in order. After an error nothing was stored, unless the connection was
    // lost: then it may have been, and a second try finds the first.
    [[nodiscard]] Result<std::vector<JournalReceipt>> Commit(pg::Connection& connection,
                                                             Partitions& partitions,
                                                             std::vector<JournalEntry>& entries,
                                                             std::int64_t first_seq);

private:
    struct Tokens {
        std::int64_t source = 0;
        std::int64_t control = 0;
        pg::Uuid content{};
    };
    struct Row {
        Tokens tokens;
        std::size_t first =
            0;  // of the same batch: this entry repeats that one; else its own index
        bool reused = false;
    };
    const crypto::TokenKey& KeyOf(Tenant tenant);
    void Plan(const std::vector<JournalEntry>& entries);
    [[nodiscard]] Result<void> EnsureWeeks(pg::Connection& connection, Partitions& partitions,
                                           const std::vector<JournalEntry>& entries) const;
    void AddRow(const JournalEntry& entry, const Row& row, std::int64_t seq);
    void Clear();

    const crypto::KeyRing& keys_;
    std::map<Tenant, crypto::TokenKey> token_keys_;
    std::vector<Row> rows_;
    Micros since_min_ = 0;
    pg::Array seq_, received_, tenant_, source_, control_, content_, since_, channel_, answer_,
        raw_, waits_;
    pg::Array refused_seq_, refused_received_, refused_tenant_, refused_stage_, refused_path_,
        refused_reason_;
};

}  // namespace carestream::store
