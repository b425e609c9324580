#include "mapping/internal/compile_outbound.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <utility>

#include "base/text.h"
#include "fhir/path_types.h"
#include "mapping/internal/compiler.h"

namespace carestream::mapping::internal {

namespace {

// %names of expressions, with what they are.
const std::vector<std::pair<std::string_view, std::string_view>> kVariables = {
    {"focus", ""},          // the resource that the message is about
    {"event", "string"},    // "S12"
    {"number", "string"},   // of this item among those of `for`, from 1
    {"version", "string"},  // "2.5.1", of the destination
    {"control_id", "string"},
    {"now", "string"}};  // as MSH-7 has it

constexpr std::array<std::string_view, 2> kBuiltins = {"authority", "coding-system"};

bool IsPrimitive(const fhir::Definitions& definitions, std::string_view type) {
    if (type.starts_with("System.")) return type != "System.Quantity";
    const fhir::TypeDefinition* definition = definitions.FindType(type);
    return definition != nullptr && definition->primitive != fhir::Primitive::kNone;
}

bool IsCoded(std::string_view type) {
    return type == "Coding" || type == "CodeableConcept";
}

std::string Joined(const std::vector<std::string_view>& words) {
    std::string text;
    for (const std::string_view word : words) {
        text += (text.empty() ? "" : " or ") + std::string(word);
    }
    return text;
}

std::vector<const config::Yaml*> ListOf(const config::Yaml& yaml) {
    std::vector<const config::Yaml*> list;
    if (!yaml.IsSequence()) return {&yaml};
    for (const config::Yaml& item : yaml.items()) list.push_back(&item);
    return list;
}

bool HasSegment(const hl7::StructureNode& node, std::string_view id) {
    if (node.kind == hl7::StructureNode::Kind::kSegment) return node.name == id;
    return std::any_of(node.children.begin(), node.children.end(),
                       [&](const hl7::StructureNode& child) { return HasSegment(child, id); });
}

}  // namespace

void OutboundCompiler::Compile() {
    broken_ = library_.broken;
    for (const Document& document : library_.outbound_maps) {
        const std::size_t declared = problems_.size();
        DeclareMap(document);
        if (problems_.size() == declared) continue;
        broken_.insert(std::filesystem::path(document.name_at->position().file).stem().string());
    }
    for (const Document& document : library_.outbound_maps) CompileMap(document);
    const std::size_t before = problems_.size();
    for (const auto& [name, map] : model_.outbound_maps) CheckDepth(*map);
    if (problems_.size() == before) CheckRecursion();
    for (const Document& document : library_.outbound_messages) CompileMessage(document);
}

void OutboundCompiler::DeclareMap(const Document& document) {
    auto map = std::make_shared<OutboundMap>();
    map->position = document.name_at->position();
    map->segment = document.segment;
    if (!ParseMapName(document.name, map->source, map->target, map->name)) {
        problems_.Add(map->position,
                      "an outbound map is named 'Patient -> PID' or 'Identifier -> CX'");
        return;
    }
    if (names_.definitions().FindType(map->source) == nullptr) {
        const auto types = names_.definitions().ResourceTypes();
        problems_.Add(map->position,
                      "unknown FHIR type '" + map->source + "'" + DidYouMean(map->source, types));
        return;
    }
    if (map->segment ? !names_.IsSegment(map->target) : !names_.IsDataType(map->target)) {
        problems_.Add(map->position, map->segment ? "unknown segment '" + map->target + "'" +
                                                        names_.SegmentHint(map->target)
                                                  : "unknown HL7 data type '" + map->target + "'");
        return;
    }
    const std::string name = map->name;
    if (!model_.outbound_maps.emplace(name, std::move(map)).second) {
        problems_.Add(document.name_at->position(), "a map '" + name + "' is already defined");
    }
}

void OutboundCompiler::CompileMap(const Document& document) {
    std::string source, target, name;
    if (!ParseMapName(document.name, source, target, name)) return;
    const auto found = model_.outbound_maps.find(name);
    if (found == model_.outbound_maps.end()) return;  // reported by DeclareMap
    OutboundMap& map = *found->second;
    if (map.position != document.name_at->position()) return;
    problems_.CheckKeys(*document.yaml, "a map", {"map", "ig", "note", "rules"});
    if (document.rules.empty()) {
        problems_.Add(map.position, "a map needs `rules`, a list");
        return;
    }
    Scope scope;
    scope.types = {map.source};
    (map.segment ? scope.segment : scope.value) = map.target;
    map.rules = CompileRules(document.rules, scope);
}

void OutboundCompiler::CompileMessage(const Document& document) {
    const config::Yaml& yaml = *document.yaml;
    problems_.CheckKeys(yaml, "a message", {"message", "ig", "note", "events", "tree"});
    auto message = std::make_shared<OutboundMessage>();
    message->position = document.name_at->position();
    std::string name;
    if (!ParseMapName(document.name, message->source, message->structure, name)) {
        problems_.Add(message->position, "an outbound message is named 'Appointment -> SIU_S12'");
        return;
    }
    const auto types = names_.definitions().ResourceTypes();
    if (names_.definitions().ResourceTypeNumber(message->source) == 0) {
        problems_.Add(message->position, "unknown resource type '" + message->source + "'" +
                                             DidYouMean(message->source, types));
        return;
    }
    if (dictionary_.FindStructure(message->structure) == nullptr) {
        problems_.Add(message->position, "unknown message structure '" + message->structure + "'");
        return;
    }
    CompileEvents(yaml, *message);
    const config::Yaml* tree = yaml.Find("tree");
    if (tree == nullptr || !tree->IsSequence()) {
        problems_.Add(tree == nullptr ? message->position : tree->position(),
                      "a message needs `tree`, a list of segments and groups");
        return;
    }
    Scope scope;
    scope.types = {message->source};
    CompileNodes(*tree, *message, scope, message->nodes);
    model_.outbound_messages.push_back(std::move(message));
}

void OutboundCompiler::CompileEvents(const config::Yaml& yaml, OutboundMessage& message) {
    const config::Yaml* events = yaml.Find("events");
    if (events == nullptr) {
        problems_.Add(message.position, "a message needs `events`, such as [SIU^S12]");
        return;
    }
    for (const auto& [event, at] : problems_.Texts(*events, "events")) {
        const std::size_t hat = event.find('^');
        std::string mistake =
            hat == std::string::npos ? "an event is written SIU^S12" : names_.EventMistake(event);
        if (mistake.empty() && !used_.insert(event + " of " + message.source).second) {
            mistake = event + " of " + message.source + " already has a message";
        }
        if (mistake.empty()) {
            message.events.push_back(event);
        } else {
            problems_.Add(at->position(), std::move(mistake));
        }
    }
}

void OutboundCompiler::CompileNodes(const config::Yaml& list, const OutboundMessage& message,
                                    const Scope& scope, std::vector<OutboundNode>& nodes) {
    for (const config::Yaml& item : list.items()) {
        if (item.IsMap() && item.entries().size() == 1) {
            CompileNode(item.entries()[0].key, item.entries()[0].value, message, scope, nodes);
        } else {
            problems_.Add(item.position(),
                          "an entry of a tree is one segment or group: `- PID: {with: ...}`");
        }
    }
}

bool OutboundCompiler::CheckInStructure(const config::Yaml& place, const std::string& name,
                                        const OutboundMessage& message) {
    if (!names_.IsSegment(name)) {
        problems_.Add(place.position(),
                      "unknown segment '" + name + "'" + names_.SegmentHint(name));
        return false;
    }
    if (!name.starts_with('Z') &&
        !HasSegment(*dictionary_.FindStructure(message.structure), name)) {
        problems_.Add(place.position(), "segment " + name + " is no part of " + message.structure);
        return false;
    }
    return true;
}

void OutboundCompiler::CompileNode(const std::string& name, const config::Yaml& value,
                                   const OutboundMessage& message, Scope scope,
                                   std::vector<OutboundNode>& nodes) {
    OutboundNode node;
    node.name = name.ends_with("[]") ? name.substr(0, name.size() - 2) : name;
    node.position = value.position();
    node.group = node.name.size() != 3;
    if (node.group && value.IsSequence()) {
        CompileNodes(value, message, scope, node.children);
        nodes.push_back(std::move(node));
        return;
    }
    if (!node.group && !CheckInStructure(value, node.name, message)) return;
    if (node.group
            ? !problems_.CheckKeys(value, "a group", {"for", "when", "tree", "note"})
            : !problems_.CheckKeys(value, "a segment", {"for", "when", "with", "rules", "note"})) {
        return;
    }
    fhir::PathTypes types{scope.types, scope.known};
    if (const config::Yaml* each = value.Find("for"); each != nullptr) {
        node.each = CompileExpression(*each, scope, &types);
        scope.types = types.types;
        scope.known = types.known;
    }
    if (const config::Yaml* when = value.Find("when"); when != nullptr) {
        node.when = CompileExpression(*when, scope);
    }
    if (node.group) {
        const config::Yaml* tree = value.Find("tree");
        if (tree == nullptr || !tree->IsSequence()) {
            problems_.Add(value.position(),
                          "group '" + node.name + "' needs `tree`, a list of segments and groups");
        } else {
            CompileNodes(*tree, message, scope, node.children);
        }
        nodes.push_back(std::move(node));
        return;
    }
    scope.segment = node.name;
    if (const config::Yaml* with = value.Find("with"); with != nullptr) {
        for (const config::Yaml* one : ListOf(*with)) {
            const OutboundMap* map = FindMap(*one, types);
            if (map == nullptr) continue;
            if (map->target != node.name) {
                problems_.Add(one->position(), "map " + map->name + " fills " + map->target +
                                                   ", and this segment is " + node.name);
            }
            node.maps.push_back(map);
        }
    }
    if (const config::Yaml* rules = value.Find("rules"); rules != nullptr) {
        node.rules = CompileRules(ListOf(*rules), scope);
    }
    nodes.push_back(std::move(node));
}

std::optional<Expression> OutboundCompiler::CompileExpression(const config::Yaml& yaml,
                                                              const Scope& scope,
                                                              fhir::PathTypes* types) {
    if (!yaml.IsScalar() || yaml.text().empty()) {
        problems_.Add(yaml.position(), "expected a FHIRPath expression, such as name.family");
        return std::nullopt;
    }
    auto path = fhir::FhirPath::Compile(yaml.text());
    if (!path) {
        problems_.AddInside(yaml, path.error());
        return std::nullopt;
    }
    fhir::PathTypes found;
    found.known = scope.known;
    std::vector<std::string_view> from = scope.types;
    if (!scope.known || from.empty()) from.push_back("");
    for (const std::string_view type : from) {
        auto typed = fhir::TypesOf(*path, yaml.text(), names_.definitions(), type, kVariables);
        if (!typed) {
            problems_.AddInside(yaml, typed.error());
            return std::nullopt;
        }
        found.known = found.known && typed->known;
        for (const std::string_view one : typed->types) {
            if (std::find(found.types.begin(), found.types.end(), one) == found.types.end()) {
                found.types.push_back(one);
            }
        }
    }
    if (types != nullptr) *types = std::move(found);
    return Expression{std::move(*path), yaml.text()};
}

const OutboundMap* OutboundCompiler::FindMap(const config::Yaml& place,
                                             const fhir::PathTypes& types) {
    const auto found = model_.outbound_maps.find(place.text());
    if (!place.IsScalar() || found == model_.outbound_maps.end()) {
        if (broken_.count(place.text()) != 0) return nullptr;
        std::vector<std::string_view> names;
        for (const auto& [name, map] : model_.outbound_maps) names.push_back(name);
        problems_.Add(place.position(),
                      "no outbound map '" + place.text() + "'" + DidYouMean(place.text(), names));
        return nullptr;
    }
    const OutboundMap& map = *found->second;
    const bool fits =
        !types.known || std::any_of(types.types.begin(), types.types.end(), [&](auto type) {
            return type == map.source || names_.IsA(type, map.source);
        });
    if (!fits) {
        problems_.Add(place.position(), "map " + map.name + " reads " + map.source +
                                            ", and here stands " + Joined(types.types));
    }
    return &map;
}

std::vector<OutboundRule> OutboundCompiler::CompileRules(
    const std::vector<const config::Yaml*>& list, const Scope& scope) {
    std::vector<OutboundRule> rules;
    for (const config::Yaml* yaml : list) {
        OutboundRule rule;
        if (CompileRule(*yaml, scope, rule)) rules.push_back(std::move(rule));
    }
    return rules;
}

bool OutboundCompiler::CompileRule(const config::Yaml& yaml, const Scope& scope,
                                   OutboundRule& rule) {
    rule.position = yaml.position();
    if (!yaml.IsMap()) {
        problems_.Add(yaml.position(), "a rule is a map such as {at: birthDate, to: PID-7}");
        return false;
    }
    rule.id = RuleId(yaml);
    const std::size_t before = problems_.size();
    if (const config::Yaml* when = yaml.Find("when"); when != nullptr) {
        rule.when = CompileExpression(*when, scope);
    }
    const config::Yaml* at = yaml.Find("at");
    const config::Yaml* constant = yaml.Find("const");
    if (at == nullptr && constant == nullptr && yaml.Find("rules") != nullptr) {
        problems_.CheckKeys(yaml, "a rule group",
                            {"when", "rules", "id", "note", "replace", "before", "after"});
        rule.kind = OutboundRule::Kind::kGroup;
        rule.rules = CompileRules(ListOf(*yaml.Find("rules")), scope);
        return problems_.size() == before;
    }
    problems_.CheckKeys(yaml, "a rule",
                        {"at", "const", "to", "as", "code", "miss", "default", "required", "when",
                         "rules", "id", "note", "replace", "before", "after"});
    if ((at == nullptr) == (constant == nullptr)) {
        problems_.Add(yaml.position(), "a rule has one source: at or const");
        return false;
    }
    fhir::PathTypes types{{"System.String"}, true};
    if (at != nullptr) {
        rule.at = CompileExpression(*at, scope, &types);
    } else if (const auto text = problems_.Text(yaml, "const")) {
        rule.constant = *text;
    }
    if (problems_.size() != before) return false;
    return CompileTarget(yaml, scope, rule) && CompileConversion(yaml, types, scope, rule) &&
           problems_.size() == before;
}

bool OutboundCompiler::CompileTarget(const config::Yaml& yaml, const Scope& scope,
                                     OutboundRule& rule) {
    const config::Yaml* to = yaml.Find("to");
    if (to == nullptr || !to->IsScalar()) {
        problems_.Add(yaml.position(), "a rule needs a target: `to: PID-3`");
        return false;
    }
    OutboundTarget& target = rule.target;
    target.path = to->text();
    if (target.path == ".") {
        target.self = true;
        target.type = scope.value;
        return true;
    }
    mapping::internal::Scope names;
    names.segment = scope.segment;
    if (!scope.value.empty()) names.values.push_back({scope.value});
    const auto operand = names_.ResolveOperand(target.path, names);
    if (!operand) {
        problems_.AddInside(*to, operand.error());
        return false;
    }
    const bool field = operand->kind == Operand::Kind::kSegment;
    const bool other = field && (operand->segment != PackSegment(scope.segment) ||
                                 operand->from_parent || operand->field == 0);
    if (other || (!field && operand->kind != Operand::Kind::kValue) || operand->repetition != 0) {
        problems_.Add(to->position(), "'" + target.path + "' is no place in " +
                                          (scope.segment.empty() ? scope.value : scope.segment));
        return false;
    }
    target.field = operand->field;
    target.component = operand->component;
    target.subcomponent = operand->subcomponent;
    target.type = operand->data_type;
    target.repeats = field && operand->component == 0 && operand->field_repeats;
    return true;
}

bool OutboundCompiler::CompileConversion(const config::Yaml& yaml, const fhir::PathTypes& types,
                                         const Scope& scope, OutboundRule& rule) {
    rule.required = problems_.Flag(yaml, "required").value_or(false);
    if (yaml.Find("default") != nullptr) rule.fallback = problems_.Text(yaml, "default");
    const config::Yaml* as = yaml.Find("as");
    const config::Yaml* code = yaml.Find("code");
    if (as != nullptr && code != nullptr) {
        problems_.Add(code->position(), "a rule has either `as` or `code`");
        return false;
    }
    if (code == nullptr && yaml.Find("miss") != nullptr) {
        problems_.Add(yaml.Find("miss")->position(), "'miss' belongs to `code`");
        return false;
    }
    if (yaml.Find("rules") != nullptr && !CompileNested(yaml, types, rule)) return false;
    if (code != nullptr) return CompileCode(yaml, rule) && CheckLeaf(yaml, types, rule);
    if (as == nullptr) return !rule.rules.empty() || CheckLeaf(yaml, types, rule);
    const auto builtin = std::find(kBuiltins.begin(), kBuiltins.end(), as->text());
    if (builtin != kBuiltins.end()) {
        rule.builtin = *builtin == "authority" ? Builtin::kAuthority : Builtin::kCodingSystem;
        return CheckLeaf(yaml, types, rule);
    }
    rule.map = FindMap(*as, types);
    if (rule.map == nullptr) return false;
    if (rule.map->segment != (rule.target.self && !scope.segment.empty())) {
        problems_.Add(as->position(), rule.map->segment
                                          ? "map " + rule.map->name + " fills a segment: `to: .`"
                                          : "map " + rule.map->name + " fills no segment");
        return false;
    }
    if (rule.map->segment && rule.map->target != scope.segment) {
        problems_.Add(as->position(), "map " + rule.map->name + " fills " + rule.map->target +
                                          ", and this segment is " + scope.segment);
    }
    if (rule.target.subcomponent != 0) {
        problems_.Add(as->position(), "a subcomponent has no parts: a map cannot fill it");
    }
    return true;
}

bool OutboundCompiler::CompileCode(const config::Yaml& yaml, OutboundRule& rule) {
    const config::Yaml& code = *yaml.Find("code");
    const auto found = model_.tables.find(code.text());
    if (!code.IsScalar() || found == model_.tables.end()) {
        std::vector<std::string_view> names;
        for (const auto& [name, table] : model_.tables) names.push_back(name);
        problems_.Add(code.position(),
                      "no table '" + code.text() + "'" + DidYouMean(code.text(), names));
        return false;
    }
    rule.table = found->second.get();
    const config::Yaml* miss = yaml.Find("miss");
    if (miss == nullptr) return true;
    if (miss->IsScalar() && (miss->text() == "keep" || miss->text() == "drop")) {
        rule.miss = miss->text() == "keep" ? MissKind::kKeep : MissKind::kDrop;
    } else if (miss->IsMap() && problems_.CheckKeys(*miss, "miss", {"set"}) &&
               miss->Find("set") != nullptr) {
        rule.miss = MissKind::kSet;
        rule.miss_code = miss->Find("set")->text();
    } else {
        problems_.Add(miss->position(), "'miss' can be: keep, drop, {set: code}");
        return false;
    }
    return true;
}

bool OutboundCompiler::CompileNested(const config::Yaml& yaml, const fhir::PathTypes& types,
                                     OutboundRule& rule) {
    if (rule.target.self || rule.target.type.empty()) {
        problems_.Add(yaml.Find("rules")->position(), "nested rules need a field as target");
        return false;
    }
    Scope inner;
    inner.types = types.types;
    inner.known = types.known;
    inner.value = rule.target.type;
    const std::size_t before = problems_.size();
    rule.rules = CompileRules(ListOf(*yaml.Find("rules")), inner);
    return problems_.size() == before;
}

// What goes to one leaf must be one text.
bool OutboundCompiler::CheckLeaf(const config::Yaml& yaml, const fhir::PathTypes& types,
                                 OutboundRule& rule) {
    for (const std::string_view type : types.types) {
        const bool coded = rule.table != nullptr && IsCoded(type);
        if (coded || IsPrimitive(names_.definitions(), type)) continue;
        problems_.Add(
            yaml.position(),
            "what stands here is of type " + std::string(type) +
                ": it needs a map (`as`), a table (`code`) or a path to one of its parts");
        return false;
    }
    OutboundTarget& target = rule.target;
    if (rule.builtin == Builtin::kAuthority) return true;  // fills several components
    const hl7::DataTypeDefinition* type = dictionary_.FindDataType(target.type);
    const bool composite = type != nullptr && !type->components.empty();
    if (!composite || target.self) return true;
    if (target.component == 0) {
        target.component = 1;
        const hl7::DataTypeDefinition* first =
            dictionary_.FindDataType(type->components.front().data_type);
        if (target.field != 0 && first != nullptr && !first->components.empty()) {
            target.subcomponent = 1;
        }
    } else if (target.subcomponent == 0) {
        target.subcomponent = 1;
    }
    return true;
}

// A map that fills a component has one level left.
void OutboundCompiler::CheckDepth(const OutboundMap& map) {
    const std::function<bool(const std::vector<OutboundRule>&)> deep =
        [&](const std::vector<OutboundRule>& rules) {
            return std::any_of(rules.begin(), rules.end(), [&](const OutboundRule& rule) {
                if (rule.kind == OutboundRule::Kind::kGroup) return deep(rule.rules);
                const bool within = rule.map != nullptr || !rule.rules.empty() ||
                                    rule.builtin == Builtin::kAuthority;
                return rule.target.subcomponent != 0 || (within && rule.target.component != 0);
            });
        };
    const std::function<void(const std::vector<OutboundRule>&)> check =
        [&](const std::vector<OutboundRule>& rules) {
            for (const OutboundRule& rule : rules) {
                if (rule.kind == OutboundRule::Kind::kGroup) check(rule.rules);
                if (rule.map == nullptr || rule.target.component == 0) continue;
                if (deep(rule.map->rules)) {
                    problems_.Add(rule.position, "map " + rule.map->name +
                                                     " fills parts of components, and " +
                                                     rule.target.path + " has one level only");
                }
            }
        };
    check(map.rules);
}

void OutboundCompiler::CheckRecursion() {
    std::set<const OutboundMap*> done;
    std::vector<const OutboundMap*> open;
    const std::function<void(const std::vector<OutboundRule>&)> rules_of =
        [&](const std::vector<OutboundRule>& rules) {
            for (const OutboundRule& rule : rules) {
                rules_of(rule.rules);
                const OutboundMap* map = rule.map;
                if (map == nullptr || done.count(map) != 0) continue;
                if (std::find(open.begin(), open.end(), map) != open.end()) {
                    problems_.Add(rule.position, "map " + map->name + " would fill itself");
                    done.insert(map);
                    continue;
                }
                open.push_back(map);
                rules_of(map->rules);
                open.pop_back();
                done.insert(map);
            }
        };
    for (const auto& [name, map] : model_.outbound_maps) {
        open = {map.get()};
        rules_of(map->rules);
        done.insert(map.get());
    }
}

}  // namespace carestream::mapping::internal
