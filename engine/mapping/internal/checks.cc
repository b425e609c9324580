// What can only be seen when rules stand together: two writers of one element, required elements
// that nobody writes, maps that call themselves.
#include <algorithm>
#include <functional>

#include "mapping/internal/compiler.h"
#include "mapping/internal/condition.h"

namespace carestream::mapping::internal {

namespace {

struct Writer {
    const Rule* rule = nullptr;
    std::string slot;
    Condition when;  // all conditions on the way to it
};

Condition Valued(const Operand& operand) {
    Condition condition;
    condition.op = Condition::Op::kValued;
    condition.operand = operand;
    return condition;
}

Condition Negate(Condition inner) {
    Condition condition;
    condition.op = Condition::Op::kNot;
    condition.children.push_back(std::move(inner));
    return condition;
}

Condition IsOneOf(const Operand& operand, std::vector<std::string> values) {
    Condition condition;
    condition.op = Condition::Op::kIn;
    condition.operand = operand;
    condition.values = std::move(values);
    return condition;
}

// The place a rule writes, equal for all members of one choice; "" if it may be written many times.
std::string SlotOf(const Target& target) {
    if (target.list || !target.extension.empty() || target.steps.empty()) return {};
    std::string slot;
    for (const Step& step : target.steps) {
        slot += "/" + (step.choice_base.empty() ? step.member : step.choice_base + "[x]");
        if (step.list) slot += "[" + step.entry + "]";
    }
    return slot;
}

void Collect(const std::vector<Rule>& rules, const Condition& around, std::vector<Writer>& out) {
    for (const Rule& rule : rules) {
        Condition when = around;
        when.op = Condition::Op::kAnd;
        if (rule.when) when.children.push_back(*rule.when);
        if (rule.kind == Rule::Kind::kGroup) {
            Collect(rule.rules, when, out);
            continue;
        }
        if (rule.kind == Rule::Kind::kSwitch) {
            std::vector<std::string> all;
            for (const Case& one : rule.cases) {
                Condition inside = when;
                inside.children.push_back(IsOneOf(rule.at, one.values));
                Collect(one.rules, inside, out);
                all.insert(all.end(), one.values.begin(), one.values.end());
            }
            Condition inside = when;
            inside.children.push_back(Negate(IsOneOf(rule.at, all)));
            Collect(rule.rules, inside, out);
            continue;
        }
        if (rule.kind == Rule::Kind::kClear) continue;
        if (rule.source == SourceKind::kAt && !rule.has_fallback) {
            when.children.push_back(Valued(rule.at));
        }
        const std::string slot = SlotOf(rule.target);
        if (!slot.empty() && !rule.join) out.push_back({&rule, slot, std::move(when)});
    }
}

void CollectPaths(const std::vector<Rule>& rules, const std::string& prefix,
                  std::set<std::string>& out);

// Paths of elements that the rule may write, without entry names: "participant.status".
void CollectPath(const Rule& rule, const std::string& prefix, std::set<std::string>& out) {
    std::string path = prefix;
    if (rule.kind == Rule::Kind::kValue) {
        bool elsewhere = !rule.target.extension.empty();
        for (const Step& step : rule.target.steps) {
            path += (path.empty() ? "" : ".") +
                    (step.choice_base.empty() ? step.member : step.choice_base);
            out.insert(path);
            elsewhere = elsewhere || !step.through.empty();
        }
        if (rule.otherwise) CollectPath(*rule.otherwise, prefix, out);
        if (elsewhere || (rule.map != nullptr && rule.map->makes_resource)) return;
        if (rule.map != nullptr) CollectPaths(rule.map->rules, path, out);
    }
    CollectPaths(rule.rules, path, out);
    for (const Case& one : rule.cases) CollectPaths(one.rules, path, out);
}

void CollectPaths(const std::vector<Rule>& rules, const std::string& prefix,
                  std::set<std::string>& out) {
    for (const Rule& rule : rules) CollectPath(rule, prefix, out);
}

using Report = std::function<void(const std::string& path)>;

// Reports each required element of `type` that is not in `paths`, also below what is.
void Missing(const fhir::Definitions& definitions, const std::string& type,
             const std::string& prefix, const std::set<std::string>& paths, int depth,
             const Report& report) {
    const fhir::TypeDefinition* definition = definitions.FindType(type);
    if (definition == nullptr || depth > 6) return;
    for (const fhir::ElementDefinition& element : definition->elements) {
        const std::string path = (prefix.empty() ? "" : prefix + ".") + std::string(element.name);
        const bool written = paths.count(path) != 0;
        if (!written && element.min > 0) report(path);
        if (!written || element.types.size() != 1) continue;
        const std::string next(element.types[0]);
        const fhir::TypeDefinition* inner = definitions.FindType(next);
        if (inner != nullptr && inner->kind == fhir::TypeKind::kBackbone) {
            Missing(definitions, next, path, paths, depth + 1, report);
        }
    }
}

}  // namespace

void Compiler::CheckWriters(const std::vector<Rule>& rules) {
    std::vector<Writer> writers;
    Condition always;
    always.op = Condition::Op::kAnd;
    Collect(rules, always, writers);
    for (std::size_t j = 0; j < writers.size(); ++j) {
        for (std::size_t i = 0; i < j; ++i) {
            const Writer& first = writers[i];
            const Writer& second = writers[j];
            if (first.slot != second.slot || !MayBothHold(first.when, second.when)) continue;
            problems_.Add(second.rule->position,
                          second.rule->target.path + " is also written by the rule of line " +
                              std::to_string(first.rule->position.line) +
                              "; make them exclude each other with `when`, `switch` or `first-of`");
            break;
        }
    }
}

void Compiler::CheckRequiredOfMap(const Map& map) {
    std::set<std::string> paths;
    CollectPaths(map.rules, "", paths);
    Missing(names_.definitions(), map.target, "", paths, 0, [&](const std::string& path) {
        problems_.Add(map.position, map.target + "." + path + " is required and no rule writes it");
    });
}

void Compiler::CheckRequired(const MessageMap& message) {
    // Everything that any statement writes into a name, or into an unnamed `make`.
    std::map<const Statement*, std::set<std::string>> unnamed;
    std::map<std::string, std::set<std::string>> named;
    std::vector<const Statement*> makes;
    const std::function<void(const TreeNode&)> walk = [&](const TreeNode& node) {
        for (const Statement& statement : node.statements) {
            const bool make = statement.kind == Statement::Kind::kMake;
            if (!make && statement.kind != Statement::Kind::kInto) continue;
            if (make) makes.push_back(&statement);
            auto& paths = statement.name.empty() ? unnamed[&statement] : named[statement.name];
            for (const Map* map : statement.maps) CollectPaths(map->rules, "", paths);
            CollectPaths(statement.rules, "", paths);
            for (const ReferenceRule& ref : statement.refs) {
                auto& owner = ref.owner.empty() ? paths : named[ref.owner];
                std::string path;
                for (const Step& step : ref.target.steps) {
                    path += (path.empty() ? "" : ".") +
                            (step.choice_base.empty() ? step.member : step.choice_base);
                    owner.insert(path);
                }
            }
        }
        for (const TreeNode& child : node.children) walk(child);
    };
    walk(message.root);
    for (const Statement* make : makes) {
        // What only changes a stored one need not be whole.
        if (make->mode == fhir::ChangeMode::kUpdateOnly || make->partial) continue;
        const auto& paths = make->name.empty() ? unnamed[make] : named[make->name];
        Missing(names_.definitions(), make->type, "", paths, 0, [&](const std::string& path) {
            problems_.Add(make->position,
                          make->type + "." + path + " is required and no rule writes it");
        });
    }
}

void Compiler::CheckRecursion() {
    enum class State { kUnseen, kOpen, kDone };
    std::map<const Map*, State> states;
    std::function<void(const Map&)> visit;
    std::function<void(const Rule&)> walk = [&](const Rule& rule) {
        if (rule.map != nullptr && states[rule.map] == State::kOpen) {
            problems_.Add(rule.position, "map " + rule.map->name + " calls itself");
        } else if (rule.map != nullptr) {
            visit(*rule.map);
        }
        for (const Rule& inner : rule.rules) walk(inner);
        for (const Case& one : rule.cases) {
            for (const Rule& inner : one.rules) walk(inner);
        }
        if (rule.otherwise) walk(*rule.otherwise);
    };
    visit = [&](const Map& map) {
        if (states[&map] != State::kUnseen) return;
        states[&map] = State::kOpen;
        for (const Rule& rule : map.rules) walk(rule);
        states[&map] = State::kDone;
    };
    for (const auto& [name, map] : model_->maps) visit(*map);
}

}  // namespace carestream::mapping::internal
