#pragma once
// One run of the program over one message. Made for each message and thrown away; single-threaded.
//   run.cc         statements, names, references
//   run_rules.cc   rules: what is read, converted and put where
//   run_values.cc  paths and conditions on the message
//   run_codes.cc   code tables and the built-in conversions
//   run_put.cc     placing values in the resource tree
//   finish.cc      keys, ids, required elements, the change set
//   claims.cc      profiles
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fhir/change_set.h"
#include "fhir/node.h"
#include "hl7/message.h"
#include "mapping/internal/convert.h"
#include "mapping/internal/ledger.h"
#include "mapping/internal/matcher.h"
#include "mapping/internal/model.h"
#include "mapping/internal/value.h"
#include "mapping/program.h"

namespace carestream::mapping::internal {

// Where a rule runs.
struct Here {
    std::size_t segment = kNoSegment;
    SegmentCode code = 0;  // of the segment
    Group* group = nullptr;
    const Frame* frame = nullptr;
    Element element;
};

struct Made {
    std::string type;
    const Identity* identity = nullptr;
    const Statement* statement = nullptr;  // nullptr: made in a reference
    std::size_t owner = kNoResource;       // who refers to it
    std::size_t segment = kNoSegment;
    fhir::Node node;
    std::vector<Binding> bindings;
    std::vector<std::size_t> parents;
    std::string local_key;
    bool has_local_key = false;
    fhir::ChangeMode mode = fhir::ChangeMode::kUpsert;
    bool only_with_others = false;
    std::vector<std::string> cleared;
    std::vector<std::string> assumed;
    // Lists at the top level: the fields ("PID-13") that gave their entries, by place ("" = none);
    // and those that were null.
    struct ListParts {
        std::string element;
        std::vector<std::string> of_entry;
        std::vector<std::string> nulled;
    };
    std::vector<ListParts> parts;
    [[nodiscard]] ListParts& PartsOf(const std::string& element);

    enum class State : std::uint8_t { kOpen, kKeying, kKeyed };
    State state = State::kOpen;
    std::vector<fhir::IdentityKey> keys;
    bool dropped = false;
    bool contained = false;
    std::size_t same_as = kNoResource;  // the resource that this one was merged into
    std::string id;
    std::size_t change = kNoResource;  // index in the change set
};

class Run {
public:
    Run(const Model& model, const hl7::Message& message, const MapContext& context);
    // `trace` is filled unless it is null.
    [[nodiscard]] Mapped Execute(const MessageMap& map, Trace* trace);

private:
    enum class Put : std::uint8_t { kNew, kSame, kTaken, kNothing };
    enum class Outcome : std::uint8_t { kWritten, kEmpty, kFailed, kTaken };
    struct Text {
        std::string text;
        Pieces pieces;
    };
    struct Deferred {
        const ReferenceRule* rule = nullptr;
        std::size_t resource = kNoResource;
        Group* group = nullptr;
    };
    struct Fold {
        const Statement* statement = nullptr;
        const Group* around = nullptr;
        std::size_t resource = kNoResource;
        std::string same;
    };

    // run.cc
    void Walk(Group& group);
    void RunStatement(const Statement& statement, Group& group, std::size_t segment);
    void Make(const Statement& statement, Here here);
    void Into(const Statement& statement, Here here);
    void Relate(const Statement& statement, Group& group);
    void Fill(const Statement& statement, const Here& here);
    bool TryFold(const Statement& statement, const Here& here, std::size_t& resource);
    std::string FoldKey(const Statement& statement, const Here& here);
    void Refer(const ReferenceRule& rule, std::size_t resource, Group& group, bool last_try);
    [[nodiscard]] std::size_t FindName(const std::string& name, Group& group) const;
    void Bind(const std::string& name, Group& group, std::size_t resource);
    std::size_t NewResource(std::string_view type, std::size_t owner, const Here& here);
    void TakeLocalKey(const std::vector<Operand>& key, const Here& here, std::size_t resource);
    [[nodiscard]] static fhir::Node ReferenceTo(std::size_t resource);
    void ReadHeader();
    void FillTrace(const LossReport& report, Trace& trace) const;
    void Forget(std::size_t decided) {
        while (decided_.size() > decided) decided_.pop_back();
    }
    void Warn(std::string_view piece, std::string_view what);

