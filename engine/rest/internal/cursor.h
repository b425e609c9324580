#pragma once
// Where a paging link goes on: sealed, so that it can be neither forged nor read.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"

namespace carestream::rest {

struct Cursor {
    std::uint64_t query_hash = 0;  // of the parameters as understood: a cursor fits one query only
    std::string position;          // of the store
    // The parameters of a POST _search, form-encoded: they were kept out of URLs and stay out.
    std::string form;
    bool operator==(const Cursor&) const = default;
};

// `scope` is what the cursor is bound to besides the query: "Observation|patient id". URL-safe.
[[nodiscard]] std::string SealCursor(const crypto::KeyRing& keys, std::string_view tenant,
                                     std::string_view scope, Micros now, const Cursor& cursor);
// Error: kInvalid for everything that SealCursor did not make for this tenant and scope.
[[nodiscard]] Result<Cursor> OpenCursor(const crypto::KeyRing& keys, std::string_view tenant,
                                        std::string_view scope, std::string_view text);

}  // namespace carestream::rest
