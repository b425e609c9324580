#pragma once
// The page at "/": what this is and how to ask it something. No scripts, no external files.
#include <string>
#include <string_view>

namespace carestream::rest {

// `base` is the API's URL, "http://127.0.0.1:8080/fhir/r4".
[[nodiscard]] std::string IndexPage(std::string_view base, std::string_view version);

}  // namespace carestream::rest
