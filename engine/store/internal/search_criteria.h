#pragma once
// Criteria of a query as the store can use them: values hashed, patients as numbers with those they
// are linked to, relations as rectangles over what is stored.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "search/query.h"
#include "store/internal/linked_patients.h"
#include "store/internal/pg.h"
#include "store/internal/sql_text.h"
#include "store/types.h"

namespace carestream::store {

// Closed bounds that a stored interval must stand in: low in [low_min, low_max] and so on.
struct Rectangle {
    Micros low_min, low_max, high_min, high_max;
};
struct NumberBounds {
    double min, max;
};

struct UsableCriterion {
    const search::Criterion* criterion = nullptr;
    // What the index can do with it; kind as in `criterion`. False: only the matcher decides.
    bool indexed = false;
    // The matcher has the last word.
    bool recheck = false;
    std::vector<std::int64_t> hashes;    // kToken; of kPatient: places beside the subject
    std::vector<std::int64_t> subjects;  // kPatient
    std::vector<Rectangle> rectangles;   // kDate; kLastUpdated (low only)
    std::vector<NumberBounds> bounds;    // kNumber
};

// A query ready to run. Not copyable: `usable` points into `query`.
struct UsableQuery {
    Tenant tenant = 1;
    std::int16_t type_number = 0;
    std::uint32_t main_date_id = 0;  // parameter of the type's main date, 0 = none
    search::Query query;             // patients expanded by their links
    std::vector<UsableCriterion> usable;

    UsableQuery() = default;
    UsableQuery(const UsableQuery&) = delete;
    UsableQuery& operator=(const UsableQuery&) = delete;
    [[nodiscard]] bool NeedsMatcher() const;
};

[[nodiscard]] std::vector<Rectangle> RectanglesOf(const search::RangeProbe& probe);
[[nodiscard]] std::vector<NumberBounds> BoundsOf(const search::RangeProbe& probe);

// Fills `usable`. A round trip for each patient that is named and not remembered.
[[nodiscard]] Result<void> MakeUsable(pg::Connection& connection, PatientLinks& links,
                                      const crypto::TokenKey& key, std::int16_t patient_type,
                                      UsableQuery& query);

}  // namespace carestream::store
