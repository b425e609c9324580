#include "search/main_date.h"

#include "search/internal/parameter.h"

namespace carestream::search {

std::uint32_t MainDateId(const fhir::Definitions& definitions, std::string_view type) {
    const auto dates = MainDates(definitions, type);
    return dates.empty() ? 0 : dates.front()->range_id;
}

}  // namespace carestream::search
