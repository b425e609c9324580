#pragma once
// A JSON Patch: read, and applied to a resource as it is stored. Pure.
// Source: RFC 6902; RFC 6901 (pointers); FHIR R4 3.1.0 (http.html#patch).
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/node.h"

namespace carestream::rest {

enum class PatchVerb { kAdd, kRemove, kReplace, kMove, kCopy, kTest };

// The tokens of a JSON Pointer, unescaped; empty: the whole document.
using JsonPointer = std::vector<std::string>;

struct PatchOperation {
    PatchVerb verb = PatchVerb::kTest;
    JsonPointer path;
    JsonPointer from;  // kMove, kCopy
    fhir::Node value;  // kAdd, kReplace, kTest
};
using JsonPatch = std::vector<PatchOperation>;

struct JsonPatchLimits {
    std::size_t operations_max = 100;
    std::size_t depth_max = 64;                // of the document, as when it is read
    std::size_t placed_bytes_max = 64u << 20;  // memory of all values that are put somewhere
};

// Errors name the operation and its member ("[2].path"): kInvalid (it is no JSON Patch), kLimit.
[[nodiscard]] Result<JsonPatch> ParseJsonPatch(std::string_view text,
                                               const JsonPatchLimits& limits = {});

// All operations, in order, or none: the document as it is afterwards. Numbers keep their text; a
// test compares them by value. Errors name the operation likewise: kConflict (a test that fails),
// kInvalid (what it is about is not there), kLimit.
[[nodiscard]] Result<fhir::Node> ApplyJsonPatch(const JsonPatch& patch, fhir::Node document,
                                                const JsonPatchLimits& limits = {});

// Does an operation change the document at or below its member `name`, or replace all of it?
[[nodiscard]] bool Touches(const JsonPatch& patch, std::string_view name);

}  // namespace carestream::rest
