#pragma once
// The merge of a change into what is stored: pure, and independent of the order of arrival. Each
// element, and each entry of a keyed list, is won by its newest stamp; a null delete leaves a
// tombstone so that an older value cannot come back.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/change_set.h"
#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::fhir {

struct Applied {
    Node resource;
    std::string stamps;                   // opaque, stored encrypted beside the pointer row
    bool changed = false;                 // the resource differs from `current` (ids and meta apart)
    std::vector<std::string> superseded;  // elements whose value in the change is older than stored
};

// `current` null and `stamps` empty: the resource is new. Properties, tested: any permutation of the
// same changes with distinct stamps gives the same resource and stamps; applying a change twice
// changes nothing. Slots: objects of backbone elements and Period are split into their members,
// other complex values are atomic; value[x] is one slot; "_birthDate" goes with "birthDate".
// `meta`, `id`, `resourceType` are not merged. Error: kInternal if `stamps` is not ours.
[[nodiscard]] Result<Applied> Apply(const Definitions& definitions, const Node& current,
                                    std::string_view stamps, const Change& change,
                                    const Stamp& stamp, std::string_view source);

// A REST write replaces the whole resource: what it changes or removes is stamped, the rest keeps its
// stamps.
[[nodiscard]] Result<Applied> Replace(const Definitions& definitions, const Node& current,
                                      std::string_view stamps, Node replacement, const Stamp& stamp);

}  // namespace carestream::fhir
