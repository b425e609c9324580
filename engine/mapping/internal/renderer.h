#pragma once
// One resource -> one message. Lives for one call on one thread.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hl7/encoder.h"
#include "hl7/path.h"
#include "mapping/internal/outbound.h"
#include "mapping/internal/time.h"
#include "mapping/render.h"

namespace carestream::mapping::internal {

class Renderer {
public:
    Renderer(const Model& model, const RenderRequest& request, const Destination& destination);
    [[nodiscard]] Result<Rendered> Render(const OutboundMessage& message);

private:
    // What an expression is evaluated on.
    struct Item {
        const fhir::Node* node = nullptr;
        std::string_view type;
    };
    // What a rule writes into: a segment, or the part of it that a map fills.
    struct Place {
        std::size_t segment = 0;
        int field = 0;  // 0: the segment itself
        int repetition = 1;
        int component = 0;
        int subcomponent = 0;
    };
    using Found = fhir::FhirPath::Evaluation;

    void WriteHeader(const OutboundMessage& message);
    void WriteParts(int field, std::string_view parts);  // of the MSH, components with '^' between
    [[nodiscard]] Result<void> Nodes(const std::vector<OutboundNode>& nodes, const Item& item);
    [[nodiscard]] Result<void> Instance(const OutboundNode& node, const Item& item);
    [[nodiscard]] Result<void> Segment(const OutboundNode& node, const Item& item);

    // Returns whether anything of the resource was written.
    [[nodiscard]] Result<bool> Rules(const std::vector<OutboundRule>& rules, const Item& item,
                                     const Place& place);
    [[nodiscard]] Result<bool> Apply(const OutboundRule& rule, const Item& item,
                                     const Place& place);
    [[nodiscard]] Result<bool> ApplyItems(const OutboundRule& rule, const Item& item,
                                          const Place& place);
    // One value of the rule at its own place.
    [[nodiscard]] Result<bool> Write(const OutboundRule& rule, const Item& value,
                                     const Place& place);
    [[nodiscard]] bool WriteCode(const OutboundRule& rule, const Item& value, const Place& place);
    [[nodiscard]] bool WriteAuthority(std::string_view uri, const Place& place);
    bool WriteText(const Place& place, std::string text);
    void Shorten(const Place& place, std::string& text);

    [[nodiscard]] Result<Found> Evaluate(const Expression& expression, const Item& item);
    [[nodiscard]] Result<bool> Holds(const std::optional<Expression>& when, const Item& item);
    [[nodiscard]] Place At(const OutboundTarget& target, const Place& place) const;
    // HL7's form of a primitive.
    [[nodiscard]] std::string TextOf(const Item& value, std::string_view hl7_type) const;
    [[nodiscard]] Moment InZone(Moment moment) const;
    [[nodiscard]] std::string CodingSystemName(std::string_view uri) const;
    [[nodiscard]] std::string PathOf(const Place& place) const;
    void Note(const Place& place, std::string message);

    const Model& model_;
    const RenderRequest& request_;
    const Destination& destination_;
    Zone zone_;
    hl7::MessageEditor editor_;
    fhir::EvaluateLimits limits_;
    fhir::Node event_;
    fhir::Node version_;
    fhir::Node control_id_;
    fhir::Node now_;
    fhir::Node number_;
    std::map<std::pair<std::size_t, int>, int> repetitions_;  // (segment, field) -> written so far
    std::vector<std::pair<hl7::Path, std::size_t>> lengths_;
    std::vector<RenderNote> notes_;
};

}  // namespace carestream::mapping::internal
