// Message structures: the group tree and its statements.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "mapping/internal/compiler.h"

namespace carestream::mapping::internal {

namespace {

constexpr std::array<std::pair<std::string_view, fhir::ChangeMode>, 4> kModes = {
    {{"delete", fhir::ChangeMode::kDelete},
     {"find", fhir::ChangeMode::kFindOrCreate},
     {"update", fhir::ChangeMode::kUpdateOnly},
     {"upsert", fhir::ChangeMode::kUpsert}}};

std::vector<std::string_view> Keys(const std::map<std::string, std::string, std::less<>>& names) {
    std::vector<std::string_view> keys;
    for (const auto& [name, type] : names) keys.push_back(name);
    return keys;
}

// Groups within groups; deeper is a circle.
constexpr std::size_t kIncludesMax = 8;

bool IsEvent(std::string_view text) {
    const std::size_t hat = text.find('^');
    return hat != std::string_view::npos && hat >= 3 && text.find('^', hat + 1) == text.npos;
}

// "PID", "NK1[]", "ORDER_OBSERVATION[]" -> the name, and whether it repeats.
bool StripBrackets(std::string& name) {
    if (!name.ends_with("[]")) return false;
    name.resize(name.size() - 2);
    return true;
}

}  // namespace

bool Compiler::KnownName(const std::string& name, const config::Yaml& place) {
    if (made_.count(name) != 0) return true;
    const std::vector<std::string_view> names = Keys(made_);
    problems_.Add(place.position(), "nothing is made under the name '" + name +
                                        "' in this message" + DidYouMean(name, names));
    return false;
}

// First pass: every "make: Type#name", wherever it stands.
void Compiler::DeclareNames(const config::Yaml& tree) {
    for (const config::Yaml& item : tree.items()) DeclareNames(item);
    for (const config::YamlEntry& entry : tree.entries()) {
        if (entry.key == "make" && entry.value.IsScalar()) {
            const std::string& text = entry.value.text();
            const std::size_t hash = text.find('#');
            if (hash == std::string::npos) continue;
            const std::string name = text.substr(hash + 1);
            const std::string type = text.substr(0, hash);
            if (name == "self" || name == "all") {
                problems_.Add(entry.value.position(), "'" + name + "' has a meaning of its own");
            }
            const auto [at, fresh] = made_.emplace(name, type);
            if (!fresh && at->second != type) {
                problems_.Add(entry.value.position(),
                              "'" + name + "' is already the name of a " + at->second);
            }
        }
        if (entry.key == "include" && including_.size() < kIncludesMax) {
            including_.push_back(entry.value.text());
            if (const config::Yaml* included = FindGroup(entry.value.text()))
                DeclareNames(*included);
            including_.pop_back();
        }
        DeclareNames(entry.value);
    }
}

const config::Yaml* Compiler::FindGroup(const std::string& name) const {
    for (const Document& group : library_.groups) {
        if (group.name == name) return group.yaml->Find("tree");
    }
    return nullptr;
}

const config::Yaml* Compiler::IncludedTree(const config::Yaml& name) {
    const config::Yaml* tree = FindGroup(name.text());
    if (tree != nullptr && tree->IsSequence() && including_.size() < kIncludesMax) return tree;
    std::vector<std::string_view> names;
    for (const Document& group : library_.groups) names.push_back(group.name);
    problems_.Add(name.position(),
                  tree == nullptr
                      ? "no group '" + name.text() + "' in groups/" + DidYouMean(name.text(), names)
                  : tree->IsSequence() ? "group '" + name.text() + "' includes itself"
                                       : "group '" + name.text() + "' needs `tree`, a list");
    return nullptr;
}

void Compiler::CompileMessage(const Document& document) {
    const config::Yaml& yaml = *document.yaml;
    problems_.CheckKeys(yaml, "a message", {"message", "ig", "note", "events", "tree"});
    auto message = std::make_unique<MessageMap>();
    message->name = document.name;
    message->position = document.name_at->position();
    const config::Yaml* events = yaml.Find("events");
    if (events == nullptr) {
        problems_.Add(message->position, "a message needs `events`, such as [ADT^A01]");
    } else {
        CompileEvents(*events, *message);
    }
    for (const config::Yaml* more : document.events) CompileEvents(*more, *message);
    const config::Yaml* tree = yaml.Find("tree");
    if (tree == nullptr || !tree->IsSequence()) {
        problems_.Add(tree == nullptr ? message->position : tree->position(),
                      "a message needs `tree`, a list of segments and groups");
        return;
    }
    made_.clear();
    DeclareNames(*tree);
    for (const TreeChange& change : document.tree_changes) {
        if (change.node != nullptr) DeclareNames(change.node->value);
    }
    message->root.name = document.name;
    in_message_ = true;
    tree_changes_ = &document.tree_changes;
    changes_made_.clear();
    tree_names_.clear();
    CompileTree(*tree, *message, message->root);
    CheckTreeChanges();
    in_message_ = false;
    model_->messages.push_back(std::move(message));
}

void Compiler::CompileEvents(const config::Yaml& yaml, MessageMap& message) {
    for (const auto& [event, at] : problems_.Texts(yaml, "events")) {
        if (!IsEvent(event)) {
            problems_.Add(at->position(), "an event is written ADT^A01");
            continue;
        }
        if (std::string mistake = names_.EventMistake(event); !mistake.empty()) {
            problems_.Add(at->position(), std::move(mistake));
            continue;
        }
        const auto [other, fresh] = model_->by_event.emplace(event, &message);
        if (!fresh) {
            problems_.Add(at->position(),
                          event + " already belongs to message " + other->second->name);
        }
        message.events.push_back(event);
    }
}

std::vector<const TreeChange*> Compiler::ChangesHere(TreeChange::Verb verb,
                                                     const std::string& name) {
    std::vector<const TreeChange*> here;
    std::string path = name;
    for (auto group = tree_path_.rbegin(); group != tree_path_.rend(); ++group) {
        path = *group + "." + path;
    }
    for (const TreeChange& change : *tree_changes_) {
        const std::string& anchor = change.anchor->text();
        const bool same = path == anchor || path.ends_with("." + anchor);
        if (change.verb == verb && same) here.push_back(&change);
    }
    return here;
}

// An entry of the tree with what overlays put beside it or in its place.
void Compiler::CompileEntry(const config::Yaml& item, const std::string& name,
                            const config::Yaml* value, MessageMap& message, TreeNode& parent) {
    using Verb = TreeChange::Verb;
    std::string plain = name;
    (void)StripBrackets(plain);
    tree_names_.insert(plain);
    const auto add = [&](Verb verb) {
        const auto changes = ChangesHere(verb, plain);
        for (const TreeChange* change : changes) {
            ++changes_made_[change];
            CompileNode(change->node->value, change->node->key, &change->node->value, message,
                        parent);
        }
        return !changes.empty();
    };
    add(Verb::kBefore);
    const auto removed = ChangesHere(Verb::kRemove, plain);
    for (const TreeChange* change : removed) ++changes_made_[change];
    if (!add(Verb::kReplace) && removed.empty()) CompileNode(item, name, value, message, parent);
    add(Verb::kAfter);
}

void Compiler::CheckTreeChanges() {
    for (const TreeChange& change : *tree_changes_) {
        const std::string& anchor = change.anchor->text();
        const int made = changes_made_[&change];
        if (made == 0) {
            const std::vector<std::string_view> names(tree_names_.begin(), tree_names_.end());
            problems_.Add(change.anchor->position(),
                          "the tree has no '" + anchor + "'" + DidYouMean(anchor, names));
        } else if (made > 1) {
            problems_.Add(change.anchor->position(),
                          "the tree has '" + anchor + "' more than once: write GROUP." + anchor);
        }
    }
}

void Compiler::CompileEntries(const config::Yaml& yaml, MessageMap& message, TreeNode& parent) {
    for (const config::Yaml& item : yaml.items()) {
        if (const config::Yaml* name = item.Find("include"); name != nullptr) {
            const config::Yaml* included = IncludedTree(*name);
            if (included == nullptr) continue;
            including_.push_back(name->text());
            CompileEntries(*included, message, parent);
            including_.pop_back();
        } else if (item.IsScalar()) {
            CompileEntry(item, item.text(), nullptr, message, parent);
        } else if (item.IsMap() && item.entries().size() == 1) {
            CompileEntry(item, item.entries()[0].key, &item.entries()[0].value, message, parent);
        } else {
            problems_.Add(item.position(),
                          "an entry of a tree is a segment or group: `- PID: {...}` or `- SFT[]`");
        }
    }
}

void Compiler::CompileTree(const config::Yaml& yaml, MessageMap& message, TreeNode& parent) {
    CompileEntries(yaml, message, parent);
    for (const TreeNode& child : parent.children) {
        if (child.segment != 0) parent.below.push_back(child.segment);
        parent.below.insert(parent.below.end(), child.below.begin(), child.below.end());
    }
    std::sort(parent.below.begin(), parent.below.end());
    parent.below.erase(std::unique(parent.below.begin(), parent.below.end()), parent.below.end());
    if (!parent.children.empty()) {
        const TreeNode& first = parent.children.front();
        parent.first = first.segment != 0 ? first.segment : first.first;
    }
    for (const TreeNode& child : parent.children) {
        const bool makes =
            std::any_of(child.statements.begin(), child.statements.end(),
                        [](const Statement& one) { return one.kind == Statement::Kind::kMake; });
        parent.anchor = makes ? child.segment : child.anchor;
        if (parent.anchor != 0) break;
    }
}

void Compiler::CompileNode(const config::Yaml& item, const std::string& name,
                           const config::Yaml* value, MessageMap& message, TreeNode& parent) {
    TreeNode node;
    node.name = name;
    node.repeats = StripBrackets(node.name);
    if (node.name.size() != 3) {
        if (value == nullptr || !value->IsSequence()) {
            problems_.Add(item.position(),
                          names_.IsSegment(node.name.substr(0, 3))
                              ? "'" + name +
                                    "' is neither a segment nor a group "
                                    "with a list of segments"
                              : "group '" + node.name + "' needs a list of segments and groups");
            return;
        }
        tree_path_.push_back(node.name);
        CompileTree(*value, message, node);
        tree_path_.pop_back();
        parent.children.push_back(std::move(node));
        return;
    }
    if (!names_.IsSegment(node.name)) {
        problems_.Add(item.position(),
                      "unknown segment '" + node.name + "'" + names_.SegmentHint(node.name));
        return;
    }
    node.segment = PackSegment(node.name);
    if (value != nullptr && !value->IsNull()) {
        std::vector<const config::Yaml*> list;
        if (value->IsSequence()) {
            for (const config::Yaml& one : value->items()) list.push_back(&one);
        } else {
            list.push_back(value);
        }
        for (const config::Yaml* one : list) {
            Statement statement;
            CompileStatement(*one, node, statement);
            node.statements.push_back(std::move(statement));
        }
    }
    parent.children.push_back(std::move(node));
}

void Compiler::CompileStatement(const config::Yaml& yaml, const TreeNode& node,
                                Statement& statement) {
    statement.position = yaml.position();
    if (!problems_.CheckKeys(
            yaml, "a statement",
            {"make", "into", "with", "rules", "when", "refs", "parent", "mode", "repeats", "fold",
             "only-with-others", "partial", "link", "unlink", "move", "note"})) {
        return;
    }
    const Scope scope{node.name, {}, "", "", true};
    if (const config::Yaml* when = yaml.Find("when"); when != nullptr) {
        statement.when = CompileWhen(*when, scope);
    }
    if (CompileLink(yaml, statement)) return;
    const config::Yaml* make = yaml.Find("make");
    const config::Yaml* into = yaml.Find("into");
    if ((make == nullptr) == (into == nullptr)) {
        problems_.Add(yaml.position(), "a statement has either `make` or `into`");
        return;
    }
    if (into != nullptr) {
        statement.kind = Statement::Kind::kInto;
        if (!into->IsScalar() || !KnownName(into->text(), *into)) return;
        statement.name = into->text();
        statement.type = made_.find(into->text())->second;
        statement.position = into->position();
    } else {
        if (!make->IsScalar()) {
            problems_.Add(make->position(), "`make` is written Patient or Patient#name");
            return;
        }
        const std::size_t hash = make->text().find('#');
        statement.type = make->text().substr(0, hash);
        if (hash != std::string::npos) statement.name = make->text().substr(hash + 1);
        statement.position = make->position();
    }
    const fhir::TypeDefinition* type = names_.definitions().FindType(statement.type);
    if (type == nullptr || type->kind != fhir::TypeKind::kResource) {
        const auto types = names_.definitions().ResourceTypes();
        problems_.Add(statement.position, "unknown resource type '" + statement.type + "'" +
                                              DidYouMean(statement.type, types));
        return;
    }
    statement.identity = model_->FindIdentity(statement.type);
    CompileStatementMaps(yaml, node, statement);
    if (const config::Yaml* refs = yaml.Find("refs"); refs != nullptr)
        CompileRefs(*refs, statement);
    CompileMode(yaml, statement);
    CompileRepeats(yaml, node, statement);
}

// A snapshot needs someone whose entries they are, and a form for those left out.
void Compiler::CompileRepeats(const config::Yaml& yaml, const TreeNode& node,
                              Statement& statement) {
    const auto word = problems_.Text(yaml, "repeats");
    if (!word || *word == "merge") return;
    const Position place = yaml.Find("repeats")->position();
    constexpr std::array<std::string_view, 3> kWords = {"correction", "merge", "snapshot"};
    statement.snapshot = *word == "snapshot";
    statement.correction = *word == "correction";
    if (!statement.snapshot && !statement.correction) {
        problems_.Add(place,
                      "'repeats' can be: snapshot, correction, merge" + DidYouMean(*word, kWords));
        return;
    }
    const std::string owner =
        statement.parents.empty() ? "" : made_.find(statement.parents.front())->second;
    const bool make = statement.kind == Statement::Kind::kMake;
    if (statement.snapshot &&
        (!make || !node.repeats || owner != "Patient" || statement.parents.size() != 1)) {
        problems_.Add(place,
                      "a snapshot is of a repeating segment that makes resources, and its "
                      "`parent` is the patient");
    } else if (statement.correction && (!make || owner != "DiagnosticReport")) {
        problems_.Add(place,
                      "a correction is of a segment that makes resources, and its first `parent` "
                      "is the report");
    } else if (statement.identity == nullptr || statement.identity->ended.empty()) {
        problems_.Add(place, "a snapshot needs `ended` in the identity of " + statement.type +
                                 ": what becomes of those it leaves out");
    }
}

void Compiler::CompileStatementMaps(const config::Yaml& yaml, const TreeNode& node,
                                    Statement& statement) {
    const Scope scope{node.name, {}, statement.type, statement.type, true};
    if (const config::Yaml* with = yaml.Find("with"); with != nullptr) {
        for (const auto& [name, at] : problems_.Texts(*with, "with")) {
            const auto found = model_->maps.find(name);
            if (found == model_->maps.end() && IsBroken(name)) continue;
            if (found == model_->maps.end() || !found->second->segment) {
                std::vector<std::string_view> names;
                for (const auto& [other, map] : model_->maps) {
                    if (map->segment) names.push_back(other);
                }
                problems_.Add(at->position(),
                              "no segment map '" + name + "'" + DidYouMean(name, names));
                continue;
            }
            const Map& map = *found->second;
            if (map.source != node.name || map.target != statement.type) {
                problems_.Add(at->position(), "map " + name + " goes from " + map.source + " to " +
                                                  map.target + "; here is " + node.name + " and " +
                                                  statement.type);
                continue;
            }
            statement.maps.push_back(&map);
        }
    }
    if (const config::Yaml* rules = yaml.Find("rules"); rules != nullptr) {
        const std::size_t before = problems_.size();
        statement.rules = CompileRuleOrList(*rules, scope);
        if (problems_.size() == before) CheckWriters(statement.rules);
    }
    if (const config::Yaml* parent = yaml.Find("parent"); parent != nullptr) {
        for (const auto& [name, at] : problems_.Texts(*parent, "parent")) {
            if (KnownName(name, *at)) statement.parents.push_back(name);
        }
    }
    statement.only_with_others = problems_.Flag(yaml, "only-with-others").value_or(false);
    statement.partial = problems_.Flag(yaml, "partial").value_or(false);
    const config::Yaml* fold = yaml.Find("fold");
    if (fold == nullptr || !problems_.CheckKeys(*fold, "fold", {"same", "when"})) return;
    statement.folds = true;
    if (const config::Yaml* same = fold->Find("same"); same != nullptr) {
        statement.fold_same = CompileKey(*same, scope);
    } else {
        problems_.Add(fold->position(), "`fold` needs `same`, the paths that must agree");
    }
    if (const config::Yaml* when = fold->Find("when"); when != nullptr) {
        statement.fold_when = CompileWhen(*when, scope);
    }
}

void Compiler::CompileRefs(const config::Yaml& yaml, Statement& statement) {
    if (!yaml.IsMap()) {
        problems_.Add(yaml.position(), "`refs` is a map of element paths to names");
        return;
    }
    for (const config::YamlEntry& entry : yaml.entries()) {
        ReferenceRule ref;
        ref.position = entry.position;
        std::string path = entry.key;
        std::string type = statement.type;
        std::string referred;
        const std::string& name = entry.value.text();
        if (name == "self") {
            const std::size_t dot = path.find('.');
            ref.owner = path.substr(0, dot);
            if (dot == std::string::npos || !KnownName(ref.owner, entry.value)) {
                if (dot == std::string::npos) {
                    problems_.Add(entry.position, "with `self` the key is name.path");
                }
                continue;
            }
            path = path.substr(dot + 1);
            type = made_.find(ref.owner)->second;
            referred = statement.type;
        } else if (name == "all") {
            ref.all = true;
        } else {
            if (!KnownName(name, entry.value)) continue;
            ref.name = name;
            referred = made_.find(name)->second;
        }
        auto target = names_.ResolveTarget(path, Scope{"", {}, type, type, true});
        if (!target) {
            problems_.Add(entry.position, target.error().message);
            continue;
        }
        if (target->type != "Reference") {
            problems_.Add(entry.position,
                          target->path + " is of type " + target->type + ", not Reference");
            continue;
        }
        if (!ref.all && !Names::MayRefer(target->reference_types, referred)) {
            problems_.Add(entry.position,
                          target->path + " may not refer to a resource of type " + referred);
            continue;
        }
        if (ref.all && !target->list) {
            problems_.Add(entry.position, target->path + " takes one reference, not all");
            continue;
        }
        ref.target = std::move(*target);
        statement.refs.push_back(std::move(ref));
    }
}

void Compiler::CompileMode(const config::Yaml& yaml, Statement& statement) {
    const config::Yaml* mode = yaml.Find("mode");
    if (mode == nullptr) return;
    const auto read = [&](const config::Yaml& value, fhir::ChangeMode& out) {
        std::vector<std::string_view> words;
        for (const auto& [word, meaning] : kModes) {
            words.push_back(word);
            if (!value.IsScalar() || value.text() != word) continue;
            out = meaning;
            return;
        }
        problems_.Add(value.position(), "a mode can be: upsert, find, update, delete" +
                                            DidYouMean(value.text(), words));
    };
    if (!mode->IsMap()) {
        read(*mode, statement.mode);
        return;
    }
    for (const config::YamlEntry& entry : mode->entries()) {
        fhir::ChangeMode value = fhir::ChangeMode::kUpsert;
        read(entry.value, value);
        CheckTrigger(entry.key, entry.position);
        statement.mode_by_event.emplace_back(entry.key, value);
    }
}

bool Compiler::CompileLink(const config::Yaml& yaml, Statement& statement) {
    struct Form {
        std::string_view key, first, second;
        Statement::Kind kind;
    };
    constexpr Form kForms[] = {{"link", "survivor", "loser", Statement::Kind::kLink},
                               {"unlink", "survivor", "loser", Statement::Kind::kUnlink},
                               {"move", "visit", "patient", Statement::Kind::kMove}};
    for (const Form& form : kForms) {
        const config::Yaml* map = yaml.Find(form.key);
        if (map == nullptr) continue;
        statement.kind = form.kind;
        problems_.CheckKeys(yaml, "a " + std::string(form.key), {form.key, "when", "note"});
        if (!problems_.CheckKeys(*map, form.key, {form.first, form.second})) return true;
        for (const auto& [key, out] :
             {std::pair{form.first, &statement.first}, std::pair{form.second, &statement.second}}) {
            const config::Yaml* name = map->Find(key);
            if (name == nullptr || !name->IsScalar()) {
                problems_.Add(map->position(),
                              "`" + std::string(form.key) + "` needs '" + std::string(key) + "'");
                continue;
            }
            if (!KnownName(name->text(), *name)) continue;
            const std::string wanted = key == "visit" ? "Encounter" : "Patient";
            if (made_.find(name->text())->second != wanted) {
                problems_.Add(name->position(), "'" + name->text() + "' is no " + wanted);
            }
            *out = name->text();
        }
        return true;
    }
    return false;
}

}  // namespace carestream::mapping::internal
