#include "rest/internal/byte_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace carestream::rest {
namespace {

// Digits only; one that does not fit is larger than any representation.
std::optional<std::uint64_t> Position(std::string_view text) {
    if (!IsDigits(text)) return std::nullopt;
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    return parsed.ec == std::errc::result_out_of_range ? UINT64_MAX : number;
}

}  // namespace

ByteRange ParseRange(std::string_view range, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes=";
    range = Trim(range);
    if (range.size() < kUnit.size() || ToLowerAscii(range.substr(0, kUnit.size())) != kUnit) {
        return {};
    }
    range = Trim(range.substr(kUnit.size()));
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) return {};
    const std::string_view first = range.substr(0, dash);
    const std::string_view last = range.substr(dash + 1);
    ByteRange part{ByteRange::Kind::kPart, 0, size == 0 ? 0 : size - 1};
    if (first.empty()) {
        const auto length = Position(last);
        if (!length) return {};
        if (*length == 0 || size == 0) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
        part.first = size - std::min(*length, size);
        return part;
    }
    const auto from = Position(first);
    const auto to = last.empty() ? std::optional<std::uint64_t>(UINT64_MAX) : Position(last);
    if (!from || !to || *to < *from) return {};
    if (*from >= size) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
    part.first = *from;
    part.last = std::min(*to, part.last);
    return part;
}

bool IfRangeHolds(std::string_view if_range, std::string_view tag, std::string_view modified) {
    if_range = Trim(if_range);
    return if_range.empty() || if_range == tag || if_range == modified;
}

}  // namespace carestream::rest
