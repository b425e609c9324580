// Tables and identities.
#include <algorithm>

#include "base/text.h"
#include "mapping/internal/compiler.h"

namespace carestream::mapping::internal {

const TableEntry* Table::Find(const std::string& code) const {
    auto found = codes.find(code);
    if (found == codes.end()) {
        std::string upper = code;
        for (char& c : upper) {
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
        }
        found = codes.find(upper);
    }
    if (found != codes.end()) return &found->second;
    return fallback ? &*fallback : nullptr;
}

const std::string* Table::FindOrigin(const std::string& code, std::string_view of_system) const {
    const auto found = origins.find(code);
    if (found == origins.end()) return nullptr;
    for (const Origin& origin : found->second) {
        if (of_system.empty() || origin.system.empty() || origin.system == of_system)
            return &origin.sent;
    }
    return nullptr;
}

const Identity* Model::FindIdentity(std::string_view type) const {
    const auto found = identities.find(type);
    return found == identities.end() ? nullptr : found->second.get();
}

TableEntry Compiler::CompileCode(const config::YamlEntry& entry, const Table& table) {
    TableEntry code;
    const config::Yaml& value = entry.value;
    code.system = table.system;
    if (value.IsNull()) return code;
    if (value.IsScalar()) {
        code.code = value.text();
        return code;
    }
    if (!problems_.CheckKeys(value, "a code", {"code", "system", "display"})) return code;
    if (const auto text = problems_.Text(value, "code")) {
        code.code = *text;
    } else {
        problems_.Add(value.position(), "a code needs 'code'");
    }
    if (const auto text = problems_.Text(value, "system")) code.system = *text;
    if (const auto text = problems_.Text(value, "display")) code.display = *text;
    return code;
}

void Compiler::CompileTable(const Document& document) {
    const config::Yaml& yaml = *document.yaml;
    problems_.CheckKeys(yaml, "a table",
                        {"table", "ig", "note", "hl7", "system", "codes", "default"});
    auto table = std::make_unique<Table>();
    table->name = document.name;
    table->position = document.name_at->position();
    table->hl7 = problems_.Text(yaml, "hl7").value_or("");
    table->system = problems_.Text(yaml, "system").value_or("");
    if (IsDigits(table->hl7) && table->hl7.size() == 4) {
        table->hl7_system = "http://terminology.hl7.org/CodeSystem/v2-" + table->hl7;
    } else if (!table->hl7.empty()) {
        problems_.Add(yaml.Find("hl7")->position(),
                      "an HL7 table number has four digits: \"0001\"");
    }
    table->label = "table " + (table->hl7.empty() ? table->name : table->hl7);
    table->reason_missing = "code not in " + table->label;
    table->reason_none = "code of " + table->label + " has no counterpart";
    if (document.codes.empty()) problems_.Add(table->position, "the table has no `codes`");
    for (const config::YamlEntry* entry : document.codes) {
        table->codes.emplace(entry->key, CompileCode(*entry, *table));
    }
    for (const bool overlay : {true, false}) {
        for (const config::YamlEntry* entry : document.codes) {
            if ((entry->position.file != table->position.file) != overlay) continue;
            const TableEntry& code = table->codes.at(entry->key);
            if (!code.code.empty()) table->origins[code.code].push_back({code.system, entry->key});
        }
    }
    if (const config::Yaml* fallback = yaml.Find("default"); fallback != nullptr) {
        table->fallback = CompileCode({"default", fallback->position(), *fallback}, *table);
    }
    model_->tables.emplace(document.name, std::move(table));
}

void Compiler::CompileKeys(const config::Yaml& yaml, Identity& identity) {
    if (!yaml.IsSequence()) {
        problems_.Add(yaml.position(), "`keys` is a list of candidates");
        return;
    }
    for (const config::Yaml& item : yaml.items()) {
        KeyCandidate key;
        if (item.IsScalar()) {
            if (item.text() == "child") {
                key.kind = KeyCandidate::Kind::kChild;
            } else if (item.text() == "local") {
                key.kind = KeyCandidate::Kind::kLocal;
            } else {
                const std::vector<std::string_view> words{"child", "local"};
                problems_.Add(item.position(),
                              "a candidate is {identifier: [types]}, child or local" +
                                  DidYouMean(item.text(), words));
            }
            identity.keys.push_back(std::move(key));
            continue;
        }
        if (!problems_.CheckKeys(item, "a candidate", {"identifier", "typed", "and"})) continue;
        const config::Yaml* types = item.Find("identifier");
        if (types == nullptr) {
            problems_.Add(item.position(), "a candidate needs 'identifier'");
            continue;
        }
        key.any = types->IsScalar() && types->text() == "any";
        if (!key.any) {
            for (const auto& [text, at] : problems_.Texts(*types, "identifier")) {
                key.types.push_back(text);
            }
        }
        key.typed = problems_.Flag(item, "typed").value_or(false);
        if (const auto text = problems_.Text(item, "and")) {
            key.with_key = *text == "key";
            if (!key.with_key) problems_.Add(item.Find("and")->position(), "`and` can be: key");
        }
        identity.keys.push_back(std::move(key));
    }
}

void Compiler::CompileLists(const config::Yaml& yaml, Identity& identity) {
    if (!yaml.IsMap()) {
        problems_.Add(yaml.position(), "`lists` is a map of elements");
        return;
    }
    const Scope scope{"", {}, identity.type, identity.type, true};
    for (const config::YamlEntry& entry : yaml.entries()) {
        ListRule list;
        list.element = entry.key;
        const auto target = names_.ResolveTarget(entry.key, scope);
        if (!target) {
            problems_.Add(entry.position, target.error().message);
            continue;
        }
        if (!target->list || target->steps.size() != 1) {
            problems_.Add(entry.position,
                          "'" + entry.key + "' is no repeating element of " + identity.type);
            continue;
        }
        if (entry.value.IsScalar() && entry.value.text() == "snapshot") {
            identity.lists.push_back(std::move(list));
            continue;
        }
        list.policy = fhir::ListPolicy::kMerge;
        const Scope item{"", {}, target->type, target->path, false};
        for (const auto& [text, at] : problems_.Texts(entry.value, "a list policy")) {
            const auto part = names_.ResolveTarget(text, item);
            if (!part) {
                problems_.AddInside(*at, part.error());
                continue;
            }
            std::vector<std::string> path;
            for (const Step& step : part->steps) path.push_back(step.member);
            list.key_paths.push_back(std::move(path));
        }
        identity.lists.push_back(std::move(list));
    }
}

void Compiler::CompileIdentity(const Document& document) {
    const config::Yaml& yaml = *document.yaml;
    problems_.CheckKeys(
        yaml, "an identity",
        {"identity", "note", "authority", "keys", "use", "without", "lists", "ended"});
    auto identity = std::make_unique<Identity>();
    identity->type = document.name;
    identity->position = document.name_at->position();
    const fhir::TypeDefinition* type = names_.definitions().FindType(document.name);
    if (type == nullptr || type->kind != fhir::TypeKind::kResource) {
        const auto types = names_.definitions().ResourceTypes();
        problems_.Add(identity->position, "unknown resource type '" + document.name + "'" +
                                              DidYouMean(document.name, types));
        return;
    }
    const auto word = [&](std::string_view key, std::initializer_list<std::string_view> words) {
        const auto text = problems_.Text(yaml, key);
        if (!text) return std::string();
        const std::vector<std::string_view> all(words);
        if (std::find(all.begin(), all.end(), *text) == all.end()) {
            std::string list;
            for (const std::string_view one : all) {
                list += (list.empty() ? "" : ", ");
                list += one;
            }
            problems_.Add(yaml.Find(key)->position(),
                          "'" + std::string(key) + "' can be: " + list + DidYouMean(*text, all));
        }
        return *text;
    };
    identity->authority_required = word("authority", {"required"}) == "required";
    identity->first_only = word("use", {"all", "first"}) == "first";
    const std::string without = word("without", {"refuse", "contained", "skip"});
    identity->without = without == "refuse"      ? Presence::kRefuse
                        : without == "contained" ? Presence::kContained
                                                 : Presence::kSkip;
    const config::Yaml* keys = yaml.Find("keys");
    if (keys == nullptr) {
        problems_.Add(identity->position, "an identity needs `keys`");
    } else {
        CompileKeys(*keys, *identity);
    }
    if (const config::Yaml* lists = yaml.Find("lists"); lists != nullptr) {
        CompileLists(*lists, *identity);
    }
    if (const config::Yaml* ended = yaml.Find("ended"); ended != nullptr) {
        identity->ended =
            CompileRuleOrList(*ended, Scope{"", {}, document.name, document.name, true});
        for (const Rule& rule : identity->ended) {
            if (rule.source == SourceKind::kConst && rule.kind == Rule::Kind::kValue) continue;
            problems_.Add(rule.position, "`ended` takes constants: no message speaks of it");
        }
    }
    model_->identities.emplace(document.name, std::move(identity));
}

}  // namespace carestream::mapping::internal
