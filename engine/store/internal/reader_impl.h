#pragma once
// A fixed pool of reading threads, each with its own session, behind one bounded queue. Point reads
// that wait together share one round trip.
#include <cstddef>
#include <memory>

#include "base/result.h"
#include "store/internal/writer_impl.h"
#include "store/reader.h"

namespace carestream::store {

struct ReaderOptions {
    int threads = 3;
    std::size_t queue_max = 4096;       // waiting requests, then kLimit
    int statement_timeout_ms = 30'000;  // of one statement, on the server
};

// Connects all sessions. Error: kUnavailable. A session that is lost later is made again; what it
// was doing is answered kUnavailable (retryable).
[[nodiscard]] Result<std::unique_ptr<Reader>> MakeReader(const ResourceParts& parts,
                                                         const ReaderOptions& options);

}  // namespace carestream::store
