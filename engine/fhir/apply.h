#pragma once
// The merge of a change into what is stored: pure, and independent of the order of arrival. Each
// element, and each entry of a list, is won by its newest stamp; what was removed leaves a stamp
// without a value, so that an older value cannot come back.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/change_set.h"
#include "fhir/definitions.h"
#include "fhir/node.h"

namespace carestream::fhir {

struct Applied {
    Node resource;       // members in definition order
    std::string stamps;  // opaque, stored encrypted beside the pointer row; holds no values
    // The resource differs from `current`, id and meta apart. False = no version, no event.
    bool changed = false;
    // The stamps differ. Without `changed`: a newer message said the same again. They must be
    // stored all the same, or an older message that arrives late would win; but they make no
    // version.
    bool stamps_changed = false;
    // Elements of the change that are older than what is stored: "birthDate", "period.end",
    // "telecom".
    std::vector<std::string> superseded;
};

// `current` null: the resource is new. `stamps` empty with a current one: its values count as the
// oldest. Pass `current` by std::move to save the copy.
//
// Slots: a single element is one; objects of backbone elements and Period are split into their
// members; other complex values and lists below the top level are whole. value[x] is one slot
// whatever its type; "_birthDate" goes with "birthDate".
// Lists at the top level: kSnapshot makes one slot of all entries of this source; kMerge one slot
// of the entries with the same key, whatever the source. Their order is that of the positions in
// the messages that won, then of the slots (of `parts`: a slot for each part of the source's); it
// never depends on stamps, so an equal message changes nothing.
// `cleared`: a single element is removed; a split one with all its members; a list under kSnapshot
// loses the entries of this source, a list under kMerge all entries. A value in the same change
// wins. `nulled` parts of a list lose the entries that they gave, under kMerge whatever the source;
// entries won by other parts stay.
// `assumed`: its values are older than every stated one, and among themselves the newest wins; one
// that gives way is not `superseded`. Of lists, and of elements that have slots of their own, they
// go only where nothing is: among assumed ones the order of arrival counts there. `id`, `meta` and
// `resourceType` are not merged: those of `current` stay. But with `profiles` the change's
// meta.profile is added, and what the merged resource does not meet of the profiles of these guides
// is taken out. And meta.security is what the newest change that has one (or clears it) says, but
// for the server's own labels (urn:carestream:...), which stay.
//
// Properties, tested: any permutation of the same changes with distinct stamps gives the same
// resource and stamps, byte for byte; applying a change twice changes nothing. Two changes with
// equal stamps: the first one wins each slot. Errors: kInvalid with path (an element the type does
// not have, keys that do not fit their list), kInternal if `stamps` is not ours or does not fit
// `current`.
[[nodiscard]] Result<Applied> Apply(const Definitions& definitions, Node current,
                                    std::string_view stamps, const Change& change,
                                    const Stamp& stamp, std::string_view source);

// Notes in `stamps` of Apply that something happened to the resource at `stamp`; of several, the
// newest counts. Marks are no values: they outlive REST writes and change nothing. Error:
// kInternal.
[[nodiscard]] Result<std::string> Mark(std::string_view stamps, std::string_view name,
                                       const Stamp& stamp);
// When, or nullopt. Error: kInternal.
[[nodiscard]] Result<std::optional<Stamp>> MarkedAt(std::string_view stamps, std::string_view name);

// A REST write: the result is `replacement`, with its id and meta. What it changes or removes is
// stamped, the rest keeps its stamps. Entries of a list that it leaves or edits in place stay with
// the source or key they came from, so that the next message replaces them; entries it adds belong
// to no source, until a message brings an equal one. A stored stamp newer than `stamp` is kept as
// it is, for the value of the write: the client gets what it sent.
[[nodiscard]] Result<Applied> Replace(const Definitions& definitions, const Node& current,
                                      std::string_view stamps, Node replacement,
                                      const Stamp& stamp);

}  // namespace carestream::fhir
