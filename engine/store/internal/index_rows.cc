#include "store/internal/index_rows.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace carestream::store {
namespace {

template <typename T>
void SortUnique(std::vector<T>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
}

template <typename T>
void Subtract(const std::vector<T>& from, const std::vector<T>& what, std::vector<T>& out) {
    std::set_difference(from.begin(), from.end(), what.begin(), what.end(),
                        std::back_inserter(out));
}

}  // namespace

std::int64_t HashOf(const crypto::TokenKey& key, std::string_view space, std::string_view form,
                    std::string_view value) {
    return key.Token64(space, form, value);
}

IndexRows MakeIndexRows(const crypto::TokenKey& key, const search::IndexEntries& entries,
                        std::uint32_t main_date) {
    IndexRows rows;
    rows.tokens.reserve(entries.tokens.size());
    for (const search::TokenEntry& token : entries.tokens) {
        rows.tokens.push_back(HashOf(key, token.space, token.form, token.value));
    }
    for (const search::DateEntry& date : entries.dates) {
        rows.dates.push_back({date.parameter, date.low, date.high});
    }
    const bool dated =
        std::any_of(entries.dates.begin(), entries.dates.end(),
                    [&](const search::DateEntry& date) { return date.parameter == main_date; });
    if (main_date != 0 && !dated) rows.dates.push_back({main_date, kNoDate, kNoDate});
    for (const search::NumberEntry& number : entries.numbers) {
        if (std::isfinite(number.value)) rows.numbers.push_back({number.parameter, number.value});
    }
    SortUnique(rows.tokens);
    SortUnique(rows.dates);
    // No NaN got in, so the order is total.
    std::sort(rows.numbers.begin(), rows.numbers.end(),
              [](const NumberRow& a, const NumberRow& b) { return (a <=> b) < 0; });
    rows.numbers.erase(std::unique(rows.numbers.begin(), rows.numbers.end()), rows.numbers.end());
    return rows;
}

IndexDifference Difference(const IndexRows& before, const IndexRows& after) {
    IndexDifference difference;
    Subtract(before.tokens, after.tokens, difference.removed.tokens);
    Subtract(after.tokens, before.tokens, difference.added.tokens);
    Subtract(before.dates, after.dates, difference.removed.dates);
    Subtract(after.dates, before.dates, difference.added.dates);
    Subtract(before.numbers, after.numbers, difference.removed.numbers);
    Subtract(after.numbers, before.numbers, difference.added.numbers);
    return difference;
}

}  // namespace carestream::store
