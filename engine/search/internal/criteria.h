#pragma once
// From parsed values to what the index can be asked.
#include <string_view>

#include "search/internal/wanted.h"
#include "search/query.h"

namespace carestream::search {

// Fills kind, probes and flags of a criterion whose `detail` is set.
void FillCriterion(const fhir::Definitions& definitions, std::string_view type,
                   const CriterionDetail& detail, Criterion& criterion);

// Birth dates are tokens: a range can be asked only when it has two ends. Joins ge/le pairs of one
// parameter so that the first of them carries the tokens of the days between.
void JoinPrivateDates(std::vector<Criterion>& criteria);

// The criterion of Patient/<id>/<type>; false when the type is not in the compartment.
[[nodiscard]] bool CompartmentCriterion(const fhir::Definitions& definitions, std::string_view type,
                                        std::string_view patient_id, Criterion& criterion);

}  // namespace carestream::search
