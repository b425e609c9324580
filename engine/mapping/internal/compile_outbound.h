#pragma once
// The files below outbound/ -> the outbound part of the model.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/path_types.h"
#include "mapping/internal/library.h"
#include "mapping/internal/names.h"
#include "mapping/internal/outbound.h"
#include "mapping/internal/problems.h"

namespace carestream::mapping::internal {

// Adds to `model`, whose tables are compiled already.
class OutboundCompiler {
public:
    OutboundCompiler(const Library& library, const hl7::Dictionary& dictionary, const Names& names,
                     Problems& problems, Model& model)
        : library_(library),
          dictionary_(dictionary),
          names_(names),
          problems_(problems),
          model_(model) {}

    void Compile();

private:
    // What expressions are evaluated on and where rules write.
    struct Scope {
        std::vector<std::string_view> types;  // FHIR types of the item
        bool known = true;                    // false: any
        std::string segment;                  // "PID"; "" in a data type map
        std::string value;                    // HL7 type of the value being filled, or ""
    };

    void DeclareMap(const Document& document);
    void CompileMap(const Document& document);
    void CompileMessage(const Document& document);
    void CompileEvents(const config::Yaml& yaml, OutboundMessage& message);
    void CompileNodes(const config::Yaml& list, const OutboundMessage& message, const Scope& scope,
                      std::vector<OutboundNode>& nodes);
    void CompileNode(const std::string& name, const config::Yaml& value,
                     const OutboundMessage& message, Scope scope, std::vector<OutboundNode>& nodes);
    [[nodiscard]] bool CheckInStructure(const config::Yaml& place, const std::string& name,
                                        const OutboundMessage& message);

    std::vector<OutboundRule> CompileRules(const std::vector<const config::Yaml*>& list,
                                           const Scope& scope);
    bool CompileRule(const config::Yaml& yaml, const Scope& scope, OutboundRule& rule);
    bool CompileTarget(const config::Yaml& yaml, const Scope& scope, OutboundRule& rule);
    bool CompileConversion(const config::Yaml& yaml, const fhir::PathTypes& types,
                           const Scope& scope, OutboundRule& rule);
    bool CompileCode(const config::Yaml& yaml, OutboundRule& rule);
    bool CompileNested(const config::Yaml& yaml, const fhir::PathTypes& types, OutboundRule& rule);
    bool CheckLeaf(const config::Yaml& yaml, const fhir::PathTypes& types, OutboundRule& rule);
    std::optional<Expression> CompileExpression(const config::Yaml& yaml, const Scope& scope,
                                                fhir::PathTypes* types = nullptr);
    const OutboundMap* FindMap(const config::Yaml& place, const fhir::PathTypes& types);
    void CheckDepth(const OutboundMap& map);
    void CheckRecursion();

    const Library& library_;
    const hl7::Dictionary& dictionary_;
    const Names& names_;
    Problems& problems_;
    Model& model_;
    std::set<std::string, std::less<>> broken_;  // what refers to these files is no second mistake
    std::set<std::string> used_;                 // "SIU^S12 of Appointment"
};

}  // namespace carestream::mapping::internal
