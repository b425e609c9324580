// Any bytes: ParseJson, Validate, Apply and Replace end without a crash; what was read is written
// and read again the same; a valid resource that is stored and sent again changes nothing.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "fhir/apply.h"
#include "fhir/json.h"
#include "fhir/validator.h"
#include "support.h"

namespace {

using namespace carestream;
using namespace carestream::fhir;

void StoreAndRepeat(const Node& node) {
    const auto stored = Replace(R4(), Node(), {}, node, {1, 1});
    CARESTREAM_ASSERT(stored.has_value());
    const auto again = Replace(R4(), stored->resource, stored->stamps, node, {2, 2});
    CARESTREAM_ASSERT(again.has_value() && !again->changed && !again->stamps_changed);

    Change change;
    change.type = node.TextOf("resourceType");
    change.resource = node;
    const auto made = Apply(R4(), Node(), {}, change, {1, 1}, "a");
    CARESTREAM_ASSERT(made.has_value());
    const auto repeated = Apply(R4(), made->resource, made->stamps, change, {2, 2}, "a");
    CARESTREAM_ASSERT(repeated.has_value() && !repeated->changed);
    const auto on_top = Apply(R4(), stored->resource, stored->stamps, change, {3, 3}, "b");
    CARESTREAM_ASSERT(on_top.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto node = ParseJson(text);
    if (!node) return 0;
    const std::string written = ToJson(*node);
    const auto read = ParseJson(written);
    CARESTREAM_ASSERT(read.has_value());
    CARESTREAM_ASSERT(ToJson(*read) == written);
    CARESTREAM_ASSERT(ToJson(*ParseJson(ToPrettyJson(*node))) == written);
    if (Validate(R4(), *node).empty()) StoreAndRepeat(*node);
    return 0;
}
