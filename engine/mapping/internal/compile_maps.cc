// The frame of segment and data type maps.
#include <algorithm>

#include "base/text.h"
#include "mapping/internal/compile_outbound.h"
#include "mapping/internal/compiler.h"
#include "mapping/internal/condition.h"

namespace carestream::mapping::internal {

bool ParseMapName(std::string_view text, std::string& source, std::string& target,
                  std::string& name) {
    const std::size_t arrow = text.find("->");
    if (arrow == std::string_view::npos) return false;
    source = std::string(Trim(text.substr(0, arrow)));
    std::string_view rest = Trim(text.substr(arrow + 2));
    const std::size_t blank = rest.find(' ');
    target = std::string(rest.substr(0, blank));
    if (source.empty() || target.empty()) return false;
    name = source + "." + target;
    if (blank != std::string_view::npos) name += "." + std::string(Trim(rest.substr(blank)));
    return name.find(' ') == std::string::npos;
}

Compiler::Compiler(const Library& library, std::shared_ptr<const fhir::Definitions> definitions,
                   const hl7::Dictionary& dictionary, Problems& problems)
    : library_(library),
      broken_(library.broken),
      problems_(problems),
      model_(std::make_shared<Model>()),
      dictionary_(dictionary),
      names_(*definitions, dictionary) {
    model_->definitions = std::move(definitions);
    model_->version = library.version;
}

std::shared_ptr<const Model> Compiler::Compile() {
    for (const Document& document : library_.tables) CompileTable(document);
    for (const Document& document : library_.identities) CompileIdentity(document);
    for (const Document& document : library_.maps) {
        const std::size_t before = problems_.size();
        DeclareMap(document);
        if (problems_.size() == before) continue;
        const std::filesystem::path file(document.name_at->position().file);
        broken_.insert(file.stem().string());
    }
    for (const Document& document : library_.maps) CompileMap(document);
    for (const Document& document : library_.messages) CompileMessage(document);
    const std::size_t before = problems_.size();
    CheckRecursion();
    if (problems_.size() == before) {
        for (const auto& [name, map] : model_->maps) {
            if (map->makes_resource && !map->segment) CheckRequiredOfMap(*map);
        }
        for (const auto& message : model_->messages) CheckRequired(*message);
    }
    const auto table = [&](const char* name) -> const Table* {
        const auto found = model_->tables.find(name);
        return found == model_->tables.end() ? nullptr : found->second.get();
    };
    model_->coding_systems = table("CodingSystems");
    model_->authorities = table("Authorities");
    OutboundCompiler(library_, dictionary_, names_, problems_, *model_).Compile();
    return model_;
}

void Compiler::DeclareMap(const Document& document) {
    auto map = std::make_unique<Map>();
    map->position = document.name_at->position();
    map->segment = document.segment;
    if (!ParseMapName(document.name, map->source, map->target, map->name)) {
        problems_.Add(map->position,
                      "a map is named 'PID -> Patient' or 'CWE -> Organization lab'");
        return;
    }
    if (document.segment && !names_.IsSegment(map->source)) {
        problems_.Add(map->position,
                      "unknown segment '" + map->source + "'" + names_.SegmentHint(map->source));
        return;
    }
    if (!document.segment && !names_.IsDataType(map->source)) {
        problems_.Add(map->position, "unknown HL7 data type '" + map->source + "'");
        return;
    }
    const fhir::TypeDefinition* type = names_.definitions().FindType(map->target);
    if (type == nullptr) {
        const auto types = names_.definitions().ResourceTypes();
        problems_.Add(map->position,
                      "unknown FHIR type '" + map->target + "'" + DidYouMean(map->target, types));
        return;
    }
    map->makes_resource = type->kind == fhir::TypeKind::kResource;
    map->primitive = type->primitive;
    if (document.segment && !map->makes_resource) {
        problems_.Add(map->position,
                      "a segment map fills a resource, and " + map->target + " is a data type");
    }
    const std::string name = map->name;
    if (!model_->maps.emplace(name, std::move(map)).second) {
        problems_.Add(document.name_at->position(), "a map '" + name + "' is already defined");
    }
}

std::optional<Operand> Compiler::CompileOperand(const config::Yaml& yaml, const Scope& scope,
                                                bool whole) {
    if (!yaml.IsScalar()) {
        problems_.Add(yaml.position(), "expected a path such as PID-3");
        return std::nullopt;
    }
    auto operand = names_.ResolveOperand(yaml.text(), scope, whole);
    if (!operand) {
        problems_.AddInside(yaml, operand.error());
        return std::nullopt;
    }
    return std::move(*operand);
}

std::unique_ptr<Condition> Compiler::CompileWhen(const config::Yaml& yaml, const Scope& scope) {
    if (!yaml.IsScalar()) {
        problems_.Add(yaml.position(), "a condition is a text such as: PID-7 valued");
        return nullptr;
    }
    const OperandResolver resolve = [&](std::string_view text) {
        // count(NK1) names a whole segment.
        return names_.ResolveOperand(text, scope, text.size() == 3);
    };
    auto condition = ParseCondition(yaml.text(), resolve);
    if (!condition) {
        problems_.AddInside(yaml, condition.error());
        return nullptr;
    }
    CheckTriggers(*condition, yaml);
    return std::make_unique<Condition>(std::move(*condition));
}

// `event == A0X` can never hold.
void Compiler::CheckTriggers(const Condition& condition, const config::Yaml& place) {
    for (const Condition& child : condition.children) CheckTriggers(child, place);
    if (condition.op != Condition::Op::kIn || condition.operand.kind != Operand::Kind::kEvent) {
        return;
    }
    for (const std::string& value : condition.values) CheckTrigger(value, place.position());
}

void Compiler::CheckTrigger(const std::string& trigger, const Position& place) {
    std::string mistake = names_.TriggerMistake(trigger);
    if (!mistake.empty()) problems_.Add(place, std::move(mistake));
}

std::vector<Operand> Compiler::CompileKey(const config::Yaml& yaml, const Scope& scope) {
    std::vector<Operand> key;
    for (const auto& [text, at] : problems_.Texts(yaml, "key")) {
        if (auto operand = CompileOperand(*at, scope)) key.push_back(std::move(*operand));
    }
    return key;
}

void Compiler::CompileMap(const Document& document) {
    std::string source, target, name;
    if (!ParseMapName(document.name, source, target, name)) return;
    const auto found = model_->maps.find(name);
    if (found == model_->maps.end() || found->second->position != document.name_at->position()) {
        return;  // reported by DeclareMap
    }
    Map& map = *found->second;
    const config::Yaml& yaml = *document.yaml;
    problems_.CheckKeys(yaml, "a map", {"map", "ig", "note", "key", "rules"});
    Scope scope;
    if (map.segment) {
        scope.segment = map.source;
    } else {
        scope.values.push_back({map.source});
    }
    scope.type = map.target;
    scope.path = map.target;
    scope.at_root = map.makes_resource;
    const config::Yaml* rules = yaml.Find("rules");
    if (rules == nullptr || !rules->IsSequence()) {
        problems_.Add(rules == nullptr ? map.position : rules->position(),
                      "a map needs `rules`, a list");
        return;
    }
    if (const config::Yaml* key = yaml.Find("key"); key != nullptr) {
        map.key = CompileKey(*key, scope);
    }
    const std::size_t before = problems_.size();
    map.rules = CompileRules(document.rules, scope);
    if (problems_.size() == before) CheckWriters(map.rules);
}

}  // namespace carestream::mapping::internal
