#pragma once
// The checked maps of the way back, from FHIR to HL7 v2, as data. Immutable once compiled.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/fhirpath.h"
#include "mapping/internal/model.h"

namespace carestream::mapping::internal {

struct Expression {
    fhir::FhirPath path;
    std::string text;
    // Nothing of the resource comes through it: "%number".
    [[nodiscard]] bool constant() const {
        return text.starts_with('%') && text.find('.') == std::string::npos;
    }
};

struct OutboundMap;

// Where in the segment, or in the value, a rule writes.
struct OutboundTarget {
    bool self = false;     // "." : the segment, or the value being filled
    int field = 0;         // 0: within the value being filled
    int component = 0;     // 0: the whole field or value
    int subcomponent = 0;  // 0: the whole component
    bool repeats = false;  // a whole field that repeats: each value is a repetition
    std::string type;      // HL7 data type, "" = unknown
    std::string path;      // as written
};

struct OutboundRule {
    enum class Kind : std::uint8_t { kValue, kGroup };
    Kind kind = Kind::kValue;
    std::optional<Expression> when;
    std::optional<Expression> at;  // absent: `constant`
    std::string constant;
    OutboundTarget target;
    const OutboundMap* map = nullptr;
    const Table* table = nullptr;
    Builtin builtin = Builtin::kNone;
    MissKind miss = MissKind::kDrop;
    std::string miss_code;
    std::optional<std::string> fallback;
    bool required = false;
    std::vector<OutboundRule> rules;  // nested, about the value just written; or of a kGroup
    std::string id;
    Position position;
};

struct OutboundMap {
    std::string name;    // "Identifier.CX"
    std::string source;  // FHIR type
    std::string target;  // "CX", "PID"
    bool segment = false;
    std::vector<OutboundRule> rules;
    Position position;
};

// A segment or group of the message to be.
struct OutboundNode {
    std::string name;
    bool group = false;
    std::optional<Expression> each;  // `for`: one for each item, on which everything below is said
    std::optional<Expression> when;
    std::vector<const OutboundMap*> maps;
    std::vector<OutboundRule> rules;
    std::vector<OutboundNode> children;
    Position position;
};

struct OutboundMessage {
    std::string source;     // resource type that it is about
    std::string structure;  // "SIU_S12"
    std::vector<std::string> events;
    std::vector<OutboundNode> nodes;
    Position position;
};

}  // namespace carestream::mapping::internal
