#pragma once
// The narrative's XHTML. Source: FHIR R4 2.4.0, txt-1 and txt-2: basic formatting only, no scripts.
#include <string_view>

namespace carestream::fhir::internal {

// What is wrong with the text of Narrative.div, "" when nothing is. One pass, bounded depth.
[[nodiscard]] std::string_view XhtmlProblem(std::string_view text);

}  // namespace carestream::fhir::internal
