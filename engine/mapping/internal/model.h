#pragma once
// The checked program as data. Built by the compiler, read by the run; immutable in between, so
// that threads share it. The words are those of mappings/README.md.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "fhir/change_set.h"
#include "fhir/definitions.h"
#include "mapping/internal/operand.h"

namespace carestream::mapping::internal {

struct TableEntry {
    std::string code;  // "" = deliberately none
    std::string system;
    std::string display;
};

struct Table {
    std::string name;
    std::string label;       // "table 0001", "table CodingSystems"
    std::string hl7;         // "0001" or ""
    std::string hl7_system;  // "http://terminology.hl7.org/CodeSystem/v2-0001" or ""
    std::string system;
    std::unordered_map<std::string, TableEntry> codes;
    std::optional<TableEntry> fallback;
    // The way back: code -> what the sender wrote, the overlays' first, then in the order of the
    // file.
    struct Origin {
        std::string system;
        std::string sent;
    };
    std::unordered_map<std::string, std::vector<Origin>> origins;
    std::string reason_missing;  // "code not in table 0001"
    std::string reason_none;     // "code of table 0001 has no counterpart"
    Position position;
    [[nodiscard]] const TableEntry* Find(const std::string& code) const;
    // What stands for a code in HL7, or nullptr. An empty system is any.
    [[nodiscard]] const std::string* FindOrigin(const std::string& code,
                                                std::string_view of_system) const;
};

struct Map;
struct OutboundMap;
struct OutboundMessage;

// One step of a target path.
struct Step {
    std::string member;  // as in JSON: "period", "valueQuantity"
    bool list = false;
    bool named = false;   // location[current]
    std::string entry;    // the name; "" = the one unnamed entry
    std::string through;  // performer(Organization): the type made behind the reference
    // Other members of the same choice, of which at most one may be there; empty if no choice.
    std::string choice_base;
    std::uint64_t key = 0;  // of member and entry: what paths of bindings are made of
};

struct Target {
    std::vector<Step> steps;  // empty: the element itself
    fhir::Primitive primitive = fhir::Primitive::kNone;
    bool list = false;            // the last step is a list: each value is a new entry
    bool on_primitive = false;    // the extension goes to "_member"
    std::string extension;        // URL: `steps` is where it hangs
    std::string extension_value;  // "valueString"; "" = nested extensions
    std::string text;             // as written
    std::string type;             // FHIR type of what is written
    std::string value_set;        // required binding, else ""
    std::string cleared;          // what `""` clears in the resource, "" = nothing
    std::string path;             // "Patient.birthDate" for messages
    std::string reason_taken;     // "Patient.birthDate already has a value"
    std::string reason_single;    // "Patient.birthDate takes one value"
    std::vector<std::string_view> reference_types;  // of a Reference; empty = any
};

enum class Builtin : std::uint8_t {
    kNone,
    kQuantity,
    kAuthority,
    kCodingSystem,
    kTableSystem,
    kAttachment,
    kText,
};

enum class SourceKind : std::uint8_t { kNone, kAt, kConst, kConcat, kFirstOf, kAdd, kRef };
enum class MissKind : std::uint8_t { kDefault, kKeep, kDrop, kSet };

struct ConcatPart {
    bool literal = false;
    std::string text;
    Operand operand;
};

// Several texts become one.
struct Join {
    std::string separator;
    bool base64 = false;  // what stands there is base64 of the text
};

struct Rule;
struct Case {
    std::vector<std::string> values;
    std::vector<Rule> rules;
};

// What decides whether a rule has anything to do stands first, because most have not.
struct Rule {
    enum class Kind : std::uint8_t { kValue, kSwitch, kGroup, kClear };
    Kind kind = Kind::kValue;
    SourceKind source = SourceKind::kAt;
    Builtin builtin = Builtin::kNone;
    MissKind miss = MissKind::kDefault;
    bool has_fallback = false;
    bool null_clears = true;
    bool assumed = false;
    bool subtracts = false;      // kAdd: the amount is taken from the date
    bool constant_only = false;  // nothing of the message can come through it
    Operand at;                  // kAt; kAdd: the date; kSwitch: what is switched on
    std::unique_ptr<Condition> when;
    const Map* map = nullptr;
    const Table* table = nullptr;
    Target target;

