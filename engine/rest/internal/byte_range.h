#pragma once
// Range requests for one representation. Pure.
// Source: RFC 9110 14 (byte ranges), 13.1.5 (If-Range).
#include <cstdint>
#include <string_view>

namespace carestream::rest {

struct ByteRange {
    enum class Kind : std::uint8_t {
        kWhole,          // no range, or one that is not to be looked at: 200
        kPart,           // 206: [first, last]
        kUnsatisfiable,  // 416
    };
    Kind kind = Kind::kWhole;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

// `range` is the header, "" = none. Several ranges, other units and what is malformed ask for the
// whole, as a server may decide.
[[nodiscard]] ByteRange ParseRange(std::string_view range, std::uint64_t size);

// May the range be looked at? `tag` is the strong entity tag, `modified` the date of Last-Modified.
// A weak tag never matches.
[[nodiscard]] bool IfRangeHolds(std::string_view if_range, std::string_view tag,
                                std::string_view modified);

}  // namespace carestream::rest
