#pragma once
// The token forms that index.h lists, made in one place for what is stored and for what is asked.
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "fhir/temporal.h"
#include "search/internal/parameter.h"

namespace carestream::search {

constexpr std::string_view kFormCode = "c";
constexpr std::string_view kFormSystemCode = "sc";
constexpr std::string_view kFormReference = "r";
constexpr std::string_view kFormUri = "u";
constexpr std::string_view kFormDay = "d";
constexpr std::string_view kFormMonth = "m";
constexpr std::string_view kFormYear = "y";

[[nodiscard]] std::span<const std::size_t> PrefixLengths(Prefixes prefixes);  // ascending
[[nodiscard]] std::string_view PrefixForm(std::size_t length);                // "p4"
[[nodiscard]] std::string SystemCode(std::string_view system, std::string_view code);

// A birth or death date in UTC, cut at the day: as known, its month and its year ("" if not known).
struct PrivateDate {
    std::string day;
    std::string month;
    std::string year;
};
[[nodiscard]] PrivateDate PrivateDateOf(const fhir::Temporal& date);

}  // namespace carestream::search
