#pragma once
// What two contents make of one message, compared element by element. Pure.
#include <string>
#include <vector>

#include "mapping/program.h"

namespace carestream::mapping {

struct Difference {
    std::string path;    // "Patient/1a2b.name[0].family", or "" of the message as a whole
    std::string before;  // JSON of the value, or words; "" = absent
    std::string after;
};

// Resources are the same by type and id, entries of a list by their place. Of a resource that only
// one side has there is one line for the resource. A message that only one side maps, or that
// neither does for another reason, is one line with the reasons. Whether a resource is found,
// updated or deleted ("Patient/1a2b mode"), and what of it is cleared, counts too. In the order of
// `before`, then of `after`; empty if there is none.
[[nodiscard]] std::vector<Difference> Compare(const Mapped& before, const Mapped& after);

}  // namespace carestream::mapping
