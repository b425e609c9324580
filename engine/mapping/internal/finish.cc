// From what the rules made to a change set: identities, ids, references, required elements.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "mapping/internal/run.h"

namespace carestream::mapping::internal {

namespace {

constexpr std::string_view kDataAbsentReason =
    "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

fhir::Node AbsentNode() {
    fhir::Node extension = fhir::Node::Object();
    extension.Set("url", fhir::Node::String(std::string(kDataAbsentReason)));
    extension.Set("valueCode", fhir::Node::String("unknown"));
    fhir::Node node = fhir::Node::Object();
    node.At("extension").Append(std::move(extension));
    return node;
}

bool HasType(const fhir::Node& identifier, const std::string& code) {
    const fhir::Node* type = identifier.Find("type");
    const fhir::Node* codings = type == nullptr ? nullptr : type->Find("coding");
    if (codings == nullptr) return code.empty();
    for (const fhir::Node& coding : codings->items()) {
        if (coding.TextOf("code") == code) return true;
    }
    return false;
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

// The value at a path of members, first item of lists on the way; "" if absent.
std::string_view TextAt(const fhir::Node& node, const std::vector<std::string>& path) {
    const fhir::Node* at = &node;
    for (const std::string& member : path) {
        at = at->Find(member);
        if (at != nullptr && at->IsArray()) {
            at = at->items().empty() ? nullptr : &at->items().front();
        }
        if (at == nullptr) return {};
    }
    return at->text();
}

// The type of such an element is called by its path: "Patient.contact".
bool IsBackbone(const fhir::ElementDefinition& element) {
    return element.types.front().find('.') != std::string_view::npos;
}

bool HasPath(const fhir::Node& node, std::string_view path) {
    const std::size_t dot = path.find('.');
    const std::string_view member = path.substr(0, dot);
    const fhir::Node* found = node.Find(member);
    if (found == nullptr) return false;
    return dot == std::string_view::npos || HasPath(*found, path.substr(dot + 1));
}

}  // namespace

void Run::KeysFromIdentifiers(const KeyCandidate& candidate, Made& made) {
    const fhir::Node* identifiers = made.node.Find("identifier");
    if (identifiers == nullptr) return;
    const auto add = [&](const fhir::Node& identifier, const std::string& type) {
        const std::string_view value = identifier.TextOf("value");
        if (value.empty()) return;
        fhir::IdentityKey key;
        key.system = std::string(identifier.TextOf("system"));
        if (key.system.empty()) key.system = "sender:" + sender_;
        if (candidate.typed) key.system += "|" + type;
        key.value = std::string(value);
        if (candidate.with_key) key.value += "|" + made.local_key;
        if (std::find(made.keys.begin(), made.keys.end(), key) == made.keys.end()) {
            made.keys.push_back(std::move(key));
        }
    };
    const auto each = [&](auto&& visit) {
        if (identifiers->IsObject()) visit(*identifiers);
        for (const fhir::Node& identifier : identifiers->items()) visit(identifier);
    };
    if (candidate.any) {
        each([&](const fhir::Node& identifier) { add(identifier, ""); });
        return;
    }
    for (const std::string& type : candidate.types) {
        each([&](const fhir::Node& identifier) {
            if (HasType(identifier, type)) add(identifier, type);
        });
    }
}

void Run::ChildKey(Made& made) {
    std::size_t parent = made.owner;
    for (const std::size_t candidate : made.parents) {
        if (made_[candidate].dropped) continue;
        parent = candidate;
        break;
    }
    if (parent == kNoResource || made_[parent].dropped) return;
    KeyOf(parent);
    const Made& above = made_[parent];
    if (above.keys.empty()) return;
    fhir::IdentityKey key;
    key.system = "child:" + above.type + ":" + above.keys.front().system;
    key.value = above.keys.front().value + "|" + made.local_key;
    const int number = ++child_count_[made.type + "\n" + key.system + "\n" + key.value];
    key.value += "|" + std::to_string(number);
    made.keys.push_back(std::move(key));
}

void Run::KeyOf(std::size_t resource) {
    Made& made = made_[resource];
    if (made.state != Made::State::kOpen) return;
    made.state = Made::State::kKeying;
    if (made.identity == nullptr) {
        ChildKey(made);
    } else {
        for (const KeyCandidate& candidate : made.identity->keys) {
            if (!made.keys.empty() &&
                (made.identity->first_only || candidate.kind != KeyCandidate::Kind::kIdentifier)) {
                continue;
            }
            if (candidate.kind == KeyCandidate::Kind::kIdentifier) {
                KeysFromIdentifiers(candidate, made);
            } else if (candidate.kind == KeyCandidate::Kind::kChild) {
                ChildKey(made);
            } else if (made.has_local_key) {
                made.keys.push_back({"local:" + sender_, made.local_key});
            }
        }
    }
    made.state = Made::State::kKeyed;
}

std::string Run::PathOfIdentity(const Made& made) const {
    if (made.statement != nullptr) {
        for (const Map* map : made.statement->maps) {
            for (const Rule& rule : map->rules) {
                const bool identifier = rule.source == SourceKind::kAt &&
                                        !rule.target.steps.empty() &&
                                        rule.target.steps.front().member == "identifier";
                if (identifier) return rule.at.text;
            }
        }
    }
    return made.segment == kNoSegment ? made.type : std::string(message_.SegmentId(made.segment));
}

// Resources without a key are contained, left out, or make the message unusable (false).
bool Run::Settle(std::size_t resource, Mapped& out) {
    Made& made = made_[resource];
    if (made.owner != kNoResource && made_[made.owner].dropped) made.dropped = true;
    if (made.dropped || !made.keys.empty()) return true;
    const Presence without = made.identity == nullptr ? Presence::kSkip : made.identity->without;
    if (without == Presence::kContained && made.owner != kNoResource) {
        made.contained = true;
        return true;
    }
    if (without == Presence::kRefuse && made.statement != nullptr) {
        out.path = PathOfIdentity(made);
        out.reason = "no usable identity for " + made.type;
        return false;
    }
    made.dropped = true;
    ledger_.RevokeResource(resource, ledger_.Keep("no identity for " + made.type));
    return true;
}

std::size_t Run::Final(std::size_t resource) const {
    while (made_[resource].same_as != kNoResource) resource = made_[resource].same_as;
    return resource;
}

// Before their values are put together: what one of them states is not assumed.
void Run::MergeAssumed(Made& into, const Made& made) {
    std::erase_if(into.assumed, [&](const std::string& element) {
        return made.node.Find(element) != nullptr && !Contains(made.assumed, element);
    });
    for (const std::string& element : made.assumed) {
        if (into.node.Find(element) == nullptr) into.assumed.push_back(element);
    }
}

// Two resources with a common key are one: later values complete the first.
void Run::MergeSame() {
    std::map<std::pair<std::string_view, fhir::IdentityKey>, std::size_t> owners;
    for (std::size_t i = 0; i < made_.size(); ++i) {
        Made& made = made_[i];
        if (made.dropped || made.contained) continue;
        std::size_t same = kNoResource;
        for (const fhir::IdentityKey& key : made.keys) {
            const auto found = owners.find({made.type, key});
            if (found != owners.end() && same == kNoResource) same = Final(found->second);
        }
        Made& into = same == kNoResource ? made : made_[same];
        for (const fhir::IdentityKey& key : made.keys) {
            owners.try_emplace({into.type, key}, same == kNoResource ? i : same);
        }
        if (same == kNoResource) continue;
        made.same_as = same;
        MergeAssumed(into, made);
        if (Merge(into.node, std::move(made.node), std::nullopt) == Put::kTaken) {
            ledger_.RevokeResource(
                i, ledger_.Keep("another " + made.type + " of the same identity says otherwise"));
        }
        for (const fhir::IdentityKey& key : made.keys) {
            if (std::find(into.keys.begin(), into.keys.end(), key) == into.keys.end()) {
                into.keys.push_back(key);
            }
        }
        into.cleared.insert(into.cleared.end(), made.cleared.begin(), made.cleared.end());
        for (const Made::ListParts& parts : made.parts) {
            auto& nulled = into.PartsOf(parts.element).nulled;
            nulled.insert(nulled.end(), parts.nulled.begin(), parts.nulled.end());
        }
    }
}

bool Run::MakeKeys(Mapped& out) {
    for (std::size_t i = 0; i < made_.size(); ++i) {
        if (!made_[i].dropped) KeyOf(i);
    }
    for (std::size_t i = 0; i < made_.size(); ++i) {
        if (!Settle(i, out)) return false;
    }
    MergeSame();
    for (Made& made : made_) {
        if (made.dropped || made.contained || made.same_as != kNoResource) continue;
        const fhir::IdentityKey& key = made.keys.front();
        made.id = context_.ids.ProvisionalId(context_.tenant, made.type, key.system, key.value);
    }
    return true;
}

// Replaces placeholders by ids. True: nothing is left of the node.
bool Run::Rewrite(fhir::Node& node, std::size_t resource) {
    if (node.IsString()) {
        if (node.text().empty() || node.text()[0] != '\x01') return false;
        const std::size_t other = Final(std::strtoull(node.text().c_str() + 1, nullptr, 10));
        const Made& made = made_[other];
        if (made.dropped) return true;
        node = fhir::Node::String(made.contained ? "#" + made.id : made.type + "/" + made.id);
        return false;
    }
    if (node.IsObject()) {
        auto& members = node.members();
        const auto gone = std::remove_if(members.begin(), members.end(), [&](fhir::Member& member) {
            return Rewrite(member.value, resource);
        });
        const bool changed = gone != members.end();
        members.erase(gone, members.end());
        return changed && members.empty();
    }
    if (node.IsArray()) {
        auto& items = node.items();
        const auto gone = std::remove_if(items.begin(), items.end(),
                                         [&](fhir::Node& item) { return Rewrite(item, resource); });
        const bool changed = gone != items.end();
        items.erase(gone, items.end());
        return changed && items.empty();
    }
    return false;
}

void Run::RewriteReferences() {
    // Contained resources get their ids first, in the order in which they were made.
    std::map<std::size_t, int> count;
    for (std::size_t i = 0; i < made_.size(); ++i) {
        Made& made = made_[i];
        if (made.dropped || !made.contained) continue;
        std::size_t container = Final(made.owner);
        while (made_[container].contained) container = Final(made_[container].owner);
        made.owner = container;
        made.id = "c" + std::to_string(++count[container]);
    }
    for (std::size_t i = 0; i < made_.size(); ++i) {
        Made& made = made_[i];
        if (made.dropped || made.same_as != kNoResource) continue;
        (void)Rewrite(made.node, i);
        made.node.Set("id", fhir::Node::String(made.id));
    }
}

void Run::Contain() {
    for (Made& made : made_) {
        if (made.dropped || !made.contained || made_[made.owner].dropped) continue;
        made_[made.owner].node.At("contained").Append(std::move(made.node));
    }
}

// Puts what stands for an absent value; false if nothing may stand there.
bool Run::Absent(fhir::Node& node, const fhir::ElementDefinition& element, const std::string& path,
                 std::string& missing, int depth) {
    std::string member(element.name);
    std::string_view type = element.types.empty() ? std::string_view() : element.types[0];
    if (element.choice) {
        const auto concept_type =
            std::find(element.types.begin(), element.types.end(), "CodeableConcept");
        if (concept_type != element.types.end()) type = *concept_type;
        const std::size_t at = member.size();
        member += type;
        if (member[at] >= 'a' && member[at] <= 'z') member[at] = static_cast<char>(member[at] - 32);
    }
    const fhir::TypeDefinition* definition = model_.definitions->FindType(type);
    if (definition == nullptr) return false;
    if (depth == 0) absent_.push_back(member);
    fhir::Node value;
    if (definition->kind == fhir::TypeKind::kPrimitive) {
        const bool required = element.strength == fhir::BindingStrength::kRequired;
        if (required || element.max > 1) {
            missing = path + "." + member;
            return false;
        }
        node.Set("_" + member, AbsentNode());
        return true;
    }
    if (definition->kind == fhir::TypeKind::kBackbone) {
        value = fhir::Node::Object();
        if (!Complete(value, *definition, path + "." + member, missing, depth + 1)) return false;
    } else {
        value = AbsentNode();
    }
    if (element.max > 1) {
        node.At(member).Append(std::move(value));
    } else {
        node.Set(member, std::move(value));
    }
    return true;
}

bool Run::Complete(fhir::Node& node, const fhir::TypeDefinition& type, const std::string& path,
                   std::string& missing, int depth) {
    constexpr int kDepthMax = 12;
    if (depth > kDepthMax) return true;
    for (const fhir::ElementDefinition& element : type.elements) {
        // What is neither required nor has elements of its own.
        if (element.min == 0 && !IsBackbone(element)) continue;
        if (element.choice) {
            const bool there = std::any_of(node.members().begin(), node.members().end(),
                                           [&](const fhir::Member& member) {
                                               return member.name.size() > element.name.size() &&
                                                      member.name.starts_with(element.name);
                                           });
            if (!there && !Absent(node, element, path, missing, depth)) return false;
            continue;
        }
        fhir::Node* present = node.Find(element.name);
        if (present == nullptr) {
            if (element.min == 0 || node.Find("_" + std::string(element.name)) != nullptr) continue;
            if (!Absent(node, element, path, missing, depth)) return false;
            continue;
        }
        if (!present->IsObject() && !present->IsArray()) continue;
        const fhir::TypeDefinition* inner = model_.definitions->FindType(element.types[0]);
        if (inner == nullptr || inner->kind != fhir::TypeKind::kBackbone) continue;
        const std::string below = path + "." + std::string(element.name);
        if (present->IsObject()) {
            if (Complete(*present, *inner, below, missing, depth + 1)) continue;
            if (element.min > 0) return false;
            notes_.push_back(missing + ": required and without a value; its element is left out");
            node.Remove(element.name);
            continue;
        }
        auto& items = present->items();
        const auto gone = std::remove_if(items.begin(), items.end(), [&](fhir::Node& item) {
            if (Complete(item, *inner, below, missing, depth + 1)) return false;
            notes_.push_back(missing + ": required and without a value; its entry is left out");
            return true;
        });
        items.erase(gone, items.end());
        if (!items.empty()) continue;
        node.Remove(element.name);
        if (element.min > 0) return false;
    }
    return true;
}

// What stands for an absent value must not take the place of a stored one.
bool Run::FillRequired(Mapped& out) {
    for (Made& made : made_) {
        if (made.dropped || made.same_as != kNoResource) continue;
        const fhir::TypeDefinition* type = model_.definitions->FindType(made.type);
        std::string missing;
        if (type == nullptr) continue;
        absent_.clear();
        if (Complete(made.node, *type, made.type, missing, 0)) {
            made.assumed.insert(made.assumed.end(), absent_.begin(), absent_.end());
            continue;
        }
        out.path = missing.empty() ? made.type : missing;
        out.reason = "a required element has no value; give its rule a `default`";
        return false;
    }
    return true;
}

fhir::ListChange Run::ListChangeOf(Made& made, const ListRule& rule, const fhir::Change& change) {
    fhir::ListChange entry;
    entry.element = rule.element;
    entry.policy = rule.policy;
    const fhir::Node* list = change.resource.Find(rule.element);
    if (list != nullptr && rule.policy == fhir::ListPolicy::kMerge) {
        std::map<std::string, int> seen;
        entry.keys.reserve(list->items().size());
        for (const fhir::Node& item : list->items()) {
            std::string key;
            for (const auto& path : rule.key_paths) {
                if (!key.empty()) key += '&';
                for (const std::string& member : path) key.append(member) += '.';
                key.back() = '=';
                key += TextAt(item, path);
            }
            const int number = ++seen[key];
            if (number > 1) key += "#" + std::to_string(number);
            entry.keys.push_back(std::move(key));
        }
    }
    for (Made::ListParts& parts : made.parts) {
        if (parts.element != rule.element) continue;
        entry.nulled = std::move(parts.nulled);
        // Entries that references or another resource of the same identity added have none.
        const std::size_t entries = list == nullptr ? 0 : list->items().size();
        if (parts.of_entry.empty() || parts.of_entry.size() > entries) continue;
        entry.parts = std::move(parts.of_entry);
        entry.parts.resize(entries);
    }
    return entry;
}

void Run::ListPolicies(Made& made, fhir::Change& change) {
    std::vector<std::string> done;
    if (made.identity != nullptr) {
        for (const ListRule& rule : made.identity->lists) {
            fhir::ListChange entry = ListChangeOf(made, rule, change);
            // `clear` empties the whole list, whoever filled it: its rule must go along.
            const bool said = change.resource.Find(rule.element) != nullptr ||
                              !entry.nulled.empty() || Contains(change.cleared, rule.element);
            if (said) change.lists.push_back(std::move(entry));
            done.push_back(rule.element);
        }
    }
    for (const Made::ListParts& parts : made.parts) {
        if (Contains(done, parts.element)) continue;
        fhir::ListChange entry =
            ListChangeOf(made, {parts.element, fhir::ListPolicy::kSnapshot, {}}, change);
        if (entry.parts.empty() && entry.nulled.empty()) continue;
        change.lists.push_back(std::move(entry));
    }
}

fhir::Change Run::BuildChange(Made& made) {
    fhir::Change change;
    change.type = made.type;
    change.provisional_id = made.id;
    change.keys = std::move(made.keys);
    change.mode = made.mode;
    change.only_with_others = made.only_with_others;
    if (made.identity != nullptr && made.identity->authority_required &&
        !Contains(context_.authority_for, made.type)) {
        change.mode = fhir::ChangeMode::kFindOrCreate;
    }
    const fhir::TypeDefinition* type = model_.definitions->FindType(made.type);
    for (const std::string& element : made.cleared) {
        if (HasPath(made.node, element) || Contains(change.cleared, element)) continue;
        const auto required = std::any_of(
            type->elements.begin(), type->elements.end(),
            [&](const fhir::ElementDefinition& one) { return one.name == element && one.min > 0; });
        if (required) {
            notes_.push_back(made.type + "." + element + ": required, so the null is not followed");
        } else {
            change.cleared.push_back(element);
        }
    }
    change.resource = std::move(made.node);
    change.assumed = std::move(made.assumed);
    change.profiles = context_.profiles;
    ListPolicies(made, change);
    return change;
}

void Run::BuildChanges(Mapped& out) {
    const bool others = std::any_of(made_.begin(), made_.end(), [](const Made& made) {
        return !made.dropped && !made.contained && made.same_as == kNoResource &&
               !made.only_with_others;
    });
    for (Made& made : made_) {
        if (made.dropped || made.contained || made.same_as != kNoResource) continue;
        if (!others) continue;
        made.change = out.changes.changes.size();
        out.changes.changes.push_back(BuildChange(made));
    }
    Snapshots(out);
    Relations(out);
    OrderTime(out);
    Sent(out);
    out.changes.source = context_.channel + "|" + sender_;
}

// The entries of one type and owner make one snapshot, wherever they stand. Where corrections are
// snapshots, other reports name their entries, so that a correction may end them.
void Run::Snapshots(Mapped& out) {
    for (std::size_t i = 0; i < made_.size(); ++i) {
        const Made& made = made_[i];
        if (made.statement == nullptr || made.parents.empty()) continue;
        const bool correction = made.statement->correction && context_.correction_snapshot;
        if (!made.statement->snapshot && !correction) continue;
        const std::size_t entry = made_[Final(i)].change;
        const std::size_t owner = made_[Final(made.parents.front())].change;
        if (correction && made_[Final(made.parents.front())].type != "DiagnosticReport") continue;
        if (entry == kNoResource || owner == kNoResource) continue;
        auto& snapshots = out.changes.snapshots;
        auto of = std::find_if(snapshots.begin(), snapshots.end(), [&](const fhir::Snapshot& one) {
            return one.type == made.type && one.owner == owner;
        });
        if (of == snapshots.end()) {
            const bool additive =
                correction && out.changes.changes[owner].resource.TextOf("status") != "corrected";
            snapshots.push_back({made.type, owner, {}, EndedNode(*made.identity), additive});
            of = std::prev(snapshots.end());
        }
        of->entries.push_back(entry);
    }
}

fhir::Node Run::EndedNode(const Identity& identity) {
    fhir::Node node = fhir::Node::Object();
    std::vector<Binding> bindings;
    Here here;
    here.element = {&node, kNoResource, &bindings, false};
    RunRules(identity.ended, here);
    return node;
}

void Run::Relations(Mapped& out) {
    for (const Relation& relation : relations_) {
        const std::size_t first = made_[Final(relation.first)].change;
        const std::size_t second = made_[Final(relation.second)].change;
        if (first == kNoResource || second == kNoResource || first == second) continue;
        if (relation.statement->kind == Statement::Kind::kMove) {
            out.changes.moves.push_back({first, second});
        } else {
            out.changes.links.push_back(
                {first, second, relation.statement->kind == Statement::Kind::kUnlink});
        }
    }
}

void Run::OrderTime(Mapped& out) {
    if (context_.order_by == OrderBy::kArrival) return;
    const bool evn = context_.order_by == OrderBy::kEvn2;
    const int field = evn ? 2 : context_.order_by == OrderBy::kMsh7 ? 7 : 13;
    const std::size_t segment = message_.FindSegment(evn ? "EVN" : "MSH");
    const std::string path = (evn ? "EVN-" : "MSH-") + std::to_string(field);
    if (segment >= message_.segment_count()) {
        notes_.push_back(path + ": absent; ordered by arrival");
        return;
    }
    const Value value{message_.Repetition(segment, field, 1), Value::Level::kRepetition};
    std::string text = PlainText(value);
    if (field == 13) {
        if (NormalizeNumber(text)) {
            out.changes.order_time = std::strtoll(text.c_str(), nullptr, 10);
            ledger_.Mapped(LeafOf(value), kNoResource);
        } else {
            notes_.push_back(path + ": not a number; ordered by arrival");
        }
        return;
    }
    std::string_view reason;
    const std::optional<Micros> time = TimeOf(text, reason);
    if (!time) {
        notes_.push_back(path + ": " + std::string(reason) + "; ordered by arrival");
        return;
    }
    out.changes.order_time = *time;
    ledger_.Mapped(LeafOf(value), kNoResource);
}

std::optional<Micros> Run::TimeOf(std::string_view text, std::string_view& reason) const {
    Moment moment;
    if (!ParseMoment(text, moment, reason)) return std::nullopt;
    if (!moment.offset_minutes && conversion_.zone) {
        moment.offset_minutes = conversion_.zone->OffsetMinutes(moment, conversion_.dst, nullptr);
    }
    return ToMicros(moment);
}

void Run::Sent(Mapped& out) const {
    const std::size_t header = message_.FindSegment("MSH");
    if (header >= message_.segment_count()) return;
    const Value value{message_.Repetition(header, 7, 1), Value::Level::kRepetition};
    std::string_view reason;
    out.sent = TimeOf(PlainText(value), reason).value_or(0);
}

void Run::Finish(const MessageMap& map, Mapped& out) {
    ResolveDeferred();
    bool usable = MakeKeys(out);
    if (usable) {
        for (const auto& [rule, resource] : all_references_) {
            const std::size_t owner = Final(resource);
            if (made_[owner].dropped) continue;
            const Element element{&made_[owner].node, owner, &made_[owner].bindings, true};
            for (std::size_t i = 0; i < made_.size(); ++i) {
                const Made& made = made_[i];
                if (made.dropped || made.contained || made.same_as != kNoResource || i == owner ||
                    made.only_with_others) {
                    continue;
                }
                (void)PutNode(rule->target, std::nullopt, element, ReferenceTo(i));
            }
        }
        RewriteReferences();
        Contain();
        usable = FillRequired(out);
    }
    if (usable && !context_.drop_invalid) {
        Unmapped invalid = ledger_.FirstInvalid();
        if (!invalid.path.empty()) {
            usable = false;
            out.path = std::move(invalid.path);
            out.reason = std::move(invalid.reason);
        }
    }
    if (usable) ClaimProfiles();
    if (usable) BuildChanges(out);
    if (usable && out.changes.changes.empty()) {
        usable = false;
        out.path = "MSH-9";
        out.reason = "nothing in the message could be mapped";
    }
    if (!usable) {
        out.status = MapStatus::kUnusable;
        out.changes = {};
        ledger_.RevokeAll(ledger_.Keep("the message is unusable: " + out.path + ": " + out.reason));
    }
    std::vector<std::size_t> unexpected;
    for (const std::size_t segment : matching_.unplaced) {
        const SegmentCode code = PackSegment(message_.SegmentId(segment));
        if (std::binary_search(map.root.below.begin(), map.root.below.end(), code)) {
            unexpected.push_back(segment);
        }
    }
    ledger_.Report(unexpected, out.report);
    for (std::string& note : notes_) out.report.notes.push_back(std::move(note));
}

}  // namespace carestream::mapping::internal