    std::string constant;           // kConst; kRef: the name of the resource
    std::vector<ConcatPart> parts;  // kConcat
    std::vector<Operand> operands;  // kFirstOf; kAdd: amount, unit
    std::optional<Join> join;
    std::string miss_code;
    std::vector<std::string> refused;  // codes of the table that the target does not allow
    std::string fallback;              // `default`
    std::vector<Rule> rules;           // nested; or the rules of a kGroup; or `else` of a switch
    std::vector<Case> cases;
    std::unique_ptr<Rule> otherwise;
    std::string id;
    Position position;
};

struct Map {
    std::string name;    // "CX.Identifier", "CWE.Organization.lab"
    std::string source;  // "CX", "PID"
    std::string target;  // FHIR type
    bool segment = false;
    bool makes_resource = false;
    fhir::Primitive primitive = fhir::Primitive::kNone;
    std::vector<Operand> key;
    std::vector<Rule> rules;
    Position position;
};

enum class Presence : std::uint8_t { kRefuse, kContained, kSkip };

struct KeyCandidate {
    enum class Kind : std::uint8_t { kIdentifier, kChild, kLocal };
    Kind kind = Kind::kIdentifier;
    bool any = false;
    std::vector<std::string> types;
    bool typed = false;
    bool with_key = false;
};

struct ListRule {
    std::string element;
    fhir::ListPolicy policy = fhir::ListPolicy::kSnapshot;
    std::vector<std::vector<std::string>> key_paths;  // each split at dots
};

struct Identity {
    std::string type;
    bool authority_required = false;
    bool first_only = false;
    Presence without = Presence::kSkip;
    std::vector<KeyCandidate> keys;
    std::vector<ListRule> lists;
    std::vector<Rule> ended;  // what a snapshot makes of those it leaves out
    Position position;
};

struct ReferenceRule {
    Target target;      // ends in the Reference
    std::string owner;  // "" = this resource, else the named one
    std::string name;   // "" = this resource (`self`)
    bool all = false;
    Position position;
};

struct Statement {
    enum class Kind : std::uint8_t { kMake, kInto, kLink, kUnlink, kMove };
    Kind kind = Kind::kMake;
    std::string type;
    std::string name;  // made under this name; or the one of `into`
    std::vector<const Map*> maps;
    std::vector<Rule> rules;
    std::unique_ptr<Condition> when;
    std::vector<ReferenceRule> refs;
    std::vector<std::string> parents;
    fhir::ChangeMode mode = fhir::ChangeMode::kUpsert;
    std::vector<std::pair<std::string, fhir::ChangeMode>> mode_by_event;
    std::vector<Operand> fold_same;
    std::unique_ptr<Condition> fold_when;
    bool folds = false;
    bool only_with_others = false;
    bool partial = false;       // the rest of what R4 requires is unknown here
    bool snapshot = false;      // the message has all of them that its source knows
    bool correction = false;    // a corrected report has all of them, if the channel says so
    std::string first, second;  // link: survivor, loser; move: visit, patient
    const Identity* identity = nullptr;
    Position position;
};

// A place in the tree of a message structure.
struct TreeNode {
    std::string name;         // "PID" or "ORDER_OBSERVATION"
    SegmentCode segment = 0;  // 0: a group
    bool repeats = false;
    std::vector<Statement> statements;
    std::vector<TreeNode> children;
    // Every segment id below a group, for the matcher.
    std::vector<SegmentCode> below;
    SegmentCode first = 0;   // the first segment of a group
    SegmentCode anchor = 0;  // the first that makes a resource: it may start a repetition as well
};

struct MessageMap {
    std::string name;
    std::vector<std::string> events;
    TreeNode root;
    Position position;
};

// Everything that the run needs.
struct Model {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::map<std::string, std::unique_ptr<Map>, std::less<>> maps;
    std::map<std::string, std::unique_ptr<Table>, std::less<>> tables;
    std::map<std::string, std::unique_ptr<Identity>, std::less<>> identities;
    std::vector<std::unique_ptr<MessageMap>> messages;
    std::unordered_map<std::string, const MessageMap*> by_event;  // "ADT^A01"
    std::map<std::string, std::shared_ptr<OutboundMap>, std::less<>> outbound_maps;
    std::vector<std::shared_ptr<OutboundMessage>> outbound_messages;
    const Table* coding_systems = nullptr;
    const Table* authorities = nullptr;
    std::string version;
    [[nodiscard]] const Identity* FindIdentity(std::string_view type) const;
};

}  // namespace carestream::mapping::internal
