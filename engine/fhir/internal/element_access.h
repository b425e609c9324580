#pragma once
// Elements in a resource tree as Apply and Replace see them: a value with its "_name" sibling, a
// list as entries of such pairs, members in definition order.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::fhir::internal {

// A member of an object together with its sibling; either may be absent.
struct Pair {
    std::string_view name;  // without underscore, as in JSON: "valueQuantity"
    const Node* value = nullptr;
    const Node* sibling = nullptr;
    ResolvedElement resolved;
    std::size_t element = 0;  // number in TypeDefinition::elements
};

// An entry of a list. Null pointers for what is absent or null.
struct Entry {
    const Node* value = nullptr;
    const Node* sibling = nullptr;
};

[[nodiscard]] bool Equal(const Node* a, const Node* b);
[[nodiscard]] inline bool Equal(const Entry& a, const Entry& b) {
    return Equal(a.value, b.value) && Equal(a.sibling, b.sibling);
}

// The pairs of an object in their order, "resourceType" left out. Error: kInvalid with the
// element's path below `path` if the type does not have it. Pointers into `object`.
[[nodiscard]] Result<std::vector<Pair>> PairsOf(const Definitions& definitions,
                                                const TypeDefinition& type, const Node& object,
                                                std::string_view path);

// Objects of backbone elements and of Period that occur once are merged member by member.
[[nodiscard]] bool IsSplit(const ResolvedElement& resolved);
// Merged entry by entry (at the top level).
[[nodiscard]] inline bool IsList(const ResolvedElement& resolved) {
    return resolved.element->max > 1;
}

// The entries of a list pair. Error: kInvalid if it is not made of arrays.
[[nodiscard]] Result<std::vector<Entry>> EntriesOf(const Pair& pair, std::string_view path);

// Sets member `name` and its sibling from copies, or removes what is null. True if that changed the
// object.
bool SetPair(Node& object, std::string_view name, const Node* value, const Node* sibling);
// Sets the list `name` to these entries; both arrays are filled up with nulls where needed.
void SetEntries(Node& object, std::string_view name, const std::vector<Entry>& entries);

// Removes objects without members along a dotted path, from the inside outwards.
void RemoveEmptyObjects(std::string_view path, Node& object);

// Puts the members into definition order, "resourceType" first.
void SortMembers(const Definitions& definitions, const TypeDefinition& type, Node& object);

}  // namespace carestream::fhir::internal
