#pragma once
// Turns the paths that people write into checked operands and targets: HL7 names by the dictionary,
// FHIR names by the definitions.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "hl7/tables.h"
#include "mapping/internal/model.h"

namespace carestream::mapping::internal {

// A value being mapped: its HL7 type ("" = unknown), and the field it is a repetition of, if any.
struct ScopeValue {
    std::string type;
    SegmentCode segment = 0;
    int field = 0;
};

// Where a rule stands: what its paths may name.
struct Scope {
    std::string segment;             // "PID"; "" in a data type map
    std::vector<ScopeValue> values;  // the innermost last
    std::string type;                // FHIR type of the element being filled
    std::string path;                // for messages: "Patient.contact"
    bool at_root = false;            // the element is the resource itself
};

class Names {
public:
    Names(const fhir::Definitions& definitions, const hl7::Dictionary& dictionary)
        : definitions_(definitions), dictionary_(dictionary) {}

    // Errors carry offset_bytes into `text`. `whole` also allows "NK1" and "CWE": a whole segment
    // or value.
    [[nodiscard]] Result<Operand> ResolveOperand(std::string_view text, const Scope& scope,
                                                 bool whole = false) const;
    // "." or a path from the element of `scope`.
    [[nodiscard]] Result<Target> ResolveTarget(std::string_view text, const Scope& scope) const;
    // Makes of `target` (where the extension hangs) one that writes url and value.
    [[nodiscard]] Result<void> ToExtension(Target& target, std::string_view url,
                                           std::string_view value_type) const;

    [[nodiscard]] bool IsSegment(std::string_view id) const;  // Z-segments are
    [[nodiscard]] std::string SegmentHint(std::string_view id) const;
    [[nodiscard]] bool IsDataType(std::string_view id) const;
    // What is wrong with an event ("ADT^A0X") or a trigger alone ("A0X"), "" if nothing. Those that
    // begin with Z are the sites' own.
    [[nodiscard]] std::string EventMistake(std::string_view event) const;
    [[nodiscard]] std::string TriggerMistake(std::string_view trigger) const;
    // May `type` stand where a reference allows `allowed`?
    [[nodiscard]] static bool MayRefer(const std::vector<std::string_view>& allowed,
                                       std::string_view type);
    // Is `type` the same as, or a specialisation of, `base`?
    [[nodiscard]] bool IsA(std::string_view type, std::string_view base) const;
    [[nodiscard]] const fhir::Definitions& definitions() const { return definitions_; }

private:
    Result<Operand> FieldOperand(std::string_view text, const struct PathText& path,
                                 const Scope& scope) const;
    Result<Operand> ValueOperand(std::string_view text, const struct PathText& path,
                                 const Scope& scope) const;
    Result<Operand> ContextOperand(std::string_view text, const struct PathText& path) const;
    // Goes from `type` into its component; "" = unknown, which allows anything.
    Result<void> Descend(std::string_view text, const std::string& what, int number,
                         std::string& type, int& table) const;
    Result<void> AddStep(std::string_view part, std::size_t offset, bool last, std::string& type,
                         Target& target) const;
    std::string ElementHint(const fhir::TypeDefinition& type, std::string_view name) const;

    const fhir::Definitions& definitions_;
    const hl7::Dictionary& dictionary_;
};

}  // namespace carestream::mapping::internal
