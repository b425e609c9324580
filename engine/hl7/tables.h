#pragma once
// HL7 v2 dictionary as data (schemas/hl7): segments, fields, data types and table numbers, the
// union over versions 2.1 to 2.8 with the newest version's name. For lint, loss reports and
// "nearest name".
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace carestream::hl7 {

struct FieldDefinition {
    std::string name;       // "Patient Identifier List"
    std::string data_type;  // "CX"
    bool repeats = false;
    int table = 0;  // 0396 -> 396; 0 = none
};

struct SegmentDefinition {
    std::string id;
    std::string name;
    std::vector<FieldDefinition> fields;  // [0] is field 1
};

struct DataTypeDefinition {
    std::string id;
    std::string name;
    std::vector<FieldDefinition> components;  // [0] is component 1; empty = primitive
};

// A place in a message structure: a segment, a group of places, or a choice between segments.
struct StructureNode {
    enum class Kind : std::uint8_t { kSegment, kGroup, kChoice };
    std::string name;  // "PID", "ORDER_OBSERVATION"; "" for a choice
    Kind kind = Kind::kSegment;
    bool required = true;
    bool repeats = false;
    std::vector<StructureNode> children;  // in message order; of a choice: the alternatives
};

// Immutable after Load; safe to share between threads.
class Dictionary {
public:
    // Reads segments.tsv, datatypes.tsv and structures.tsv. Errors carry file, line and column.
    [[nodiscard]] static Result<std::shared_ptr<const Dictionary>> Load(
        const std::filesystem::path& schemas_hl7);
    virtual ~Dictionary() = default;
    [[nodiscard]] virtual const SegmentDefinition* FindSegment(std::string_view id) const = 0;
    [[nodiscard]] virtual const DataTypeDefinition* FindDataType(std::string_view id) const = 0;
    [[nodiscard]] virtual std::vector<std::string_view> SegmentIds() const = 0;
    // Message structure of an event by table 0354 ("ADT^A04" -> "ADT_A01"), or "".
    [[nodiscard]] virtual std::string_view StructureOf(std::string_view code,
                                                       std::string_view event) const = 0;
    // The tree of a structure ("ADT_A01") in the newest version that has it, or nullptr. The root
    // is a group with the structure's name.
    [[nodiscard]] virtual const StructureNode* FindStructure(std::string_view name) const = 0;
    // All known events as "ADT^A01", sorted.
    [[nodiscard]] virtual std::vector<std::string_view> Events() const = 0;
};

}  // namespace carestream::hl7
