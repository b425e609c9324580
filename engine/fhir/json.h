#pragma once
// JSON text to Node and back. Source: RFC 8259; FHIR R4 2.6.2 (UTF-8, no comments, no duplicates).
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/node.h"

namespace carestream::fhir {

struct JsonLimits {
    std::size_t depth_max = 64;
    std::size_t nodes_max = 2'000'000;  // values in the document
};

// Iterative. Errors: kInvalid with offset_bytes (syntax, invalid UTF-8, duplicate member, trailing
// bytes), kLimit.
[[nodiscard]] Result<Node> ParseJson(std::string_view text, const JsonLimits& limits = {});

// Minified, members in order. Appends to `out`.
void WriteJson(const Node& node, std::string& out);
[[nodiscard]] std::string ToJson(const Node& node);
// Two-space indented, for people.
[[nodiscard]] std::string ToPrettyJson(const Node& node);

// Appends `text` as a JSON string with its quotes.
void WriteJsonString(std::string_view text, std::string& out);

}  // namespace carestream::fhir
