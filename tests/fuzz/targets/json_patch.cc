// Any patch on any document: read and applied, or refused by the operation's place, without a
// crash; what is there afterwards is JSON that can be read again, no deeper than a resource may be.
// The same patch gives the same. Input: the document in the first line, the patch after it.
#include "rest/internal/json_patch.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "fhir/json.h"
#include "support.h"

using namespace carestream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t line = input.find('\n');
    if (line == std::string_view::npos) return 0;
    const auto document = fhir::ParseJson(input.substr(0, line));
    const auto patch = rest::ParseJsonPatch(input.substr(line + 1));
    if (!document || !patch) return 0;
    const auto patched = rest::ApplyJsonPatch(*patch, *document);
    const auto again = rest::ApplyJsonPatch(*patch, *document);
    CARESTREAM_ASSERT(patched.has_value() == again.has_value());
    if (!patched) {
        CARESTREAM_ASSERT(patched.error().path.starts_with("["));
        return 0;
    }
    CARESTREAM_ASSERT(*patched == *again);
    CARESTREAM_ASSERT(patched->IsNull() || fhir::ParseJson(fhir::ToJson(*patched)).has_value());
    return 0;
}
