#include "fhir/internal/element_access.h"

#include <algorithm>
#include <utility>

namespace carestream::fhir::internal {

namespace {

std::string SiblingName(std::string_view name) {
    std::string sibling;
    sibling.reserve(name.size() + 1);
    sibling += '_';
    sibling += name;
    return sibling;
}

std::string Below(std::string_view path, std::string_view name) {
    std::string out(path);
    if (!out.empty()) out += '.';
    out += name;
    return out;
}

bool SetOrRemove(Node& object, std::string_view name, const Node* value) {
    Node* present = object.Find(name);
    if (Equal(present, value)) return false;
    if (value == nullptr) return object.Remove(name);
    if (present != nullptr) {
        *present = *value;
    } else {
        object.Set(name, *value);
    }
    return true;
}

}  // namespace

bool Equal(const Node* a, const Node* b) {
    if (a == nullptr || b == nullptr) return a == b;
    return *a == *b;
}

Result<std::vector<Pair>> PairsOf(const Definitions& definitions, const TypeDefinition& type,
                                  const Node& object, std::string_view path) {
    std::vector<Pair> pairs;
    if (!object.IsObject()) {
        return Fail(Code::kInvalid, "must be a JSON object", std::string(path));
    }
    pairs.reserve(object.members().size());
    const bool siblings =
        std::any_of(object.members().begin(), object.members().end(),
                    [](const Member& member) { return member.name.starts_with('_'); });
    for (const Member& member : object.members()) {
        if (member.name == "resourceType" && type.kind == TypeKind::kResource) continue;
        Pair pair;
        pair.name = member.name;
        const bool is_sibling = pair.name.starts_with('_');
        if (is_sibling) pair.name.remove_prefix(1);
        pair.resolved = definitions.Resolve(type, pair.name);
        if (pair.resolved.element == nullptr) {
            return Fail(Code::kInvalid, "no such element in FHIR R4", Below(path, pair.name));
        }
        if (is_sibling) {
            if (object.Find(pair.name) != nullptr) continue;  // comes with its value
            pair.sibling = &member.value;
        } else {
            pair.value = &member.value;
            if (siblings) pair.sibling = object.Find(SiblingName(pair.name));
        }
        pair.element = static_cast<std::size_t>(pair.resolved.element - type.elements.data());
        pairs.push_back(pair);
    }
    return pairs;
}

bool IsSplit(const ResolvedElement& resolved) {
    return resolved.element->max == 1 && !resolved.element->choice &&
           (resolved.definition->kind == TypeKind::kBackbone || resolved.type == "Period");
}

Result<std::vector<Entry>> EntriesOf(const Pair& pair, std::string_view path) {
    for (const Node* array : {pair.value, pair.sibling}) {
        if (array != nullptr && !array->IsArray()) {
            return Fail(Code::kInvalid, "must be an array", Below(path, pair.name));
        }
    }
    const std::size_t values = pair.value != nullptr ? pair.value->items().size() : 0;
    const std::size_t siblings = pair.sibling != nullptr ? pair.sibling->items().size() : 0;
    std::vector<Entry> entries(std::max(values, siblings));
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i < values && !pair.value->items()[i].IsNull()) {
            entries[i].value = &pair.value->items()[i];
        }
        if (i < siblings && !pair.sibling->items()[i].IsNull()) {
            entries[i].sibling = &pair.sibling->items()[i];
        }
    }
    return entries;
}

bool SetPair(Node& object, std::string_view name, const Node* value, const Node* sibling) {
    const bool value_changed = SetOrRemove(object, name, value);
    // Without a sibling there is nothing to remove unless one stands there; the name costs a
    // string.
    if (sibling == nullptr &&
        std::none_of(object.members().begin(), object.members().end(), [&](const Member& member) {
            return member.name.starts_with('_') && std::string_view(member.name).substr(1) == name;
        })) {
        return value_changed;
    }
    return SetOrRemove(object, SiblingName(name), sibling) || value_changed;
}

void SetEntries(Node& object, std::string_view name, const std::vector<Entry>& entries) {
    Node values = Node::Array();
    Node siblings = Node::Array();
    bool any_value = false;
    bool any_sibling = false;
    values.items().reserve(entries.size());
    for (const Entry& entry : entries) any_sibling = any_sibling || entry.sibling != nullptr;
    for (const Entry& entry : entries) {
        any_value = any_value || entry.value != nullptr;
        values.Append(entry.value != nullptr ? *entry.value : Node());
        if (any_sibling) siblings.Append(entry.sibling != nullptr ? *entry.sibling : Node());
    }
    // The entries may point into the members that go now, so both are built before.
    if (any_value) {
        object.Set(name, std::move(values));
    } else {
        object.Remove(name);
    }
    if (any_sibling) {
        object.Set(SiblingName(name), std::move(siblings));
    } else {
        object.Remove(SiblingName(name));
    }
}

void RemoveEmptyObjects(std::string_view path, Node& object) {
    const std::size_t dot = path.find('.');
    const std::string_view step = path.substr(0, dot);
    Node* child = object.Find(step);
    if (child == nullptr || !child->IsObject()) return;
    if (dot != std::string_view::npos) RemoveEmptyObjects(path.substr(dot + 1), *child);
    if (child->members().empty()) object.Remove(step);
}

void SortMembers(const Definitions& definitions, const TypeDefinition& type, Node& object) {
    struct Ranked {
        std::size_t rank;
        std::size_t from;
    };
    std::vector<Member>& members = object.members();
    std::vector<Ranked> order(members.size());
    bool sorted = true;
    for (std::size_t i = 0; i < members.size(); ++i) {
        std::string_view name = members[i].name;
        const bool sibling = name.starts_with('_');
        if (sibling) name.remove_prefix(1);
        const ResolvedElement resolved = definitions.Resolve(type, name);
        std::size_t rank = 0;
        if (resolved.element != nullptr) {
            rank = 2 + 2 * static_cast<std::size_t>(resolved.element - type.elements.data());
        }
        order[i] = {rank + (sibling ? 1 : 0), i};
        sorted = sorted && (i == 0 || order[i - 1].rank <= order[i].rank);
    }
    if (sorted) return;
    std::stable_sort(order.begin(), order.end(),
                     [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; });
    std::vector<Member> result;
    result.reserve(members.size());
    for (const Ranked& ranked : order) result.push_back(std::move(members[ranked.from]));
    members = std::move(result);
}

}  // namespace carestream::fhir::internal