    // run_rules.cc
    void Assume(const Target& target, std::size_t resource);
    void RunRules(const std::vector<Rule>& rules, const Here& here);
    void RunRule(const Rule& rule, const Here& here);
    void RunRuleInFrame(const Rule& rule, const Here& here);
    void RunSwitch(const Rule& rule, const Here& here);
    Outcome RunValues(const Rule& rule, const Here& here);
    Outcome RunText(const Rule& rule, const Here& here);
    Outcome RunRef(const Rule& rule, const Here& here);
    Outcome Apply(const Rule& rule, const Here& here, const Value& value, int table);
    Outcome ApplyMap(const Rule& rule, const Here& here, const Value& value, int table);
    Outcome ApplyNested(const Rule& rule, const Here& here, const Value* value, int table);
    Outcome ApplyResource(const Rule& rule, const Here& here, const Value& value, int table);
    Outcome ApplyText(const Rule& rule, const Here& here, Text&& text);
    Outcome Place(const Rule& rule, const Here& here, fhir::Node&& node, std::size_t mark);
    Outcome Fallback(const Rule& rule, const Here& here);
    bool ReadJoined(const Rule& rule, const ValueList& values, const Here& here, Text& out);
    bool ReadLine(const Rule& rule, const Value& value, const Here& here, Text& out);
    bool ReadWhole(const Value& value, const Here& here, Text& out);
    bool Concat(const Rule& rule, const Here& here, Text& out);
    bool Add(const Rule& rule, const Here& here, Text& out);
    void Clear(const std::string& element, const Here& here);
    void FollowNull(const Rule& rule, const Here& here);
    void NotePart(const Rule& rule, const Here& here, const std::string& part, std::size_t before);
    [[nodiscard]] std::size_t EntriesOf(const Rule& rule, const Here& here) const;
    [[nodiscard]] bool EntryMissing(const Rule& rule, const Here& here) const;

    // run_values.cc
    void Values(const Operand& operand, const Here& here, ValueList& out) const;
    [[nodiscard]] Value First(const Operand& operand, const Here& here) const;
    [[nodiscard]] std::size_t SegmentOf(const Operand& operand, const Here& here) const;
    [[nodiscard]] Value Part(const Value& value, int number) const;
    [[nodiscard]] Value Part(const Frame& frame, int number) const;
    [[nodiscard]] Frame FrameOf(const Frame* up, const Value& value, int table) const;
    // Surely nothing there to read. Asked first, because most paths of a map name nothing in most
    // messages.
    [[nodiscard]] bool Absent(const Operand& operand, const Here& here) const;
    [[nodiscard]] bool Idle(const Rule& rule, const Here& here) const;
    [[nodiscard]] std::string_view LeafOf(const Value& value) const;
    [[nodiscard]] bool IsValued(const Value& value) const;
    [[nodiscard]] static bool IsExplicitNull(const Value& value);
    // The decoded text of the first leaf; false if it cannot be decoded (noted as lost).
    bool ReadText(const Value& value, const Here& here, std::string& text, std::string_view& piece);
    bool Test(const Condition& condition, const Here& here);
    bool TestValues(const Condition& condition, const Here& here);
    bool TestMeasure(const Condition& condition, const Here& here);
    [[nodiscard]] bool IsOneOf(const Value& value, const std::vector<std::string>& texts) const;
    [[nodiscard]] std::string PlainText(const Value& value) const;

