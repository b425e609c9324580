// Rules: source, conversion, target, options; switches and groups.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "fhir/validator.h"
#include "mapping/internal/compiler.h"
#include "mapping/internal/condition.h"

namespace carestream::mapping::internal {

namespace {

constexpr std::array<std::pair<std::string_view, Builtin>, 6> kBuiltins = {
    {{"attachment", Builtin::kAttachment},
     {"authority", Builtin::kAuthority},
     {"coding-system", Builtin::kCodingSystem},
     {"quantity", Builtin::kQuantity},
     {"table-system", Builtin::kTableSystem},
     {"text", Builtin::kText}}};

constexpr std::array<std::string_view, 7> kSources = {"at",  "const",    "concat", "first-of",
                                                      "add", "subtract", "ref"};

// The value of a nested rule that stands for a whole segment: no data type has this name.
constexpr std::string_view kWholeSegment = "-";

bool IsConstant(const Operand& operand) {
    return operand.kind != Operand::Kind::kSegment && operand.kind != Operand::Kind::kValue;
}

bool IsSimple(const std::string& type) {
    constexpr std::array<std::string_view, 7> kSimple = {"ST", "TX", "FT", "NM", "ID", "IS", "SI"};
    return std::find(kSimple.begin(), kSimple.end(), type) != kSimple.end();
}

bool OnlyConstants(const std::vector<Rule>& rules) {
    return std::all_of(rules.begin(), rules.end(), [](const Rule& rule) {
        if (rule.kind == Rule::Kind::kGroup) return OnlyConstants(rule.rules);
        return rule.kind == Rule::Kind::kValue && rule.constant_only &&
               rule.source == SourceKind::kConst;
    });
}

// A new entry into which nothing of the message can come. What other rules fill too has a name.
bool NeverWrites(const Rule& rule) {
    const bool named = !rule.target.steps.empty() && rule.target.steps.back().named &&
                       rule.target.extension.empty();
    const bool own = rule.source == SourceKind::kAt && rule.map == nullptr &&
                     rule.table == nullptr && rule.builtin == Builtin::kNone;
    const bool entry = !rule.target.steps.empty() || !rule.target.extension.empty();
    return own && entry && !named && rule.when == nullptr && OnlyConstants(rule.rules);
}

// Versions renamed types without changing what their first components mean.
bool Compatible(std::string_view given, std::string_view read) {
    if (given.empty() || given == read) return true;
    constexpr std::array<std::array<std::string_view, 6>, 5> kKin = {
        {{"CE", "CWE", "CNE", "CF", "ID", "IS"},
         {"XCN", "CN", "CNN", "PPN", "NDL", ""},
         {"TS", "DTM", "DT", "DTN", "", ""},
         {"EI", "CM", "CX", "EIP", "", ""},
         {"XPN", "PN", "FN", "XCN", "", ""}}};
    for (const auto& kin : kKin) {
        const bool left = std::find(kin.begin(), kin.end(), given) != kin.end();
        const bool right = std::find(kin.begin(), kin.end(), read) != kin.end();
        if (left && right) return true;
    }
    return false;
}

}  // namespace

std::string Compiler::TypeOfSource(const Rule& rule, const Scope&) {
    if (rule.source == SourceKind::kAt) {
        const bool segment = rule.at.kind == Operand::Kind::kSegment && rule.at.field == 0;
        return segment ? std::string(kWholeSegment) : rule.at.data_type;
    }
    if (rule.source == SourceKind::kFirstOf && !rule.operands.empty()) {
        const std::string& first = rule.operands.front().data_type;
        const auto all = [&](auto holds) {
            return std::all_of(rule.operands.begin(), rule.operands.end(),
                               [&](const Operand& operand) {
                                   return IsConstant(operand) || holds(operand.data_type);
                               });
        };
        if (all([&](const std::string& type) { return type == first; })) return first;
        // Mixed simple types have no parts, so paths in nested rules mean a value further out.
        return all(IsSimple) ? "ST" : "";
    }
    return "ST";
}

std::vector<Rule> Compiler::CompileRules(const std::vector<const config::Yaml*>& list,
                                         const Scope& scope) {
    std::vector<Rule> rules;
    for (const config::Yaml* yaml : list) {
        Rule rule;
        if (CompileRule(*yaml, scope, rule)) rules.push_back(std::move(rule));
    }
    return rules;
}

std::vector<Rule> Compiler::CompileRuleOrList(const config::Yaml& yaml, const Scope& scope) {
    std::vector<const config::Yaml*> list;
    if (yaml.IsSequence()) {
        for (const config::Yaml& item : yaml.items()) list.push_back(&item);
    } else {
        list.push_back(&yaml);
    }
    return CompileRules(list, scope);
}

bool Compiler::CompileRule(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    rule.position = yaml.position();
    rule.id = RuleId(yaml);
    if (!yaml.IsMap()) {
        problems_.Add(yaml.position(), "a rule is a map such as {at: PID-7, to: birthDate}");
        return false;
    }
    const std::size_t before = problems_.size();
    if (const config::Yaml* when = yaml.Find("when"); when != nullptr) {
        rule.when = CompileWhen(*when, scope);
    }
    if (yaml.Find("switch") != nullptr) return CompileSwitch(yaml, scope, rule);
    if (yaml.Find("clear") != nullptr) return CompileClear(yaml, scope, rule);
    const bool source = std::any_of(kSources.begin(), kSources.end(), [&](std::string_view key) {
        return yaml.Find(key) != nullptr;
    });
    const bool target = yaml.Find("to") != nullptr || yaml.Find("extension") != nullptr;
    if (!source && !target && yaml.Find("rules") != nullptr) {
        problems_.CheckKeys(yaml, "a rule group",
                            {"when", "rules", "id", "note", "replace", "before", "after"});
        rule.kind = Rule::Kind::kGroup;
        rule.rules = CompileRuleOrList(*yaml.Find("rules"), scope);
        return problems_.size() == before;
    }
    problems_.CheckKeys(
        yaml, "a rule",
        {"ref",     "at",        "const",     "concat", "first-of", "add",   "subtract",
         "to",      "on",        "extension", "type",   "as",       "code",  "miss",
         "default", "otherwise", "null",      "id",     "assumed",  "note",  "when",
         "rules",   "join",      "replace",   "before", "after",    "switch"});
    if (!CompileSource(yaml, scope, rule) || !CompileTarget(yaml, scope, rule)) return false;
    if (rule.source == SourceKind::kRef) return CompileRef(yaml, rule);
    if (!CompileConversion(yaml, scope, rule)) return false;
    if (rule.join && rule.builtin == Builtin::kText) {
        rule.join->base64 = rule.target.primitive == fhir::Primitive::kBase64Binary;
    }
    if (!CompileNested(yaml, scope, rule)) return false;
    return problems_.size() == before;
}

bool Compiler::CompileClear(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const std::size_t before = problems_.size();
    rule.kind = Rule::Kind::kClear;
    problems_.CheckKeys(yaml, "a clear rule",
                        {"clear", "of", "when", "id", "note", "replace", "before", "after"});
    const config::Yaml& path = *yaml.Find("clear");
    auto target = names_.ResolveTarget(path.text(), scope);
    if (!target) {
        problems_.AddInside(path, target.error());
    } else if (target->cleared.empty()) {
        problems_.Add(path.position(), "`clear` names an element of the resource itself");
    } else if (std::any_of(target->steps.begin(), target->steps.end() - 1,
                           [](const Step& step) { return step.list; })) {
        problems_.Add(path.position(),
                      "`clear` takes no part of a list's entries: clear the list, "
                      "with `of` what one field gave");
    } else {
        rule.target = std::move(*target);
    }
    if (const config::Yaml* of = yaml.Find("of"); of != nullptr) {
        if (auto operand = CompileOperand(*of, scope)) rule.at = std::move(*operand);
        if (problems_.size() == before && (!rule.target.list || rule.at.field == 0)) {
            problems_.Add(of->position(), "`of` is the field that gave the entries of a list");
        }
    }
    return problems_.size() == before;
}

bool Compiler::CompileSwitch(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const std::size_t before = problems_.size();
    rule.kind = Rule::Kind::kSwitch;
    problems_.CheckKeys(
        yaml, "a switch",
        {"switch", "cases", "else", "when", "id", "note", "replace", "before", "after"});
    if (auto operand = CompileOperand(*yaml.Find("switch"), scope)) rule.at = std::move(*operand);
    const config::Yaml* cases = yaml.Find("cases");
    if (cases == nullptr || !cases->IsMap()) {
        problems_.Add(yaml.position(), "a switch needs `cases`, a map of values to rules");
        return false;
    }
    std::vector<std::string> seen;
    for (const config::YamlEntry& entry : cases->entries()) {
        Case one;
        for (const std::string_view part : Split(entry.key, ',')) {
            const std::string value(Trim(part));
            if (std::find(seen.begin(), seen.end(), value) != seen.end()) {
                problems_.Add(entry.position,
                              "unreachable case: '" + value + "' is already in a case above");
            }
            if (rule.at.kind == Operand::Kind::kEvent) CheckTrigger(value, entry.position);
            seen.push_back(value);
            one.values.push_back(value);
        }
        one.rules = CompileRuleOrList(entry.value, scope);
        rule.cases.push_back(std::move(one));
    }
    if (const config::Yaml* otherwise = yaml.Find("else"); otherwise != nullptr) {
        rule.rules = CompileRuleOrList(*otherwise, scope);
    }
    return problems_.size() == before;
}

bool Compiler::CompileSource(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const std::size_t before = problems_.size();
    rule.source = SourceKind::kNone;
    std::string_view found;
    for (const std::string_view key : kSources) {
        if (yaml.Find(key) == nullptr) continue;
        if (!found.empty()) {
            problems_.Add(yaml.Find(key)->position(), "a rule has one source: '" +
                                                          std::string(found) + "' or '" +
                                                          std::string(key) + "', not both");
            return false;
        }
        found = key;
    }
    if (const auto join = problems_.Text(yaml, "join")) rule.join = Join{*join, false};
    if (found == "at") {
        rule.source = SourceKind::kAt;
        if (auto operand = CompileOperand(*yaml.Find("at"), scope, true)) {
            rule.constant_only = IsConstant(*operand);
            rule.at = std::move(*operand);
        }
    } else if (found == "const") {
        rule.source = SourceKind::kConst;
        rule.constant_only = true;
        rule.constant = problems_.Text(yaml, "const").value_or("");
    } else if (found == "first-of") {
        rule.source = SourceKind::kFirstOf;
        for (const auto& [text, at] : problems_.Texts(*yaml.Find("first-of"), "first-of")) {
            if (auto operand = CompileOperand(*at, scope)) {
                rule.operands.push_back(std::move(*operand));
            }
        }
        rule.constant_only = std::all_of(rule.operands.begin(), rule.operands.end(), IsConstant);
    } else if (found == "concat") {
        return CompileConcat(*yaml.Find("concat"), scope, rule);
    } else if (found == "add" || found == "subtract") {
        rule.subtracts = found == "subtract";
        return CompileAdd(*yaml.Find(found), scope, rule);
    } else if (found == "ref") {
        rule.source = SourceKind::kRef;
        rule.constant = problems_.Text(yaml, "ref").value_or("");
    }
    return problems_.size() == before;
}

bool Compiler::CompileConcat(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const std::size_t before = problems_.size();
    rule.source = SourceKind::kConcat;
    rule.constant_only = true;
    for (const auto& [text, at] : problems_.Texts(yaml, "concat")) {
        ConcatPart part;
        part.literal = at->quoted();
        part.text = text;
        if (!part.literal) {
            auto operand = CompileOperand(*at, scope);
            if (!operand) continue;
            if (!IsConstant(*operand)) rule.constant_only = false;
            part.operand = std::move(*operand);
        }
        rule.parts.push_back(std::move(part));
    }
    if (rule.constant_only && problems_.size() == before) {
        problems_.Add(yaml.position(), "`concat` without a path: use `const`");
    }
    return problems_.size() == before;
}

bool Compiler::CompileAdd(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const std::size_t before = problems_.size();
    rule.source = SourceKind::kAdd;
    const std::string name = rule.subtracts ? "subtract" : "add";
    if (!problems_.CheckKeys(yaml, name, {"date", "amount", "unit"})) return false;
    for (const std::string_view key : {"date", "amount"}) {
        const config::Yaml* part = yaml.Find(key);
        if (part == nullptr) {
            problems_.Add(yaml.position(), "`" + name + "` needs '" + std::string(key) + "'");
            continue;
        }
        auto operand = CompileOperand(*part, scope);
        if (!operand) continue;
        if (key == "date") {
            rule.at = std::move(*operand);
        } else {
            rule.operands.push_back(std::move(*operand));
        }
    }
    if (const config::Yaml* unit = yaml.Find("unit"); unit != nullptr) {
        if (auto operand = CompileOperand(*unit, scope))
            rule.operands.push_back(std::move(*operand));
    }
    return problems_.size() == before;
}

// Whether what is made under the name may stand where the rule puts it.
bool Compiler::CompileRef(const config::Yaml& yaml, const Rule& rule) {
    const std::size_t before = problems_.size();
    const config::Yaml& name = *yaml.Find("ref");
    problems_.CheckKeys(yaml, "a rule with `ref`",
                        {"ref", "to", "when", "id", "note", "replace", "before", "after"});
    if (!in_message_) {
        problems_.Add(name.position(),
                      "`ref` belongs to the rules of a message: only there resources have names");
    } else if (KnownName(rule.constant, name) &&
               (rule.target.type != "Reference" ||
                !Names::MayRefer(rule.target.reference_types, made_.at(rule.constant)))) {
        problems_.Add(name.position(), rule.target.path + " may not refer to a resource of type " +
                                           made_.at(rule.constant));
    }
    return problems_.size() == before;
}

bool Compiler::CompileTarget(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const config::Yaml* to = yaml.Find("to");
    const config::Yaml* extension = yaml.Find("extension");
    if ((to == nullptr) == (extension == nullptr)) {
        problems_.Add(yaml.position(), to == nullptr
                                           ? "a rule needs a target: `to` or `extension`"
                                           : "a rule has one target: `to` or `extension`");
        return false;
    }
    for (const std::string_view key : {"on", "type"}) {
        if (extension != nullptr || yaml.Find(key) == nullptr) continue;
        problems_.Add(yaml.Find(key)->position(),
                      "'" + std::string(key) + "' belongs to `extension`");
        return false;
    }
    const config::Yaml* path = extension == nullptr ? to : yaml.Find("on");
    Result<Target> target = Target{};
    if (path == nullptr) {
        target = names_.ResolveTarget(".", scope);
    } else if (!path->IsScalar()) {
        problems_.Add(path->position(), "a target is a path such as period.start");
        return false;
    } else {
        target = names_.ResolveTarget(path->text(), scope);
    }
    if (!target) {
        problems_.AddInside(*path, target.error());
        return false;
    }
    rule.target = std::move(*target);
    if (extension != nullptr) {
        if (!extension->IsScalar()) {
            problems_.Add(extension->position(), "`extension` is a URL");
            return false;
        }
        const std::string type = problems_.Text(yaml, "type").value_or("");
        const auto made = names_.ToExtension(rule.target, extension->text(), type);
        if (!made) {
            const config::Yaml* place = yaml.Find("type");
            problems_.Add((place == nullptr ? extension : place)->position(), made.error().message);
            return false;
        }
    }
    rule.target.reason_taken = rule.target.path + " already has a value";
    rule.target.reason_single = rule.target.path + " takes one value";
    const config::Yaml* null = yaml.Find("null");
    if (null != nullptr) {
        if (!null->IsScalar() || (null->text() != "clear" && null->text() != "ignore")) {
            problems_.Add(null->position(), "'null' can be: clear, ignore");
            return false;
        }
        rule.null_clears = null->text() == "clear";
    }
    return CompileAssumed(yaml, scope, rule);
}

bool Compiler::CompileAssumed(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const std::size_t before = problems_.size();
    rule.assumed = problems_.Flag(yaml, "assumed").value_or(false);
    const Target& target = rule.target;
    const bool single = scope.at_root && target.steps.size() == 1 && !target.steps[0].list &&
                        target.primitive != fhir::Primitive::kNone && target.extension.empty();
    if (rule.assumed && !single) {
        problems_.Add(yaml.Find("assumed")->position(),
                      "`assumed` goes with a simple element of the resource itself that takes one "
                      "value, like status");
    }
    return problems_.size() == before;
}

void Compiler::CheckConstant(const config::Yaml& place, const std::string& text,
                             const Target& target) {
    if (target.primitive == fhir::Primitive::kNone) return;
    if (!fhir::IsPrimitive(target.type, text)) {
        problems_.Add(place.position(), "'" + text + "' is not a " + target.type);
        return;
    }
    if (target.value_set.empty()) return;
    if (names_.definitions().InValueSet(target.value_set, "", text) ==
        fhir::Definitions::Membership::kOut) {
        problems_.Add(place.position(), "'" + text + "' is not among the codes that " +
                                            target.path + " allows (" + target.value_set + ")");
    }
}

bool Compiler::CompileAs(const config::Yaml& as, const Scope& scope, Rule& rule) {
    if (!as.IsScalar()) {
        problems_.Add(as.position(), "`as` names a map such as CX.Identifier");
        return false;
    }
    const Target& target = rule.target;
    for (const auto& [name, builtin] : kBuiltins) {
        if (as.text() != name) continue;
        rule.builtin = builtin;
        const bool fits = builtin == Builtin::kQuantity ? names_.IsA(target.type, "Quantity")
                          : builtin == Builtin::kAttachment
                              ? target.type == "Attachment"
                              : target.primitive != fhir::Primitive::kNone;
        if (!fits) {
            problems_.Add(as.position(), target.path + " is of type " + target.type + ", which '" +
                                             as.text() + "' does not give");
        }
        return fits;
    }
    const auto found = model_->maps.find(as.text());
    if (found == model_->maps.end() && IsBroken(as.text())) return false;
    if (found == model_->maps.end() || found->second->segment) {
        std::vector<std::string_view> names;
        for (const auto& [name, map] : model_->maps) {
            if (!map->segment) names.push_back(name);
        }
        for (const auto& [name, builtin] : kBuiltins) names.push_back(name);
        problems_.Add(as.position(),
                      "no data type map '" + as.text() + "'" + DidYouMean(as.text(), names));
        return false;
    }
    const Map& map = *found->second;
    rule.map = &map;
    const std::string given = TypeOfSource(rule, scope);
    if (!IsSimple(given) && !Compatible(given, map.source)) {
        problems_.Add(as.position(), "the source is of type " + given + ", and map " + map.name +
                                         " reads " + map.source);
        return false;
    }
    const bool fits =
        map.makes_resource
            ? target.type == "Reference" && Names::MayRefer(target.reference_types, map.target)
        : map.primitive != fhir::Primitive::kNone ? target.primitive != fhir::Primitive::kNone
                                                  : names_.IsA(target.type, map.target);
    if (!fits) {
        problems_.Add(as.position(),
                      target.path + " is of type " + target.type +
                          (target.type == "Reference" && map.makes_resource
                               ? ", which may not refer to a resource of type " + map.target
                               : ", and map " + map.name + " gives " + map.target));
    }
    return fits;
}

// Codes that the target does not allow are a mistake, unless the rule says what a miss does.
bool Compiler::CheckTableCodes(const config::Yaml& place, bool miss, Rule& rule) {
    const Target& target = rule.target;
    for (const auto& [from, to] : rule.table->codes) {
        if (to.code.empty()) continue;
        const bool bad = !fhir::IsPrimitive(target.type, to.code) ||
                         (!target.value_set.empty() &&
                          names_.definitions().InValueSet(target.value_set, "", to.code) ==
                              fhir::Definitions::Membership::kOut);
        if (!bad) continue;
        rule.refused.push_back(from);
        if (miss) continue;
        problems_.Add(place.position(), "table " + rule.table->name + " gives '" + to.code +
                                            "' for '" + from + "', which " + target.path +
                                            " does not allow; say with `miss` what becomes of it");
        return false;
    }
    return true;
}

bool Compiler::CompileCodeUse(const config::Yaml& yaml, Rule& rule) {
    const config::Yaml& code = *yaml.Find("code");
    const auto found = model_->tables.find(code.text());
    if (found == model_->tables.end() && IsBroken(code.text())) return false;
    if (!code.IsScalar() || found == model_->tables.end()) {
        std::vector<std::string_view> names;
        for (const auto& [name, table] : model_->tables) names.push_back(name);
        problems_.Add(code.position(),
                      "no table '" + code.text() + "'" + DidYouMean(code.text(), names));
        return false;
    }
    rule.table = found->second.get();
    const Target& target = rule.target;
    const bool coded = target.type == "Coding" || target.type == "CodeableConcept";
    if (!coded && target.primitive == fhir::Primitive::kNone) {
        problems_.Add(code.position(),
                      target.path + " is of type " + target.type + ", which no code table gives");
        return false;
    }
    if (!coded && !CheckTableCodes(code, yaml.Find("miss") != nullptr, rule)) return false;
    const config::Yaml* miss = yaml.Find("miss");
    if (miss == nullptr) return true;
    if (miss->IsScalar() && (miss->text() == "keep" || miss->text() == "drop")) {
        rule.miss = miss->text() == "keep" ? MissKind::kKeep : MissKind::kDrop;
        return true;
    }
    if (!miss->IsMap() || !problems_.CheckKeys(*miss, "miss", {"set"}) ||
        miss->Find("set") == nullptr) {
        problems_.Add(miss->position(), "'miss' can be: keep, drop, {set: code}");
        return false;
    }
    rule.miss = MissKind::kSet;
    rule.miss_code = miss->Find("set")->text();
    CheckConstant(*miss->Find("set"), rule.miss_code, target);
    return true;
}

bool Compiler::CompileConversion(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const Target& target = rule.target;
    const bool primitive = target.primitive != fhir::Primitive::kNone;
    const config::Yaml* as = yaml.Find("as");
    const config::Yaml* code = yaml.Find("code");
    if (as != nullptr && !CompileAs(*as, scope, rule)) return false;
    if (code != nullptr && !CompileCodeUse(yaml, rule)) return false;
    if (as != nullptr && code != nullptr && target.type != "CodeableConcept" &&
        target.type != "Coding") {
        problems_.Add(code->position(),
                      "`as` and `code` together give a CodeableConcept or Coding");
        return false;
    }
    if (code == nullptr && yaml.Find("miss") != nullptr) {
        problems_.Add(yaml.Find("miss")->position(), "'miss' belongs to `code`");
        return false;
    }
    const bool text_source = rule.source == SourceKind::kConst ||
                             rule.source == SourceKind::kConcat || rule.source == SourceKind::kAdd;
    if (text_source && !primitive && code == nullptr) {
        problems_.Add(yaml.position(),
                      target.path + " is of type " + target.type + ": a text cannot stand there");
        return false;
    }
    const bool nested = yaml.Find("rules") != nullptr;
    if (as == nullptr && code == nullptr && !primitive && !nested) {
        problems_.Add(yaml.position(), target.path + " is of type " + target.type +
                                           ": it needs a map (`as`), a table (`code`) or `rules`");
        return false;
    }
    if (rule.source == SourceKind::kNone && (as != nullptr || code != nullptr || primitive)) {
        problems_.Add(yaml.position(),
                      "a rule needs a source: at, const, concat, first-of, add or ref");
        return false;
    }
    if (rule.source == SourceKind::kConst && rule.table != nullptr) {
        const TableEntry* entry = rule.table->Find(rule.constant);
        if (entry == nullptr || entry->code.empty()) {
            problems_.Add(yaml.Find("const")->position(),
                          "table " + rule.table->name + " has no code '" + rule.constant + "'");
            return false;
        }
    } else if (rule.source == SourceKind::kConst) {
        CheckConstant(*yaml.Find("const"), rule.constant, target);
    }
    if (const config::Yaml* fallback = yaml.Find("default"); fallback != nullptr) {
        rule.fallback = problems_.Text(yaml, "default").value_or("");
        rule.has_fallback = true;
        if (!primitive && code == nullptr) {
            problems_.Add(fallback->position(), target.path + " is of type " + target.type +
                                                    ": `default` needs a simple type or a table");
            return false;
        }
        CheckConstant(*fallback, rule.fallback, target);
    }
    return true;
}

bool Compiler::CompileNested(const config::Yaml& yaml, const Scope& scope, Rule& rule) {
    const std::size_t before = problems_.size();
    if (const config::Yaml* otherwise = yaml.Find("otherwise"); otherwise != nullptr) {
        auto inner = std::make_unique<Rule>();
        if (CompileRule(*otherwise, scope, *inner)) rule.otherwise = std::move(inner);
    }
    const config::Yaml* rules = yaml.Find("rules");
    if (rules == nullptr) return problems_.size() == before;
    if (rule.target.primitive != fhir::Primitive::kNone) {
        problems_.Add(rules->position(), rule.target.path + " is of the simple type " +
                                             rule.target.type + " and takes no `rules`");
        return false;
    }
    Scope inner = scope;
    inner.at_root = false;
    inner.type = rule.target.type;
    inner.path = rule.target.path;
    if (rule.map != nullptr && rule.map->makes_resource) {
        inner.type = rule.map->target;
        inner.path = rule.map->target;
    } else if (!rule.target.extension_value.empty()) {
        inner.path += "." + rule.target.extension_value;
    }
    if (rule.source == SourceKind::kAt || rule.source == SourceKind::kFirstOf) {
        ScopeValue value{TypeOfSource(rule, scope)};
        if (rule.source == SourceKind::kAt && rule.at.component == 0) {
            value.segment = rule.at.segment;
            value.field = rule.at.field;
        }
        inner.values.push_back(std::move(value));
    }
    rule.rules = CompileRuleOrList(*rules, inner);
    if (problems_.size() == before) CheckWriters(rule.rules);
    if (problems_.size() == before && NeverWrites(rule)) {
        problems_.Add(rules->position(),
                      "an entry of constants alone is not written: say with `when` on what value "
                      "of the message it depends");
    }
    return problems_.size() == before;
}

}  // namespace carestream::mapping::internal
