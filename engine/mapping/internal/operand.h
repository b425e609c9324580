#pragma once
// Paths and conditions as data.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carestream::mapping::internal {

// "PID" packed, so that segment ids compare as numbers.
using SegmentCode = std::uint32_t;
[[nodiscard]] constexpr SegmentCode PackSegment(std::string_view id) {
    return id.size() != 3 ? 0u
                          : (static_cast<SegmentCode>(static_cast<unsigned char>(id[0])) << 16 |
                             static_cast<SegmentCode>(static_cast<unsigned char>(id[1])) << 8 |
                             static_cast<SegmentCode>(static_cast<unsigned char>(id[2])));
}

// What a path in a rule or condition names.
struct Operand {
    enum class Kind : std::uint8_t {
        kSegment,  // PID-3.4: a field of a segment found from here
        kValue,    // CX.4: a part of the value being mapped
        kEvent,    // MSH-9.2
        kAuthority,
        kChannel,
        kTenant,
        kTimeZone,
        kReceived,
    };
    Kind kind = Kind::kValue;
    SegmentCode segment = 0;
    bool from_parent = false;  // ^OBR-7
    int depth = 0;             // kValue: how many values outwards; 0 = the innermost
    int field = 0;             // 0: the whole segment
    int repetition = 0;        // 0: not written, -1: [*]
    int component = 0;
    int subcomponent = 0;
    int table = 0;              // HL7 table of the field, 0 = none
    std::string text;           // as written
    std::string data_type;      // of what it names; "" = unknown, any
    bool field_repeats = true;  // by the dictionary
};

struct Condition {
    enum class Op : std::uint8_t {
        kAnd,
        kOr,
        kNot,
        kValued,
        kNull,
        kIn,
        kSame,
        kBefore,
        kCount,
        kLength
    };
    enum class Compare : std::uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };
    Op op = Op::kAnd;
    Operand operand;
    Operand other;                    // kSame, kBefore
    std::vector<std::string> values;  // kIn; `==` is kIn with one value
    Compare compare = Compare::kEq;   // kCount, kLength
    int number = 0;
    std::vector<Condition> children;  // kAnd, kOr, kNot
};

}  // namespace carestream::mapping::internal
