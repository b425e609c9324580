#pragma once
// Index entries of a resource as the rows that are written: values hashed under the tenant's key.
#include <cstdint>
#include <string_view>
#include <vector>

#include "crypto/keys.h"
#include "search/index.h"

namespace carestream::store {

// 0001-01-01, for what has no date: sorts after everything when the newest come first.
constexpr Micros kNoDate = -62'135'596'800'000'000;

struct DateRow {
    std::uint32_t parameter = 0;
    Micros low = 0;
    Micros high = 0;
    auto operator<=>(const DateRow&) const = default;
};

struct NumberRow {
    std::uint32_t parameter = 0;
    double value = 0;
    auto operator<=>(const NumberRow&) const = default;
};

// All lists sorted and without doubles.
struct IndexRows {
    std::vector<std::int64_t> tokens;
    std::vector<DateRow> dates;
    std::vector<NumberRow> numbers;
};

[[nodiscard]] std::int64_t HashOf(const crypto::TokenKey& key, std::string_view space,
                                  std::string_view form, std::string_view value);
// `main_date` is the parameter by which the type is listed, 0 = none: a resource without it gets a
// row of kNoDate there, so that a list by date has everything.
[[nodiscard]] IndexRows MakeIndexRows(const crypto::TokenKey& key,
                                      const search::IndexEntries& entries, std::uint32_t main_date);

// What must be removed from, and added to, the tables so that `before` becomes `after`.
struct IndexDifference {
    IndexRows removed;
    IndexRows added;
};
[[nodiscard]] IndexDifference Difference(const IndexRows& before, const IndexRows& after);

}  // namespace carestream::store
