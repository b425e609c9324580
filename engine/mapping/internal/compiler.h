#pragma once
// Library -> Model. Split over compile_*.cc by what is compiled; checks.cc looks at the whole.
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mapping/internal/library.h"
#include "mapping/internal/model.h"
#include "mapping/internal/names.h"
#include "mapping/internal/problems.h"

namespace carestream::mapping::internal {

class Compiler {
public:
    Compiler(const Library& library, std::shared_ptr<const fhir::Definitions> definitions,
             const hl7::Dictionary& dictionary, Problems& problems);

    // The model is usable only if `problems` is still empty.
    [[nodiscard]] std::shared_ptr<const Model> Compile();

private:
    // compile_tables.cc
    void CompileTable(const Document& document);
    TableEntry CompileCode(const config::YamlEntry& entry, const Table& table);
    void CompileIdentity(const Document& document);
    void CompileKeys(const config::Yaml& yaml, Identity& identity);
    void CompileLists(const config::Yaml& yaml, Identity& identity);

    // compile_maps.cc
    void DeclareMap(const Document& document);
    void CompileMap(const Document& document);
    std::vector<Operand> CompileKey(const config::Yaml& yaml, const Scope& scope);
    std::unique_ptr<Condition> CompileWhen(const config::Yaml& yaml, const Scope& scope);
    void CheckTriggers(const Condition& condition, const config::Yaml& place);
    void CheckTrigger(const std::string& trigger, const Position& place);
    std::optional<Operand> CompileOperand(const config::Yaml& yaml, const Scope& scope,
                                          bool whole = false);

    // compile_rules.cc
    std::vector<Rule> CompileRules(const std::vector<const config::Yaml*>& list,
                                   const Scope& scope);
    std::vector<Rule> CompileRuleOrList(const config::Yaml& yaml, const Scope& scope);
    bool CompileRule(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileClear(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileSwitch(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileSource(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileConcat(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileAdd(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileRef(const config::Yaml& yaml, const Rule& rule);
    bool CompileTarget(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileAssumed(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileConversion(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    bool CompileAs(const config::Yaml& as, const Scope& scope, Rule& rule);
    bool CheckTableCodes(const config::Yaml& place, bool miss, Rule& rule);
    bool CompileCodeUse(const config::Yaml& yaml, Rule& rule);
    bool CompileNested(const config::Yaml& yaml, const Scope& scope, Rule& rule);
    void CheckConstant(const config::Yaml& place, const std::string& text, const Target& target);
    // The HL7 type of what the rule reads, "" = unknown.
    static std::string TypeOfSource(const Rule& rule, const Scope& scope);

    // compile_messages.cc
    void CompileMessage(const Document& document);
    void CompileEvents(const config::Yaml& yaml, MessageMap& message);
    void CompileTree(const config::Yaml& yaml, MessageMap& message, TreeNode& parent);
    void CompileEntries(const config::Yaml& yaml, MessageMap& message, TreeNode& parent);
    void CompileEntry(const config::Yaml& item, const std::string& name, const config::Yaml* value,
                      MessageMap& message, TreeNode& parent);
    // Whether a change of the overlays with this verb stands at the place being compiled.
    std::vector<const TreeChange*> ChangesHere(TreeChange::Verb verb, const std::string& name);
    void CheckTreeChanges();
    [[nodiscard]] const config::Yaml* FindGroup(const std::string& name) const;
    // The entries of the group that `- include: NAME` names; nullptr after a mistake.
    const config::Yaml* IncludedTree(const config::Yaml& name);
    void CompileNode(const config::Yaml& item, const std::string& name, const config::Yaml* value,
                     MessageMap& message, TreeNode& parent);
    void CompileStatement(const config::Yaml& yaml, const TreeNode& node, Statement& statement);
    void CompileStatementMaps(const config::Yaml& yaml, const TreeNode& node, Statement& statement);
    void CompileRefs(const config::Yaml& yaml, Statement& statement);
    void CompileMode(const config::Yaml& yaml, Statement& statement);
    void CompileRepeats(const config::Yaml& yaml, const TreeNode& node, Statement& statement);
    bool CompileLink(const config::Yaml& yaml, Statement& statement);
    void DeclareNames(const config::Yaml& tree);
    bool KnownName(const std::string& name, const config::Yaml& place);

    // checks.cc
    void CheckWriters(const std::vector<Rule>& rules);
    void CheckRequired(const MessageMap& message);
    void CheckRequiredOfMap(const Map& map);
    void CheckRecursion();

    // Not to be reported again: the file of this name is wrong itself.
    [[nodiscard]] bool IsBroken(std::string_view name) const { return broken_.count(name) != 0; }

    const Library& library_;
    std::set<std::string, std::less<>> broken_;
    Problems& problems_;
    std::shared_ptr<Model> model_;
    const hl7::Dictionary& dictionary_;
    Names names_;
    // Of the message being compiled: name -> resource type.
    std::map<std::string, std::string, std::less<>> made_;
    bool in_message_ = false;
    const std::vector<TreeChange>* tree_changes_ = nullptr;
    std::map<const TreeChange*, int> changes_made_;
    std::vector<std::string> including_;             // groups that are being included
    std::vector<std::string> tree_path_;             // groups around the place
    std::set<std::string, std::less<>> tree_names_;  // all that was met
};

// "PID -> Patient" or "CWE -> Organization lab" taken apart; false if it is not of this form.
[[nodiscard]] bool ParseMapName(std::string_view text, std::string& source, std::string& target,
                                std::string& name);

}  // namespace carestream::mapping::internal