    // run_codes.cc
    Outcome ApplyCode(const Rule& rule, const Here& here, const Value& value);
    Outcome MissedCode(const Rule& rule, const Here& here, const Value& value,
                       std::string_view piece, const std::string& code, const TableEntry* entry);
    fhir::Node CodedNode(const Rule& rule, const TableEntry& entry, const Value* value,
                         const Here& here);
    void Translate(const Rule& rule, const Here& here, const Value& value, fhir::Node& node);
    Outcome ApplyBuiltin(const Rule& rule, const Here& here, const Value& value, int table);
    Outcome ApplyQuantity(const Rule& rule, const Here& here, const Value& value);
    void RunBeside(const Rule& rule, const Here& here, const Value& value, fhir::Node& node);
    Outcome ApplyAttachment(const Rule& rule, const Here& here, const Value& value);
    fhir::Node AttachmentNode(const Here& here, const Value& value, Pieces& pieces,
                              std::string_view& reason);
    std::string AuthorityUri(const Value& value, Pieces& pieces) const;
    std::string CodingSystemUri(const std::string& name) const;
    std::string TableSystem(int table, const std::string& code) const;

    // run_put.cc
    Put PutNode(const Target& target, const std::optional<Join>& join, const Element& element,
                fhir::Node&& value);
    Put PutExtension(const Target& target, const Element& element, fhir::Node&& value);
    Put PutLast(const Step& step, const std::optional<Join>& join, Element element,
                std::uint64_t path, fhir::Node&& value);
    bool Descend(const Step& step, Element& element, std::uint64_t& path);
    bool DescendThrough(const Step& step, Element& element, std::uint64_t path);
    static Put Merge(fhir::Node& present, fhir::Node&& value, const std::optional<Join>& join);

    // finish.cc
    void Finish(const MessageMap& map, Mapped& out);
    void ResolveDeferred();
    bool MakeKeys(Mapped& out);
    void KeyOf(std::size_t resource);
    void KeysFromIdentifiers(const KeyCandidate& candidate, Made& made);
    void ChildKey(Made& made);
    [[nodiscard]] std::string PathOfIdentity(const Made& made) const;
    bool Settle(std::size_t resource, Mapped& out);
    static void MergeAssumed(Made& into, const Made& made);
    void MergeSame();
    [[nodiscard]] std::size_t Final(std::size_t resource) const;
    void RewriteReferences();
    bool Rewrite(fhir::Node& node, std::size_t resource);
    void Contain();
    bool FillRequired(Mapped& out);
    bool Complete(fhir::Node& node, const fhir::TypeDefinition& type, const std::string& path,
                  std::string& missing, int depth);
    bool Absent(fhir::Node& node, const fhir::ElementDefinition& element, const std::string& path,
                std::string& missing, int depth);
    void ClaimProfiles();  // claims.cc
    void BuildChanges(Mapped& out);
    fhir::Change BuildChange(Made& made);
    static void ListPolicies(Made& made, fhir::Change& change);
    static fhir::ListChange ListChangeOf(Made& made, const ListRule& rule,
                                         const fhir::Change& change);
    void OrderTime(Mapped& out);
    void Sent(Mapped& out) const;
    // A time of the message; without an offset by the zone of the channel.
    [[nodiscard]] std::optional<Micros> TimeOf(std::string_view text,
                                               std::string_view& reason) const;
    void Snapshots(Mapped& out);
    fhir::Node EndedNode(const Identity& identity);
    void Relations(Mapped& out);

    const Model& model_;
    // Of the resource that is being completed: the elements that have no value.
    std::vector<std::string> absent_;
    const hl7::Message& message_;
    const MapContext& context_;
    Ledger ledger_;
    const RuleFrame* frame_ = nullptr;  // the rule at work
    Conversion conversion_;
    Matching matching_;
    std::deque<Made> made_;
    std::vector<std::string_view> decided_;  // pieces that conditions looked at
    std::size_t writes_ = 0;                 // values of the message put into some resource
    bool constant_ = false;                  // the value being put is no value of the message
    std::string event_;
    std::string received_;  // context.received as an HL7 time in UTC
    std::string sender_;    // "<MSH-3>|<MSH-4>"
    std::vector<Deferred> deferred_;
    std::vector<std::pair<const ReferenceRule*, std::size_t>> all_references_;
    struct Relation {
        const Statement* statement;
        std::size_t first, second;
    };
    std::vector<Relation> relations_;
    std::vector<Fold> folds_;
    std::unordered_map<std::string, int> child_count_;  // of equal child keys
    std::vector<std::string> notes_;
};

}  // namespace carestream::mapping::internal
